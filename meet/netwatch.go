package meet

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	// settle is how long the network must be quiet before a change is told: a
	// new lease comes as several events.
	settle = 200 * time.Millisecond
	// settleMost is how long it may be unquiet before a change is told anyway.
	settleMost = 2 * time.Second
	// pollEvery is how often the addresses are looked at where nobody tells.
	pollEvery = 2 * time.Second
	// clockEvery is how often the wall clock is looked at. If it moved
	// otherwise by more than clockJump, the machine slept (or somebody set the
	// clock, which does no harm).
	clockEvery = 5 * time.Second
	clockJump  = 10 * time.Second
)

// WatchNetwork calls changed when the addresses by which this machine can be
// reached have changed, and when it woke from sleep: sockets, routes and
// links may be dead then. It returns when ctx ends; changed is called from the
// same goroutine.
func WatchNetwork(ctx context.Context, changed func()) error {
	return watch(ctx, networkEvents(ctx), usableAddresses, wallClock, changed)
}

// wallClock is the time of day, which goes on while the machine sleeps. The
// monotonic clock, by which package time measures, does so on some systems.
func wallClock() time.Time { return time.Now().Round(0) }

// watch is WatchNetwork with the machine as arguments; events come when the
// addresses may have changed.
func watch(ctx context.Context, events <-chan struct{}, addresses func() []netip.Addr, wall func() time.Time, changed func()) error {
	known, looked := addresses(), wall()
	quiet := time.NewTimer(settle)
	quiet.Stop()
	clock := time.NewTicker(clockEvery)
	defer clock.Stop()
	woke := false
	var unquiet time.Time // since then; zero while nothing happens
	stir := func() {
		if unquiet.IsZero() {
			unquiet = time.Now()
		}
		if time.Since(unquiet) < settleMost {
			quiet.Reset(settle)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-events:
			stir()
		case <-clock.C:
			now := wall()
			if (now.Sub(looked) - clockEvery).Abs() > clockJump {
				woke = true
				stir()
			}
			looked = now
		case <-quiet.C:
			unquiet = time.Time{}
			if now := addresses(); woke || !slices.Equal(now, known) {
				known, woke = now, false
				changed()
			}
		}
	}
}

// tell puts an event into a channel that holds one.
func tell(events chan<- struct{}) {
	select {
	case events <- struct{}{}:
	default:
	}
}

// usableAddresses are the addresses of this machine by which others may reach
// it, sorted: those of interfaces that are up, without loopback and without
// addresses that are valid on one cable only.
func usableAddresses() []netip.Addr {
	var usable []netip.Addr
	ifaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, ifi := range ifaces {
		if ifi.Flags&net.FlagUp == 0 || ifi.Flags&net.FlagLoopback != 0 {
			continue
		}
		for _, prefix := range prefixes(&ifi) {
			if addr := prefix.Addr(); !addr.IsLinkLocalUnicast() {
				usable = append(usable, addr)
			}
		}
	}
	slices.SortFunc(usable, netip.Addr.Compare)
	return slices.Compact(usable)
}

// prefixes are the addresses of an interface, each with the size of its network.
func prefixes(ifi *net.Interface) []netip.Prefix {
	addrs, err := ifi.Addrs()
	if err != nil {
		return nil
	}
	var all []netip.Prefix
	for _, a := range addrs {
		ipnet, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, ok := netip.AddrFromSlice(ipnet.IP)
		if !ok {
			continue
		}
		bits, _ := ipnet.Mask.Size()
		all = append(all, netip.PrefixFrom(addr.Unmap(), bits))
	}
	return all
}
