package session

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"kith"
	"kith/link"
	"kith/seal"
)

// Config says who an endpoint is.
type Config struct {
	Device  ed25519.PrivateKey
	Account kith.AccountID
	Cert    []byte // the account's certification of the device; see seal.CertifyDevice
	Port    int    // for UDP on IPv4 and IPv6; 0: any
	// Loopback counts 127.0.0.1 and ::1 among the addresses even if the
	// machine has others, for several nodes on one machine.
	Loopback bool
	Log      *slog.Logger // nil: no log
}

const (
	closeTimeout = 400 * time.Millisecond
	maxBacklog   = 32 // links that came and were not accepted yet
)

// An Incoming is a link that somebody else asked for, and the door by which
// they came. If the door names an account, it is the peer's.
type Incoming struct {
	Link link.Link
	Door Door
}

// An Endpoint is one UDP port from which links go out and to which they come.
// Its methods may be called from any goroutine.
type Endpoint struct {
	cfg      Config
	log      *slog.Logger
	tls      *tls.Config // of links that this side begins
	guard    *guard
	v4, v6   *branch // one may be nil
	incoming chan Incoming
	unproven chan struct{} // a token for each lane that came and has no link yet
	done     chan struct{}
	patience time.Duration  // probePatience, less in tests
	beat     time.Duration  // relayBeat, less in tests
	deafness time.Duration  // deafLink, less in tests
	pace     time.Duration  // lanePace, more in tests
	eager    bool           // lanes are opened without losses, in tests
	accepts  sync.WaitGroup // of the goroutines that accept
	silent   atomic.Bool    // no server answered over UDP when they were asked last

	mu        sync.Mutex // guards all below
	closed    bool
	links     map[*quicLink]struct{}
	offerings map[*Offering]struct{}
	ice       ICEConfig
	tcp       *tcpPort         // while there are offerings; nil otherwise
	mapping   []netip.AddrPort // see SetMappings
}

// A branch is the endpoint in one address family.
type branch struct {
	socket    *socket
	transport *quic.Transport
	listener  *quic.Listener
}

