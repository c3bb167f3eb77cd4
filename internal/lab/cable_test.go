//go:build linux

package lab

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// admitAll lets frames into a new pipe, one every gap, and returns for each
// how long after its coming it is due, or -1 if it does not survive.
func admitAll(line Line, count, size int, gap time.Duration) []time.Duration {
	p := &pipe{cable: new(cable), random: rand.New(rand.NewPCG(1, 0))}
	now := time.Unix(1e9, 0)
	waits := make([]time.Duration, count)
	for i := range waits {
		f := &frame{size: size}
		waits[i] = -1
		if p.admit(f, now, line) {
			waits[i] = f.due.Sub(now)
		}
		now = now.Add(gap)
	}
	return waits
}

func TestACableAppliesItsHalf(t *testing.T) {
	t.Parallel()
	for _, wait := range admitAll(Line{Delay: 30 * time.Millisecond}, 3, 1000, time.Second) {
		if wait != 15*time.Millisecond {
			t.Errorf("one of two cables delays by %v, want half of 30 ms", wait)
		}
	}
	waits := admitAll(Line{Jitter: 30 * time.Millisecond}, 1000, 1000, time.Second)
	if least, most := slices.Min(waits), slices.Max(waits); least < 0 || least > time.Millisecond || most < 14*time.Millisecond || most > 15*time.Millisecond {
		t.Errorf("jitter is %v to %v, want 0 to half of 30 ms", least, most)
	}
}

func TestJitterKeepsOrder(t *testing.T) {
	t.Parallel()
	last := time.Duration(0)
	for i, wait := range admitAll(Line{Jitter: time.Second}, 1000, 1000, time.Millisecond) {
		due := time.Duration(i)*time.Millisecond + wait
		if due < last {
			t.Errorf("frame %d is due %v before the one that came before it", i, last-due)
		}
		last = due
	}
}

func TestARateDropsWhatWouldWaitTooLong(t *testing.T) {
	t.Parallel()
	// A frame takes 10 ms, and all come at once.
	waits := admitAll(Line{Rate: 100_000}, 30, 1000, 0)
	for i, wait := range waits {
		want := time.Duration(i+1) * 10 * time.Millisecond
		if i > 20 { // found more than 200 ms of others before it
			want = -1
		}
		if wait != want {
			t.Errorf("frame %d waits %v, want %v", i, wait, want)
		}
	}
	// As fast as the wire: none waits for another.
	for i, wait := range admitAll(Line{Rate: 100_000}, 30, 1000, 10*time.Millisecond) {
		if wait != 10*time.Millisecond {
			t.Errorf("frame %d waits %v, want its own 10 ms", i, wait)
		}
	}
}

func TestLossRepeats(t *testing.T) {
	t.Parallel()
	a := admitAll(Line{Loss: 0.5}, 100, 1000, time.Second)
	b := admitAll(Line{Loss: 0.5, Delay: 2 * time.Second}, 100, 1000, time.Second)
	for i := range a {
		if (a[i] < 0) != (b[i] < 0) {
			t.Errorf("frame %d does not meet the same luck twice", i)
		}
	}
	if lost := slices.Index(a, -1); lost < 0 {
		t.Error("nothing was lost")
	}
}

func TestAPulledCableLosesAll(t *testing.T) {
	t.Parallel()
	p := &pipe{cable: new(cable), random: rand.New(rand.NewPCG(1, 0))}
	p.cable.unplugged.Store(true)
	if p.admit(&frame{size: 100}, time.Now(), Line{}) {
		t.Error("a frame went into a cable that is not plugged in")
	}
}
