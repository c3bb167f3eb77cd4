package call

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/link"
	"kith/meet"
	"kith/seal"
	"kith/wire"
)

// An air carries notes between the couriers that listen in it, after a while.
type air struct {
	delay time.Duration
	lose  func(note wire.NoteKind) bool

	mu        sync.Mutex
	listeners map[*radio]bool
}

// A radio is one device's courier in the air.
type radio struct {
	air  *air
	live bool
	mail meet.Mail

	mu   sync.Mutex
	who  []meet.Correspondent
	kept map[seal.MeetKey][]byte // by others, if it is not live
	sent int
}

func (a *air) radio(live bool, who ...meet.Correspondent) *radio {
	r := &radio{air: a, live: live, who: who, kept: map[seal.MeetKey][]byte{}}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listeners == nil {
		a.listeners = map[*radio]bool{}
	}
	a.listeners[r] = true
	return r
}

func (r *radio) Name() string { return "air" }
func (r *radio) Live() bool   { return r.live }
func (r *radio) Run(ctx context.Context, mail meet.Mail) error {
	r.mail = mail
	<-ctx.Done()
	return ctx.Err()
}
func (r *radio) SetCorrespondents(list []meet.Correspondent) { r.who = list }
func (r *radio) Hasten(meet.Correspondent)                   {}
func (r *radio) NetworkChanged()                             {}
func (r *radio) State() meet.State                           { return meet.State{Way: "air", Working: true} }
func (r *radio) Send(_ context.Context, to meet.Correspondent, note []byte) (int, bool, error) {
	r.mu.Lock()
	r.sent++
	r.mu.Unlock()
	plain, err := to.Key.OpenNote(note)
	if err != nil {
		return 0, false, err
	}
	parsed, err := wire.ParseNote(plain)
	if err != nil {
		return 0, false, err
	}
	heard := 0
	r.air.mu.Lock()
	defer r.air.mu.Unlock()
	for other := range r.air.listeners {
		if other == r {
			continue
		}
		for _, who := range other.who {
			if who.Key != to.Key {
				continue
			}
			heard++
			if r.air.lose == nil || !r.air.lose(parsed.Kind) {
				time.AfterFunc(r.air.delay, func() { other.mail.Note(who, other, note) })
			}
		}
	}
	return heard, r.live, nil
}

// A fakeHalf links when both halves know each other.
type fakeHalf struct {
	made    *fakeHalves
	local   wire.Offer
	remote  *wire.Offer
	trickle chan wire.Candidate

	mu     sync.Mutex
	added  []wire.Candidate
	closed bool
}

// fakeHalves makes halves of one device, and meets those of others in a place.
type fakeHalves struct {
	peer  kith.Peer
	place *place

	mu   sync.Mutex
	made []*fakeHalf
}

// A place is where halves find each other.
type place struct {
	mu    sync.Mutex
	ready map[[8]byte]chan [2]link.Link
}

func (f *fakeHalves) half(id [8]byte, answer bool, remote *wire.Offer, trickle bool) *fakeHalf {
	h := &fakeHalf{made: f, remote: remote, trickle: make(chan wire.Candidate, 4)}
	h.local = sample(f.peer.Device, id, answer)
	if trickle {
		h.trickle <- h.local.Candidates[0]
	}
	close(h.trickle)
	f.mu.Lock()
	f.made = append(f.made, h)
	f.mu.Unlock()
	return h
}

func (f *fakeHalves) Offer(_ context.Context, _ string, trickle bool) (Half, error) {
	f.mu.Lock()
	n := len(f.made)
	f.mu.Unlock()
	return f.half([8]byte{f.peer.Device[0], byte(n)}, false, nil, trickle), nil
}

func (f *fakeHalves) Answer(_ context.Context, offer wire.Offer, _ string, trickle bool) (Half, error) {
	return f.half(offer.ID, true, &offer, trickle), nil
}

func (h *fakeHalf) Local() wire.Offer              { return h.local }
func (h *fakeHalf) Trickle() <-chan wire.Candidate { return h.trickle }
func (h *fakeHalf) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
}

func (h *fakeHalf) Add(c wire.Candidate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.added = append(h.added, c)
}

