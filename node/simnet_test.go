package node

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/link"
	"kith/link/linktest"
	"kith/session"
	"kith/wire"
)

// A world is a network in memory: nodes dial each other by made-up addresses,
// through the same doors as on a real one, over linktest's links.
type world struct {
	conditions linktest.Conditions

	mu        sync.Mutex // guards the rest
	endpoints map[netip.AddrPort]*simEndpoint
	severed   map[[2]netip.AddrPort]bool
	part      map[netip.AddrPort]int // only places of the same part reach each other; see split
	links     []*simLink
	alive     int // links when they were counted last, but at least 1000
	seed      uint64
}

// A simLink is one link with the places of its ends.
type simLink struct {
	*linktest.Link
	from, to netip.AddrPort
}

func newWorld(c linktest.Conditions) *world {
	return &world{conditions: c, endpoints: map[netip.AddrPort]*simEndpoint{}, severed: map[[2]netip.AddrPort]bool{}}
}

func between(a, b netip.AddrPort) [2]netip.AddrPort {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return [2]netip.AddrPort{a, b}
}

// sever cuts two places off from each other; links between them are lost.
func (w *world) sever(a, b netip.AddrPort) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.severed[between(a, b)] = true
	for _, l := range w.links {
		if between(l.from, l.to) == between(a, b) {
			l.Cut()
		}
	}
}

// split cuts the world into parts; links between them are lost. A place that is
// not in the map is in part 0.
func (w *world) split(part map[netip.AddrPort]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = part
	for _, l := range w.links {
		if part[l.from] != part[l.to] {
			l.Cut()
		}
	}
}

// heal joins all places again.
func (w *world) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.severed)
	w.part = nil
}

// apart reports whether two places can't reach each other. The caller holds mu.
func (w *world) apart(a, b netip.AddrPort) bool {
	return w.severed[between(a, b)] || w.part[a] != w.part[b]
}

// keep notes a link, and forgets those that have ended. The caller holds mu.
func (w *world) keep(l *simLink) {
	if len(w.links) >= 2*w.alive {
		w.links = slices.DeleteFunc(w.links, func(l *simLink) bool {
			select {
			case <-l.Done():
				return true
			default:
				return false
			}
		})
		w.alive = max(len(w.links), 1000)
	}
	w.links = append(w.links, l)
}

// listener gives the listenFunc of a node at a place.
func (w *world) listener(at netip.AddrPort) listenFunc {
	return func(cfg session.Config) (network, bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.endpoints[at] != nil {
			return nil, false, errors.New("the place is taken")
		}
		own := kith.Peer{Account: cfg.Account, Device: kith.DeviceID(cfg.Device[32:])}
		e := &simEndpoint{world: w, at: at, own: own, incoming: make(chan session.Incoming, 64), closed: make(chan struct{})}
		w.endpoints[at] = e
		return e, false, nil
	}
}

// A simEndpoint stands for a session.Endpoint.
type simEndpoint struct {
	world    *world
	at       netip.AddrPort
	own      kith.Peer
	incoming chan session.Incoming
	closed   chan struct{}

	mu    sync.Mutex
	doors []session.Door // guarded by mu
}

func (e *simEndpoint) SetDoors(doors []session.Door) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.doors = doors
}

// opens finds the door that a key opens for an account.
func (e *simEndpoint) opens(want session.Door, who kith.AccountID) (session.Door, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.doors, func(d session.Door) bool {
		return d.Key == want.Key && (d.Account.IsZero() || d.Account == who)
	})
	if i < 0 {
		return session.Door{}, false
	}
	return e.doors[i], true
}

func (e *simEndpoint) Dial(ctx context.Context, door session.Door, addrs []netip.AddrPort, way string) (link.Link, error) {
	w := e.world
	select {
	case <-time.After(2 * w.conditions.Delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, addr := range addrs {
		to := w.endpoints[addr]
		if to == nil || to == e || w.apart(e.at, addr) {
			continue
		}
		opened, ok := to.opens(door, e.own.Account)
		if !ok || (!door.Account.IsZero() && door.Account != to.own.Account) {
			continue
		}
		w.seed++
		c := w.conditions
		c.Seed = w.seed
		near, far := linktest.Pair(e.own, to.own, c)
		w.keep(&simLink{near, e.at, addr})
		select {
		case to.incoming <- session.Incoming{Link: far, Door: opened}:
			return near, nil
		default:
			near.Close(link.Goodbye)
		}
	}
	return nil, kith.Errorf(kith.Unreachable, "nobody answers at %v", addrs)
}

func (e *simEndpoint) Accept(ctx context.Context) (session.Incoming, error) {
	select {
	case in := <-e.incoming:
		return in, nil
	case <-e.closed:
		return session.Incoming{}, errors.New("closed")
	case <-ctx.Done():
		return session.Incoming{}, ctx.Err()
	}
}

func (e *simEndpoint) Addresses() []netip.AddrPort  { return []netip.AddrPort{e.at} }
func (e *simEndpoint) NetworkChanged()              {}
func (e *simEndpoint) SetMappings([]netip.AddrPort) {}
func (e *simEndpoint) NAT(context.Context, []string) (session.NATReport, error) {
	return session.NATReport{}, errors.New("no STUN servers in this world")
}
func (e *simEndpoint) SetICE(session.ICEConfig) error { return nil }
func (e *simEndpoint) Offer(context.Context) (*session.Offering, error) {
	return nil, errors.New("no pasted offers in this world")
}
func (e *simEndpoint) OfferNow(ctx context.Context) (*session.Offering, error) { return e.Offer(ctx) }
func (e *simEndpoint) OfferDirect(ctx context.Context) (*session.Offering, error) {
	return e.Offer(ctx)
}
func (e *simEndpoint) AnswerDirect(ctx context.Context, remote wire.Offer) (*session.Offering, error) {
	return e.Answer(ctx, remote)
}
func (e *simEndpoint) AnswerNow(ctx context.Context, remote wire.Offer) (*session.Offering, error) {
	return e.Answer(ctx, remote)
}
func (e *simEndpoint) Answer(context.Context, wire.Offer) (*session.Offering, error) {
	return nil, errors.New("no pasted offers in this world")
}

func (e *simEndpoint) Close(reason link.Reason) error {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	delete(e.world.endpoints, e.at)
	for _, l := range e.world.links {
		if l.from == e.at || l.to == e.at {
			l.Close(reason)
		}
	}
	close(e.closed)
	return nil
}
