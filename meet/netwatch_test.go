package meet

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatch(t *testing.T) {
	home, cafe := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		events := make(chan struct{}, 1)
		var mu sync.Mutex // guards the machine
		addrs := []netip.Addr{home}
		var slept time.Duration
		var told []time.Duration
		ctx, cancel := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() {
			err := watch(ctx, events,
				func() []netip.Addr { mu.Lock(); defer mu.Unlock(); return slices.Clone(addrs) },
				func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(slept) },
				func() { told = append(told, time.Since(start)) })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("watch: %v", err)
			}
		})
		step := func(now []netip.Addr, s time.Duration) {
			mu.Lock()
			addrs, slept = now, slept+s
			mu.Unlock()
		}
		event := func() { tell(events); synctest.Wait() }

		event() // nothing changed
		time.Sleep(time.Second)
		step(nil, 0) // 1 s: three events of one change
		for _, now := range [][]netip.Addr{nil, {cafe, home}, {cafe}} {
			step(now, 0)
			event()
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(700 * time.Millisecond)
		step([]netip.Addr{home}, 0) // 2 s: away and back again within the pause
		event()
		step([]netip.Addr{cafe}, 0)
		event()
		time.Sleep(time.Second)
		step([]netip.Addr{cafe}, 9*time.Second) // 3 s: a little time is lost
		time.Sleep(8 * time.Second)
		step([]netip.Addr{cafe}, time.Hour) // 11 s: asleep; seen at 15 s
		time.Sleep(20 * time.Second)
		synctest.Wait()
		cancel()
		watching.Wait()
		if want := []time.Duration{1400 * time.Millisecond, 15200 * time.Millisecond}; !slices.Equal(told, want) {
			t.Errorf("told at %v", told)
		}
	})
}

// A machine whose network never rests hears of changes all the same.
func TestWatchInUnrest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		events := make(chan struct{}, 1)
		n := 0
		var told []time.Duration
		ctx, cancel := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() {
			_ = watch(ctx, events,
				func() []netip.Addr { n++; return []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})} },
				time.Now, func() { told = append(told, time.Since(start)) })
		})
		for range 39 {
			tell(events)
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		cancel()
		watching.Wait()
		if len(told) != 1 || told[0] < settleMost || told[0] > settleMost+settle {
			t.Errorf("told at %v", told)
		}
	})
}

func TestUsableAddresses(t *testing.T) {
	for _, addr := range usableAddresses() {
		if addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.Zone() != "" {
			t.Errorf("%v", addr)
		}
	}
}

func TestDirectState(t *testing.T) {
	d := NewDirect()
	s := d.State()
	if s.Way != d.Name() || s.Reason == "" || s.Since.IsZero() || s.Working != (len(usableAddresses()) > 0) {
		t.Errorf("state %+v", s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Run(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
}
