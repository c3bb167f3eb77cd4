package portmap

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A Port is a port of this device that others should reach.
type Port struct {
	Network string // "udp" or "tcp"
	Port    uint16
}

// A Mapping leads from outside to a port of this device.
type Mapping struct {
	Network string         // "udp" or "tcp"
	Inside  uint16         // the port of this device
	Outside netip.AddrPort // where it is reached: the router's address, as the router says
	By      string         // "upnp", "nat-pmp" or "pcp"
	Until   time.Time      // when the router forgets it, unless it is renewed before
}

// A State says how mapping goes, for a person.
type State struct {
	Working bool   // a port is mapped to an address of the internet
	Reason  string // a sentence
}

// Options say how a Mapper works.
type Options struct {
	Log *slog.Logger // nil: no log
}

// maxPorts bounds how many ports are mapped. A router that maps a hundred has
// few left for others.
const maxPorts = 16

// A Mapper keeps ports of this device mapped. All methods may be called by any
// goroutine, and all but Run return at once.
type Mapper struct {
	log   *slog.Logger
	find  func() (route, error)
	ask   func(route) []protocol
	wake  chan struct{} // holds one: ports or the network changed
	moved chan struct{} // holds one: see Changed

	mu       sync.Mutex
	ports    []Port    // guarded by mu, like all below
	anew     bool      // the network changed
	mappings []Mapping // sorted by network and port
	state    State
}

// New makes a mapper. It does nothing before Run.
func New(opt Options) *Mapper {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Mapper{
		log: opt.Log, find: findRoute, ask: protocols,
		wake: make(chan struct{}, 1), moved: make(chan struct{}, 1),
		state: State{Reason: reasonAsking},
	}
}

// SetPorts says which ports to map from now on, at most 16; more are left out.
func (m *Mapper) SetPorts(ports []Port) {
	var sound []Port
	for _, p := range ports {
		if (p.Network == "udp" || p.Network == "tcp") && p.Port > 0 && !slices.Contains(sound, p) && len(sound) < maxPorts {
			sound = append(sound, p)
		}
	}
	m.mu.Lock()
	m.ports = sound
	m.mu.Unlock()
	signal(m.wake)
}

// NetworkChanged says that this device may be in another network.
func (m *Mapper) NetworkChanged() {
	m.mu.Lock()
	m.anew = true
	m.mu.Unlock()
	signal(m.wake)
}

// Mappings gives the mappings of now, sorted by network and port.
func (m *Mapper) Mappings() []Mapping {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mappings)
}

// State says how it goes.
func (m *Mapper) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// Changed gives a value after Mappings, but for the times in them, or State
// have changed. It is for one reader; changes that it was too slow for are one.
func (m *Mapper) Changed() <-chan struct{} { return m.moved }

// Waiting times.
const (
	firstRetry = 10 * time.Second // after no protocol worked, doubling
	lastRetry  = 15 * time.Minute
	leaveIn    = time.Second // for removing all mappings at the end
)

// Run keeps the ports mapped until ctx ends. Then it removes all mappings,
// within about a second, and returns ctx's error.
func (m *Mapper) Run(ctx context.Context) error {
	retry := firstRetry
	for ctx.Err() == nil {
		m.settle()
		if len(m.wanted()) == 0 {
			m.publish(nil, State{Reason: reasonNoPorts})
			m.sleep(ctx, lastRetry)
			continue
		}
		k, why := m.race(ctx)
		if k == nil {
			if ctx.Err() != nil {
				break
			}
			m.publish(nil, State{Reason: why})
			if m.sleep(ctx, retry) {
				retry = firstRetry
			} else {
				retry = min(2*retry, lastRetry)
			}
			continue
		}
		retry = firstRetry
		k.keep(ctx)
	}
	m.publish(nil, State{Reason: reasonOff})
	return ctx.Err()
}

// sleep waits, and says if something else happened before the time was up.
func (m *Mapper) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-m.wake:
	case <-ctx.Done():
	case <-timer.C:
		return false
	}
	return true
}

// settle takes note that the network changed, and says if it had.
func (m *Mapper) settle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	anew := m.anew
	m.anew = false
	return anew
}

// wanted gives the ports to map.
func (m *Mapper) wanted() []Port {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ports // replaced, never changed
}

// publish makes these the mappings and the state, and tells the reader if they
// are others than before.
func (m *Mapper) publish(mappings []Mapping, state State) {
	timeless := func(a, b Mapping) bool {
		a.Until, b.Until = time.Time{}, time.Time{}
		return a == b
	}
	m.mu.Lock()
	same := m.state == state && slices.EqualFunc(m.mappings, mappings, timeless)
	m.mappings, m.state = mappings, state
	m.mu.Unlock()
	if !same {
		m.log.Debug("port mapping", "working", state.Working, "mappings", len(mappings))
		signal(m.moved)
	}
}

// signal leaves a value in a channel that holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
