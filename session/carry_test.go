package session

import (
	mathrand "math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"kith/link"
	"kith/wire"
)

// A carrier takes halves and candidates from one side to the other, as a hub
// does: each after delay, and candidates in any order if shuffled.
type carrier struct {
	delay    time.Duration
	shuffled bool
	way      string
	// through changes a half on its way; nil leaves it.
	through func(wire.Offer) wire.Offer
}

// later runs f when something has travelled.
func (c carrier) later(f func()) {
	delay := c.delay
	if c.shuffled {
		delay += mathrand.N(30 * time.Millisecond)
	}
	time.AfterFunc(delay, f)
}

// half is one side's half as the other gets it.
func (c carrier) half(t testing.TB, o *Offering) wire.Offer {
	half := throughWire(t, o.Local())
	if c.through != nil {
		half = c.through(half)
	}
	return half
}

// trickle carries the candidates of one side to the other.
func (c carrier) trickle(from, to *Offering) {
	for candidate := range from.Trickle() {
		c.later(func() { to.Add(candidate) })
	}
}

// link links a to b by an offer that is carried, and tells how long it took
// from the call that makes the offer to the link of who made it.
func (c carrier) link(t testing.TB, a, b *node) (la, lb link.Link, took time.Duration) {
	t.Helper()
	ctx := inTime(t)
	start := time.Now()
	oa, err := a.OfferNow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	oa.Way = c.way
	// The first half, as it is when it leaves.
	offer := c.half(t, oa)
	answers, waiting := make(chan *Offering, 1), make(chan link.Link, 1)
	c.later(func() {
		ob, err := b.AnswerNow(ctx, offer)
		if err != nil {
			t.Error(err)
			close(answers)
			return
		}
		ob.Way = c.way
		go c.trickle(oa, ob)
		answers <- ob
		l, err := ob.Connect(ctx, nil)
		if err != nil {
			t.Errorf("the side of the answer: %v", err)
		}
		waiting <- l
	})
	ob := await(t, answers, "the answer")
	if ob == nil {
		t.FailNow()
	}
	answer := c.half(t, ob)
	arrived := make(chan struct{})
	c.later(func() { close(arrived) })
	await(t, arrived, "the answer to travel")
	go c.trickle(ob, oa)
	la, err = oa.Connect(ctx, &answer)
	if err != nil {
		t.Fatal(err)
	}
	took = time.Since(start)
	lb = await(t, waiting, "the other end")
	if lb == nil {
		t.FailNow()
	}
	return la, lb, took
}

// of gives the candidates of a type.
func of(o wire.Offer, kind wire.CandidateType, transport wire.CandidateTransport) (found []netip.AddrPort) {
	for _, c := range o.Candidates {
		if c.Type == kind && c.Transport == transport {
			found = append(found, c.Addr)
		}
	}
	return found
}
