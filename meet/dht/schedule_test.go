package dht

import (
	"slices"
	"testing"
	"time"

	"kith"
	"kith/meet"
)

func crowd(n int) (all []meet.Correspondent) {
	for range n {
		all = append(all, newPair().toBob)
	}
	return all
}

// play runs a schedule for a time, every lookup taking 100 ms, and gives when
// each correspondent was looked up.
func play(s *schedule, from time.Time, long time.Duration) map[meet.Correspondent][]time.Duration {
	looked := make(map[meet.Correspondent][]time.Duration)
	type run struct {
		who          meet.Correspondent
		began, ended time.Time
	}
	var running []run
	for now := from; now.Sub(from) < long; {
		running = slices.DeleteFunc(running, func(r run) bool {
			if r.ended.After(now) {
				return false
			}
			s.done(r.who, r.began, now)
			return true
		})
		for who, ok := s.next(now); ok; who, ok = s.next(now) {
			looked[who] = append(looked[who], now.Sub(from))
			running = append(running, run{who, now, now.Add(100 * time.Millisecond)})
		}
		step := s.wake(now)
		if len(running) > 0 {
			step = min(step, running[0].ended.Sub(now))
		}
		now = now.Add(step)
	}
	return looked
}

func within(t *testing.T, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s: %v, want %v to %v", what, got, least, most)
	}
}

// Who holds a new invitation is looked for soon, and for a while at least every
// minute.
func TestNewInvitations(t *testing.T) {
	s, now := newSchedule(), time.Now()
	one := newPair().toBob
	one.Account = kith.AccountID{}
	s.set(append(crowd(5), one), now)
	last := time.Duration(0)
	for i, at := range play(s, now, alertFor)[one] {
		if i == 0 {
			within(t, "the first lookup", at, 0, alertFirst+time.Second)
		}
		within(t, "until the next lookup", at-last, 0, alertLast+time.Second)
		last = at
	}
	within(t, "the last lookup", last, alertFor-2*alertLast, alertFor)
}

// Idle correspondents are looked up every 10 to 15 minutes, spread.
func TestIdle(t *testing.T) {
	s, now := newSchedule(), time.Now()
	all := crowd(20)
	s.set(all, now)
	for _, at := range play(s, now, 2*time.Hour) {
		within(t, "the first", at[0], 0, 10*time.Second)
		for i := range at[1:] {
			within(t, "a pause", at[i+1]-at[i], idleEvery, 15*time.Minute+time.Second)
		}
	}
}

// Somebody whom one waits for is looked up at once, often for a minute, and
// then as before.
func TestHastened(t *testing.T) {
	s, now := newSchedule(), time.Now()
	all := crowd(5)
	s.set(all, now)
	play(s, now, time.Minute)
	now = now.Add(time.Minute)
	s.hasten(all[2], now)
	at := play(s, now, 9*time.Minute)[all[2]]
	within(t, "the first", at[0], 0, 0)
	within(t, "the second", at[1], quickFirst, quickFirst)
	last := slices.IndexFunc(at, func(d time.Duration) bool { return d > quickFor+quickLast })
	if last < 0 {
		last = len(at)
	}
	if last < 12 || last > 20 {
		t.Errorf("%d lookups in the minute: %v", last, at)
	}
	if len(at) > last {
		t.Errorf("it goes on: %v", at)
	}
	s.hasten(newPair().toBob, now) // nobody we know
}

// Who may answer late is looked up now and then until they will have looked.
func TestAlerted(t *testing.T) {
	s, now := newSchedule(), time.Now()
	all := crowd(maxAlert + 10)
	s.set(all, now)
	play(s, now, 10*time.Second)
	for i, who := range all {
		s.alerted(who, now.Add(10*time.Second+time.Duration(i)))
	}
	looked := play(s, now.Add(11*time.Second), 30*time.Minute)
	often := 0
	for _, who := range all {
		if n := len(looked[who]); n > 15 && n < 30 {
			often++
		} else if n > 4 {
			t.Errorf("%d lookups", n)
		}
	}
	if often != maxAlert || len(looked[all[len(all)-1]]) < 15 || len(looked[all[0]]) > 4 {
		t.Errorf("%d are looked up often", often)
	}
}

// However many there are and however all are hastened, lookups stay bounded;
// who is waited for comes first.
func TestBoundedRate(t *testing.T) {
	s, now := newSchedule(), time.Now()
	all := crowd(1500)
	s.set(all, now)
	n := 0
	for _, at := range play(s, now, 3*time.Hour) {
		n += len(at)
	}
	if n > 3*1500 || n < 1500 {
		t.Errorf("%d lookups of 1500 idle ones in three hours", n)
	}
	now = now.Add(3 * time.Hour)
	for _, who := range all {
		s.hasten(who, now)
	}
	var times []time.Duration
	for _, at := range play(s, now, time.Minute) {
		times = append(times, at...)
	}
	slices.Sort(times)
	if len(times) > 60*meanLookups+burstLookups {
		t.Errorf("%d lookups in a minute", len(times))
	}
	within(t, "the burst", times[burstLookups], 100*time.Millisecond, time.Second)

	now = now.Add(time.Minute)
	s = newSchedule()
	s.set(all, now.Add(-time.Hour)) // all are due
	s.hasten(all[700], now)
	if who, ok := s.next(now); !ok || who != all[700] {
		t.Error("somebody else goes before")
	}
}

// Correspondents that go and come while they are looked up do no harm.
func TestSetWhileRunning(t *testing.T) {
	s, now := newSchedule(), time.Now()
	all := crowd(2)
	s.set(all, now.Add(-time.Minute))
	who, _ := s.next(now)
	s.hasten(who, now)
	s.set(nil, now)
	s.done(who, now, now)
	s.set(all, now.Add(-time.Minute))
	who, _ = s.next(now)
	s.hasten(who, now.Add(time.Second))
	s.done(who, now, now.Add(2*time.Second))
	if again, ok := s.next(now.Add(2 * time.Second)); !ok || again != who {
		t.Error("who was hastened during a lookup is not looked up again")
	}
	if s.running != 1 {
		t.Errorf("%d run", s.running)
	}
	s.everybody(now.Add(time.Hour))
}
