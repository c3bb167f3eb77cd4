package relay

import (
	"net"
	"net/netip"
	"syscall"
)

// A socket is one of UDP that is read and written in batches, where the system
// can.
type socket struct {
	*net.UDPConn
	raw syscall.RawConn
}

// An outgoing queue takes packets that go out together. What it was given may
// be changed after flush only.
type outgoing interface {
	add(over *socket, to netip.AddrPort, b []byte)
	flush()
}

// listenUDP opens a socket.
func listenUDP(network string, at *net.UDPAddr, buffer int) (*socket, error) {
	conn, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	// Best effort: the system may allow less.
	_ = conn.SetReadBuffer(buffer)
	_ = conn.SetWriteBuffer(buffer)
	return &socket{conn, raw}, nil
}

// one is the queue of a single packet. It sends at once.
type one struct{ s *Server }

func (o one) add(over *socket, to netip.AddrPort, b []byte) {
	if _, err := over.WriteToUDPAddrPort(b, to); err != nil {
		o.s.counts.unsent.Add(1)
	}
}

func (o one) flush() {}
