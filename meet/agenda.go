package meet

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"kith"
)

// Limits of a pursuit.
const (
	// attemptLimit bounds one attempt at one contact.
	attemptLimit = 8 * time.Second
	// callLimit bounds one that also calls.
	callLimit = 15 * time.Second
	// maxAttempts run at a time; urgentAttempts more if somebody waits for
	// them.
	maxAttempts    = 32
	urgentAttempts = 8

	// shortLink is a link that ended so soon that it counts as a failure; else
	// a peer that hangs up at once would be dialled without a pause.
	shortLink = 30 * time.Second

	maxTrying = 2 // attempts at a time at one contact
	maxFinds  = 8 // of one contact
)

// An agenda decides whom to dial when. It has no clock, goroutine or socket:
// every method is told the time, and next gives the jobs to do now.
type agenda struct {
	contacts map[kith.AccountID]*contact
	links    map[kith.AccountID]time.Time // since when; also of accounts that are no target
	order    []*contact                   // as they came; contact.index is the place in it
	due      dueHeap                      // those who wait for their next attempt
	attempts int                          // running
	sweeps   sweeps                       // who may be behind the instances found
	jitter   func(time.Duration) time.Duration
}

func newAgenda() *agenda {
	return &agenda{
		contacts: make(map[kith.AccountID]*contact),
		links:    make(map[kith.AccountID]time.Time),
		sweeps:   sweeps{instances: make(map[instanceKey]*instance)},
		jitter: func(d time.Duration) time.Duration {
			return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
		},
	}
}

// retryAfter is the time from the start of attempt number tries to the next.
func (a *agenda) retryAfter(tries int) time.Duration {
	const most = 10 * time.Minute
	switch {
	case tries <= 5:
		return 10 * time.Second
	case tries <= 10:
		return a.jitter(30 * time.Second << (tries - 6))
	}
	return a.jitter(most)
}

// setTargets replaces the targets. New ones are due at once; the jobs of those
// who are no longer wanted end.
func (a *agenda) setTargets(targets []Target, now time.Time) {
	wanted := make(map[kith.AccountID]bool, len(targets))
	for _, t := range targets {
		t.Addresses = firstAddresses(t.Addresses)
		wanted[t.Account] = true
		c := a.contacts[t.Account]
		if c == nil {
			c = &contact{target: t, index: len(a.order), jobs: make(map[*job]struct{}), place: -1}
			a.contacts[t.Account] = c
			a.order = append(a.order, c)
			_, c.linked = a.links[t.Account]
			a.hope(c, now)
			continue
		}
		news := slices.ContainsFunc(t.Addresses, func(addr netip.AddrPort) bool {
			return !slices.Contains(c.target.Addresses, addr)
		})
		news = news || t.Door != c.target.Door
		c.target = t
		if news {
			a.hope(c, now)
		}
	}
	a.forget(func(c *contact) bool { return !wanted[c.target.Account] })
}

func (a *agenda) forget(unwanted func(*contact) bool) {
	if !slices.ContainsFunc(a.order, unwanted) {
		return
	}
	a.sweeps.forget(a.order, unwanted)
	for _, c := range a.order {
		if unwanted(c) {
			delete(a.contacts, c.target.Account)
			a.unqueue(c)
			c.stop()
		}
	}
	a.order = slices.DeleteFunc(a.order, unwanted)
	for i, c := range a.order {
		c.index = i
	}
}

// hope begins the timetable of c anew, now, unless it is linked. What runs
// already goes on beside it.
func (a *agenda) hope(c *contact, now time.Time) {
	c.tries = 0
	if c.linked {
		return
	}
	c.due = now
	if c.trying < maxTrying || c.place >= 0 {
		a.queue(c)
	}
}

// now is hope that somebody waits for. An attempt that runs is what they want.
func (a *agenda) now(account kith.AccountID, now time.Time) {
	c := a.contacts[account]
	if c == nil {
		return
	}
	if c.linked {
		c.urgent = true // should the link be about to end
		return
	}
	if c.trying > 0 {
		c.tries = 1
		return
	}
	c.urgent = true
	a.hope(c, now)
	a.sweeps.sweepContact(c, knockAgain, now)
}

