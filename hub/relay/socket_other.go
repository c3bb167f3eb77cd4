//go:build !linux

package relay

import (
	"errors"
	"net"
	"net/netip"
)

// receive reads until the socket is closed, or until a packet had each report
// that there is something to do elsewhere. Each packet has room bytes before
// it.
func (k *socket) receive(s *Server, room int, each func(o outgoing, from netip.AddrPort, b []byte) (stop bool)) error {
	buf := make([]byte, room+maxPacket+channelHeader)
	for {
		n, from, err := k.ReadFromUDPAddrPort(buf[room:])
		switch {
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // Windows tells of packets that were not taken
			s.counts.unsent.Add(1)
		case each(one{s}, from, buf[:room+n]):
			return nil
		}
	}
}
