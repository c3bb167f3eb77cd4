package meet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/link"
	"kith/link/linktest"
)

// person is the n-th account.
func person(n int) (id kith.AccountID) {
	binary.BigEndian.PutUint32(id[:], uint32(n+1))
	return id
}

// at is an address of the n-th host.
func at(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 4242)
}

func target(n int) Target {
	return Target{Account: person(n), Addresses: []netip.AddrPort{at(n)}}
}

// A call is one Dial, as a dialer saw it.
type call struct {
	after   time.Duration // since the start of the test
	account kith.AccountID
	addrs   string
	way     string
}

// A dialer answers nobody unless it is told to.
type dialer struct {
	start  time.Time
	answer func(context.Context, Target, []netip.AddrPort, string) (link.Link, error)

	mu      sync.Mutex
	calls   []call
	running int
	most    int
}

func (d *dialer) Dial(ctx context.Context, t Target, addrs []netip.AddrPort, way string) (link.Link, error) {
	d.mu.Lock()
	d.calls = append(d.calls, call{time.Since(d.start), t.Account, fmt.Sprint(addrs), way})
	d.running++
	d.most = max(d.most, d.running)
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.running--
		d.mu.Unlock()
	}()
	return d.answer(ctx, t, addrs, way)
}

func (d *dialer) seen() []call {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

// times are when an account was dialled.
func (d *dialer) times(account kith.AccountID) (all []time.Duration) {
	for _, c := range d.seen() {
		if c.account == account {
			all = append(all, c.after)
		}
	}
	return all
}

// busy counts the calls that run.
func (d *dialer) busy() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running
}

func silence(ctx context.Context, _ Target, _ []netip.AddrPort, _ string) (link.Link, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func linkTo(account kith.AccountID) link.Link {
	l, _ := linktest.Pair(kith.Peer{}, kith.Peer{Account: account}, linktest.Conditions{})
	return l
}

// pursue runs a pursuit without jitter in a bubble. Links that it makes are
// told to it as an owner does.
func pursue(t *testing.T, test func(t *testing.T, p *Pursuit, d *dialer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &dialer{start: time.Now(), answer: silence}
		var p *Pursuit
		p = NewPursuit(d, Options{Linked: func(l link.Link) { p.Linked(l.Peer().Account, true) }})
		p.agenda.jitter = func(d time.Duration) time.Duration { return d }
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := p.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v", err)
			}
		})
		test(t, p, d)
		cancel()
		running.Wait()
		if n := d.busy(); n != 0 {
			t.Errorf("%d attempts outlived Run", n)
		}
	})
}

func seconds(n ...int) (all []time.Duration) {
	for _, s := range n {
		all = append(all, time.Duration(s)*time.Second)
	}
	return all
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

// The timetable of somebody who never answers, for an hour.
func TestTimetable(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		p.SetTargets([]Target{target(0)})
		synctest.Wait()
		if s := p.State(person(0)); s.Phase != Connecting || s.Tries != 1 {
			t.Errorf("first attempt: %+v", s)
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		s := p.State(person(0))
		if s.Phase != Waiting || !s.Next.Equal(d.start.Add(10*time.Second)) {
			t.Errorf("after the first attempt: %+v", s)
		}
		if want := "No answer from 10.0.0.0:4242 within 8s."; s.LastError != want {
			t.Errorf("LastError = %q, want %q", s.LastError, want)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		equal(t, "attempts", d.times(person(0)),
			seconds(0, 10, 20, 30, 40, 50, 80, 140, 260, 500, 980, 1580, 2180, 2780, 3380))
	})
}

func TestJitterStaysNearTheTimetable(t *testing.T) {
	a := newAgenda()
	for range 1000 {
		if d := a.retryAfter(100); d < 8*time.Minute || d > 12*time.Minute {
			t.Fatalf("a pause of %v", d)
		}
	}
	if d := a.retryAfter(3); d != 10*time.Second {
		t.Errorf("an early pause of %v", d)
	}
}

// Whatever gives new hope starts the timetable again, at once.
func TestNewHope(t *testing.T) {
	hopes := map[string]func(*Pursuit){
		"button":          func(p *Pursuit) { p.Now(person(0)) },
		"network changed": func(p *Pursuit) { p.NetworkChanged() },
		"address told": func(p *Pursuit) {
			p.SetTargets([]Target{{Account: person(0), Addresses: []netip.AddrPort{at(9), at(0)}}})
		},
		"found by a way": func(p *Pursuit) {
			p.Found(Find{Way: "hub", Instance: "x", Account: person(0), Addresses: []netip.AddrPort{at(0)}})
		},
	}
	for name, hope := range hopes {
		t.Run(name, func(t *testing.T) {
			pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
				p.SetTargets([]Target{target(0)})
				time.Sleep(1000 * time.Second)
				before := len(d.times(person(0)))
				hope(p)
				time.Sleep(21 * time.Second)
				synctest.Wait()
				after := slices.Compact(d.times(person(0))[before:])
				equal(t, "attempts", after, seconds(1000, 1010, 1020))
			})
		})
	}
}

