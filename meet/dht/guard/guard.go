// Package guard is a socket that lets through only what the library of the DHT
// survives (github.com/anacrolix/dht).
//
// The library parses and answers whatever comes, in goroutines where nobody
// recovers. One packet of twenty bytes ends the program: a reply whose ip field
// is empty, an announce_peer or a put without arguments. So does an error of
// the socket. A query of an unknown method grows a table for ever, and one that
// is no bencoding is written to the standard error.
//
// [Wrap] stands between the socket and the library:
//
//	socket ─▶ size ─▶ asked? ─▶ parse, panics caught ─▶ query or reply? ─▶ library
//
// Everything else is dropped and counted.
package guard

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anacrolix/dht/v2/krpc"
	"github.com/anacrolix/torrent/bencode"

	"kith"
)

const (
	// maxPacket bounds a message, in bytes. An answer with an item of 1000
	// bytes and 16 other nodes has less than 2000.
	maxPacket = 4096
	// patience is how long a read that failed waits before the next, and
	// maxFailures how many may fail in a row.
	patience    = 100 * time.Millisecond
	maxFailures = 50
)

// methods are the queries that the library answers (BEP 5, BEP 44), and whether
// it needs arguments to survive them.
var methods = map[string]bool{"ping": false, "find_node": true, "get_peers": true, "announce_peer": true, "get": true, "put": true}

// A Conn is a guarded socket.
type Conn struct {
	net.PacketConn
	answers bool
	dropped atomic.Uint64

	closed chan struct{}
	once   sync.Once
	failed chan struct{} // closed when reading is given up
	cause  error         // written before failed is closed

	mu    sync.Mutex
	asked map[netip.AddrPort]int // questions that wait for an answer; guarded by mu
}

// Wrap guards a socket. One that answers lets queries through, and replies of
// anybody; else replies come only from those who were asked (see [Conn.Ask]).
func Wrap(conn net.PacketConn, answers bool) *Conn {
	return &Conn{
		PacketConn: conn, answers: answers, asked: make(map[netip.AddrPort]int),
		closed: make(chan struct{}), failed: make(chan struct{}),
	}
}

// Ask lets replies of addr through until done is called.
func (c *Conn) Ask(addr netip.AddrPort) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[addr]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.asked[addr]--; c.asked[addr] <= 0 {
			delete(c.asked, addr)
		}
	}
}

// Dropped is how many packets were.
func (c *Conn) Dropped() uint64 { return c.dropped.Load() }

// Failed is closed when the socket can't be read any more; Cause says why.
func (c *Conn) Failed() <-chan struct{} { return c.failed }

// Cause is why the socket failed. It may be called once Failed is closed.
func (c *Conn) Cause() error { return c.cause }

// ReadFrom gives the next packet that the library survives. It has no error
// before Close, for the library ends the program then.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	for failures := 0; ; {
		n, from, err := c.PacketConn.ReadFrom(b)
		switch {
		case err == nil:
			failures = 0
			if n <= maxPacket && c.admits(b[:n], from) {
				return n, from, nil
			}
			c.dropped.Add(1)
		case errors.Is(err, net.ErrClosed) || failures == maxFailures:
			select {
			case <-c.closed:
			default:
				c.giveUp(err)
			}
			<-c.closed
			return 0, nil, net.ErrClosed
		default: // an ICMP message, a network that goes, a machine that wakes
			failures++
			select {
			case <-c.closed:
			case <-time.After(patience):
			}
		}
	}
}

func (c *Conn) giveUp(err error) {
	c.cause = kith.Errorf(kith.Unreachable, "read from the socket of the DHT: %w", err)
	close(c.failed)
}

// Close ends reads.
func (c *Conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.PacketConn.Close()
}

func (c *Conn) admits(b []byte, from net.Addr) bool {
	addr, ok := from.(*net.UDPAddr)
	if !ok {
		return false
	}
	if !c.answers && !c.isAsked(addr.AddrPort()) {
		return false
	}
	m, ok := Parse(b)
	if !ok {
		return false
	}
	if m.Y == krpc.YQuery {
		return c.answers && harmless(&m)
	}
	return m.Y == krpc.YResponse && m.R != nil || m.Y == krpc.YError && m.E != nil
}

func (c *Conn) isAsked(addr netip.AddrPort) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())] > 0
}

// harmless reports whether the library survives the query.
func harmless(m *krpc.Msg) bool {
	needs, known := methods[m.Q]
	if !known || needs && m.A == nil {
		return false
	}
	return m.Q != "put" || m.A.V != nil
}

// Parse reads a message as the library would, and reports whether it can.
func Parse(b []byte) (m krpc.Msg, ok bool) {
	defer func() {
		if recover() != nil {
			m, ok = krpc.Msg{}, false
		}
	}()
	if len(b) > maxPacket {
		return m, false
	}
	err := bencode.Unmarshal(b, &m)
	var trailing bencode.ErrUnusedTrailingBytes
	return m, err == nil || errors.As(err, &trailing)
}
