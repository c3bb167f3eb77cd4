package relay

import (
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/pion/turn/v5"
	"golang.org/x/time/rate"

	"kith"
)

// portTries is how often a free port is looked for among those allowed.
const portTries = 32

// A generator makes relayed addresses for the library.
type generator struct{ s *Server }

var (
	errNoTCP    = kith.Errorf(kith.Forbidden, "this relay carries UDP only: a relayed TCP connection (RFC 6062) is refused")
	errQuota    = kith.Errorf(kith.Full, "the relay has no relayed address left for this user")
	errNoFamily = kith.Errorf(kith.Invalid, "the relay has no public address of this family")
)

// Validate is asked once.
func (g generator) Validate() error { return nil }

// AllocateListener refuses: nothing of Kith needs it.
func (g generator) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errNoTCP
}

// AllocateConn refuses: nothing of Kith needs it.
func (g generator) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errNoTCP }

// AllocatePacketConn opens a relayed address and counts it to its user.
func (g generator) AllocatePacketConn(ask turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	s := g.s
	public, ok := s.publicOf(ask.Network)
	if !ok {
		return nil, nil, errNoFamily
	}
	limit, err := s.reserve(ask.UserID)
	if err != nil {
		return nil, nil, err
	}
	sock, err := s.bind(ask.Network, s.local[public], ask.RequestedPort)
	if err != nil {
		s.giveBack(ask.UserID)
		return nil, nil, err
	}
	port := sock.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	a := &allocation{s: s, user: ask.UserID, relayed: netip.AddrPortFrom(public, port), sock: sock, limit: limit}
	a.routes.Store(newRoutes())
	s.mu.Lock()
	s.relayed[a.relayed] = a
	s.mu.Unlock()
	return a, net.UDPAddrFromAddrPort(a.relayed), nil
}

func (s *Server) publicOf(network string) (netip.Addr, bool) {
	for _, ip := range s.public {
		if ip.Is6() == (network == "udp6") {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// bind opens a port of those allowed: the one asked for, or any.
func (s *Server) bind(network string, at netip.Addr, port int) (*socket, error) {
	low, high := int(s.cfg.MinPort), int(s.cfg.MaxPort)
	if port != 0 && (port < low || port > high) {
		return nil, kith.Errorf(kith.Invalid, "port %d is not one of the relay's", port)
	}
	var last error
	for range portTries {
		p := port
		if p == 0 {
			p = low + rand.IntN(high-low+1)
		}
		sock, err := listenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, uint16(p))), 1<<20)
		if err == nil {
			return sock, nil
		}
		if last = err; port != 0 {
			break
		}
	}
	return nil, kith.Errorf(kith.Full, "find a free port for a relayed address: %w", last)
}

// mayAllocate is asked by the library first, so that the client hears what is
// the matter.
func (s *Server) mayAllocate(name, _ string, _ net.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok := s.roomFor(name)
	if !ok {
		s.counts.overQuota.Add(1)
	}
	return ok
}

// roomFor reports whether a user may have one more. The caller holds the lock.
func (s *Server) roomFor(name string) bool {
	u := s.users[name]
	return !s.closing && len(s.relayed) < s.cfg.MaxAllocations && (u == nil || u.allocations < s.cfg.PerUser)
}

// reserve counts an allocation to its user, and gives the limit of what is
// carried for them.
func (s *Server) reserve(name string) (*rate.Limiter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.roomFor(name) {
		return nil, errQuota
	}
	u := s.users[name]
	if u == nil {
		u = &user{}
		if n := s.cfg.UserRate; n > 0 {
			u.limit = rate.NewLimiter(rate.Limit(n), max(n, 2*maxPacket))
		}
		s.users[name] = u
	}
	u.allocations++
	return u.limit, nil
}

func (s *Server) giveBack(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave(name)
}

// leave takes an allocation from a user's count. The caller holds the lock.
func (s *Server) leave(name string) {
	if u := s.users[name]; u != nil {
		if u.allocations--; u.allocations == 0 {
			delete(s.users, name)
		}
	}
}

// forget is called once for each allocation that ends.
func (s *Server) forget(a *allocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.relayed[a.relayed] != a {
		return
	}
	delete(s.relayed, a.relayed)
	s.leave(a.user)
	s.counts.keep(a)
	if s.closing && len(s.relayed) == 0 {
		s.isIdle.Do(func() { close(s.idle) })
	}
}

// events keeps the routes of allocations as the library has them.
func (s *Server) events() turn.EventHandler {
	find := func(relayed net.Addr) *allocation {
		at, _ := addrPort(relayed)
		return s.relayedAt(at)
	}
	return turn.EventHandler{
		OnAllocationCreated: func(src, dst net.Addr, _, _, _ string, relayed net.Addr, _ int) {
			a, c := find(relayed), s.clientAt(src, dst)
			if a == nil || c == nil {
				return
			}
			a.change(func(r *routes) { r.client = c })
			c.hold(a)
			s.counts.allocated.Add(1)
		},
		OnPermissionCreated: func(src, _ net.Addr, _, _, _ string, relayed net.Addr, peer net.IP) {
			s.count(src, 1)
			if a := find(relayed); a != nil {
				ip, _ := netip.AddrFromSlice(peer)
				a.change(func(r *routes) { r.permitted[ip.Unmap()] = true })
			}
		},
		OnPermissionDeleted: func(src, _ net.Addr, _, _, _ string, relayed net.Addr, peer net.IP) {
			s.count(src, -1)
			if a := find(relayed); a != nil {
				ip, _ := netip.AddrFromSlice(peer)
				a.change(func(r *routes) { delete(r.permitted, ip.Unmap()) })
			}
		},
		OnChannelCreated: func(src, _ net.Addr, _, _, _ string, relayed, peer net.Addr, number uint16) {
			s.count(src, 1)
			at, ok := addrPort(peer)
			if a := find(relayed); a != nil && ok {
				a.change(func(r *routes) { r.byNumber[number], r.byPeer[at] = at, number })
			}
		},
		OnChannelDeleted: func(src, _ net.Addr, _, _, _ string, relayed, peer net.Addr, number uint16) {
			s.count(src, -1)
			at, _ := addrPort(peer)
			if a := find(relayed); a != nil {
				a.change(func(r *routes) { delete(r.byNumber, number); delete(r.byPeer, at) })
			}
		},
	}
}

// clientAt finds the client at the other end of one of our sockets.
func (s *Server) clientAt(src, dst net.Addr) client {
	remote, _ := addrPort(src)
	local, _ := addrPort(dst)
	if _, isStream := src.(*net.TCPAddr); isStream {
		return s.streams.find(ends{remote, local})
	}
	for _, f := range s.fronts {
		if at, _ := addrPort(f.LocalAddr()); at == local {
			return &datagramClient{f, remote}
		}
	}
	return nil
}
