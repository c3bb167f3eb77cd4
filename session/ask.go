package session

import (
	"context"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"

	"kith"
)

// askTimes are when a request or a knock is sent, counted from the first; later
// ones follow every askLast.
var askTimes = [...]time.Duration{
	0, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second,
}

const askLast = 2 * time.Second

// A transaction is a question of ours: a knock, a check or a plain request to
// a STUN server.
type transaction struct {
	via  *leg // over which it was sent; nil: the endpoint's own port
	to   netip.AddrPort
	key  stun.MessageIntegrity // signs the answer; nil: a STUN server, whose answers nobody signs
	done func(mapped netip.AddrPort)
	// offering is whose check it is, if it is one.
	offering *Offering
	// hairpin is set for a request to ourselves: it is the answer if it comes
	// back.
	hairpin bool
}

// ask registers a question, before it is sent.
func (g *guard) ask(id stunID, t *transaction) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked[id] = t
}

// forget gives questions up.
func (g *guard) forget(ids ...stunID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range ids {
		delete(g.asked, id)
	}
}

// answered takes the answer to a question of ours.
func (g *guard) answered(via *leg, m *stun.Message, from netip.AddrPort) {
	g.mu.Lock()
	t := g.asked[m.TransactionID]
	if t == nil || t.via != via || t.to != from ||
		t.key != nil && (stun.Fingerprint.Check(m) != nil || t.key.Check(m) != nil) {
		g.mu.Unlock()
		return
	}
	delete(g.asked, m.TransactionID)
	var attr stun.XORMappedAddress
	var mapped netip.AddrPort
	if attr.GetFrom(m) == nil {
		if addr, ok := netip.AddrFromSlice(attr.IP); ok {
			mapped = netip.AddrPortFrom(addr.Unmap(), uint16(attr.Port))
		}
	}
	if via == nil {
		if mapped.IsValid() {
			g.mappedLocked(mapped)
		}
		if t.key != nil {
			a := g.admitLocked(from)
			if t.offering != nil {
				a.offering = t.offering
			}
		}
	}
	g.mu.Unlock()
	t.done(mapped)
}

// echoed takes a request to ourselves that a NAT led back (RFC 4787 section 6).
func (g *guard) echoed(m *stun.Message) bool {
	g.mu.Lock()
	t := g.asked[m.TransactionID]
	if t == nil || !t.hairpin {
		g.mu.Unlock()
		return false
	}
	delete(g.asked, m.TransactionID)
	g.mu.Unlock()
	t.done(t.to)
	return true
}

// ask asks a STUN server, from the endpoint's port, how it sees us. It waits
// until ctx ends.
func (e *Endpoint) ask(ctx context.Context, to netip.AddrPort) (mapped netip.AddrPort, rtt time.Duration, err error) {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return mapped, 0, err
	}
	answered := make(chan struct{})
	var told netip.AddrPort // and took are set when answered is closed
	var took time.Duration
	start := time.Now()
	e.guard.ask(m.TransactionID, &transaction{to: to, done: func(addr netip.AddrPort) {
		told, took = addr, time.Since(start)
		close(answered)
	}})
	defer e.guard.forget(m.TransactionID)
	if err := e.repeat(ctx, m.Raw, to, answered); err != nil {
		return mapped, 0, kith.Errorf(kith.Unreachable, "the STUN server %v does not answer: %w", to, err)
	}
	if !told.IsValid() {
		return mapped, 0, kith.Errorf(kith.BadPeer, "the STUN server %v does not tell our address", to)
	}
	return told, took, nil
}

// repeat sends a datagram from the endpoint's port until it is answered. An
// error says why that ended before.
func (e *Endpoint) repeat(ctx context.Context, p []byte, to netip.AddrPort, answered <-chan struct{}) error {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 1; ; i++ {
		select {
		case <-timer.C:
		case <-answered:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.done:
			return errClosed()
		}
		// An error, as for want of a route, is a lost packet.
		e.branchFor(to.Addr()).socket.WriteToUDPAddrPort(p, to)
		if i < len(askTimes) {
			timer.Reset(time.Until(start.Add(askTimes[i])))
		} else {
			timer.Reset(askLast)
		}
	}
}
