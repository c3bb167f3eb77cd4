package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// TLSProtocols are what TURN clients name in the handshake (RFC 7443), if they
// name anything. A listener for Split has them in its tls.Config.NextProtos,
// before those of HTTP: without them such a client would be turned away, and
// coturn's names HTTP, too.
var TLSProtocols = []string{"stun.turn", "stun.nat-discovery"}

const (
	// splitTime is how long a client may take to say whether it speaks TURN.
	splitTime = 15 * time.Second
	// maxUnsorted bounds the connections of which that isn't known.
	maxUnsorted = 4096
)

// Split takes the clients of TURN out of a listener's connections, and gives a
// listener for the rest, for an http.Server. Closing that closes the first.
//
// Connections of a listener of crypto/tls are sorted by the protocol of their
// handshake, and those that named none by their first byte: messages of STUN
// begin with two zero bits, HTTP with a letter. Those that named a protocol of
// HTTP come as the *tls.Conn that they are, so HTTP/2 works; an older client of
// HTTP is behind a wrapper, and its requests have no TLS state.
func (s *Server) Split(l net.Listener) net.Listener {
	sp := &splitter{Listener: l, s: s, rest: make(chan net.Conn), done: make(chan struct{}), unsorted: make(chan struct{}, maxUnsorted)}
	s.workers.Go(sp.run)
	return sp
}

type splitter struct {
	net.Listener
	s        *Server
	rest     chan net.Conn
	unsorted chan struct{}

	end  sync.Once
	done chan struct{} // closed when the listener is
	err  error         // of the listener, once done is closed
}

func (sp *splitter) run() {
	for {
		conn, err := sp.Listener.Accept()
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() || isTemporary(err) {
				select {
				case <-sp.done:
					return
				case <-time.After(50 * time.Millisecond):
				}
				continue
			}
			sp.finish(err)
			return
		}
		select {
		case sp.unsorted <- struct{}{}:
			go sp.sort(conn)
		default:
			sp.s.counts.refusedStreams.Add(1)
			conn.Close()
		}
	}
}

// isTemporary reports whether accepting may work again soon, as net/http asks.
func isTemporary(err error) bool {
	t, ok := err.(interface{ Temporary() bool })
	return ok && t.Temporary()
}

func (sp *splitter) finish(err error) {
	sp.end.Do(func() {
		sp.err = err
		close(sp.done)
	})
}

// sort finds out what a client speaks and hands it on.
func (sp *splitter) sort(conn net.Conn) {
	turn, in, err := look(conn)
	<-sp.unsorted
	switch {
	case err != nil:
		conn.Close()
	case turn:
		if in == nil {
			in = bufio.NewReaderSize(conn, streamBuffer)
		}
		sp.s.streams.take(conn, in)
	default:
		if in != nil {
			conn = &peeked{conn, in}
		}
		select {
		case sp.rest <- conn:
		case <-sp.done:
			conn.Close()
		}
	}
}

// look reports whether a client speaks TURN. What it read of it is in the
// reader; nil: nothing.
func look(conn net.Conn) (turn bool, in *bufio.Reader, err error) {
	if err := conn.SetDeadline(time.Now().Add(splitTime)); err != nil {
		return false, nil, err
	}
	if c, ok := conn.(*tls.Conn); ok {
		ctx, cancel := context.WithTimeout(context.Background(), splitTime)
		defer cancel()
		if err := c.HandshakeContext(ctx); err != nil {
			return false, nil, err
		}
		switch named := c.ConnectionState().NegotiatedProtocol; named {
		case "":
		case TLSProtocols[0], TLSProtocols[1]:
			return true, nil, conn.SetDeadline(time.Time{})
		default:
			return false, nil, conn.SetDeadline(time.Time{})
		}
	}
	in = bufio.NewReaderSize(conn, streamBuffer)
	first, err := in.Peek(1)
	if err != nil {
		return false, nil, err
	}
	return first[0]&0xc0 == 0, in, conn.SetDeadline(time.Time{})
}

// Accept gives the next connection that is not one of TURN.
func (sp *splitter) Accept() (net.Conn, error) {
	select {
	case conn := <-sp.rest:
		return conn, nil
	case <-sp.done:
		return nil, sp.err
	}
}

// Close closes the listener that was split.
func (sp *splitter) Close() error {
	sp.finish(net.ErrClosed)
	return sp.Listener.Close()
}

// peeked is a connection of which something was read.
type peeked struct {
	net.Conn
	in *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.in.Read(b) }
