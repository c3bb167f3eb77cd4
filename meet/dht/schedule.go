package dht

import (
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"

	"kith/meet"
)

// How often a correspondent's item is looked up.
const (
	// idleEvery is the least pause while nothing is expected, idleMost the
	// factor up to which chance stretches it. With many correspondents it is
	// idleEach times their number, so that all together stay few.
	idleEvery = 10 * time.Minute
	idleMost  = 1.5
	idleEach  = 3 * time.Second
	// startEach spreads the first lookups.
	startEach = 200 * time.Millisecond

	// Somebody waits: quickFirst, growing to quickLast, for quickFor.
	quickFirst = 500 * time.Millisecond
	quickGrow  = 1.25
	quickLast  = 10 * time.Second
	quickFor   = time.Minute

	// A note went or came, so the other side may answer when it looks next,
	// which may take its idleEvery; or an invitation was made, which is used
	// soon, if ever: alertFirst, growing to alertLast, for alertFor. At most
	// maxAlert correspondents at a time, the latest.
	alertFirst = 10 * time.Second
	alertGrow  = 1.5
	alertLast  = time.Minute
	alertFor   = 20 * time.Minute
	maxAlert   = 16

	// Lookups at a time, at once, and a second.
	maxLookups   = 16
	burstLookups = 10
	meanLookups  = 4
)

// A schedule decides whose item is looked up when. It has no clock and no
// goroutine: every method is told the time.
type schedule struct {
	entries map[meet.Correspondent]*entry
	limit   *rate.Limiter
	running int
	random  func() float64 // from 0 up to 1
}

type entry struct {
	who     meet.Correspondent
	due     time.Time
	quick   pacing
	alert   pacing
	running bool
	again   bool // it was hastened while it ran
}

// A pacing is a time of more frequent lookups.
type pacing struct {
	until time.Time
	next  time.Duration
}

func newSchedule() *schedule {
	return &schedule{
		entries: make(map[meet.Correspondent]*entry),
		limit:   rate.NewLimiter(meanLookups, burstLookups),
		random:  rand.Float64,
	}
}

// set replaces the correspondents. The lookups of new ones are spread.
func (s *schedule) set(all []meet.Correspondent, now time.Time) {
	wanted := make(map[meet.Correspondent]*entry, len(all))
	var invitations []meet.Correspondent // that are new
	for _, who := range all {
		e := s.entries[who]
		if e == nil {
			spread := float64(startEach) * float64(len(all))
			e = &entry{who: who, due: now.Add(time.Duration(spread * s.random()))}
			if who.Account.IsZero() {
				invitations = append(invitations, who)
			}
		}
		wanted[who] = e
	}
	s.entries = wanted
	for _, who := range invitations {
		s.alerted(who, now)
	}
}

// hasten has a correspondent looked up at once and often.
func (s *schedule) hasten(who meet.Correspondent, now time.Time) {
	e := s.entries[who]
	if e == nil {
		return
	}
	e.quick = pacing{now.Add(quickFor), quickFirst}
	e.due = now
	e.again = e.running
}

// alerted has a correspondent looked up now and then.
func (s *schedule) alerted(who meet.Correspondent, now time.Time) {
	e := s.entries[who]
	if e == nil {
		return
	}
	if e.alert.until.After(now) {
		e.alert.until = now.Add(alertFor) // who writes ever again has us not look more often
		return
	}
	e.alert = pacing{now.Add(alertFor), alertFirst}
	if soon := now.Add(alertFirst); e.due.After(soon) {
		e.due = soon
	}
	var first *entry // who was alerted longest ago
	n := 0
	for _, other := range s.entries {
		if other.alert.until.After(now) {
			n++
			if first == nil || other.alert.until.Before(first.alert.until) {
				first = other
			}
		}
	}
	if n > maxAlert {
		first.alert = pacing{}
	}
}

// everybody is looked up soon: the network is another one.
func (s *schedule) everybody(now time.Time) {
	spread := float64(startEach) * float64(len(s.entries))
	for _, e := range s.entries {
		if soon := now.Add(time.Duration(spread * s.random())); e.due.After(soon) {
			e.due = soon
		}
	}
}

// next gives a correspondent to look up now; done must be told.
func (s *schedule) next(now time.Time) (who meet.Correspondent, ok bool) {
	e := s.first(now)
	if e == nil || e.due.After(now) || s.running >= maxLookups || !s.limit.AllowN(now, 1) {
		return who, false
	}
	e.running, e.again = true, false
	s.running++
	return e.who, true
}

// first is who is due first; those for whom somebody waits go before.
func (s *schedule) first(now time.Time) *entry {
	var first *entry
	for _, e := range s.entries {
		if e.running {
			continue
		}
		if first == nil || e.before(first, now) {
			first = e
		}
	}
	return first
}

func (e *entry) before(other *entry, now time.Time) bool {
	due, otherDue := !e.due.After(now), !other.due.After(now)
	urgent, otherUrgent := due && e.quick.until.After(now), otherDue && other.quick.until.After(now)
	if urgent != otherUrgent {
		return urgent
	}
	return e.due.Before(other.due)
}

// wake is how long next will give nobody, if nothing else happens.
func (s *schedule) wake(now time.Time) time.Duration {
	e := s.first(now)
	if e == nil || s.running >= maxLookups {
		return time.Hour // a lookup that ends wakes us
	}
	pause := e.due.Sub(now)
	if lack := 1 - s.limit.TokensAt(now); lack > 0 {
		pause = max(pause, time.Duration(lack/meanLookups*float64(time.Second)))
	}
	return max(pause, time.Millisecond)
}

// done tells that a lookup that began at a time ended.
func (s *schedule) done(who meet.Correspondent, began, now time.Time) {
	s.running--
	e := s.entries[who]
	if e == nil || !e.running {
		return
	}
	e.running = false
	if e.again {
		e.due = now
		return
	}
	idle := max(float64(idleEvery), float64(idleEach)*float64(len(s.entries)))
	e.due = now.Add(time.Duration(idle * (1 + (idleMost-1)*s.random())))
	if e.alert.until.After(now) {
		e.pace(&e.alert, alertGrow, alertLast, began, now)
	}
	if e.quick.until.After(now) {
		e.pace(&e.quick, quickGrow, quickLast, began, now)
	}
}

// pace brings the next lookup forward. A pause is from start to start.
func (e *entry) pace(p *pacing, grow float64, last time.Duration, began, now time.Time) {
	soon := began.Add(p.next)
	if soon.Before(now) {
		soon = now
	}
	if e.due.After(soon) {
		e.due = soon
	}
	p.next = min(time.Duration(float64(p.next)*grow), last)
}
