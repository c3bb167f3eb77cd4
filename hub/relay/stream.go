package relay

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"kith"
	"kith/hub/customer"
)

// magicCookie is in every message of STUN, at its fifth byte (RFC 8489).
const magicCookie = 0x2112a442

const (
	stunHeader = 20
	// streamBuffer is how much is read of a connection at a time, in bytes.
	streamBuffer = 8 << 10
	// streamIdle is how long a connection may be silent. One with an
	// allocation refreshes a permission every few minutes.
	streamIdle = 10 * time.Minute
	// streamStall is how long a client may take no byte of what it is sent.
	streamStall = 10 * time.Second
)

var errNotTURN = kith.Errorf(kith.BadPeer, "what a TURN client sent over a stream is neither a STUN message nor a channel's frame")

// A stream is a client's connection over TCP or TLS. It keeps the frames of
// channels and gives the library everything else, one whole message each Read.
// The library's own framing loops for ever at a message whose length is 65516,
// so none longer than maxPacket gets there.
type stream struct {
	net.Conn
	s     *Server
	in    *bufio.Reader
	frame []byte
	held  atomic.Pointer[allocation]
	once  sync.Once
	free  func() // gives back its place among the streams of its address
}

// Read gives the next message that is not for a channel. b must have room for
// a packet.
func (c *stream) Read(b []byte) (int, error) {
	for {
		if err := c.SetReadDeadline(time.Now().Add(streamIdle)); err != nil {
			return 0, err
		}
		n, err := c.next()
		if err != nil {
			return 0, err
		}
		if !isFrame(c.frame[0]) {
			if len(b) < n {
				return 0, errNotTURN
			}
			return copy(b, c.frame[:n]), nil
		}
		if a := c.held.Load(); a != nil {
			a.fromClient(one{c.s}, c.frame[:n])
		} else {
			c.s.counts.notPermitted.Add(1)
		}
	}
}

// next reads a message or a frame, with its padding.
func (c *stream) next() (int, error) {
	head, err := c.in.Peek(channelHeader)
	if err != nil {
		return 0, err
	}
	n := int(binary.BigEndian.Uint16(head[2:]))
	switch {
	case isFrame(head[0]):
		n = channelHeader + (n+3)&^3
	case head[0]&0xc0 == 0 && n%4 == 0:
		n += stunHeader
		if head, err = c.in.Peek(8); err != nil {
			return 0, err
		}
		if binary.BigEndian.Uint32(head[4:]) != magicCookie {
			return 0, errNotTURN
		}
	default:
		return 0, errNotTURN
	}
	if n > maxPacket {
		return 0, errNotTURN
	}
	for read := 0; read < n; {
		k, err := c.in.Read(c.frame[read:n])
		if err != nil {
			return 0, err
		}
		read += k
	}
	return n, nil
}

// Write sends a message of the library.
func (c *stream) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(streamStall)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if err != nil {
		c.Close() // half a message was sent: nothing after it would be understood
	}
	return n, err
}

// send sends a channel's frame, padded as streams want it.
func (c *stream) send(_ outgoing, b []byte) error {
	if pad := -len(b) & 3; pad > 0 {
		b = append(b, 0, 0, 0)[:len(b)+pad]
	}
	_, err := c.Write(b)
	return err
}

func (c *stream) hold(a *allocation)    { c.held.Store(a) }
func (c *stream) release(a *allocation) { c.held.CompareAndSwap(a, nil) }

// Close ends the connection.
func (c *stream) Close() error {
	c.once.Do(c.free)
	return c.Conn.Close()
}

// streams is the listener of the library: what was accepted on the TCP port,
// and what Split found on others.
type streams struct {
	s     *Server
	ready chan *stream
	done  chan struct{}
	end   sync.Once
	addr  net.Addr

	mu     sync.Mutex // guards all below
	all    map[ends]*stream
	perNet map[netip.Prefix]int
}

// ends are both ends of a connection. A NAT may use one port for two clients if
// they go to two ports of ours.
type ends struct{ remote, local netip.AddrPort }

func newStreams(s *Server, addr net.Addr) *streams {
	return &streams{
		s: s, ready: make(chan *stream), done: make(chan struct{}), addr: addr,
		all: map[ends]*stream{}, perNet: map[netip.Prefix]int{},
	}
}

// listen takes connections of a listener until it is closed.
func (l *streams) listen(from net.Listener) {
	for {
		conn, err := from.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, as a rule: some will be closed
			l.s.log.Warn("the relay can't accept a connection for now", "error", err)
			select {
			case <-l.done:
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		l.take(conn, bufio.NewReaderSize(conn, streamBuffer))
	}
}

// take serves a connection of which in may have read some. It closes one that
// is too many.
func (l *streams) take(conn net.Conn, in *bufio.Reader) {
	remote, isIP := addrPort(conn.RemoteAddr())
	local, _ := addrPort(conn.LocalAddr())
	c := &stream{Conn: conn, s: l.s, in: in, frame: make([]byte, maxPacket)}
	at, where := ends{remote, local}, customer.Of(remote.Addr())
	c.free = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.all, at)
		if l.perNet[where]--; l.perNet[where] <= 0 {
			delete(l.perNet, where)
		}
	}
	l.mu.Lock()
	full := !isIP || l.all[at] != nil || len(l.all) >= l.s.cfg.MaxStreams || l.perNet[where] >= l.s.cfg.PerAddress
	if !full {
		l.all[at] = c
		l.perNet[where]++
	}
	l.mu.Unlock()
	if full {
		l.s.counts.refusedStreams.Add(1)
		conn.Close()
		return
	}
	select {
	case l.ready <- c:
	case <-l.done:
		c.Close()
	}
}

// Accept gives the library its next client.
func (l *streams) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// find gives the client of a connection.
func (l *streams) find(at ends) client {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.all[at]; c != nil {
		return c
	}
	return nil
}

// Addr is the address of the TCP port.
func (l *streams) Addr() net.Addr { return l.addr }

// Close ends the listener and every connection.
func (l *streams) Close() error {
	l.end.Do(func() { close(l.done) })
	l.mu.Lock()
	all := make([]*stream, 0, len(l.all))
	for _, c := range l.all {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
	return nil
}
