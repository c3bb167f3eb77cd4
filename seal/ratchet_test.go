package seal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"kith"
)

var (
	annaPeer = kith.Peer{Account: anna, Device: annaDevice}
	benPeer  = kith.Peer{Account: ben, Device: benDevice}
)

// An end is one device of a test, with its state as last stored.
type end struct {
	t *testing.T
	r *Ratchet
}

func (e *end) seal(text string) []byte {
	e.t.Helper()
	before := stateOf(e.r)
	next, envelope, err := e.r.Seal([]byte(text))
	if err != nil {
		e.t.Fatal(err)
	}
	if !bytes.Equal(stateOf(e.r), before) {
		e.t.Fatal("Seal changed the state that it was given")
	}
	e.r = next
	return envelope
}

func (e *end) open(envelope []byte, want string) {
	e.t.Helper()
	before := stateOf(e.r)
	next, text, err := e.r.Open(envelope)
	if err != nil || string(text) != want {
		e.t.Fatalf("opened %q, %v, want %q", text, err, want)
	}
	if !bytes.Equal(stateOf(e.r), before) {
		e.t.Fatal("Open changed the state that it was given")
	}
	e.r = next
}

// refuse checks that an envelope does not open and that nothing changes by it.
func (e *end) refuse(envelope []byte, want error) {
	e.t.Helper()
	before := stateOf(e.r)
	next, text, err := e.r.Open(envelope)
	if next != nil || text != nil || !errors.Is(err, want) {
		e.t.Fatalf("opened %q, %v, want %v", text, err, want)
	}
	if !bytes.Equal(stateOf(e.r), before) {
		e.t.Fatal("an envelope that was refused changed the state")
	}
}

func stateOf(r *Ratchet) []byte { return must(r.MarshalBinary()) }

func reload(r *Ratchet) *Ratchet {
	back := new(Ratchet)
	if err := back.UnmarshalBinary(stateOf(r)); err != nil {
		panic(err)
	}
	return back
}

// begin makes both ends of a session that anna began and of which ben has
// opened the first envelope.
func begin(t *testing.T) (a, b *end) {
	t.Helper()
	bundle, seed := NewPrekey(benDeviceKey, ben, 7)
	r, err := beginRatchet(annaPeer, pairSecret, must(OpenPrekey(bundle, benPeer)), 1, fresh)
	if err != nil {
		t.Fatal(err)
	}
	a = &end{t, r}
	first := a.seal("first")
	if id, ok := EnvelopePrekey(first); !ok || id != 7 {
		t.Fatalf("the first envelope names the prekey %d, %v", id, ok)
	}
	o := must(ReadOpening(benPeer, seed, first))
	if o.From != annaPeer {
		t.Fatalf("the first envelope is from %v", o.From)
	}
	r, text, err := o.ratchet(pairSecret)
	if err != nil || string(text) != "first" {
		t.Fatalf("opened %q, %v", text, err)
	}
	return a, &end{t, r}
}

func TestRatchetRoundTrips(t *testing.T) {
	a, b := begin(t)
	for i := range 40 {
		from, to := a, b
		if i%5 > 2 {
			from, to = b, a
		}
		text := fmt.Sprint("text ", i)
		envelope := from.seal(text)
		to.open(envelope, text)
		to.refuse(envelope, ErrReplayed)
		from.refuse(envelope, ErrOutOfStep)
		a.r, b.r = reload(a.r), reload(b.r)
	}
	for _, text := range []string{"", "\x80", "\x00", string(make([]byte, MaxEnvelopeText))} {
		b.open(a.seal(text), text)
	}
	if _, _, err := a.r.Seal(make([]byte, MaxEnvelopeText+1)); kith.KindOf(err) != kith.Invalid {
		t.Errorf("a text that is too long gave %v", err)
	}
}

