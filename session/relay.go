package session

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/turn/v5"

	"kith"
)

const (
	maxPermits  = 64 // addresses that one relay is opened to
	permitRetry = 2 * time.Second
	maxHeld     = 16 // datagrams that wait for one permission
)

// A relay is an allocation at a TURN server (RFC 8656): what is sent through it
// leaves from an address of the server.
type relay struct {
	net.PacketConn // between that address and others
	client         *turn.Client
	base           net.PacketConn // to the server
	closing        sync.Once

	mu      sync.Mutex // guards permits
	permits map[netip.Addr]*permit
}

// A permit is the server's permission to exchange datagrams with an address.
type permit struct {
	open    bool
	held    []held    // what waits for it, in order
	asking  bool      // somebody waits for the server's word
	refused time.Time // when it said no
}

// A held is a datagram that waits.
type held struct {
	p  []byte
	to netip.AddrPort
}

// allocate gets a relay from a server. It waits until ctx ends.
func (e *Endpoint) allocate(ctx context.Context, s server, roots *x509.CertPool) (*relay, error) {
	base, to, dead, err := e.dialTURN(ctx, s, roots)
	if err != nil {
		return nil, kith.Errorf(kith.Unreachable, "reach the TURN server %v: %w", s, err)
	}
	client, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: to.String(),
		Username:       s.username,
		Password:       s.password,
		Conn:           base,
		LoggerFactory:  pionLog{e.log},
		// Nearly everybody whom a relay has to reach has IPv4.
		RequestedAddressFamily: turn.RequestedAddressFamilyIPv4,
	})
	if err != nil {
		base.Close()
		return nil, kith.Errorf(kith.Internal, "prepare a relay: %w", err)
	}
	stop := context.AfterFunc(ctx, func() {
		client.Close()
		base.Close()
	})
	var conn net.PacketConn
	if err = client.Listen(); err == nil {
		conn, err = client.Allocate()
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		client.Close()
		base.Close()
		return nil, kith.Errorf(kith.Unreachable, "get a relay from the TURN server %v: %w", s, err)
	}
	r := &relay{PacketConn: conn, client: client, base: base, permits: make(map[netip.Addr]*permit)}
	if dead != nil {
		// Nothing else would tell whoever reads from the relay.
		context.AfterFunc(dead, func() { r.Close() })
	}
	return r, nil
}

// dialTURN connects to a server. dead, if it is not nil, ends with the
// connection.
func (e *Endpoint) dialTURN(ctx context.Context, s server, roots *x509.CertPool) (base net.PacketConn, to netip.AddrPort, dead context.Context, err error) {
	if s.network == "udp" {
		addrs, err := e.resolve(ctx, s)
		if err != nil {
			return nil, to, nil, err
		}
		to = addrs[0]
		network := "udp4"
		if to.Addr().Is6() {
			network = "udp6"
		}
		base, err = net.ListenPacket(network, "")
		return base, to, nil, err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", joinPort(s.host, s.port))
	if err != nil {
		return nil, to, nil, err
	}
	to = plain(conn.RemoteAddr().(*net.TCPAddr).AddrPort())
	if s.network == "tls" {
		secure := tls.Client(conn, &tls.Config{ServerName: s.host, RootCAs: roots, MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, to, nil, err
		}
		conn = secure
	}
	dead, died := context.WithCancel(context.Background())
	return turn.NewSTUNConn(&mortalConn{conn, died}), to, dead, nil
}

// A mortalConn tells when it can't be used any more.
type mortalConn struct {
	net.Conn
	died func()
}

func (c *mortalConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.died()
	}
	return n, err
}

// Write gives up, and the connection with it, when the server takes nothing any
// more: whoever sends does not wait for it.
func (c *mortalConn) Write(p []byte) (int, error) {
	c.SetWriteDeadline(time.Now().Add(streamPatience))
	n, err := c.Conn.Write(p)
	if err != nil {
		c.Close()
	}
	return n, err
}

// Close gives the relay back.
func (r *relay) Close() (err error) {
	r.closing.Do(func() {
		err = r.PacketConn.Close()
		r.client.Close()
		r.base.Close()
	})
	return err
}

// WriteTo is send for QUIC.
func (r *relay) WriteTo(p []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, net.InvalidAddrError("not an address of UDP")
	}
	r.send(p, plain(udp.AddrPort()))
	return len(p), nil
}

// send sends a datagram. The first to an address waits for the server's
// permission, on its own, and those that come meanwhile wait with it.
func (r *relay) send(p []byte, to netip.AddrPort) {
	r.mu.Lock()
	w := r.permits[to.Addr()]
	if w == nil {
		if len(r.permits) >= maxPermits {
			r.mu.Unlock()
			return
		}
		w = new(permit)
		r.permits[to.Addr()] = w
	}
	if w.open {
		r.mu.Unlock()
		r.PacketConn.WriteTo(p, net.UDPAddrFromAddrPort(to))
		return
	}
	defer r.mu.Unlock()
	if time.Since(w.refused) < permitRetry || len(w.held) >= maxHeld {
		return
	}
	w.held = append(w.held, held{bytes.Clone(p), to})
	if !w.asking {
		w.asking = true
		go r.permit(w)
	}
}

// permit asks for a permission, by sending what waits for it. The client asks
// when it sends the first datagram to an address.
func (r *relay) permit(w *permit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(w.held) > 0 {
		next := w.held[0]
		w.held = w.held[1:]
		r.mu.Unlock()
		_, err := r.PacketConn.WriteTo(next.p, net.UDPAddrFromAddrPort(next.to))
		r.mu.Lock()
		if err != nil {
			w.held, w.refused, w.asking = nil, time.Now(), false
			return
		}
	}
	w.open, w.asking = true, false
}

// addRelay gathers the address of a relay.
func (o *Offering) addRelay(ctx context.Context, s server) error {
	r, err := o.endpoint.allocate(ctx, s, o.ice.Roots)
	if err != nil {
		return err
	}
	local := plain(r.LocalAddr().(*net.UDPAddr).AddrPort())
	is4 := local.Addr().Is4()
	l := &leg{
		relayed: true,
		stream:  s.network != "udp",
		family:  func(a netip.Addr) bool { return a.Is4() == is4 },
		local:   local,
		send:    r.send,
	}
	if err := o.ownLeg(l, r); err != nil {
		return kith.Errorf(kith.Internal, "use a relay: %w", err)
	}
	o.addLeg(l)
	return nil
}
