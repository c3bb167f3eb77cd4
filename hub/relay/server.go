package relay

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"github.com/pion/turn/v5"
	"golang.org/x/time/rate"

	"kith"
)

// A Server is a running relay.
type Server struct {
	cfg    Config
	log    *slog.Logger
	public []netip.Addr
	local  map[netip.Addr]netip.Addr // where a public address's sockets are bound
	urls   []string
	port   uint16
	own    own
	counts counts

	turn    *turn.Server
	fronts  []*front
	tcp     []net.Listener
	streams *streams
	workers sync.WaitGroup

	mu      sync.RWMutex // guards all below
	relayed map[netip.AddrPort]*allocation
	users   map[string]*user
	routes  map[source]int // permissions and channels of clients
	closing bool
	idle    chan struct{} // closed when closing and no allocation is left
	isIdle  sync.Once
}

// A user has a quota.
type user struct {
	allocations int
	limit       *rate.Limiter // nil: none
}

// Start begins to serve STUN and TURN. A nil log is none.
func Start(cfg Config, log *slog.Logger) (*Server, error) {
	cfg = cfg.withDefaults()
	if log == nil {
		log = discard
	}
	s := &Server{
		cfg: cfg, log: log, local: map[netip.Addr]netip.Addr{},
		relayed: map[netip.AddrPort]*allocation{}, users: map[string]*user{}, routes: map[source]int{}, idle: make(chan struct{}),
	}
	if cfg.MinPort > cfg.MaxPort {
		return nil, kith.Errorf(kith.Invalid, "the relay's ports end at %d before they begin at %d: give min_port a lower number than max_port", cfg.MaxPort, cfg.MinPort)
	}
	if err := s.findAddresses(); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		s.closeSockets()
		return nil, err
	}
	host := cfg.Host
	if host == "" {
		host = s.public[0].String()
	}
	s.urls = urlsOf(host, s.port, cfg.TLSPort)
	var err error
	if s.turn, err = turn.NewServer(s.library()); err != nil {
		s.closeSockets()
		return nil, kith.Errorf(kith.Internal, "start the relay: %w", err)
	}
	for _, l := range s.tcp {
		s.workers.Go(func() { s.streams.listen(l) })
	}
	return s, nil
}

// findAddresses sees to it that the relay knows what addresses to give out.
func (s *Server) findAddresses() error {
	for _, ip := range s.cfg.Public {
		ip = ip.Unmap().WithZone("")
		if !ip.IsValid() || ip.IsUnspecified() {
			return kith.Errorf(kith.Invalid, "%q is no public address for the relay: give the one at which the world reaches this machine", ip)
		}
		for _, p := range s.public {
			if p.Is4() == ip.Is4() {
				return kith.Errorf(kith.Invalid, "the relay has the public addresses %s and %s: give at most one IPv4 and one IPv6 address", p, ip)
			}
		}
		s.public = append(s.public, ip)
	}
	if len(s.public) == 0 {
		// Nothing is sent: these are addresses of documentation.
		for _, far := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} {
			if conn, err := net.Dial("udp", far); err == nil {
				if at, ok := addrPort(conn.LocalAddr()); ok && !at.Addr().IsLinkLocalUnicast() {
					s.public = append(s.public, at.Addr().WithZone(""))
				}
				conn.Close()
			}
		}
	}
	if len(s.public) == 0 {
		return kith.Errorf(kith.Unreachable, "this machine has no way into a network: give the relay's public address in the configuration")
	}
	for _, ip := range s.public {
		s.local[ip] = netip.IPv4Unspecified()
		if ip.Is6() {
			s.local[ip] = netip.IPv6Unspecified()
		}
		if s.own.has(ip) {
			s.local[ip] = ip
		}
	}
	return nil
}

// open opens the sockets that clients speak to.
func (s *Server) open() error {
	fail := func(err error) error {
		return kith.Errorf(kith.Unreachable, "the relay can't listen at %s: %w. Is another relay running, or does the address belong to another machine?", s.cfg.Listen, err)
	}
	host, _, err := net.SplitHostPort(s.cfg.Listen)
	if err != nil {
		return fail(err)
	}
	l, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fail(err)
	}
	s.tcp = append(s.tcp, l)
	s.streams = newStreams(s, l.Addr())
	s.port = uint16(l.Addr().(*net.TCPAddr).Port)
	// One socket for each family, so that an address has one form on each.
	at := map[string]*net.UDPAddr{"udp4": {Port: int(s.port)}, "udp6": {Port: int(s.port)}}
	if host != "" {
		addr, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, strconv.Itoa(int(s.port))))
		if err != nil {
			return fail(err)
		}
		delete(at, "udp4")
		if addr.IP.To4() != nil {
			at = map[string]*net.UDPAddr{"udp4": addr}
		} else {
			at["udp6"] = addr
		}
	}
	for _, network := range slices.Sorted(maps.Keys(at)) {
		conn, err := listenUDP(network, at[network], 4<<20)
		if err != nil && len(s.fronts) > 0 {
			s.log.Info("the relay does without IPv6", "error", err)
			continue
		}
		if err != nil {
			return fail(err)
		}
		s.fronts = append(s.fronts, &front{socket: conn, s: s, clients: map[netip.AddrPort]*allocation{}})
	}
	return nil
}

// library is how pion/turn is told about all this.
func (s *Server) library() turn.ServerConfig {
	_, has4 := s.publicOf("udp4")
	cfg := turn.ServerConfig{
		// Who comes by IPv6 and asks for no family gets IPv4 (RFC 8656, section
		// 7.2), and with it everybody who has only that.
		StrictAddressFamily: has4,

		Realm: s.cfg.Realm, AuthHandler: s.authenticate, QuotaHandler: s.mayAllocate, EventHandler: s.events(),
		LoggerFactory: quiet{s.log}, InboundMTU: maxPacket + channelHeader,
		ListenerConfigs: []turn.ListenerConfig{{Listener: s.streams, RelayAddressGenerator: generator{s}, PermissionHandler: s.permit}},
	}
	for _, f := range s.fronts {
		cfg.PacketConnConfigs = append(cfg.PacketConnConfigs, turn.PacketConnConfig{
			PacketConn: f, RelayAddressGenerator: generator{s}, PermissionHandler: s.permit,
		})
	}
	return cfg
}

// Close stops to give out relayed addresses, waits until the last is given back
// or ctx ends, and closes everything.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closing {
		s.closing = true
		if len(s.relayed) == 0 {
			s.isIdle.Do(func() { close(s.idle) })
		}
	}
	s.mu.Unlock()
	select {
	case <-s.idle:
	case <-ctx.Done():
	}
	err := s.closeSockets()
	s.workers.Wait()
	for _, a := range s.allocations() {
		a.Close()
	}
	return err
}

func (s *Server) closeSockets() error {
	var errs []error
	for _, l := range s.tcp {
		errs = append(errs, l.Close())
	}
	if s.streams != nil {
		errs = append(errs, s.streams.Close())
	}
	for _, f := range s.fronts {
		errs = append(errs, f.Close())
	}
	for i, err := range errs {
		if errors.Is(err, net.ErrClosed) {
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}

// Port is the one at which clients are served, UDP and TCP.
func (s *Server) Port() uint16 { return s.port }

// relayedAt gives the allocation of a relayed address.
func (s *Server) relayedAt(at netip.AddrPort) *allocation {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.relayed[at]
}

func (s *Server) allocations() (all []*allocation) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, a := range s.relayed {
		all = append(all, a)
	}
	return all
}