func (h *fakeHalf) Connect(ctx context.Context, answer *wire.Offer) (link.Link, error) {
	p := h.made.place
	p.mu.Lock()
	if p.ready == nil {
		p.ready = map[[8]byte]chan [2]link.Link{}
	}
	meeting := p.ready[h.local.ID]
	if meeting == nil {
		meeting = make(chan [2]link.Link)
		p.ready[h.local.ID] = meeting
	}
	p.mu.Unlock()
	own := &fakeLink{done: make(chan struct{}), initiator: answer != nil}
	if answer != nil {
		own.peer = kith.Peer{Account: accountOf(answer.Device), Device: answer.Device}
		theirs := &fakeLink{done: make(chan struct{}), peer: h.made.peer}
		select {
		case meeting <- [2]link.Link{own, theirs}:
			return own, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	select {
	case pair := <-meeting:
		return pair[1], nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A fakeLink is a link over which nothing is said.
type fakeLink struct {
	link.Link
	peer      kith.Peer
	initiator bool
	once      sync.Once
	done      chan struct{}
	reason    link.Reason
}

func (l *fakeLink) Peer() kith.Peer { return l.peer }
func (l *fakeLink) Close(reason link.Reason) {
	l.once.Do(func() { l.reason = reason; close(l.done) })
}

func accountOf(device kith.DeviceID) kith.AccountID { return kith.AccountID{device[0], 'a'} }

func sample(device kith.DeviceID, id [8]byte, answer bool) wire.Offer {
	candidate, err := wire.ParseCandidate("1 1 udp 2130706431 192.0.2.7 4242 typ host")
	if err != nil {
		panic(err)
	}
	return wire.Offer{
		Answer: answer, Device: device, ID: id, Created: time.Now(),
		Ufrag: "ufrag", Pwd: "0123456789012345678901", Candidates: []wire.Candidate{candidate},
	}
}

// A device is one that calls.
type device struct {
	peer    kith.Peer
	halves  *fakeHalves
	calls   *Calls
	radio   *radio
	linked  chan link.Link
	present chan kith.AccountID
	dropped chan string
}

// newDevice makes a device whose calls run until the test ends.
func newDevice(t *testing.T, n byte, p *place, r *radio) *device {
	d := &device{peer: kith.Peer{Device: kith.DeviceID{n}}, radio: r, linked: make(chan link.Link, 8), present: make(chan kith.AccountID, 8), dropped: make(chan string, 99)}
	d.peer.Account = accountOf(d.peer.Device)
	d.halves = &fakeHalves{peer: d.peer, place: p}
	d.calls = NewCalls(d.peer.Device, d.halves, CallOptions{
		Linked:  func(l link.Link, _ kith.AccountID) { d.linked <- l },
		Present: func(a kith.AccountID) { d.present <- a },
		Dropped: func(what string) { d.dropped <- what },
	})
	ctx, stop := context.WithCancel(context.Background())
	go r.Run(ctx, d.calls)
	t.Cleanup(func() {
		d.calls.Close()
		stop()
	})
	synctest.Wait()
	return d
}

var pairKey = seal.PairMeet(kith.Secret{1})

// two gives two devices of different accounts that know each other.
func two(t *testing.T, a *air, live bool) (one, other *device) {
	p := &place{}
	ann := meet.Correspondent{Account: accountOf(kith.DeviceID{1}), Key: pairKey}
	ben := meet.Correspondent{Account: accountOf(kith.DeviceID{2}), Key: pairKey}
	return newDevice(t, 1, p, a.radio(live, ben)), newDevice(t, 2, p, a.radio(live, ann))
}

func (d *device) call(ctx context.Context, to *device) (link.Link, error) {
	return d.calls.Call(ctx, meet.Correspondent{Account: to.peer.Account, Key: pairKey}, d.radio)
}

func TestACallMakesALinkAtBothEnds(t *testing.T) {
	for _, live := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ann, ben := two(t, &air{delay: 20 * time.Millisecond}, live)
			began := time.Now()
			l, err := ann.call(t.Context(), ben)
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != 40*time.Millisecond {
				t.Errorf("it took %v, not the time of an offer and an answer", took)
			}
			if l.Peer() != ben.peer {
				t.Errorf("the link is to %v", l.Peer())
			}
			if theirs := <-ben.linked; theirs.Peer() != ann.peer {
				t.Errorf("the other end is to %v", theirs.Peer())
			}
			synctest.Wait()
			if n := len(ben.halves.made[0].added); live != (n > 0) {
				t.Errorf("%d candidates trickled in, over a courier that is live: %v", n, live)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		p := &place{}
		ann := newDevice(t, 1, p, a.radio(true))
		began := time.Now()
		_, err := ann.calls.Call(t.Context(), meet.Correspondent{Account: accountOf(kith.DeviceID{2}), Key: pairKey}, ann.radio)
		if kith.KindOf(err) != kith.Unreachable || time.Since(began) > 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if !ann.halves.made[0].closed {
			t.Error("its half was not closed")
		}
	})
}

func TestTwoWhoCallAtOnceGetOneLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, ben := two(t, &air{delay: 20 * time.Millisecond}, true)
		results := make(chan error, 2)
		var links [2]link.Link
		go func() { l, err := ann.call(t.Context(), ben); links[0] = l; results <- err }()
		go func() { l, err := ben.call(t.Context(), ann); links[1] = l; results <- err }()
		first, second := <-results, <-results
		if (first == nil) == (second == nil) {
			t.Fatalf("the calls end with %v and %v, where one should have given way", first, second)
		}
		if links[0] == nil || links[1] != nil {
			t.Error("the device with the higher key stayed the caller")
		}
		if l := <-ben.linked; l.Peer() != ann.peer {
			t.Errorf("the other end is to %v", l.Peer())
		}
	})
}