// Pressing the button again and again does not add attempts.
func TestImpatience(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		p.SetTargets([]Target{target(0)})
		for range 100 {
			p.Now(person(0))
			synctest.Wait()
		}
		if n := len(d.seen()); n != 1 {
			t.Errorf("%d attempts", n)
		}
	})
}

// All addresses are dialled at once, one call for each way; the first link
// ends the others.
func TestWaysRunSideBySide(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		var lost error
		d.answer = func(ctx context.Context, t Target, _ []netip.AddrPort, way string) (link.Link, error) {
			if way == "hub" {
				time.Sleep(time.Second)
				return linkTo(t.Account), nil
			}
			<-ctx.Done()
			lost = ctx.Err()
			return nil, lost
		}
		p.Found(Find{Way: "hub", Instance: "too early", Account: person(0), Addresses: []netip.AddrPort{at(5)}})
		p.mu.Lock() // both become known in one step
		p.agenda.setTargets([]Target{{Account: person(0), Addresses: []netip.AddrPort{at(1), at(2)}}}, time.Now())
		p.agenda.found(Find{Way: "hub", Instance: "x", Account: person(0), Addresses: []netip.AddrPort{at(3)}}, time.Now())
		p.mu.Unlock()
		p.Now(person(0))
		time.Sleep(time.Minute)
		synctest.Wait()
		calls := d.seen()
		slices.SortFunc(calls, func(a, b call) int { return len(b.addrs) - len(a.addrs) })
		equal(t, "calls", calls, []call{
			{0, person(0), "[10.0.0.1:4242 10.0.0.2:4242]", WayDirect},
			{0, person(0), "[10.0.0.3:4242]", "hub"},
		})
		if !errors.Is(lost, context.Canceled) {
			t.Errorf("the slower way ended with %v", lost)
		}
		if s := p.State(person(0)); s.Phase != Linked || s.LastError != "" {
			t.Errorf("state %+v", s)
		}
	})
}

// A contact with a link is left alone, whoever made the link; when it ends they
// are dialled at once.
func TestLinkedIsNotDialled(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		p.Linked(person(0), true) // before it is a target: it just became a contact
		p.SetTargets([]Target{target(0)})
		time.Sleep(time.Hour)
		p.Now(person(0))
		p.NetworkChanged()
		synctest.Wait()
		if n := len(d.seen()); n != 0 {
			t.Fatalf("%d attempts beside a link", n)
		}
		p.Linked(person(0), false)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		equal(t, "attempts", d.times(person(0)), seconds(3600, 3610))
	})
}

// A peer that hangs up at once is dialled ever more rarely.
func TestShortLinksAreFailures(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		d.answer = func(_ context.Context, t Target, _ []netip.AddrPort, _ string) (link.Link, error) {
			return linkTo(t.Account), nil
		}
		p.opt.Linked = func(l link.Link) {
			p.Linked(l.Peer().Account, true)
			p.Linked(l.Peer().Account, false)
		}
		p.SetTargets([]Target{target(0)})
		time.Sleep(300 * time.Second)
		synctest.Wait()
		equal(t, "attempts", d.times(person(0)), seconds(0, 10, 20, 30, 40, 50, 80, 140, 260))
	})
}

