package session

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"slices"

	"github.com/pion/stun/v4"

	"kith"
)

// An ICEServer is a STUN or TURN server, as stun:host:port,
// turn:host:port?transport=udp or tcp, or turns:host:port (RFC 7064, RFC 7065).
type ICEServer struct {
	URL      string
	Username string // for TURN
	Password string
}

// String hides the credentials.
func (s ICEServer) String() string { return s.URL }

// GoString hides the credentials.
func (s ICEServer) GoString() string { return s.URL }

// LogValue hides the credentials.
func (s ICEServer) LogValue() slog.Value { return slog.StringValue(s.URL) }

// ICEConfig says which servers offers may use; with none, they hold the
// addresses of the machine only.
type ICEConfig struct {
	Servers []ICEServer
	// RelayOnly keeps the machine's addresses out of offers: all goes through
	// the TURN servers, and the other side learns theirs only.
	RelayOnly bool
	// Roots are trusted for TURN over TLS; nil: the system's. Begin with
	// x509.SystemCertPool to add to those.
	Roots *x509.CertPool
}

// A server is an ICEServer, parsed.
type server struct {
	turn               bool
	network            string // "udp", "tcp" or "tls"
	host               string
	port               uint16
	username, password string
}

// String hides the credentials.
func (s server) String() string { return joinPort(s.host, s.port) }

// parse reads the servers. An error is of kind kith.Invalid.
func (c ICEConfig) parse() ([]server, error) {
	var servers []server
	for _, s := range c.Servers {
		u, err := stun.ParseURI(s.URL)
		if err != nil || u.Port <= 0 || u.Port > 0xffff {
			return nil, kith.Errorf(kith.Invalid, "%q is not a STUN or TURN server, such as stun:stun.example.org:3478 or turn:turn.example.org?transport=udp: %w", s.URL, err)
		}
		parsed := server{network: "udp", host: u.Host, port: uint16(u.Port), username: s.Username, password: s.Password}
		secure := false
		switch u.Scheme {
		case stun.SchemeTypeTURN, stun.SchemeTypeTURNS:
			parsed.turn = true
			secure = u.Scheme == stun.SchemeTypeTURNS
		case stun.SchemeTypeSTUNS:
			continue // over TLS it can't tell what address UDP has
		}
		if parsed.turn && (s.Username == "" || s.Password == "") {
			return nil, kith.Errorf(kith.Invalid, "the TURN server %q needs a user name and a password", s.URL)
		}
		switch {
		case secure && u.Proto == stun.ProtoTypeUDP:
			return nil, kith.Errorf(kith.Invalid, "TURN over DTLS, as in %q, is not supported: leave transport=udp out to use TLS", s.URL)
		case secure:
			parsed.network = "tls"
		case u.Proto == stun.ProtoTypeTCP:
			parsed.network = "tcp"
		}
		servers = append(servers, parsed)
	}
	if c.RelayOnly && !slices.ContainsFunc(servers, func(s server) bool { return s.turn }) {
		return nil, kith.Errorf(kith.Invalid, "to link through relays only, a TURN server is needed")
	}
	return servers, nil
}

// withoutRelays are the servers that tell by UDP how they see this endpoint.
func withoutRelays(servers []server) []server {
	var list []server
	for _, s := range servers {
		if s.network == "udp" {
			s.turn = false
			list = append(list, s)
		}
	}
	return list
}

// SetICE replaces the servers for the offers that are made from now on. An
// error is of kind kith.Invalid, and then nothing changes.
func (e *Endpoint) SetICE(cfg ICEConfig) error {
	if _, err := cfg.parse(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	cfg.Servers = slices.Clone(cfg.Servers)
	e.ice = cfg
	return nil
}

// resolve gives the server's address in each family in which this machine knows
// a way there.
func (e *Endpoint) resolve(ctx context.Context, s server) (found []netip.AddrPort, err error) {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.host)
	if err != nil {
		return nil, kith.Errorf(kith.Unreachable, "find the address of %s: %w", s.host, err)
	}
	var have4, have6 bool
	for _, a := range addrs {
		a = a.Unmap()
		have := &have6
		if a.Is4() {
			have = &have4
		}
		if to := netip.AddrPortFrom(a, s.port); !*have && e.branchFor(a) != nil && hasRoute(to) {
			*have = true
			found = append(found, to)
		}
	}
	if len(found) == 0 {
		return nil, kith.Errorf(kith.Unreachable, "this machine can't reach an address of %s", s.host)
	}
	return found, nil
}

// hasRoute reports whether this machine knows a way to an address. Connecting
// a UDP socket sends nothing.
func hasRoute(to netip.AddrPort) bool {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return false
	}
	c.Close()
	return true
}
