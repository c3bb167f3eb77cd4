package session

import (
	"net/netip"
	"slices"
	"time"
)

const (
	maxMapped   = 8               // addresses of ours that others told
	mappedLife  = 5 * time.Minute // after which a NAT may have forgotten
	maxMappings = 4               // of routers to our port
)

// Mapped gives the addresses of this endpoint as others saw them in the last
// five minutes and on this network, the latest first, at most 8. Behind a NAT
// they are outside of it.
func (e *Endpoint) Mapped() []netip.AddrPort { return e.guard.sightings() }

// SetMappings tells the addresses outside, at most 4, that routers lead to the
// endpoint's port for UDP. They are offered, and are among its Addresses.
func (e *Endpoint) SetMappings(addrs []netip.AddrPort) {
	var mappings []netip.AddrPort
	for _, a := range addrs {
		if a = plain(a); a.Port() != 0 && e.usable(a.Addr()) && !slices.Contains(mappings, a) && len(mappings) < maxMappings {
			mappings = append(mappings, a)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mapping = mappings
}

func (e *Endpoint) mappings() []netip.AddrPort {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mapping
}

// A sighting is our address as somebody told it.
type sighting struct {
	addr netip.AddrPort
	at   time.Time
}

func (g *guard) mappedLocked(addr netip.AddrPort) {
	g.mapped = slices.DeleteFunc(g.mapped, func(s sighting) bool { return s.addr == addr })
	g.mapped = slices.Insert(g.mapped, 0, sighting{addr, g.now()})
	g.mapped = g.mapped[:min(len(g.mapped), maxMapped)]
}

// sightings gives our addresses as others saw them lately, the latest first.
func (g *guard) sightings() []netip.AddrPort {
	g.mu.Lock()
	defer g.mu.Unlock()
	var addrs []netip.AddrPort
	for _, s := range g.mapped {
		if g.now().Sub(s.at) < mappedLife {
			addrs = append(addrs, s.addr)
		}
	}
	return addrs
}

// forgetMapped drops what others saw before the network changed.
func (g *guard) forgetMapped() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mapped = nil
}
