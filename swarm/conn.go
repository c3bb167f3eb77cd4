package swarm

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"kith"
	"kith/link"
)

// limitBurst is how many bytes pass a limit at once.
const limitBurst = 256 << 10

// A conn is a connection to a member as the library sees it. It keeps the
// limits and counts.
type conn struct {
	net.Conn
	s        *Swarm
	transfer *transfer
	peer     kith.DeviceID
	way      string // "direct", "link" or "hub"
	name     string // of a helper
	outgoing bool
	remote   net.Addr
	head     []byte    // to be read before anything else
	prompter *prompter // nil for a helper, of whom nobody expects suggestions
	done     sync.Once
	up, down atomic.Int64
}

func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	p = p[:min(len(p), limitBurst)]
	if c.prompter != nil {
		p = p[:c.prompter.limit(len(p))]
	}
	n, err := c.Conn.Read(p)
	c.down.Add(int64(n))
	if c.prompter != nil && c.prompter.read(p[:n]) {
		c.head = suggestion
	}
	if n > 0 && c.s.down.Limit() != rate.Inf {
		c.s.down.WaitN(c.s.ctx, n)
	}
	return n, err
}

func (c *conn) Write(p []byte) (n int, err error) {
	for n < len(p) {
		part := p[n:]
		if c.s.up.Limit() != rate.Inf {
			part = part[:min(len(part), limitBurst/4)]
			if err := c.s.up.WaitN(c.s.ctx, len(part)); err != nil {
				return n, err
			}
		}
		if c.prompter != nil {
			c.prompter.wrote(part)
		}
		m, err := c.Conn.Write(part)
		c.up.Add(int64(m))
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (c *conn) Close() error {
	c.done.Do(func() { c.s.left(c) })
	return c.Conn.Close()
}

// The library knows members by addresses. Ours name transfer and device, so
// that what it does to an address, it does to one device in one transfer:
//
//	fd:1 zero:3 transfer:4 zero:4 device:4, port 1
func syntheticAddr(transfer, device uint32) *net.TCPAddr {
	ip := make(net.IP, net.IPv6len)
	ip[0] = 0xfd
	binary.BigEndian.PutUint32(ip[4:], transfer)
	binary.BigEndian.PutUint32(ip[12:], device)
	return &net.TCPAddr{IP: ip, Port: 1}
}

func parseSynthetic(ip net.IP) (transfer, device uint32, ok bool) {
	if len(ip) != net.IPv6len || ip[0] != 0xfd {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(ip[4:]), binary.BigEndian.Uint32(ip[12:]), true
}

// numberLocked numbers a device.
func (s *Swarm) numberLocked(d kith.DeviceID) uint32 {
	n, ok := s.deviceNo[d]
	if !ok {
		s.devices = append(s.devices, d)
		n = uint32(len(s.devices))
		s.deviceNo[d] = n
	}
	return n
}

// resolve undoes syntheticAddr.
func (s *Swarm) resolve(ip net.IP) (*transfer, kith.DeviceID, uint32) {
	no, dev, ok := parseSynthetic(ip)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || no == 0 || int(no) > len(s.numbers) || dev == 0 || int(dev) > len(s.devices) {
		return nil, kith.DeviceID{}, 0
	}
	return s.numbers[no-1], s.devices[dev-1], dev
}

// join takes a connection into the books.
func (s *Swarm) join(nc net.Conn, t *transfer, peer kith.DeviceID, way string, outgoing bool, head []byte) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.banned[peer] || way == "direct" && s.byLink[peer] {
		nc.Close()
		return nil, kith.Errorf(kith.BadPeer, "connections of this device are not taken")
	}
	c := &conn{Conn: nc, s: s, transfer: t, peer: peer, way: way, outgoing: outgoing, head: head,
		remote: syntheticAddr(t.number, s.numberLocked(peer))}
	s.conns[c] = struct{}{}
	t.mu.Lock()
	m := t.memberLocked(peer)
	if m.helper != nil {
		c.name = m.helper.Name
	} else {
		c.prompter = &prompter{}
		c.prompter.read(head)
	}
	m.live++
	m.dialing = time.Time{}
	t.mu.Unlock()
	t.changed()
	return c, nil
}

// left takes it out again.
func (s *Swarm) left(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	t := c.transfer
	t.mu.Lock()
	now := s.cfg.Now()
	t.busy = now
	if m := t.members[c.peer]; m != nil {
		m.live--
		if c.outgoing {
			if c.down.Load() > 1<<10 {
				m.wait = 0 // it was of use
			}
			m.failed(now)
		}
	}
	t.mu.Unlock()
	t.changed()
	s.nudge()
}

func (s *Swarm) closeConns(which func(*conn) bool) {
	s.mu.Lock()
	var found []*conn
	for c := range s.conns {
		if which(c) {
			found = append(found, c)
		}
	}
	s.mu.Unlock()
	for _, c := range found {
		c.Close()
	}
}

// A gate hands the library the connections that others made.
type gate struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newGate() *gate { return &gate{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (g *gate) Accept() (net.Conn, error) {
	select {
	case c := <-g.conns:
		return c, nil
	case <-g.closed:
		return nil, net.ErrClosed
	}
}

func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return nil
}

func (g *gate) Addr() net.Addr { return syntheticAddr(0, 0) }

func (g *gate) push(ctx context.Context, c net.Conn) error {
	select {
	case g.conns <- c:
		return nil
	case <-g.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A streamConn makes a net.Conn of a stream. A deadline that passes ends the
// stream for good, which is what the library would do next.
type streamConn struct {
	link.Stream
	read, write deadline
	closed      sync.Once
}

type deadline struct {
	mu     sync.Mutex
	timer  *time.Timer
	passed atomic.Bool
}

func (d *deadline) set(at time.Time, end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at.IsZero() {
		if d.timer != nil {
			d.timer.Stop()
		}
		return
	}
	if d.timer != nil {
		d.timer.Reset(time.Until(at))
		return
	}
	d.timer = time.AfterFunc(time.Until(at), func() {
		d.passed.Store(true)
		end()
	})
}

func (c *streamConn) Read(p []byte) (int, error) {
	n, err := c.Stream.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && c.read.passed.Load() {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// Close gives both directions up: half a BitTorrent connection is of no use.
func (c *streamConn) Close() error {
	c.closed.Do(func() {
		c.SetDeadline(time.Time{})
		c.Stream.Close()
		c.Stream.Cancel()
	})
	return nil
}

func (c *streamConn) LocalAddr() net.Addr  { return syntheticAddr(0, 0) }
func (c *streamConn) RemoteAddr() net.Addr { return syntheticAddr(0, 0) }

// SetDeadline sets both.
func (c *streamConn) SetDeadline(at time.Time) error {
	c.read.set(at, c.Stream.Cancel)
	c.write.set(at, c.Stream.Cancel)
	return nil
}

// SetReadDeadline ends the stream when reading takes until then.
func (c *streamConn) SetReadDeadline(at time.Time) error {
	c.read.set(at, c.Stream.Cancel)
	return nil
}

// SetWriteDeadline ends the stream when writing takes until then.
func (c *streamConn) SetWriteDeadline(at time.Time) error {
	c.write.set(at, c.Stream.Cancel)
	return nil
}
