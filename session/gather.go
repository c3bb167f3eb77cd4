package session

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"kith/wire"
)

const (
	// gatherPatience is how long a half that travels as one line waits for
	// servers that don't answer.
	gatherPatience = 2 * time.Second
	gatherTime     = 6 * time.Second // after which nothing more is expected of them
	// TURN over TCP and TLS is asked for when no server has answered over UDP
	// for silentTURN, or when none has given a relay for slowTURN.
	silentTURN  = 100 * time.Millisecond
	slowTURN    = 250 * time.Millisecond
	lateStreams = 100 * time.Millisecond // before TCP to the other side is tried
	stayMapped  = 20 * time.Second       // NATs forget UDP after 30
	maxHosts    = 10                     // addresses of the machine that are offered
	maxServers  = 8                      // of each kind that are asked
)

// The first byte of a candidate's priority (RFC 8445 section 5.1.2).
const (
	typeHost  = 126
	typePrflx = 110
	typeSrflx = 100
	typeTCP   = 80
	typeRelay = 0
)

// priority computes a candidate's priority for component 1. IPv6 goes before
// IPv4, and what reaches far before what does not.
func priority(kind wire.CandidateType, transport wire.CandidateTransport, addr netip.Addr) uint32 {
	first := map[wire.CandidateType]uint32{
		wire.CandidateHost: typeHost, wire.CandidateSrflx: typeSrflx,
		wire.CandidatePrflx: typePrflx, wire.CandidateRelay: typeRelay,
	}[kind]
	if transport != wire.CandidateUDP {
		first = typeTCP
	}
	local := uint32(0xffff) - uint32(reach(addr))<<8
	if addr.Is4() {
		local -= 0x80
	}
	return first<<24 | local<<8 | 0xff
}

// usable reports whether an address may be offered or tried.
func (e *Endpoint) usable(a netip.Addr) bool {
	return a.IsValid() && !a.IsMulticast() && !a.IsUnspecified() &&
		!(a.Is6() && a.IsLinkLocalUnicast()) && (e.cfg.Loopback || !a.IsLoopback())
}

// gatherKnown collects the candidates that are known without asking.
func (o *Offering) gatherKnown() {
	if o.ice.RelayOnly {
		return
	}
	e := o.endpoint
	for _, b := range e.branches() {
		o.legs = append(o.legs, portLeg(b))
	}
	o.tcp = e.openTCP()
	var found, streams []wire.Candidate
	for _, a := range e.sortedAddresses() {
		if len(found) >= maxHosts {
			break
		}
		if !e.usable(a.Addr()) {
			continue
		}
		found = append(found, o.candidate(wire.CandidateHost, a, netip.AddrPort{}))
		if o.tcp == nil {
			continue
		}
		if c, ok := o.tcp.candidate(a.Addr()); ok {
			c.Priority = priority(c.Type, c.Transport, a.Addr())
			streams = append(streams, c)
		}
	}
	for _, a := range slices.Concat(e.mappings(), e.Mapped()) {
		same := func(c wire.Candidate) bool { return c.Addr == a }
		if e.usable(a.Addr()) && !slices.ContainsFunc(found, same) {
			found = append(found, o.candidate(wire.CandidateSrflx, a, netip.AddrPort{}))
		}
	}
	o.local.Candidates = append(found, streams[:min(len(streams), maxHosts/2)]...)
}

