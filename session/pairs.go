package session

import (
	"net/netip"
	"time"

	"kith/wire"
)

const (
	maxRemote     = 32  // candidates of the other side that are tried
	maxPairs      = 256 // of a leg and an address of the other side
	maxChecksSeen = 1024
	checkRate     = 300 // checks looked at in a second, for one offering
	checkBurst    = 600
	// A check that was heard shows that its sender's way through NATs is open.
	heardFresh = 5 * time.Second
)

// A pair is a leg and an address of the other side (RFC 8445 section 6.1.2).
type pair struct {
	leg    *leg
	remote netip.AddrPort

	// All below is guarded by the offering's mu.
	far     bool      // the address is at a relay
	next    time.Time // when to check it
	sent    int       // checks so far
	ids     [8]stunID // of the latest checks
	heardAt time.Time // when a check of the other side came last
	answer  time.Time // when a check was answered first
	rtt     time.Duration
	failed  int       // handshakes
	retry   time.Time // when there may be another one
}

type pairKey struct {
	leg    *leg
	remote netip.AddrPort
}

// A class sorts paths, the best first.
type class int

const (
	classDirect class = iota
	classStream       // direct, but over TCP
	classRelayed
	classRelayedStream
)

func (p *pair) class() class {
	c := classDirect
	if p.leg.stream {
		c++
	}
	if p.leg.relayed || p.far {
		c += classRelayed
	}
	return c
}

// readyAt is since when the pair can be used, or zero.
func (p *pair) readyAt(now time.Time) time.Time {
	fresh := !p.heardAt.IsZero() && now.Sub(p.heardAt) < heardFresh
	switch {
	case !p.answer.IsZero():
		return p.answer
	case fresh:
		return p.heardAt
	}
	return time.Time{}
}

// better reports whether p is to be used rather than q.
func (p *pair) better(q *pair, now time.Time) bool {
	switch {
	case q == nil:
		return true
	case p.failed != q.failed:
		return p.failed < q.failed
	case p.class() != q.class():
		return p.class() < q.class()
	}
	return p.readyAt(now).Before(q.readyAt(now))
}

// pairLocked finds or makes a pair. It gives nil if there are too many.
func (o *Offering) pairLocked(l *leg, remote netip.AddrPort) *pair {
	key := pairKey{l, remote}
	p := o.pairs[key]
	if p == nil && len(o.pairs) < maxPairs {
		p = &pair{leg: l, remote: remote, next: time.Now()}
		o.pairs[key] = p
	}
	return p
}

// addRemoteLocked takes a candidate of the other side.
func (o *Offering) addRemoteLocked(c wire.Candidate) {
	c.Addr = netip.AddrPortFrom(c.Addr.Addr().Unmap().WithZone(""), c.Addr.Port())
	if len(o.remotes) >= maxRemote || c.Addr.Port() == 0 || !o.endpoint.usable(c.Addr.Addr()) ||
		c.Transport != wire.CandidateUDP && c.Transport != wire.CandidateTCPPassive ||
		o.direct && c.Type == wire.CandidateRelay {
		return
	}
	for _, r := range o.remotes {
		if r.Addr == c.Addr && r.Transport == c.Transport {
			return
		}
	}
	o.remotes = append(o.remotes, c)
	for _, l := range o.legs {
		o.matchLocked(l, c)
	}
}

// matchLocked makes the pair of a leg and a candidate, if there is one.
func (o *Offering) matchLocked(l *leg, c wire.Candidate) {
	if c.Transport != wire.CandidateUDP || l.only.IsValid() || !l.reaches(c.Addr) {
		return
	}
	p := o.pairLocked(l, c.Addr)
	if p == nil {
		return
	}
	if c.Type == wire.CandidateRelay {
		p.far = true
	}
	if p.class() == classDirect {
		o.directSince = time.Now()
	}
}

// addLeg takes a new way out into use, and tells the other side about it.
func (o *Offering) addLeg(l *leg) {
	o.mu.Lock()
	streams := 0
	for _, other := range o.legs {
		if other.only.IsValid() {
			streams++
		}
	}
	if o.ended || l.only.IsValid() && streams >= maxStreamLegs {
		o.mu.Unlock()
		l.close()
		return
	}
	o.legs = append(o.legs, l)
	if l.only.IsValid() {
		o.pairLocked(l, l.only)
	}
	for _, c := range o.remotes {
		o.matchLocked(l, c)
	}
	o.mu.Unlock()
	signal(o.due)
	if o.answer && l.accept != nil {
		go o.acceptFrom(l)
	}
	if l.relayed {
		o.emit(o.candidate(wire.CandidateRelay, l.local, netip.AddrPort{}))
	}
}

// legLocked finds the leg by which something came. With relays only, nothing
// comes by the endpoint's port.
func (o *Offering) legLocked(via *leg, from netip.AddrPort) *leg {
	for _, l := range o.legs {
		if l == via || via == nil && l.via() == nil && l.reaches(from) {
			return l
		}
	}
	return nil
}

// admits reports whether somebody may begin a QUIC connection by a leg.
func (o *Offering) admits(l *leg, from netip.AddrPort) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.pairs[pairKey{l, from}]
	return p != nil && (!p.answer.IsZero() || !p.heardAt.IsZero())
}

// signal wakes whoever waits at a channel with room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
