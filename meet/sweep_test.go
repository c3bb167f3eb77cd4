package meet

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/link"
)

func somebody(n int) Find {
	return Find{Way: WayLAN, Instance: fmt.Sprint(n), Addresses: []netip.AddrPort{at(1000 + n)}}
}

func strangers(n int) []Target {
	all := make([]Target, n)
	for i := range all {
		all[i] = Target{Account: person(i)}
	}
	return all
}

// count is how often each pair of account and address was knocked at.
func (d *dialer) count() map[call]int {
	n := make(map[call]int)
	for _, c := range d.seen() {
		n[call{account: c.account, addrs: c.addrs, way: c.way}]++
	}
	return n
}

// Every contact's key is tried once at every instance, whatever is announced
// again and again.
func TestEveryPairOnce(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		p.SetTargets(strangers(50))
		p.Linked(person(7), true)
		for range 20 {
			for i := range 4 {
				p.Found(somebody(i))
			}
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		pairs := d.count()
		if len(pairs) != 49*4 {
			t.Errorf("%d pairs, want %d", len(pairs), 49*4)
		}
		for pair, n := range pairs {
			if n != 1 {
				t.Errorf("%v: %d knocks", pair, n)
			}
		}
		if d.most > maxKnocks {
			t.Errorf("%d knocks at a time", d.most)
		}
		if s := p.State(person(0)); s.Phase != Idle || s.Ways[1].Reason != "Not recognised among the devices with Kith on the local network (4)." {
			t.Errorf("state %+v", s)
		}

		p.SetTargets(append(strangers(50), target(50))) // one more contact
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(d.count()) - len(pairs); n != 4+1 {
			t.Errorf("%d calls for the new contact, want 4 knocks and its own address", n)
		}
	})
}

// The one who answers owns the instance: others are not tried there, and it is
// dialled there again when the link is gone.
func TestOwnerOfAnInstance(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		up := true
		d.answer = func(ctx context.Context, t Target, addrs []netip.AddrPort, _ string) (link.Link, error) {
			if up && t.Account == person(3) {
				return linkTo(t.Account), nil
			}
			return silence(ctx, t, addrs, "")
		}
		p.SetTargets(strangers(5))
		p.Found(somebody(0))
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := p.State(person(3)); s.Phase != Linked {
			t.Fatalf("state %+v", s)
		}
		p.SetTargets(strangers(6))
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(d.times(person(5))) != 0 {
			t.Error("a new contact was looked for where somebody else is")
		}

		up = false
		before := len(d.seen())
		p.Linked(person(3), false)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		calls := d.seen()[before:]
		equal(t, "after the link", calls, []call{{2 * time.Minute, person(3), "[10.0.3.232:4242]", WayLAN}})
		s := p.State(person(3))
		if want := "No answer from 10.0.3.232:4242 within 8s."; s.LastError != want || s.Ways[1].Reason != want {
			t.Errorf("state %+v", s)
		}

		p.Found(Find{Way: WayLAN, Instance: "0"}) // goodbye
		before = len(d.seen())
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(d.seen()) - before; n != 0 {
			t.Errorf("%d attempts at somebody who is gone", n)
		}
	})
}

// An instance that moved is asked anew; one that left is not.
func TestInstanceMovesAndLeaves(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		p.SetTargets(strangers(1))
		p.Found(somebody(0))
		time.Sleep(10 * time.Second)
		moved := somebody(0)
		moved.Addresses = []netip.AddrPort{at(5)}
		p.Found(moved)
		time.Sleep(10 * time.Second)
		p.Found(Find{Way: WayLAN, Instance: "0"})
		p.Now(person(0))
		time.Sleep(time.Hour)
		synctest.Wait()
		equal(t, "knocks", d.times(person(0)), seconds(0, 10))
	})
}

// The button and the network knock again; time does so rarely.
func TestKnocksAgain(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		p.SetTargets(strangers(1))
		p.Found(somebody(0))
		time.Sleep(60 * time.Second)
		p.Now(person(0))
		p.Now(person(0))
		time.Sleep(40 * time.Second)
		p.NetworkChanged()
		time.Sleep(time.Hour)
		synctest.Wait()
		got := d.times(person(0))
		if len(got) < 4 || len(got) > 5 {
			t.Fatalf("knocks at %v", got)
		}
		equal(t, "knocks with a reason", got[:3], seconds(0, 60, 100))
		if pause := got[3] - got[2]; pause < remember || pause > remember+10*time.Minute {
			t.Errorf("knocked again without a reason after %v", pause)
		}
	})
}

// A flood of instances costs no more than a full table.
func TestFloodOfInstances(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		p.SetTargets(strangers(20))
		for i := range 5000 {
			p.Found(somebody(i))
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(d.seen()); n != 20*maxInstances {
			t.Errorf("%d knocks, want %d", n, 20*maxInstances)
		}
		if d.most != maxKnocks {
			t.Errorf("%d knocks at a time, want %d", d.most, maxKnocks)
		}
	})
}

// Contacts that leave amid a sweep cost nobody their turn.
func TestTargetsLeaveAmidASweep(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		all := strangers(300)
		p.SetTargets(all)
		p.Found(somebody(0))
		time.Sleep(time.Second) // 64 of 300 are on their way
		var odd []Target
		for i, target := range all {
			if i%2 == 1 {
				odd = append(odd, target)
			}
		}
		p.SetTargets(odd)
		time.Sleep(time.Minute)
		synctest.Wait()
		got := make(map[kith.AccountID]int)
		for _, c := range d.seen() {
			got[c.account]++
		}
		for _, target := range odd {
			if got[target.Account] != 1 {
				t.Errorf("%v: %d knocks", target.Account.Short(), got[target.Account])
			}
		}
		if n := len(d.seen()); n != 64+150-32 {
			t.Errorf("%d knocks", n)
		}
	})
}
