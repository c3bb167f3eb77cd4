package session

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"time"

	"kith"
	"kith/link"
)

// probePatience is how long a link may take to answer after the network has
// changed.
const probePatience = 3 * time.Second

// deafLink is how long a link may take until anything comes back after something
// was written. A path that is only slow or crowded gives a sign before.
const deafLink = 8 * time.Second

// relayBeat is how long a relayed link may be silent until it is asked for a
// sign of life.
const relayBeat = 2 * time.Second

// Addresses gives where the endpoint can be dialled from the networks that the
// machine is on: the addresses of all interfaces that are up, with the port,
// the most reaching first, at most kith.MaxAddresses. Loopback addresses are
// among them if there are no others or Config.Loopback is set. Those of
// SetMappings follow. The interfaces are read anew at each call.
func (e *Endpoint) Addresses() []netip.AddrPort {
	own, mapped := e.sortedAddresses(), e.mappings()
	own = own[:min(len(own), kith.MaxAddresses-len(mapped))]
	for _, a := range mapped {
		if !slices.Contains(own, a) {
			own = append(own, a)
		}
	}
	return own
}

// sortedAddresses are those of the machine that may be told.
func (e *Endpoint) sortedAddresses() []netip.AddrPort {
	var usable, loopback []netip.AddrPort
	for _, a := range e.ownAddresses() {
		switch {
		case a.Addr().IsLoopback():
			loopback = append(loopback, a)
		case a.Addr().IsGlobalUnicast() || a.Addr().Is4() && a.Addr().IsLinkLocalUnicast():
			usable = append(usable, a)
		}
	}
	slices.SortStableFunc(usable, func(a, b netip.AddrPort) int { return cmp.Compare(reach(a.Addr()), reach(b.Addr())) })
	if e.cfg.Loopback || len(usable) == 0 {
		usable = append(usable, loopback...)
	}
	return usable
}

// reach sorts addresses: those of the internet first, then those of a LAN,
// then those of a LAN in which nobody gives addresses out.
func reach(a netip.Addr) int {
	switch {
	case a.IsLinkLocalUnicast():
		return 2
	case a.IsPrivate():
		return 1
	}
	return 0
}

// ownAddresses are all addresses of the machine with the port of their family.
func (e *Endpoint) ownAddresses() []netip.AddrPort {
	var all []netip.AddrPort
	interfaces, err := net.Interfaces()
	if err != nil {
		e.log.Warn("the network interfaces can't be read", "err", err)
		return nil
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // the interface has just gone
		}
		for _, a := range addrs {
			prefix, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			addr, ok := netip.AddrFromSlice(prefix.IP)
			if !ok {
				continue
			}
			addr = addr.Unmap()
			if b := e.branchFor(addr); b != nil {
				all = append(all, netip.AddrPortFrom(addr, b.socket.port()))
			}
		}
	}
	return all
}

// NetworkChanged is to be called when addresses or routes of the machine have
// changed. The sockets are bound to all addresses and go on. Links that came
// to an address which is gone end at once, all others are asked for a sign of
// life and end as lost if there is none within 3 seconds. A link that this
// side began survives if its new address reaches the other side.
func (e *Endpoint) NetworkChanged() {
	e.guard.forgetMapped()
	e.silent.Store(false)
	own := make(map[netip.Addr]bool)
	for _, a := range e.ownAddresses() {
		own[a.Addr()] = true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for l := range e.links {
		go func() {
			if local, ok := l.conn.LocalAddr().(*net.UDPAddr); ok && l.release == nil && !l.initiator {
				if a := plain(local.AddrPort()).Addr().WithZone(""); !a.IsUnspecified() && !own[a] {
					closeConn(l.conn, link.Lost)
					return
				}
			}
			l.probe(e.patience)
		}()
		for _, lane := range l.lanes.live() {
			go lane.probe(e.patience)
		}
	}
}