// Every envelope that arrives opens once, whatever was lost, overtaken or
// repeated before.
func TestRatchetUnderAnySchedule(t *testing.T) {
	type sent struct {
		envelope []byte
		text     string
		opened   bool
	}
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1))
		a, b := begin(t)
		ends := []*end{a, b}
		var ways [2][]*sent
		opened, replays := 0, 0
		for step := range 600 {
			side := random.IntN(2)
			switch way := &ways[side]; {
			case random.IntN(5) < 2 || len(*way) == 0:
				text := fmt.Sprint(side, " says ", step)
				*way = append(*way, &sent{ends[side].seal(text), text, false})
			default:
				i := random.IntN(len(*way))
				if seed%3 == 0 {
					i = max(0, len(*way)-1-random.IntN(3)) // the newest first
				}
				s, to := (*way)[i], ends[1-side]
				switch {
				case random.IntN(8) == 0: // lost
				case s.opened:
					to.refuse(s.envelope, ErrReplayed)
					replays++
				default:
					to.open(s.envelope, s.text)
					s.opened, opened = true, opened+1
					if random.IntN(4) == 0 {
						continue // a copy stays on its way
					}
				}
				*way = slices.Delete(*way, i, i+1)
			}
			if step%10 == 0 {
				ends[side].r = reload(ends[side].r)
			}
		}
		// What is still on its way arrives, from the last to the first.
		for side, way := range ways {
			for _, s := range slices.Backward(way) {
				if s.opened {
					if _, _, err := ends[1-side].r.Open(s.envelope); err == nil {
						t.Fatal("a copy was opened")
					}
				} else {
					ends[1-side].open(s.envelope, s.text)
				}
			}
		}
		if opened < 100 || replays < 10 || a.r.send.epoch < 10 {
			t.Errorf("seed %d: %d opened, %d replays, epoch %d: the schedule tries little", seed, opened, replays, a.r.send.epoch)
		}
	}
}

// Copies from before what is remembered by nonce are refused as well.
func TestRatchetRefusesOldCopies(t *testing.T) {
	a, b := begin(t)
	old := a.seal("old")
	b.open(old, "old")
	for range maxSeen + 1 {
		b.open(a.seal("x"), "x")
	}
	b.refuse(old, ErrOutOfStep)
}

func TestRatchetBoundsGaps(t *testing.T) {
	a, b := begin(t)
	a.open(b.seal("x"), "x") // from here on envelopes are small
	var lost [][]byte
	for range maxSkipped {
		lost = append(lost, a.seal("late"))
	}
	late := a.seal("after 1000")
	tooLate := a.seal("after 1001")
	b.refuse(tooLate, ErrOutOfStep)
	b.open(late, "after 1000")
	b.open(tooLate, "after 1001")
	if len(b.r.skipped) != maxSkipped {
		t.Fatalf("%d keys are kept", len(b.r.skipped))
	}
	// One more is missing: the oldest key makes place.
	a.seal("lost")
	b.open(a.seal("on"), "on")
	b.refuse(lost[0], ErrOutOfStep)
	b.open(lost[1], "late")
	b.open(lost[maxSkipped-1], "late")
	if n := len(b.r.skipped); n != maxSkipped-2 {
		t.Fatalf("%d keys are kept", n)
	}
	if n := len(stateOf(b.r)); n > maxState {
		t.Errorf("a state has %d bytes, more than Sessions reads", n)
	}
	// The same across epochs: what came late counts together.
	a, b = begin(t)
	a.open(b.seal("x"), "x")
	b.open(a.seal("x"), "x")
	for range 600 {
		a.seal("lost")
	}
	a.open(b.seal("turn"), "turn")
	for range 401 {
		a.seal("lost")
	}
	b.refuse(a.seal("too late"), ErrOutOfStep)
}

// A turn that is lost is repeated, and no envelope waits for it.
func TestRatchetRepeatsTurns(t *testing.T) {
	a, b := begin(t)
	lost := b.seal("turn")
	if lost[0] != kindTurn {
		t.Fatalf("the first answer has the kind %d", lost[0])
	}
	for range turnAgain - 1 {
		small := b.seal("small")
		if small[0] != kindMessage {
			t.Fatalf("an envelope after a turn has the kind %d", small[0])
		}
		a.open(small, "small")
	}
	again := b.seal("again")
	if again[0] != kindTurn {
		t.Fatalf("the turn is not repeated: kind %d", again[0])
	}
	a.open(again, "again")
	if a.r.send.epoch != 1 {
		t.Fatalf("after a turn the epoch is %d", a.r.send.epoch)
	}
	b.open(a.seal("mine"), "mine")
	a.open(lost, "turn") // overtaken by the repetition
}

// A turn that its own chain overtook still counts.
func TestRatchetTakesLateTurns(t *testing.T) {
	a, b := begin(t)
	late, small := b.seal("turn"), b.seal("small")
	a.open(small, "small")
	a.open(late, "turn")
	if a.r.send.epoch != 1 {
		t.Errorf("the turn that came late is not taken: epoch %d", a.r.send.epoch)
	}
	b.open(a.seal("mine"), "mine")
}