// gather asks the servers, all at the same time, and keeps what it learns about
// NATs true for as long as the offering is open.
func (o *Offering) gather() {
	ctx, stop := context.WithTimeout(o.ctx, gatherTime)
	defer stop()
	var wg sync.WaitGroup
	var mirrors []netip.AddrPort // that told our address
	var mu sync.Mutex            // guards mirrors
	heard, relayed := newLatch(), newLatch()
	plain, late := 0, 0
	for _, s := range o.servers {
		switch {
		case s.network != "udp":
			if late++; late <= maxServers {
				wg.Go(func() {
					if o.needsStream(ctx, heard, relayed) && o.tryRelay(ctx, s) && !heard.isSet() {
						o.endpoint.silent.Store(true) // so the next one need not wait
					}
				})
			}
			continue
		case plain >= maxServers:
			continue
		}
		plain++
		if !o.ice.RelayOnly {
			wg.Go(func() {
				found := o.reflect(ctx, s, heard)
				if len(found) > 0 {
					o.endpoint.silent.Store(false)
				}
				mu.Lock()
				defer mu.Unlock()
				mirrors = append(mirrors, found...)
			})
		}
		if s.turn {
			wg.Go(func() {
				if o.tryRelay(ctx, s) {
					o.endpoint.silent.Store(false)
					heard.set()
					relayed.set()
				}
			})
		}
	}
	wg.Wait()
	o.mu.Lock()
	if !o.told {
		o.told = true
		close(o.trickle)
	}
	o.mu.Unlock()
	close(o.gathered)
	o.stayMapped(mirrors)
}

// needsStream waits until it is clear whether UDP gives a relay.
func (o *Offering) needsStream(ctx context.Context, heard, relayed *latch) bool {
	udp := slices.ContainsFunc(o.servers, func(s server) bool { return s.turn && s.network == "udp" })
	if !udp || o.endpoint.silent.Load() {
		return true
	}
	timer := time.NewTimer(silentTURN)
	defer timer.Stop()
	select {
	case <-heard.done:
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
	timer.Reset(slowTURN - silentTURN)
	select {
	case <-relayed.done:
		return false
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (o *Offering) tryRelay(ctx context.Context, s server) bool {
	err := o.addRelay(ctx, s)
	if err != nil && ctx.Err() == nil {
		o.endpoint.log.Debug("no relay for an offer", "server", s, "err", err)
	}
	return err == nil
}

// reflect asks a server how it sees the endpoint's port, in each family. It
// gives the addresses at which it answered.
func (o *Offering) reflect(ctx context.Context, s server, heard *latch) (answered []netip.AddrPort) {
	addrs, err := o.endpoint.resolve(ctx, s)
	if err != nil {
		o.endpoint.log.Debug("a STUN server can't be asked", "server", s, "err", err)
		return nil
	}
	var wg sync.WaitGroup
	var mu sync.Mutex // guards answered
	for _, to := range addrs {
		wg.Go(func() {
			mapped, _, err := o.endpoint.ask(ctx, to)
			if err != nil {
				return
			}
			heard.set()
			o.emit(o.candidate(wire.CandidateSrflx, mapped, netip.AddrPort{}))
			mu.Lock()
			defer mu.Unlock()
			answered = append(answered, to)
		})
	}
	wg.Wait()
	return answered
}

// stayMapped keeps the NAT's mapping of the endpoint's port alive until the
// offering ends. A line that somebody pastes may travel for minutes.
func (o *Offering) stayMapped(mirrors []netip.AddrPort) {
	if len(mirrors) == 0 {
		return
	}
	ticker := time.NewTicker(stayMapped)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-o.ctx.Done():
			return
		}
		for _, to := range mirrors {
			ctx, stop := context.WithTimeout(o.ctx, gatherPatience)
			o.endpoint.ask(ctx, to)
			stop()
		}
	}
}

// complete waits until the servers were asked, or have had their time.
func (o *Offering) complete(ctx context.Context) error {
	timer := time.NewTimer(gatherPatience)
	defer timer.Stop()
	select {
	case <-o.gathered:
	case <-timer.C: // what came until now will do
	case <-o.ctx.Done():
		return errClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.local.Candidates) == 0 {
		return errNothingToOffer()
	}
	return nil
}

// A latch is a channel that is closed once.
type latch struct {
	done chan struct{}
	once sync.Once
}

func newLatch() *latch { return &latch{done: make(chan struct{})} }

func (l *latch) set() { l.once.Do(func() { close(l.done) }) }

func (l *latch) isSet() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}
