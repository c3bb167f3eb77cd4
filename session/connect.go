package session

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"

	"github.com/pion/ice/v4"
	"github.com/quic-go/quic-go"

	"kith"
	"kith/link"
	"kith/wire"
)

// Connect makes the link, once, and ends the offering either way. Whoever made
// the offer passes the answer, whoever answered passes nil and waits. Both ends
// of the link check that the device is the one that wrote the other half. An
// error is of kind kith.Invalid if the answer is for another offer, of kind
// kith.Unreachable if no path is found until ctx ends or the offer runs out,
// and of kind kith.BadPeer if another device is at the end of the path.
func (o *Offering) Connect(ctx context.Context, remote *wire.Offer) (link.Link, error) {
	if err := o.begin(&remote); err != nil {
		return nil, err
	}
	l, err := o.connect(ctx, remote)
	if err != nil {
		if cause := context.Cause(o.ctx); cause != nil && kith.KindOf(err) == kith.Unreachable {
			err = cause // that is why nothing came
		}
		o.end()
		return nil, err
	}
	return l, nil
}

// begin checks that the halves fit and that it is the first time.
func (o *Offering) begin(remote **wire.Offer) error {
	switch {
	case o.local.Answer:
		*remote = o.remote
	case *remote == nil:
		return kith.Errorf(kith.Invalid, "the answer is missing")
	case !(*remote).Answer:
		return kith.Errorf(kith.Invalid, "this is an offer and not the answer: send it back")
	case (*remote).ID != o.local.ID:
		return kith.Errorf(kith.Invalid, "this answers another offer: answer the latest one")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.started {
		return kith.Errorf(kith.Conflict, "this offer was used already: make a new one")
	}
	o.started = true
	return context.Cause(o.ctx)
}

func (o *Offering) connect(ctx context.Context, remote *wire.Offer) (link.Link, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(o.ctx, stop)()

	o.addRemote(remote)
	start := o.agent.StartDial
	if o.local.Answer {
		start = o.agent.StartAccept
	}
	path, err := start(remote.Ufrag, remote.Pwd)
	if ended := context.Cause(o.ctx); ended != nil {
		return nil, ended // the agent was closed beneath us
	}
	if err != nil {
		return nil, kith.Errorf(kith.Internal, "search a path: %w", err)
	}
	transport := &quic.Transport{Conn: iceConn{path}, ConnectionIDLength: 8, DisableVersionNegotiationPackets: true}
	conn, err := o.quic(ctx, transport)
	if err != nil {
		within(closeTimeout, func() { transport.Close() })
		return nil, err
	}
	release := func() {
		transport.Close()
		o.end()
	}
	l, err := o.endpoint.newLink(conn, !o.local.Answer, o.path(), release)
	if err != nil {
		release()
		return nil, err
	}
	if l.peer.Device != remote.Device {
		l.Close(link.Violation)
		return nil, kith.Errorf(kith.BadPeer, "at the end of the path is the device %s instead of %s, which wrote the line", l.peer.Device.Short(), remote.Device.Short())
	}
	o.mu.Lock()
	o.linked = true
	o.mu.Unlock()
	o.timer.Stop()
	o.endpoint.forget(o)
	return l, nil
}

// addRemote gives the other side's candidates to the agent.
func (o *Offering) addRemote(remote *wire.Offer) {
	added := 0
	for _, c := range remote.Candidates {
		if c.Transport != wire.CandidateUDP || added == maxRemote {
			continue
		}
		candidate, err := ice.UnmarshalCandidate(c.String())
		if err == nil {
			err = o.agent.AddRemoteCandidate(candidate)
		}
		if err != nil {
			o.endpoint.log.Debug("candidate of an offer left out", "err", err)
			continue
		}
		added++
	}
}

// quic makes the connection over the path: the side of the offer asks for it,
// as soon as there is a path; the other side is ready before.
func (o *Offering) quic(ctx context.Context, transport *quic.Transport) (*quic.Conn, error) {
	e := o.endpoint
	if o.local.Answer {
		listener, err := transport.Listen(e.tls, quicConfig())
		if err != nil {
			return nil, kith.Errorf(kith.Internal, "wait for the link: %w", err)
		}
		conn, err := listener.Accept(ctx)
		if err != nil {
			return nil, kith.Errorf(kith.Unreachable, "the other side did not connect: it has to paste the answer within %.0f minutes: %w", offerLife.Minutes(), err)
		}
		// The path is in use, but whether it was nominated may not be known yet.
		if err := o.agent.AwaitConnect(ctx); err != nil {
			closeConn(conn, link.Lost)
			return nil, kith.Errorf(kith.Unreachable, "the path to the other side was lost: %w", err)
		}
		return conn, nil
	}
	if err := o.agent.AwaitConnect(ctx); err != nil {
		return nil, kith.Errorf(kith.Unreachable, "no path to the other side was found; a TURN server would make one: %w", err)
	}
	conn, err := transport.Dial(ctx, iceAddr{}, e.tls, quicConfig())
	if err != nil {
		return nil, kith.Errorf(kith.Unreachable, "there is a path but the other side does not complete a link: %w", err)
	}
	return conn, nil
}

// path describes the pair that ICE chose.
func (o *Offering) path() link.Path {
	p := link.Path{Way: "offer", Kind: "direct", Local: "unknown", Remote: "unknown"}
	pair, err := o.agent.GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return p
	}
	if pair.Local.Type() == ice.CandidateTypeRelay || pair.Remote.Type() == ice.CandidateTypeRelay {
		p.Kind = "relayed"
	}
	p.Local, p.Remote = candidateAddr(pair.Local), candidateAddr(pair.Remote)
	return p
}

func candidateAddr(c ice.Candidate) string {
	return net.JoinHostPort(c.Address(), strconv.Itoa(c.Port()))
}

// An iceConn is an ICE path as quic-go wants it: a net.PacketConn between two
// addresses that never change, whichever pair ICE uses.
type iceConn struct{ *ice.Conn }

// iceAddr is both of the addresses.
type iceAddr struct{}

func (iceAddr) Network() string { return "ice" }
func (iceAddr) String() string  { return "ice" }

func (c iceConn) LocalAddr() net.Addr { return iceAddr{} }

// ReadFrom reads the next datagram that fits. Longer ones are nobody's: QUIC
// never sends them.
func (c iceConn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, err := c.Read(p)
		if !errors.Is(err, io.ErrShortBuffer) {
			return n, iceAddr{}, err
		}
	}
}

// WriteTo sends a datagram. Errors of sending are lost datagrams: for quic-go
// they would be the end of the connection. When the agent is closed reading
// ends, and that is enough.
func (c iceConn) WriteTo(p []byte, _ net.Addr) (int, error) {
	c.Write(p)
	return len(p), nil
}

// The buffers are ICE's. Without these methods quic-go complains on standard
// error that it can't enlarge them.

func (c iceConn) SetReadBuffer(int) error  { return nil }
func (c iceConn) SetWriteBuffer(int) error { return nil }
