package relay

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// special are the networks where no peer of an honest client is: private,
// shared, local, reserved, for documentation, and those whose addresses hide
// others (IANA's registries of special-purpose addresses, RFC 6890). A client
// that asks for them is looking for what this machine can reach and it can't.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/8", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
	"2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

func isSpecial(ip netip.Addr) bool {
	for _, p := range special {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// ownFor is how long the list of this machine's addresses is good for. They
// change when a cable is pulled.
const ownFor = 10 * time.Second

// own knows this machine's addresses.
type own struct {
	mu    sync.Mutex // guards all below
	read  time.Time
	addrs map[netip.Addr]bool
}

func (o *own) has(ip netip.Addr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.addrs == nil || time.Since(o.read) > ownFor {
		o.read, o.addrs = time.Now(), map[netip.Addr]bool{}
		nets, _ := net.InterfaceAddrs() // none: the special ones are refused all the same
		for _, n := range nets {
			if p, err := netip.ParsePrefix(n.String()); err == nil {
				o.addrs[p.Addr().Unmap().WithZone("")] = true
			}
		}
	}
	return o.addrs[ip]
}

// mayRelay reports whether clients may send to an address at all. At this
// relay's own public address they reach only each other's allocations: see
// allocation.toPeer.
func (s *Server) mayRelay(ip netip.Addr) bool {
	return ip.IsValid() && (s.cfg.AllowPrivate || s.isPublic(ip) || !isSpecial(ip) && !s.own.has(ip))
}

// isPublic reports whether relayed ports of this server are at an address.
func (s *Server) isPublic(ip netip.Addr) bool {
	for _, p := range s.public {
		if p == ip {
			return true
		}
	}
	return false
}

// maxRoutes bounds the permissions and channels of a client together: the
// library holds a timer for each, and to add one costs more the more there are.
// ICE needs one or two for every candidate of the other side.
const maxRoutes = 512

// A source is where a client is.
type source struct {
	at     netip.AddrPort
	stream bool
}

func sourceOf(addr net.Addr) source {
	at, _ := addrPort(addr)
	_, stream := addr.(*net.TCPAddr)
	return source{at, stream}
}

// count counts permissions and channels of a client.
func (s *Server) count(src net.Addr, n int) {
	who := sourceOf(src)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.routes[who] += n; s.routes[who] <= 0 {
		delete(s.routes, who)
	}
}

// permit is asked by pion/turn for each permission and channel, also when one
// is to last longer.
func (s *Server) permit(src net.Addr, peer net.IP) bool {
	ip, _ := netip.AddrFromSlice(peer)
	if !s.mayRelay(ip.Unmap()) {
		s.counts.refusedPeers.Add(1)
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.routes[sourceOf(src)] >= maxRoutes {
		s.counts.overQuota.Add(1)
		return false
	}
	return true
}