// A link that its owner refuses does not end the pursuit.
func TestRefusedLinkIsRetried(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		d.answer = func(_ context.Context, t Target, _ []netip.AddrPort, _ string) (link.Link, error) {
			return linkTo(t.Account), nil
		}
		p.opt.Linked = func(l link.Link) { l.Close(link.Unwanted) }
		p.SetTargets([]Target{target(0)})
		time.Sleep(25 * time.Second)
		synctest.Wait()
		equal(t, "attempts", d.times(person(0)), seconds(0, 10, 20))
	})
}

// Who is no longer a target is let go at once, and a link that comes too late
// is closed without a word of why.
func TestRemovalEndsAttempts(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		late := linkTo(person(1))
		d.answer = func(ctx context.Context, t Target, _ []netip.AddrPort, _ string) (link.Link, error) {
			<-ctx.Done()
			if t.Account == person(1) {
				return late, nil
			}
			return nil, ctx.Err()
		}
		p.opt.Linked = func(l link.Link) { t.Errorf("got a link to %v", l.Peer().Account) }
		p.SetTargets([]Target{target(0), target(1)})
		time.Sleep(time.Second)
		p.SetTargets(nil)
		synctest.Wait()
		if n := d.busy(); n != 0 {
			t.Errorf("%d attempts still run", n)
		}
		select {
		case <-late.Done():
			if r := late.Reason(); r != link.Goodbye {
				t.Errorf("closed with %v", r)
			}
		default:
			t.Error("the late link is still open")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(d.seen()); n != 2 {
			t.Errorf("%d attempts", n)
		}
		if s := p.State(person(0)); s.Phase != Idle {
			t.Errorf("state %+v", s)
		}
	})
}

// A change of the network ends attempts that were sent into the old one.
func TestNetworkChangeRestartsAttempts(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		p.SetTargets([]Target{target(0)})
		time.Sleep(3 * time.Second)
		p.NetworkChanged()
		synctest.Wait()
		if n := d.busy(); n != 1 {
			t.Errorf("%d attempts run", n)
		}
		equal(t, "attempts", d.times(person(0)), seconds(0, 3))
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if s := p.State(person(0)); !s.Next.Equal(d.start.Add(13 * time.Second)) {
			t.Errorf("state %+v", s)
		}
	})
}

// Ten thousand contacts, all away: few attempts at a time, everybody gets a
// turn, and who is waited for goes first.
func TestManyTargets(t *testing.T) {
	const many = 10_000
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		targets := make([]Target, many)
		for i := range targets {
			targets[i] = target(i)
		}
		p.SetTargets(targets)
		time.Sleep(time.Second)
		synctest.Wait()
		if n := d.busy(); n != maxAttempts {
			t.Errorf("%d attempts run, want %d", n, maxAttempts)
		}
		p.Now(person(many - 1))
		synctest.Wait()
		equal(t, "attempts at who is waited for", d.times(person(many-1)), seconds(1))
		for i := range 100 {
			p.Now(person(many - 2 - i))
		}
		time.Sleep(time.Duration(many/maxAttempts+1) * attemptLimit)
		synctest.Wait()
		tried := make(map[kith.AccountID]bool)
		for _, c := range d.seen() {
			tried[c.account] = true
		}
		if d.most != maxAttempts+urgentAttempts {
			t.Errorf("%d attempts at a time", d.most)
		}
		// The first come again, but only some of them: nobody waits for ever.
		if len(tried) < many*9/10 {
			t.Errorf("%d of %d were tried", len(tried), many)
		}
	})
}

// Nobody knows an address: nothing is dialled, nothing burns, and the first
// address is used at once.
func TestNowhereToLook(t *testing.T) {
	pursue(t, func(t *testing.T, p *Pursuit, d *dialer) {
		p.SetTargets([]Target{{Account: person(0)}})
		time.Sleep(time.Hour)
		synctest.Wait()
		s := p.State(person(0))
		if s.Phase != Idle || len(d.seen()) != 0 {
			t.Errorf("state %+v after %d attempts", s, len(d.seen()))
		}
		p.SetTargets([]Target{target(0)})
		synctest.Wait()
		equal(t, "attempts", d.times(person(0)), seconds(3600))
	})
}
