package dht

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// exchange has Ann's offer answered by Bob and gives how long it took.
func exchange(t testing.TB, p pair, ann, bob *Courier, annBox, bobBox *box, tag string) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	began := time.Now()
	if _, _, err := ann.Send(ctx, p.toBob, []byte("offer "+tag)); err != nil {
		t.Fatal(err)
	}
	if got := bobBox.get(t, 20*time.Second); got != (letter{p.toAnn, "offer " + tag}) {
		t.Fatalf("Bob got %v", got)
	}
	if _, _, err := bob.Send(ctx, p.toAnn, []byte("answer "+tag)); err != nil {
		t.Fatal(err)
	}
	if got := annBox.get(t, 20*time.Second); got != (letter{p.toBob, "answer " + tag}) {
		t.Fatalf("Ann got %v", got)
	}
	return time.Since(began)
}

// An offer and its answer through 50 nodes, a third of them dead, with 40 ms
// round trips, take at most 1.5 s once both are in a hurry.
func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEther(20 * time.Millisecond)
		alive := populate(t, 50, inEther(e)).kill()
		var worst time.Duration
		for range 5 {
			p := newPair()
			routers := routersOf(netip.MustParseAddrPort("20.0.0.1:6881"), alive[7]) // the first is dead
			ann, annBox := start(t, Options{Account: p.ann, Routers: routers}, e.host, p.toBob)
			bob, bobBox := start(t, Options{Account: p.bob, Routers: routers}, e.host, p.toAnn)
			ann.Hasten(p.toBob)
			bob.Hasten(p.toAnn)
			cold := exchange(t, p, ann, bob, annBox, bobBox, "cold")
			if cold > 5*time.Second {
				t.Errorf("from a cold start it took %v", cold)
			}
			ann.Hasten(p.toBob)
			bob.Hasten(p.toAnn)
			warm := exchange(t, p, ann, bob, annBox, bobBox, "warm")
			t.Logf("cold %v, warm %v, state %q", cold, warm, ann.State().Reason)
			worst = max(worst, warm)
		}
		if worst > 1500*time.Millisecond {
			t.Errorf("an exchange took %v", worst)
		}
	})
}
