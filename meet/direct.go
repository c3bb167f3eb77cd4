package meet

import (
	"context"
	"sync"
	"time"
)

// Direct is the way that needs no search: the pursuit dials the addresses of
// its targets by itself. Direct only tells whether this machine has a network
// for it.
type Direct struct {
	mu    sync.Mutex
	state State // guarded by mu
}

// NewDirect makes the way.
func NewDirect() *Direct {
	d := &Direct{}
	d.NetworkChanged()
	return d
}

// Name is WayDirect.
func (d *Direct) Name() string { return WayDirect }

// Run finds nothing.
func (d *Direct) Run(ctx context.Context, _ func(Find)) error {
	<-ctx.Done()
	return ctx.Err()
}

// NetworkChanged looks at the machine's addresses.
func (d *Direct) NetworkChanged() {
	working := len(usableAddresses()) > 0
	reason := "Dials the addresses that invitations and contacts told."
	if !working {
		reason = "This device is on no network: only programs on it can be reached."
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.set(WayDirect, working, reason, time.Now())
}

// State tells whether this machine has a network.
func (d *Direct) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// set changes a state; Since stays while Working does.
func (s *State) set(way string, working bool, reason string, now time.Time) {
	if s.Since.IsZero() || s.Working != working {
		s.Since = now
	}
	s.Way, s.Working, s.Reason = way, working, reason
}
