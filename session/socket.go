package session

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"kith"
)

// A socket is a UDP socket whose incoming datagrams the guard has judged. It
// keeps the batches, the segmentation offload and the ECN marks of the
// *net.UDPConn inside: quic-go reads through ReadBatch where the platform has
// it and through ReadFrom elsewhere, and writes through WriteMsgUDP.
type socket struct {
	*net.UDPConn
	batch *ipv4.PacketConn // for IPv6 as well: the messages are the same
	guard *guard
	// parting makes every datagram go out twice. The last packet of a
	// connection, its goodbye, is the only one that nobody acknowledges.
	parting atomic.Bool
}

func newSocket(c *net.UDPConn, g *guard) *socket {
	return &socket{UDPConn: c, batch: ipv4.NewPacketConn(c), guard: g}
}

// listenUDP binds both families, to the same port if that can be had. Either
// may be missing on a machine, but not both. Port 0 takes any.
func listenUDP(port int) (v4, v6 *net.UDPConn, err error) {
	const attempts = 8 // of finding a port that is free in both families
	for range attempts {
		v4, err = net.ListenUDP("udp4", &net.UDPAddr{Port: port})
		wish := port
		if err == nil {
			wish = v4.LocalAddr().(*net.UDPAddr).Port
		} else if port != 0 && !isMissingFamily(err) {
			return nil, nil, kith.Errorf(kith.Conflict, "UDP port %d can't be used, perhaps another program has it: choose another port or end that program: %w", port, err)
		}
		v6, err6 := net.ListenUDP("udp6", &net.UDPAddr{Port: wish})
		switch {
		case err6 == nil:
			return v4, v6, nil
		case v4 == nil:
			return nil, nil, kith.Errorf(kith.Internal, "no UDP socket can be opened: %w", errors.Join(err, err6))
		case isMissingFamily(err6):
			return v4, nil, nil
		case port != 0:
			// The port for IPv4 was asked for; any will do for IPv6, for
			// addresses are told with their ports.
			v6, _ = net.ListenUDP("udp6", nil)
			return v4, v6, nil
		}
		v4.Close()
	}
	v4, err = net.ListenUDP("udp4", nil)
	if err != nil {
		return nil, nil, kith.Errorf(kith.Internal, "no UDP socket can be opened: %w", err)
	}
	v6, _ = net.ListenUDP("udp6", nil)
	return v4, v6, nil
}

// port is the local port.
func (s *socket) port() uint16 {
	return uint16(s.LocalAddr().(*net.UDPAddr).Port)
}

// is4 reports whether it is for IPv4.
func (s *socket) is4() bool { return s.LocalAddr().(*net.UDPAddr).IP.To4() != nil }

// ReadBatch reads datagrams until there is at least one that may pass. Those
// that may not are emptied and not taken out, because the reader keeps a
// buffer for each place; quic-go skips empty ones.
func (s *socket) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	for {
		n, err := s.batch.ReadBatch(ms, flags)
		if err != nil {
			return n, err
		}
		passed := false
		for i := range ms[:n] {
			m := &ms[i]
			if s.admit(m.Buffers[0][:m.N], m.OOB[:m.NN], m.Addr) {
				passed = true
			} else {
				m.N = 0
			}
		}
		if passed {
			return n, nil
		}
	}
}

// ReadFrom reads the next datagram that may pass.
func (s *socket) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, addr, err := s.UDPConn.ReadFrom(p)
		if err != nil || s.admit(p[:n], nil, addr) {
			return n, addr, err
		}
	}
}

// admit asks the guard about a datagram, and sends what it answers. oob are
// the control messages that came with it.
func (s *socket) admit(p, oob []byte, addr net.Addr) bool {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return false
	}
	pass, answer := s.guard.judge(p, plain(udp.AddrPort()))
	if answer != nil {
		// Nobody waits for it more than for any datagram that gets lost.
		s.UDPConn.WriteMsgUDP(answer, answerFrom(oob, udp), udp)
	}
	return pass
}

// answerFrom makes the control message by which an answer leaves from the
// address that was asked. Without it, a machine with several addresses answers
// from the one that it likes best, and the asker, or a NAT before it, does not
// know that one.
func answerFrom(oob []byte, to *net.UDPAddr) []byte {
	if to.IP.To4() != nil {
		var asked ipv4.ControlMessage
		if asked.Parse(oob) != nil || asked.Dst == nil {
			return nil
		}
		return (&ipv4.ControlMessage{Src: asked.Dst, IfIndex: asked.IfIndex}).Marshal()
	}
	var asked ipv6.ControlMessage
	if asked.Parse(oob) != nil || asked.Dst == nil {
		return nil
	}
	return (&ipv6.ControlMessage{Src: asked.Dst, IfIndex: asked.IfIndex}).Marshal()
}

// WriteMsgUDP sends a datagram. While there is no route, because a cable is
// out or an address has changed, datagrams are lost and not an error: for
// quic-go every error of a socket is the end of the connection, but a moment
// later it may go on from another address.
func (s *socket) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	n, oobn, err = s.UDPConn.WriteMsgUDP(b, oob, addr)
	if s.parting.Load() {
		s.UDPConn.WriteMsgUDP(b, oob, addr)
	}
	if isNoRoute(err) {
		return len(b), len(oob), nil
	}
	return n, oobn, err
}

// WriteTo is WriteMsgUDP for platforms without control messages.
func (s *socket) WriteTo(b []byte, addr net.Addr) (int, error) {
	n, err := s.UDPConn.WriteTo(b, addr)
	if s.parting.Load() {
		s.UDPConn.WriteTo(b, addr)
	}
	if isNoRoute(err) {
		return len(b), nil
	}
	return n, err
}

func isNoRoute(err error) bool {
	return err != nil && slices.ContainsFunc(noRoute[:], func(e error) bool { return errors.Is(err, e) })
}

func isMissingFamily(err error) bool {
	return slices.ContainsFunc(noFamily[:], func(e error) bool { return errors.Is(err, e) })
}

// plain gives the one form in which an address is compared.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// joinPort writes host and port the way people read them.
func joinPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