// networkChanged begins everything anew: what runs was sent from addresses that
// may be gone, and what failed may work here.
func (a *agenda) networkChanged(now time.Time) {
	for _, c := range a.order {
		c.stop()
		c.tries = 0
		if !c.linked {
			c.due = now
			a.queue(c)
		}
	}
	a.sweeps.again(a.order, now)
}

// linkChanged tells that an account has a live link, or none any more. Attempts
// that run are not ended by a link that came in: the other side might end its
// own for ours at the same moment, and none would be left.
func (a *agenda) linkChanged(account kith.AccountID, up bool, now time.Time) {
	since, linked := a.links[account]
	if linked == up {
		return
	}
	c := a.contacts[account]
	if up {
		a.links[account] = now
		if c != nil {
			c.linked, c.urgent, c.failures = true, false, nil
			a.unqueue(c)
		}
		return
	}
	delete(a.links, account)
	if c == nil {
		return
	}
	c.linked = false
	if now.Sub(since) >= shortLink || c.urgent {
		a.hope(c, now)
		return
	}
	c.tries = max(c.tries, 1)
	c.due = now.Add(a.retryAfter(c.tries))
	if c.trying == 0 {
		a.queue(c)
	}
}

// found takes in what a way found.
func (a *agenda) found(f Find, now time.Time) {
	f.Addresses = firstAddresses(f.Addresses)
	if f.Account.IsZero() {
		owner := a.sweeps.found(f, now)
		if owner == nil {
			return
		}
		f.Account = owner.target.Account
	}
	if c := a.contacts[f.Account]; c != nil && c.learn(f) {
		a.hope(c, now)
	}
}

// next gives the jobs to start now; each must come back through done. callers
// are the couriers that work.
func (a *agenda) next(now time.Time, callers []Caller) (jobs []*job) {
	for len(a.due) > 0 {
		c := a.due[0]
		if c.due.After(now) || a.attempts >= maxAttempts && !(c.urgent && a.attempts < maxAttempts+urgentAttempts) {
			break
		}
		a.unqueue(c)
		c.tries++
		c.urgent = false
		c.due = now.Add(a.retryAfter(c.tries))
		a.sweeps.sweepContact(c, remember, now)
		routes, limit := c.routes(), attemptLimit
		calls := c.calls(callers)
		if c.called = len(calls) > 0; c.called {
			routes, limit = append(routes, calls...), callLimit
		}
		if len(routes) == 0 {
			a.queue(c)
			continue
		}
		a.attempts++
		c.trying++
		jobs = append(jobs, c.start(routes, limit, nil))
	}
	return append(jobs, a.sweeps.next(a.order)...)
}

// wake is when next has something new to give, if nothing else happens.
func (a *agenda) wake() (at time.Time, ok bool) {
	if len(a.due) == 0 || a.attempts >= maxAttempts {
		return at, false // a job that ends wakes us
	}
	return a.due[0].due, true
}

// done takes a job back.
func (a *agenda) done(j *job, o outcome, now time.Time) {
	c := j.contact
	delete(c.jobs, j)
	wanted := a.contacts[c.target.Account] == c
	if o.linked {
		c.stop() // the first link wins
	}
	if j.instance != nil {
		a.sweeps.running--
		if o.linked && wanted {
			j.instance.owner = c
			c.learn(j.instance.find())
		}
		return
	}
	a.attempts--
	c.trying--
	if !wanted || c.linked {
		return
	}
	if len(o.failures) > 0 {
		c.failures, c.failed = o.failures, now
	}
	if c.trying == 0 && c.place < 0 {
		a.queue(c)
	}
}

func (a *agenda) queue(c *contact) {
	if c.place < 0 {
		heap.Push(&a.due, c)
	} else {
		heap.Fix(&a.due, c.place)
	}
}

func (a *agenda) unqueue(c *contact) {
	if c.place >= 0 {
		heap.Remove(&a.due, c.place)
	}
}