func TestLostNotesEndACall(t *testing.T) {
	for name, lost := range map[string]wire.NoteKind{"the offer": wire.NoteOffer, "the answer": wire.NoteAnswer} {
		synctest.Test(t, func(t *testing.T) {
			ann, ben := two(t, &air{lose: func(k wire.NoteKind) bool { return k == lost }}, true)
			began := time.Now()
			if _, err := ann.call(t.Context(), ben); kith.KindOf(err) != kith.Unreachable {
				t.Errorf("without %s: %v", name, err)
			}
			if took := time.Since(began); took != callLimit {
				t.Errorf("without %s the call took %v", name, took)
			}
		})
	}
}

func TestReplayedOffersAreAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		_, ben := two(t, a, true)
		note, err := wire.AppendNote(nil, wire.Note{Kind: wire.NoteOffer, Offer: sample(kith.DeviceID{1}, [8]byte{9}, false)})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			ben.calls.Note(ben.radio.who[0], ben.radio, pairKey.SealNote(note))
		}
		synctest.Wait()
		if n := len(ben.halves.made); n != 1 {
			t.Errorf("%d halves were made for one offer", n)
		}
	})
}

func TestAFloodOfOffersIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		_, ben := two(t, a, true)
		for n := range 100 {
			note, err := wire.AppendNote(nil, wire.Note{Kind: wire.NoteOffer, Offer: sample(kith.DeviceID{1}, [8]byte{9, byte(n)}, false)})
			if err != nil {
				t.Fatal(err)
			}
			ben.calls.Note(ben.radio.who[0], ben.radio, pairKey.SealNote(note))
		}
		synctest.Wait()
		if n := len(ben.halves.made); n != maxAnswerEach {
			t.Errorf("%d offers are answered at a time, not %d", n, maxAnswerEach)
		}
		if n := len(ben.dropped); n != 0 {
			t.Errorf("%d were counted as bad, where nothing is wrong with them", n)
		}
	})
}

func TestForgedNotesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		_, ben := two(t, a, true)
		who := ben.radio.who[0]
		for _, note := range [][]byte{nil, {1}, make([]byte, 400), seal.PairMeet(kith.Secret{2}).SealNote([]byte("x")), pairKey.SealNote([]byte("x"))} {
			ben.calls.Note(who, ben.radio, note)
		}
		synctest.Wait()
		if len(ben.dropped) != 5 || len(ben.halves.made) != 0 {
			t.Errorf("%d dropped, %d answered", len(ben.dropped), len(ben.halves.made))
		}
	})
}

func TestWhoJoinsAnswersNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		p := &place{}
		key := seal.InvitationMeet(kith.InvitationSecret{1})
		giver := newDevice(t, 1, p, a.radio(true, meet.Correspondent{Key: key}))
		joiner := newDevice(t, 2, p, a.radio(true, meet.Correspondent{Account: giver.peer.Account, Key: key, Joining: true}))
		thief := newDevice(t, 3, p, a.radio(true, meet.Correspondent{Account: giver.peer.Account, Key: key, Joining: true}))
		if _, err := thief.calls.Call(t.Context(), meet.Correspondent{Account: giver.peer.Account, Key: key, Joining: true}, thief.radio); err != nil {
			t.Errorf("who holds the invitation does not reach its giver: %v", err)
		}
		if len(joiner.halves.made) != 0 {
			t.Error("somebody who joins answered another who holds the invitation")
		}
	})
}

func TestAnotherAccountAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		p := &place{}
		ann := newDevice(t, 1, p, a.radio(true, meet.Correspondent{Account: accountOf(kith.DeviceID{2}), Key: pairKey}))
		newDevice(t, 3, p, a.radio(true, meet.Correspondent{Account: ann.peer.Account, Key: pairKey}))
		_, err := ann.calls.Call(t.Context(), meet.Correspondent{Account: accountOf(kith.DeviceID{2}), Key: pairKey}, ann.radio)
		if kith.KindOf(err) != kith.BadPeer {
			t.Errorf("another account took the call: %v", err)
		}
	})
}

func TestWordThatIsFoundLaterMakesALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, ben := two(t, &air{delay: time.Minute}, false)
		ctx, cancel := context.WithTimeout(t.Context(), callLimit)
		_, err := ann.call(ctx, ben)
		cancel()
		if kith.KindOf(err) != kith.Unreachable {
			t.Fatalf("after %v: %v", standingAnswer, err)
		}
		sent := ann.radio.sent
		if _, err := ann.call(t.Context(), ben); kith.KindOf(err) != kith.Unreachable || ann.radio.sent != sent {
			t.Errorf("while word stands it is left again: %v", err)
		}
		if l := <-ann.linked; l.Peer() != ben.peer {
			t.Errorf("the link is to %v", l.Peer())
		}
	})
}

func TestCloseEndsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, ben := two(t, &air{lose: func(wire.NoteKind) bool { return true }}, true)
		result := make(chan error)
		go func() { _, err := ann.call(t.Context(), ben); result <- err }()
		synctest.Wait()
		ann.calls.Close()
		if err := <-result; kith.KindOf(err) != kith.Unreachable || errors.Is(err, errCrossed) {
			t.Errorf("a call at the end: %v", err)
		}
	})
}
