package session

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"kith"
	"kith/link"
	"kith/wire"
)

// only replaces the candidates of a half by one at the address.
func only(o wire.Offer, addr netip.AddrPort) wire.Offer {
	c := o.Candidates[slices.IndexFunc(o.Candidates, func(c wire.Candidate) bool { return c.Addr.Addr().Is4() })]
	c.Addr = addr
	o.Candidates = []wire.Candidate{c}
	return o
}

func v4Loopback(t testing.TB, o wire.Offer) netip.AddrPort {
	for _, c := range o.Candidates {
		if c.Addr.Addr() == netip.MustParseAddr("127.0.0.1") {
			return c.Addr
		}
	}
	t.Fatalf("no loopback among %v", o.Candidates)
	return netip.AddrPort{}
}

func TestOfferTakesTwoRoundTrips(t *testing.T) {
	a, b := newNode(t), newNode(t)
	ctx := inTime(t)
	best := time.Hour
	for range 3 {
		oa, err := a.Offer(ctx)
		if err != nil {
			t.Fatal(err)
		}
		toA := newForwarder(t, v4Loopback(t, oa.Local()), roundTrip/2)
		ob, err := b.Answer(ctx, only(oa.Local(), toA.addr()))
		if err != nil {
			t.Fatal(err)
		}
		toB := newForwarder(t, v4Loopback(t, ob.Local()), roundTrip/2)
		waiting := make(chan link.Link, 1)
		go func() {
			l, err := ob.Connect(ctx, nil)
			if err != nil {
				t.Error(err)
			}
			waiting <- l
		}()
		answer := only(ob.Local(), toB.addr())
		start := time.Now()
		la, err := oa.Connect(ctx, &answer)
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
		if lb := await(t, waiting, "the other end"); lb != nil {
			lb.Close(link.Goodbye)
		}
		la.Close(link.Goodbye)
	}
	t.Logf("linked in %v at %v", best, roundTrip)
	if best > 2*roundTrip+slack {
		t.Errorf("from the answer to the link at %v takes %v", roundTrip, best)
	}
}

func TestBadOffers(t *testing.T) {
	a, b := newNode(t), newNode(t)
	ctx := inTime(t)
	oa, err := a.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ob, err := b.Answer(ctx, oa.Local())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Answer(ctx, ob.Local()); kith.KindOf(err) != kith.Invalid {
		t.Errorf("answered an answer: %v", err)
	}
	offer, other := oa.Local(), ob.Local()
	other.ID[0] ^= 1
	for name, remote := range map[string]*wire.Offer{"nothing": nil, "an offer": &offer, "another answer": &other} {
		if _, err := oa.Connect(ctx, remote); kith.KindOf(err) != kith.Invalid {
			t.Errorf("connected to %s: %v", name, err)
		}
	}
	// An answer that another device wrote.
	forged := ob.Local()
	forged.Device[0] ^= 1
	go ob.Connect(ctx, nil)
	if _, err := oa.Connect(ctx, &forged); kith.KindOf(err) != kith.BadPeer {
		t.Errorf("connected to another device: %v", err)
	}
	if _, err := oa.Connect(ctx, &forged); kith.KindOf(err) != kith.Conflict {
		t.Errorf("connected again: %v", err)
	}
}

// waiting counts the offers that are open.
func (e *Endpoint) waiting() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.offerings)
}

func TestOfferEnds(t *testing.T) {
	a, b := newNode(t), newNode(t)
	ctx := inTime(t)
	connect := func() (*Offering, chan error) {
		oa, err := a.Offer(ctx)
		if err != nil {
			t.Fatal(err)
		}
		ob, err := b.Answer(ctx, oa.Local())
		if err != nil {
			t.Fatal(err)
		}
		failed := make(chan error, 1)
		go func() {
			_, err := ob.Connect(ctx, nil)
			failed <- err
		}()
		return ob, failed
	}
	o, failed := connect()
	o.Close()
	if err := await(t, failed, "the end of the attempt"); kith.KindOf(err) != kith.Conflict {
		t.Errorf("closed: %v", err)
	}
	o, failed = connect()
	o.timer.Reset(0)
	if err := await(t, failed, "the end of the attempt"); kith.KindOf(err) != kith.Unreachable {
		t.Errorf("ran out: %v", err)
	}
	_, failed = connect()
	b.Close(link.Goodbye)
	if err := await(t, failed, "the end of the attempt"); err == nil {
		t.Error("connected on a closed endpoint")
	}
	if n := b.waiting(); n != 0 {
		t.Errorf("%d offers are still there", n)
	}
}

// Closing an offering that was connected does not touch the link.
func TestLinkOutlivesItsOffering(t *testing.T) {
	a, b := newNode(t), newNode(t)
	ctx := inTime(t)
	oa, err := a.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ob, err := b.Answer(ctx, oa.Local())
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan link.Link, 1)
	go func() {
		l, err := ob.Connect(ctx, nil)
		if err != nil {
			t.Error(err)
		}
		ob.Close()
		waiting <- l
	}()
	answer := ob.Local()
	la, err := oa.Connect(ctx, &answer)
	if err != nil {
		t.Fatal(err)
	}
	oa.Close()
	if lb := await(t, waiting, "the other end"); lb != nil {
		echo(t, la, lb)
	}
	if a.waiting()+b.waiting() != 0 {
		t.Error("an offering is still there")
	}
	la.Close(link.Goodbye)
	if oa.ctx.Err() == nil {
		await(t, oa.ctx.Done(), "the end of the ICE agent")
	}
}
