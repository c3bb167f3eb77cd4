package session

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"kith"
	"kith/link"
	"kith/seal"
)

// purposeTimeout is how long a peer may take from opening a stream to the
// first byte of it, which says what it is for.
const purposeTimeout = 10 * time.Second

// A quicLink is a link over a QUIC connection.
type quicLink struct {
	pulse
	endpoint  *Endpoint
	peer      kith.Peer
	initiator bool
	binding   []byte
	path      link.Path // Local and Remote as they were at the beginning
	release   func()    // frees what carries the connection; may be nil

	streams chan accepted // that the other side opened
	done    chan struct{} // closed by ended, after reason was stored
	reason  atomic.Int64
	lanes   lanes
}

var _ link.Link = (*quicLink)(nil)

type accepted struct {
	purpose link.Purpose
	stream  link.Stream
}

// newLink makes a link of a connection whose handshake is complete, and counts
// it among the endpoint's. over is what carries it. On error the connection is
// closed.
func (e *Endpoint) newLink(conn *quic.Conn, over *quic.Transport, initiator bool, path link.Path, release func()) (*quicLink, error) {
	state := conn.ConnectionState().TLS
	peer, err := seal.PeerOf(state)
	if err == nil && peer.Device == seal.DeviceOf(e.cfg.Device) {
		err = kith.Errorf(kith.BadPeer, "the link would lead to this device itself")
	}
	var binding []byte
	if err == nil {
		binding, err = seal.Binding(state)
	}
	if err != nil {
		closeConn(conn, link.Violation)
		return nil, err
	}
	l := &quicLink{
		pulse:    pulse{conn: conn, deafness: e.deafness},
		endpoint: e,
		peer:     peer, initiator: initiator, binding: binding, path: path, release: release,
		streams: make(chan accepted),
		done:    make(chan struct{}),
	}
	l.lanes = lanes{link: l, over: over, pace: e.pace, eager: e.eager, bulk: make(map[uint64]*bulkStream), more: make(chan struct{})}
	if l.path.Local == "" {
		l.path.Local = localAddr(conn)
	}
	e.mu.Lock()
	closed := e.closed
	if !closed {
		e.links[l] = struct{}{}
	}
	e.mu.Unlock()
	context.AfterFunc(conn.Context(), func() {
		e.mu.Lock()
		delete(e.links, l)
		e.mu.Unlock()
		l.ended()
		e.log.Debug("link ended", "peer", peer.Account, "reason", l.Reason(), "cause", context.Cause(conn.Context()))
	})
	if closed {
		l.Close(link.Goodbye)
		return nil, errClosed()
	}
	e.log.Debug("link", "peer", peer.Account, "path", l.Path(), "initiator", initiator)
	go l.acceptLoop()
	if path.Kind == link.Relayed {
		go l.watch(e.beat, e.patience)
	}
	return l, nil
}

// localAddr is the address of this side of a connection. A socket that is
// bound to all addresses does not know which one it uses, but the routing
// table does.
func localAddr(conn *quic.Conn) string {
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok || !local.IP.IsUnspecified() {
		return conn.LocalAddr().String()
	}
	remote, ok := conn.RemoteAddr().(*net.UDPAddr)
	if !ok {
		return local.String()
	}
	// Connecting a UDP socket sends nothing.
	c, err := net.DialUDP("udp", nil, remote)
	if err != nil {
		return local.String()
	}
	defer c.Close()
	from := plain(c.LocalAddr().(*net.UDPAddr).AddrPort())
	return joinPort(from.Addr().String(), uint16(local.Port))
}

func closeConn(conn *quic.Conn, reason link.Reason) {
	// The reason's words don't travel: the other side has its own, in its
	// person's language.
	conn.CloseWithError(quic.ApplicationErrorCode(reason), "")
}

// ended stores why the connection ended and frees what carried it.
func (l *quicLink) ended() {
	l.reason.Store(int64(reasonOf(context.Cause(l.conn.Context()))))
	close(l.done)
	l.lanes.end(l.Reason())
	if l.release != nil {
		l.release()
	}
}

// reasonOf reads the reason from the error of an ended connection. What is no
// reason of ours is a loss.
func reasonOf(err error) link.Reason {
	var app *quic.ApplicationError
	if errors.As(err, &app) && app.ErrorCode <= quic.ApplicationErrorCode(link.Violation) {
		return link.Reason(app.ErrorCode)
	}
	return link.Lost
}

func (l *quicLink) Peer() kith.Peer       { return l.peer }
func (l *quicLink) Initiator() bool       { return l.initiator }
func (l *quicLink) Binding() []byte       { return l.binding }
func (l *quicLink) Done() <-chan struct{} { return l.done }
func (l *quicLink) RTT() time.Duration    { return l.conn.ConnectionStats().SmoothedRTT }

// Path tells where the other side is now; it may move during a link.
func (l *quicLink) Path() link.Path {
	path := l.path
	if path.Remote == "" {
		path.Remote = l.conn.RemoteAddr().String()
	}
	return path
}

func (l *quicLink) Reason() link.Reason { return link.Reason(l.reason.Load()) }

// Close ends the link. It returns when the goodbye has left this machine and
// Done is closed.
func (l *quicLink) Close(reason link.Reason) {
	closeConn(l.conn, reason)
	<-l.done
}

// Open starts a stream. It waits while 64 of this side's streams are open.
func (l *quicLink) Open(ctx context.Context, purpose link.Purpose) (link.Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := l.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, l.errEnded("open a stream", err)
	}
	return l.lanes.carry(&quicStream{Stream: s, link: l, purpose: purpose, unsaid: true}), nil
}

// Accept waits for a stream that the other side opened.
func (l *quicLink) Accept(ctx context.Context) (link.Purpose, link.Stream, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	select {
	case a := <-l.streams:
		return a.purpose, a.stream, nil
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	case <-l.conn.Context().Done():
		return 0, nil, l.errEnded("accept a stream", context.Cause(l.conn.Context()))
	}
}

// acceptLoop takes the other side's streams and reads what each is for. They
// are read side by side, so that one whose first packet was lost holds up
// nobody; there are never more than maxStreams.
func (l *quicLink) acceptLoop() {
	var wg sync.WaitGroup
	defer wg.Wait()
	ended := l.conn.Context()
	for {
		s, err := l.conn.AcceptStream(ended)
		if err != nil {
			return
		}
		wg.Go(func() {
			stream := &quicStream{Stream: s, link: l}
			var purpose [1]byte
			s.SetReadDeadline(time.Now().Add(purposeTimeout))
			if n, _ := s.Read(purpose[:]); n == 0 { // the end may come with the byte
				stream.Cancel()
				return
			}
			s.SetReadDeadline(time.Time{})
			stream.purpose = link.Purpose(purpose[0])
			if stream.purpose == purposeLanes {
				l.lanes.grant(stream)
				return
			}
			select {
			case l.streams <- accepted{stream.purpose, l.lanes.carry(stream)}:
			case <-ended.Done():
			}
		})
	}
}

// watch asks the other side for a sign of life whenever nothing came for a
// while. Relays go without a word, and take links with them that QUIC alone
// would give up after idleTimeout.
func (l *quicLink) watch(every, patience time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var last uint64
	for {
		select {
		case <-l.done:
			return
		case <-ticker.C:
		}
		received := l.conn.ConnectionStats().PacketsReceived
		if received == last {
			l.probe(patience)
		}
		last = received
	}
}