// Listen opens an endpoint. Until SetDoors it answers nobody. An error is of
// kind kith.Conflict if the port is taken.
func Listen(cfg Config) (*Endpoint, error) {
	tlsConfig, err := seal.TLSConfig(cfg.Device, cfg.Account, cfg.Cert)
	if err != nil {
		return nil, err
	}
	c4, c6, err := listenUDP(cfg.Port)
	if err != nil {
		return nil, err
	}
	e := &Endpoint{
		cfg:       cfg,
		log:       cfg.Log,
		tls:       tlsConfig,
		guard:     newGuard(),
		incoming:  make(chan Incoming, maxBacklog),
		unproven:  make(chan struct{}, maxUnproven),
		done:      make(chan struct{}),
		patience:  probePatience,
		beat:      relayBeat,
		deafness:  deafLink,
		pace:      lanePace,
		links:     make(map[*quicLink]struct{}),
		offerings: make(map[*Offering]struct{}),
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	for _, b := range []struct {
		to   **branch
		conn *net.UDPConn
	}{{&e.v4, c4}, {&e.v6, c6}} {
		if b.conn == nil {
			continue
		}
		if *b.to, err = e.newBranch(b.conn); err != nil {
			e.Close(link.Goodbye)
			return nil, err
		}
	}
	return e, nil
}

func (e *Endpoint) newBranch(c *net.UDPConn) (*branch, error) {
	b := &branch{socket: newSocket(c, e.guard)}
	b.transport = &quic.Transport{
		Conn:                             b.socket,
		ConnectionIDLength:               8,    // 4, the default, could be guessed
		DisableVersionNegotiationPackets: true, // and no StatelessResetKey: silence
		ConnContext:                      e.entering,
	}
	var err error
	if b.listener, err = e.listen(b.transport); err != nil {
		c.Close()
		return nil, kith.Errorf(kith.Internal, "listen for links on %v: %w", c.LocalAddr(), err)
	}
	e.accepts.Go(func() { e.acceptLoop(b) })
	return b, nil
}

// listen takes links, and lanes of links. Which of the two a connection is to
// be is not known when it begins, but who may open lanes is. From there a link
// would get the narrower windows.
func (e *Endpoint) listen(t *quic.Transport) (*quic.Listener, error) {
	cfg := quicConfig()
	cfg.GetConfigForClient = func(info *quic.ClientInfo) (*quic.Config, error) {
		if udp, ok := info.RemoteAddr.(*net.UDPAddr); ok && e.guard.granted(plain(udp.AddrPort())) {
			return laneConfig(), nil
		}
		return quicConfig(), nil
	}
	return t.Listen(speaking(e.tls, seal.ALPN, seal.LaneALPN), cfg)
}

// entryKey is under which the context of an incoming connection holds the
// entry of its address when it began.
type entryKey struct{}

func (e *Endpoint) entering(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	udp, ok := info.RemoteAddr.(*net.UDPAddr)
	if !ok {
		return nil, errors.New("not UDP")
	}
	return context.WithValue(ctx, entryKey{}, e.guard.entryOf(plain(udp.AddrPort()))), nil
}

func (e *Endpoint) acceptLoop(b *branch) {
	for {
		conn, err := b.listener.Accept(context.Background())
		if err != nil {
			return // closed
		}
		e.arrived(conn)
	}
}

// arrived checks who came by which door, or for which offering.
func (e *Endpoint) arrived(conn *quic.Conn) {
	if isLane(conn) {
		e.laneArrived(conn)
		return
	}
	entry, _ := conn.Context().Value(entryKey{}).(entry)
	if o := entry.offering; o != nil {
		if o.arrived(conn, nil) {
			return
		}
		if len(entry.doors) == 0 {
			e.log.Debug("link refused: its offer is over, or another device made it", "from", conn.RemoteAddr())
			refuse(conn)
			return
		}
	}
	l, err := e.newLink(conn, nil, false, link.Path{Way: "direct", Kind: "direct"}, nil)
	if err != nil {
		e.log.Debug("link refused", "from", conn.RemoteAddr(), "err", err)
		return
	}
	door, ok := e.guard.doorFor(entry.doors, l.peer.Account)
	if !ok {
		e.log.Debug("link refused: came by a door of somebody else, or by one that is gone", "from", conn.RemoteAddr(), "peer", l.peer.Account)
		l.Close(link.Violation)
		return
	}
	select {
	case e.incoming <- Incoming{l, door}:
	case <-e.done:
	default:
		e.log.Warn("link refused: too many were not accepted yet", "peer", l.peer.Account)
		l.Close(link.Goodbye)
	}
}

// Accept waits for a link that somebody else asks for.
func (e *Endpoint) Accept(ctx context.Context) (Incoming, error) {
	select {
	case in := <-e.incoming:
		return in, nil
	case <-ctx.Done():
		return Incoming{}, ctx.Err()
	case <-e.done:
		return Incoming{}, errClosed()
	}
}

func errClosed() error {
	return kith.Errorf(kith.Conflict, "the network endpoint is closed")
}

// SetDoors replaces all doors. With none, nobody finds the endpoint: it is
// absolutely silent. Links that stand are not touched.
func (e *Endpoint) SetDoors(doors []Door) { e.guard.setDoors(doors) }

// Close says goodbye with the reason on all links and gives the port back. It
// takes at most half a second.
func (e *Endpoint) Close(reason link.Reason) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	close(e.done)
	var links []*quicLink
	for l := range e.links {
		links = append(links, l)
	}
	var offerings []*Offering
	for o := range e.offerings {
		offerings = append(offerings, o)
	}
	e.mu.Unlock()

	e.guard.setDoors(nil)
	var wg sync.WaitGroup
	for _, b := range e.branches() {
		b.socket.parting.Store(true)
	}
	for _, l := range links {
		wg.Go(func() { l.Close(reason) })
	}
	for _, o := range offerings {
		wg.Go(o.Close)
	}
	within(closeTimeout, wg.Wait)
	for _, b := range e.branches() {
		wg.Go(func() {
			b.transport.Close()
			b.socket.Close()
		})
	}
	within(closeTimeout/4, func() {
		wg.Wait()
		e.accepts.Wait()
	})
	return nil
}

// within runs f and waits for it, but not longer than d.
func within(d time.Duration, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

func (e *Endpoint) branches() []*branch {
	return slices.DeleteFunc([]*branch{e.v4, e.v6}, func(b *branch) bool { return b == nil })
}

// branchFor is the branch from which an address is reached, or nil.
func (e *Endpoint) branchFor(addr netip.Addr) *branch {
	if addr.Is4() {
		return e.v4
	}
	return e.v6
}