// Whoever steals a state can't read on once both sides have made a turn.
func TestRatchetHeals(t *testing.T) {
	for phase := range 6 { // the state is stolen at each point of the turns
		for _, victim := range []string{"anna", "ben"} {
			a, b := begin(t)
			talk := func(from, to *end) []byte {
				envelope := from.seal("x")
				to.open(envelope, "x")
				return envelope
			}
			talk(b, a)
			for i := range phase {
				if i%2 == 0 {
					talk(a, b)
				} else {
					talk(b, a)
				}
			}
			robbed := a
			if victim == "ben" {
				robbed = b
			}
			// The thief reads what comes to the victim, and what it sends, as far
			// as the keys go.
			in, out := reload(robbed.r), mirror(robbed.r)
			read := func(envelope []byte) (reads bool) {
				for _, r := range []**Ratchet{&in, &out} {
					if next, _, err := (*r).Open(envelope); err == nil {
						*r, reads = next, true
					}
				}
				return reads
			}
			first, second := a, b
			if phase%2 == 1 {
				first, second = b, a
			}
			if !read(talk(first, second)) {
				t.Errorf("%s, phase %d: the thief reads nothing at all, so this test shows nothing", victim, phase)
			}
			read(talk(second, first))
			read(talk(first, second))
			for range 3 {
				if read(talk(second, first)) || read(talk(first, second)) {
					t.Errorf("%s, phase %d: the thief reads on after a turn of both", victim, phase)
				}
			}
		}
	}
}

// mirror makes of a state one that opens what it seals.
func mirror(r *Ratchet) *Ratchet {
	m := reload(r)
	m.begun = !m.begun
	m.opening, m.own, m.theirs = nil, kith.Secret{1}, nil // the secret half is not the victim's
	m.receive = []chain{m.send}
	if m.pending != nil {
		m.receive = append(m.receive, m.pending.send)
		m.pending = nil
	}
	return m
}

// Whoever steals a state can't read what was opened before, nor what it sent.
func TestRatchetForgets(t *testing.T) {
	a, b := begin(t)
	var opened [][]byte
	for i := range 30 {
		from, to := a, b
		if i/3%2 == 1 {
			from, to = b, a
		}
		skipped, envelope := from.seal("late"), from.seal("x")
		to.open(envelope, "x")
		to.open(skipped, "late")
		opened = append(opened, skipped, envelope)
	}
	for _, r := range []*Ratchet{a.r, b.r, mirror(a.r), mirror(b.r)} {
		r.seen = nil // refusing by nonce is no proof
		for i, envelope := range opened {
			if _, _, err := r.Open(envelope); err == nil {
				t.Errorf("envelope %d opens with a later state", i)
			}
		}
	}
	if len(a.r.skipped)+len(b.r.skipped)+len(a.r.past)+len(b.r.past) != 0 {
		t.Error("keys of opened envelopes are kept")
	}
}

// A state that is used twice, as after a backup was restored, never seals two
// texts with the same key and nonce.
func TestRatchetSealsTwiceFromOneState(t *testing.T) {
	a, b := begin(t)
	a.open(b.seal("x"), "x")
	copied := &end{t, reload(a.r)}
	one, other := a.seal("one text"), copied.seal("two text")
	if pa, pb := must(cut(one)), must(cut(other)); bytes.Equal(pa.nonce, pb.nonce) {
		t.Fatal("the nonces are the same")
	}
	b.open(one, "one text")
	b.refuse(other, ErrOutOfStep)
}

func TestRatchetRefusesForgeries(t *testing.T) {
	a, b := begin(t)
	turn := b.seal("turn")
	a.open(b.seal("small"), "small")
	for _, at := range []int{0, 1, 20, 100, 2000, len(turn) - 1} {
		forged := slices.Clone(turn)
		forged[at] ^= 3
		if next, _, err := a.r.Open(forged); err == nil || next != nil {
			t.Errorf("an envelope with another byte %d was opened", at)
		}
	}
	for _, n := range []int{0, 1, 12, 40, len(turn) - 1} {
		if _, _, err := a.r.Open(turn[:n]); err == nil {
			t.Errorf("an envelope cut off at %d was opened", n)
		}
	}
	if _, _, err := a.r.Open(make([]byte, MaxEnvelope+1)); kith.KindOf(err) != kith.BadPeer {
		t.Errorf("an envelope that is too large gave %v", err)
	}
	a.open(turn, "turn")
}

// A device that turns the key when it is not its turn is refused.
func TestRatchetRefusesTurnsOutOfTurn(t *testing.T) {
	a, b := begin(t)
	a.r.opening, a.r.theirs = nil, kemPublicOf(kith.Secret{1}) // it is ben's turn
	envelope := a.seal("turn")
	if next, _, err := b.r.Open(envelope); next != nil || kith.KindOf(err) != kith.BadPeer {
		t.Errorf("a turn out of turn gave %v", err)
	}
}
