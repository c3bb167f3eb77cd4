package node

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/outbox"
	"kith/seal"
)

// A depot is some hubs in memory, as far as letters go.
type depot struct {
	mu      sync.Mutex // guards the rest
	hosts   []string
	boxes   map[[32]byte]*depotBox
	refuses map[string]error // by host
	left    int              // envelopes, ever
	random  *rand.Rand       // of a depot that works by itself; see wild
	wild    bool             // it loses, doubles, shuffles and delays
	mallory *mallory         // does everything instead, if there is one
}

type depotBox struct {
	host  string
	token [32]byte
	lying [][]byte
}

func newDepot(hosts ...string) *depot {
	return &depot{hosts: hosts, boxes: map[[32]byte]*depotBox{}, refuses: map[string]error{}}
}

// opener gives what a run leaves letters by.
func (d *depot) opener() func(*run) post {
	if d == nil {
		return nil
	}
	if d.mallory != nil {
		return d.mallory.post
	}
	return func(r *run) post {
		if d.random != nil {
			r.working.Go(func() { d.carry(r) })
		}
		return &depotPost{d, r}
	}
}

// A depotPost is a run's way to a depot.
type depotPost struct {
	d *depot
	r *run
}

func (p *depotPost) Drops(from kith.AccountID) (drops []outbox.Drop) {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	for _, host := range p.d.hosts {
		key, token := seal.BoxKey(p.r.id.device, host, from)
		box := [32]byte(seal.DeviceOf(key))
		if p.d.boxes[box] == nil {
			p.d.boxes[box] = &depotBox{host: host, token: token}
		}
		drops = append(drops, outbox.Drop{Hub: "https://" + host, Box: box, Token: token})
	}
	return drops
}

// kept is for how long a depot says that it keeps an envelope.
const kept = 30 * 24 * time.Hour

func (p *depotPost) Leave(_ context.Context, drop outbox.Drop, envelope []byte) (time.Time, error) {
	d := p.d
	d.mu.Lock()
	defer d.mu.Unlock()
	box := d.boxes[drop.Box]
	if box == nil || box.token != drop.Token {
		return time.Time{}, kith.Errorf(kith.NotFound, "there is no such box")
	}
	if err := d.refuses[box.host]; err != nil {
		return time.Time{}, err
	}
	d.left++
	until := p.r.opt.now().Add(kept)
	if d.wild && d.random.IntN(10) == 0 {
		return until, nil // and forgets it
	}
	box.lying = append(box.lying, slices.Clone(envelope))
	if d.wild && d.random.IntN(5) == 0 {
		box.lying = append(box.lying, slices.Clone(envelope))
	}
	if d.wild {
		d.random.Shuffle(len(box.lying), func(i, j int) { box.lying[i], box.lying[j] = box.lying[j], box.lying[i] })
		if d.random.IntN(10) == 0 {
			return time.Time{}, kith.Errorf(kith.Unreachable, "the answer was lost")
		}
	}
	return until, nil
}

// mail gives what lies for a run, by the account in whose box.
func (d *depot) mail(r *run) map[kith.AccountID][][]byte {
	mail := map[kith.AccountID][][]byte{}
	for _, c := range r.people.unsorted() {
		for _, host := range d.hosts {
			key, _ := seal.BoxKey(r.id.device, host, c.Account)
			d.mu.Lock()
			if box := d.boxes[[32]byte(seal.DeviceOf(key))]; box != nil && len(box.lying) > 0 {
				mail[c.Account] = append(mail[c.Account], box.lying...)
			}
			d.mu.Unlock()
		}
	}
	return mail
}

// take takes envelopes out of the boxes of a run.
func (d *depot) take(envelope []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, box := range d.boxes {
		for i := range box.lying {
			if string(box.lying[i]) == string(envelope) {
				box.lying = slices.Delete(box.lying, i, i+1)
				return
			}
		}
	}
}

// lose empties all boxes.
func (d *depot) lose() (lost int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, box := range d.boxes {
		lost += len(box.lying)
		box.lying = nil
	}
	return lost
}

