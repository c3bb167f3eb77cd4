package session

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"kith"
	"kith/link"
)

// A pulse tells whether the other end of a QUIC connection is still there.
type pulse struct {
	conn     *quic.Conn
	deafness time.Duration // see expect
	writes   atomic.Uint64 // so far
	expects  atomic.Bool   // it is looked whether anything comes back
}

// probe asks the other side for a sign of life and closes the connection as
// lost if nothing at all comes back in time. The question is an unreliable
// datagram that nobody reads: QUIC itself acknowledges it, and repeats the
// question until it does (RFC 9002 section 6.2).
func (p *pulse) probe(patience time.Duration) {
	before := p.conn.ConnectionStats().PacketsReceived
	if !p.beat() {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.conn.Context().Done():
	case <-timer.C:
		if p.conn.ConnectionStats().PacketsReceived == before {
			closeConn(p.conn, link.Lost)
		}
	}
}

// beat sends something that the other side acknowledges. It reports whether the
// connection lives.
func (p *pulse) beat() bool { return p.conn.SendDatagram([]byte{0}) == nil }

// expect closes the connection as lost if nothing at all comes back for a while
// after something was written, which QUIC repeats until it is acknowledged. So
// who writes learns of a dead path long before idleTimeout.
func (p *pulse) expect() {
	writes := p.writes.Add(1)
	if !p.expects.CompareAndSwap(false, true) {
		return // who looks now will see that more was written
	}
	before := p.conn.ConnectionStats().PacketsReceived
	time.AfterFunc(p.deafness, func() {
		if p.conn.ConnectionStats().PacketsReceived == before {
			closeConn(p.conn, link.Lost)
			return
		}
		p.expects.Store(false)
		if p.writes.Load() != writes && p.conn.Context().Err() == nil {
			p.expect()
		}
	})
}

// errEnded is the error of a call that failed.
func (p *pulse) errEnded(doing string, err error) error {
	if p.conn.Context().Err() != nil {
		return kith.Errorf(kith.Unreachable, "%s: %v: %w", doing, reasonOf(context.Cause(p.conn.Context())), err)
	}
	return kith.Errorf(kith.Unreachable, "%s: %w", doing, err)
}
