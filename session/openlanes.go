package session

import (
	"bytes"
	"context"
	"io"
	"net"
	"time"

	"github.com/quic-go/quic-go"

	"kith"
	"kith/link"
	"kith/seal"
)

const (
	laneTimeout = 10 * time.Second // of asking and of the handshakes
	maxUnproven = 32               // lanes that came and have not said to which link they belong
	helloRoom   = 64               // bytes; a binding has 32
)

// purposeLanes is the purpose of a stream in which the link's initiator asks
// for lanes. The answer is one byte: how many it may open. From the other side
// it is the wish that the initiator asks, and has no answer.
const purposeLanes link.Purpose = 4

// want gets one more lane.
func (s *lanes) want() {
	ctx, stop := context.WithTimeout(s.link.conn.Context(), laneTimeout)
	defer stop()
	if s.link.initiator {
		s.done(s.openLane(ctx))
	} else {
		s.done(s.wish(ctx))
	}
}

// wish lets the initiator know that lanes would help.
func (s *lanes) wish(ctx context.Context) error {
	stream, err := s.link.conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	defer stream.CancelRead(cancelCode)
	if _, err := stream.Write([]byte{byte(purposeLanes)}); err != nil {
		return err
	}
	return stream.Close()
}

// ask asks how many lanes the other side takes.
func (s *lanes) ask(ctx context.Context) (granted int, err error) {
	stream, err := s.link.conn.OpenStreamSync(ctx)
	if err != nil {
		return 0, err
	}
	defer stream.CancelRead(cancelCode)
	defer context.AfterFunc(ctx, func() { stream.CancelRead(cancelCode) })()
	if _, err := stream.Write([]byte{byte(purposeLanes)}); err != nil {
		return 0, err
	}
	if err := stream.Close(); err != nil {
		return 0, err
	}
	var answer [1]byte
	_, err = io.ReadFull(stream, answer[:])
	return int(answer[0]), err
}

// openLane opens a lane beside the link's connection: between the same two
// addresses, over the same transport. Its first stream tells the link's binding,
// which nobody else knows.
func (s *lanes) openLane(ctx context.Context) error {
	granted, err := s.ask(ctx)
	if err != nil {
		return err
	}
	if granted == 0 {
		return kith.Errorf(kith.Conflict, "the other side takes no more")
	}
	e := s.link.endpoint
	s.admit() // its answers
	conn, err := s.over.Dial(ctx, s.link.conn.RemoteAddr(), speaking(e.tls, seal.LaneALPN), laneConfig())
	if err != nil {
		return err
	}
	l := newLane(conn, e.deafness)
	if err := s.prove(ctx, conn); err != nil {
		closeConn(conn, link.Violation)
		return err
	}
	if !s.attach(l) {
		closeConn(conn, link.Goodbye)
	}
	return nil
}

func (s *lanes) prove(ctx context.Context, conn *quic.Conn) error {
	peer, err := seal.PeerOf(conn.ConnectionState().TLS)
	if err != nil {
		return err
	}
	if peer != s.link.peer {
		return kith.Errorf(kith.BadPeer, "another device is at the end of a lane")
	}
	hello, err := conn.OpenUniStreamSync(ctx)
	if err != nil {
		return err
	}
	if _, err := hello.Write(s.link.binding); err != nil {
		return err
	}
	return hello.Close()
}

// admit lets the other side's address begin connections, and answer.
func (s *lanes) admit() {
	if at, ok := s.link.conn.RemoteAddr().(*net.UDPAddr); ok {
		s.link.endpoint.guard.grant(plain(at.AddrPort()))
	}
}

// grant answers who asks for lanes, or wishes that we do.
func (s *lanes) grant(stream *quicStream) {
	defer stream.CancelRead(cancelCode)
	if s.link.initiator {
		stream.Stream.Close()
		s.mu.Lock()
		begin := s.beginLocked(time.Now())
		s.mu.Unlock()
		if begin {
			s.want()
		}
		return
	}
	s.admit()
	free := maxLanes - len(s.live())
	if _, err := stream.Stream.Write([]byte{byte(max(free, 0))}); err == nil {
		stream.Stream.Close()
	}
}

// laneArrived finds the link of a lane that somebody opened, and closes it if
// there is none.
func (e *Endpoint) laneArrived(conn *quic.Conn) {
	select {
	case e.unproven <- struct{}{}:
	default:
		refuse(conn)
		return
	}
	go func() {
		defer func() { <-e.unproven }()
		if err := e.placeLane(conn); err != nil {
			e.log.Debug("lane refused", "from", conn.RemoteAddr(), "err", err)
			closeConn(conn, link.Violation)
		}
	}()
}

func (e *Endpoint) placeLane(conn *quic.Conn) error {
	peer, err := seal.PeerOf(conn.ConnectionState().TLS)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(conn.Context(), laneTimeout)
	defer stop()
	hello, err := conn.AcceptUniStream(ctx)
	if err != nil {
		return err
	}
	hello.SetReadDeadline(time.Now().Add(laneTimeout))
	binding, err := io.ReadAll(io.LimitReader(hello, helloRoom))
	if err != nil {
		return err
	}
	l := e.linkOf(peer, binding)
	if l == nil {
		return kith.Errorf(kith.BadPeer, "it belongs to no link")
	}
	if !l.lanes.attach(newLane(conn, e.deafness)) {
		return kith.Errorf(kith.BadPeer, "its link has enough of them")
	}
	return nil
}

// linkOf finds the link that a peer began by its binding.
func (e *Endpoint) linkOf(peer kith.Peer, binding []byte) *quicLink {
	e.mu.Lock()
	defer e.mu.Unlock()
	for l := range e.links {
		if l.peer == peer && !l.initiator && bytes.Equal(l.binding, binding) {
			return l
		}
	}
	return nil
}