func (d *depot) lying() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, box := range d.boxes {
		n += len(box.lying)
	}
	return n
}

func (d *depot) everLeft() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.left
}

func (d *depot) refuse(host string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuses[host] = err
}

// carry brings a run its mail as long as it lasts.
func (d *depot) carry(r *run) {
	for {
		d.mu.Lock()
		pause := time.Duration(d.random.IntN(20_000)) * time.Millisecond
		d.mu.Unlock()
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
			return
		}
		for from, envelopes := range d.mail(r) {
			for i, err := range r.mailsCame(r.ctx, from, "hub", envelopes) {
				if err == nil || kith.KindOf(err) == kith.BadPeer {
					d.take(envelopes[i])
				}
			}
		}
	}
}

// fetch brings a person what lies for them, each envelope for itself, and tells
// how many were dropped.
func (p *person) fetch() (came, dropped int) {
	p.t.Helper()
	r := p.node.run
	for from, envelopes := range p.depot.mail(r) {
		for _, envelope := range envelopes {
			err := r.mailCame(p.t.Context(), from, "hub", envelope)
			switch {
			case err == nil:
			case kith.KindOf(err) == kith.BadPeer:
				dropped++
			default:
				p.t.Fatalf("%s takes an envelope: %v", p.name, err)
			}
			came++
			p.depot.take(envelope)
		}
	}
	return came, dropped
}

// ledger is where the newest own message is.
func (p *person) ledger(with string) Message {
	p.t.Helper()
	log := p.log(with)
	for _, m := range slices.Backward(log) {
		if m.Mine {
			return m
		}
	}
	p.t.Fatalf("%s wrote nothing", p.name)
	return Message{}
}

// is fails unless the newest own message is in a state.
func (p *person) is(with string, want kith.DeliveryState) Message {
	p.t.Helper()
	m := p.ledger(with)
	if m.State != want {
		p.t.Errorf("%q of %s is %s, want %s", m.Text, p.name, m.State, want)
	}
	if held := m.HeldBy != "" && m.HeldUntil != nil; held != (want == kith.Held) {
		p.t.Errorf("%q of %s is %s by %q until %v", m.Text, p.name, m.State, m.HeldBy, m.HeldUntil)
	}
	return m
}

// reads fails unless a conversation reads like this.
func (p *person) reads(with string, want ...string) {
	p.t.Helper()
	got := []string{}
	for _, m := range p.log(with) {
		if m.Note == nil {
			got = append(got, m.Text)
		}
	}
	if !slices.Equal(got, want) {
		p.t.Errorf("%s reads %q, want %q", p.name, got, want)
	}
}

// Two who are contacts and told each other where letters may be left.
func penFriends(t *testing.T, w *world, d *depot) (a, b *person) {
	t.Helper()
	a, b = w.mailer(t, "A", 0, d), w.mailer(t, "B", 0, d)
	befriend(t, a.node, b.node)
	sleep(time.Minute)
	return a, b
}

// penFriendAway is penFriends, of whom b is asleep.
func penFriendAway(t *testing.T, w *world, d *depot) (a, b *person) {
	t.Helper()
	a, b = penFriends(t, w, d)
	b.stop()
	sleep(time.Minute)
	return a, b
}

// penFriendsApart is penFriends between whom no link is made.
func penFriendsApart(t *testing.T, w *world, d *depot) (a, b *person) {
	t.Helper()
	a, b = penFriends(t, w, d)
	w.sever(a.at, b.at)
	sleep(time.Minute)
	return a, b
}

// leaves sends a text, and fails unless a hub holds it soon.
func (p *person) leaves(with, text string) Message {
	p.t.Helper()
	send(p.t, p.node, with, text)
	sleep(10 * time.Second)
	return p.is(with, kith.Held)
}

// receipt is what the ledger says of a message that goes to one person.
func (p *person) receipt(m Message) Receipt {
	p.t.Helper()
	ledger, err := p.node.Receipts(p.t.Context(), m.ID.String())
	if err != nil || len(ledger) != 1 {
		p.t.Fatalf("the ledger: %+v, %v", ledger, err)
	}
	return ledger[0]
}
