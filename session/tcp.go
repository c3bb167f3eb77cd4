package session

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v4"

	"kith/wire"
)

const (
	maxStrangers   = 32 // TCP connections that have not said which offering they are for
	maxStreamLegs  = 8  // TCP connections of one offering
	firstFrame     = 3 * time.Second
	streamPatience = 5 * time.Second // to connect, and to get rid of a datagram
	maxFirstFrame  = 512             // bytes; a check has about 120
)

// A tcpPort listens for TCP connections of ICE (RFC 6544), at the number of the
// UDP port if that is free. It is open only as long as there are offerings; who
// connects and does not hold the key of one of them hears nothing.
type tcpPort struct {
	endpoint  *Endpoint
	listeners []*net.TCPListener
	strangers chan struct{} // a token for each

	users int // guarded by the endpoint's mu
}

// openTCP opens the TCP port, or takes part in its use. It gives nil if there
// is none to be had.
func (e *Endpoint) openTCP() *tcpPort {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tcp != nil {
		e.tcp.users++
		return e.tcp
	}
	p := &tcpPort{endpoint: e, strangers: make(chan struct{}, maxStrangers), users: 1}
	for _, b := range e.branches() {
		network := "tcp6"
		if b.socket.is4() {
			network = "tcp4"
		}
		l, err := net.ListenTCP(network, &net.TCPAddr{Port: int(b.socket.port())})
		if err != nil {
			l, err = net.ListenTCP(network, nil)
		}
		if err != nil {
			e.log.Debug("no TCP port for offers", "err", err)
			continue
		}
		p.listeners = append(p.listeners, l)
		go p.listen(l)
	}
	if len(p.listeners) == 0 {
		return nil
	}
	e.tcp = p
	return p
}

// release gives the port back when nobody uses it.
func (p *tcpPort) release() {
	p.endpoint.mu.Lock()
	defer p.endpoint.mu.Unlock()
	if p.users--; p.users > 0 {
		return
	}
	p.endpoint.tcp = nil
	for _, l := range p.listeners {
		l.Close()
	}
}

// candidate is where an address of the machine takes TCP connections.
func (p *tcpPort) candidate(addr netip.Addr) (c wire.Candidate, ok bool) {
	for _, l := range p.listeners {
		own := plain(l.Addr().(*net.TCPAddr).AddrPort())
		if own.Addr().Is4() == addr.Is4() {
			return wire.Candidate{Transport: wire.CandidateTCPPassive, Addr: netip.AddrPortFrom(addr, own.Port())}, true
		}
	}
	return c, false
}

func (p *tcpPort) listen(l *net.TCPListener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // closed
		}
		select {
		case p.strangers <- struct{}{}:
			go func() {
				p.welcome(conn)
				<-p.strangers
			}()
		default:
			conn.Close()
		}
	}
}

// welcome takes a connection that begins with a check of an open offering.
func (p *tcpPort) welcome(conn net.Conn) {
	conn.SetReadDeadline(time.Now().Add(firstFrame))
	f := newFramed(conn)
	first := make([]byte, maxFirstFrame)
	n, _, err := f.ReadFrom(first)
	var m stun.Message
	if err != nil || classify(first[:n]) != packetSTUN || stun.Decode(first[:n], &m) != nil || m.Type != stun.BindingRequest {
		conn.Close()
		return
	}
	username, _ := m.Get(stun.AttrUsername)
	own, _, _ := bytes.Cut(username, []byte{':'})
	g := p.endpoint.guard
	g.mu.Lock()
	o := g.offerings[string(own)]
	g.mu.Unlock()
	if o == nil || o.ice.RelayOnly || !o.limiter.Allow() || o.integrity.Check(&m) != nil {
		conn.Close()
		return
	}
	conn.SetReadDeadline(time.Time{})
	f.first = first[:n]
	o.addStream(f)
}

// dialStream connects to a candidate of the other side.
func (o *Offering) dialStream(to netip.AddrPort) {
	dialer := net.Dialer{Timeout: streamPatience}
	conn, err := dialer.DialContext(o.ctx, "tcp", to.String())
	if err != nil {
		o.endpoint.log.Debug("no TCP connection for an offer", "to", to, "err", err)
		return
	}
	o.addStream(newFramed(conn))
}

// addStream makes a leg of a TCP connection.
func (o *Offering) addStream(f *framed) {
	remote := plain(f.peer.AddrPort())
	l := &leg{
		stream: true,
		only:   remote,
		local:  plain(f.LocalAddr().(*net.TCPAddr).AddrPort()),
		send:   func(p []byte, _ netip.AddrPort) { f.WriteTo(p, nil) },
	}
	if err := o.ownLeg(l, f); err != nil {
		o.endpoint.log.Debug("no link over TCP", "err", err)
		return
	}
	o.addLeg(l)
}

// A framed is a TCP connection that carries datagrams, each after its length
// in two bytes (RFC 4571).
type framed struct {
	net.Conn
	peer  *net.UDPAddr
	in    *bufio.Reader
	first []byte // was read before the others

	mu sync.Mutex // of who writes
}

func newFramed(c net.Conn) *framed {
	const room = 4 << 10
	return &framed{
		Conn: c,
		peer: net.UDPAddrFromAddrPort(plain(c.RemoteAddr().(*net.TCPAddr).AddrPort())),
		in:   bufio.NewReaderSize(c, room),
	}
}

// ReadFrom reads the next datagram.
func (f *framed) ReadFrom(p []byte) (int, net.Addr, error) {
	if f.first != nil {
		n := copy(p, f.first)
		f.first = nil
		return n, f.peer, nil
	}
	var head [2]byte
	if _, err := io.ReadFull(f.in, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(binary.BigEndian.Uint16(head[:]))
	if size > len(p) {
		if _, err := f.in.Discard(size); err != nil {
			return 0, nil, err
		}
		return 0, nil, io.ErrShortBuffer
	}
	n, err := io.ReadFull(f.in, p[:size])
	return n, f.peer, err
}

// WriteTo writes a datagram. When that fails the connection is closed, for
// nobody can tell any more where the next one begins.
func (f *framed) WriteTo(p []byte, _ net.Addr) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(p)), uint16(len(p)))
	f.SetWriteDeadline(time.Now().Add(streamPatience))
	if _, err := f.Write(append(b, p...)); err != nil {
		f.Close()
		return 0, err
	}
	return len(p), nil
}

// startStreams connects to the other side's TCP candidates, when UDP has had
// its chance.
func (o *Offering) startStreams(ctx context.Context) {
	late := lateStreams
	if o.endpoint.silent.Load() {
		late = 0
	}
	timer := time.NewTimer(late)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	dialled := make(map[netip.AddrPort]bool)
	for {
		o.mu.Lock()
		var todo []netip.AddrPort
		if !o.directLocked() {
			for _, c := range o.remotes {
				if c.Transport == wire.CandidateTCPPassive && !dialled[c.Addr] && len(dialled) < maxStreamLegs {
					dialled[c.Addr] = true
					todo = append(todo, c.Addr)
				}
			}
		}
		added := o.added
		o.mu.Unlock()
		for _, to := range todo {
			go o.dialStream(to)
		}
		select {
		case <-added:
		case <-ctx.Done():
			return
		}
	}
}
