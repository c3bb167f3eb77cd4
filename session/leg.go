package session

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"

	"github.com/quic-go/quic-go"
)

// A leg is one way by which datagrams leave this machine: the endpoint's port
// in one address family, a relay at a TURN server, or a TCP connection.
type leg struct {
	relayed bool
	stream  bool                                      // TCP
	family  func(netip.Addr) bool                     // of the addresses that it reaches
	only    netip.AddrPort                            // the one that it reaches, if it is a connection
	local   netip.AddrPort                            // its candidate; unset for the endpoint's port
	send    func(p []byte, to netip.AddrPort)         // never waits for the other side
	quic    *quic.Transport                           // over it
	close   func()                                    // gives it back; nil for the endpoint's port
	accept  func(context.Context) (*quic.Conn, error) // the links that come by it; nil for the endpoint's port
}

// reaches reports whether an address can be sent to by the leg.
func (l *leg) reaches(addr netip.AddrPort) bool {
	if l.only.IsValid() {
		return l.only == addr
	}
	return l.family(addr.Addr())
}

// via is how the guard knows the leg.
func (l *leg) via() *leg {
	if l.close == nil {
		return nil
	}
	return l
}

// portLeg is the endpoint's port in one family.
func portLeg(b *branch) *leg {
	is4 := b.socket.is4()
	return &leg{
		family: func(a netip.Addr) bool { return a.Is4() == is4 },
		// An error, as for want of a route, is a lost packet.
		send: func(p []byte, to netip.AddrPort) { b.socket.WriteToUDPAddrPort(p, to) },
		quic: b.transport,
	}
}

// ownLeg makes QUIC speak over a connection that belongs to an offering. The
// caller sets what the leg is before.
func (o *Offering) ownLeg(l *leg, conn net.PacketConn) error {
	l.quic = &quic.Transport{
		Conn:                             &legConn{PacketConn: conn, leg: l, offering: o},
		ConnectionIDLength:               8,
		DisableVersionNegotiationPackets: true,
	}
	if !o.answer {
		l.quic.ConnContext = func(context.Context, *quic.ClientInfo) (context.Context, error) {
			return nil, errors.New("links begin at the side that made the offer")
		}
	}
	listener, err := o.endpoint.listen(l.quic)
	if err != nil {
		conn.Close()
		return err
	}
	l.accept = listener.Accept
	l.close = func() {
		// First the connection: QUIC waits for its reader.
		conn.Close()
		l.quic.Close()
	}
	return nil
}

// A legConn is what QUIC has of a leg that is not the endpoint's port: the
// datagrams that the guard lets pass.
type legConn struct {
	net.PacketConn
	leg      *leg
	offering *Offering
}

// ReadFrom reads the next datagram for QUIC. Those that don't fit are nobody's:
// QUIC never sends them.
func (c *legConn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, addr, err := c.PacketConn.ReadFrom(p)
		if errors.Is(err, io.ErrShortBuffer) {
			continue
		}
		udp, ok := addr.(*net.UDPAddr)
		if err != nil || !ok {
			return n, addr, err
		}
		from := plain(udp.AddrPort())
		switch classify(p[:n]) {
		case packetShort:
			return n, addr, nil
		case packetLong:
			if c.offering.admits(c.leg, from) {
				return n, addr, nil
			}
		case packetSTUN:
			if answer := c.offering.endpoint.guard.stun(c.leg, p[:n], from); answer != nil {
				c.leg.send(answer, from)
			}
		}
	}
}

// WriteTo sends a datagram. Errors of sending are lost datagrams: for quic-go
// they would be the end of the connection. When the leg is closed reading ends,
// and that is enough.
func (c *legConn) WriteTo(p []byte, to net.Addr) (int, error) {
	c.PacketConn.WriteTo(p, to)
	return len(p), nil
}

// Without these methods quic-go complains on standard error that it can't
// enlarge the buffers.

func (c *legConn) SetReadBuffer(int) error  { return nil }
func (c *legConn) SetWriteBuffer(int) error { return nil }
