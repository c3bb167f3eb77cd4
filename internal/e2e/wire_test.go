//go:build linux

package e2e

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/quic-go/quic-go"
	"golang.org/x/sys/unix"

	"kith/internal/lab"
	"kith/node"
	"kith/seal"
)

// A tap counts the UDP datagrams that reach a host from another host's port.
type tap struct{ count atomic.Int64 }

// listenTo taps the network card of a host for what comes from another: from
// any of its ports if port is 0.
func listenTo(t *testing.T, h, from *lab.Host, port uint16) *tap {
	t.Helper()
	var fd int
	if err := h.Do(func() (err error) {
		all := int(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)))
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "tap")
	t.Cleanup(func() { f.Close() })
	heard := new(tap)
	wanted := []netip.Addr{from.Addr(), from.Addr6()}
	go func() {
		buf := make([]byte, 2048)
		for {
			n, err := f.Read(buf)
			if errors.Is(err, unix.ENETDOWN) {
				continue
			}
			if err != nil {
				return
			}
			src, srcPort, ok := udpSource(buf[:n])
			if ok && (src == wanted[0] || src == wanted[1] || src.IsLinkLocalUnicast() && port == 0) && (port == 0 || srcPort == port) {
				heard.count.Add(1)
			}
		}
	}()
	return heard
}

// udpSource reads where an IP packet comes from, if it holds UDP.
func udpSource(p []byte) (src netip.Addr, port uint16, ok bool) {
	switch {
	case len(p) >= 28 && p[0]>>4 == 4 && p[9] == unix.IPPROTO_UDP:
		head := 4 * int(p[0]&15)
		if len(p) < head+2 {
			return src, 0, false
		}
		return netip.AddrFrom4([4]byte(p[12:])), binary.BigEndian.Uint16(p[head:]), true
	case len(p) >= 48 && p[0]>>4 == 6 && p[6] == unix.IPPROTO_UDP:
		return netip.AddrFrom16([16]byte(p[8:])), binary.BigEndian.Uint16(p[40:]), true
	}
	return src, 0, false
}

// port is where a node listens.
func (p *person) port(t *testing.T) uint16 {
	t.Helper()
	var s node.Status
	p.JSON(t, &s, "status", "--json")
	addr, err := netip.ParseAddrPort(s.Addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	return addr.Port()
}

// A counter counts what its socket reads.
type counter struct {
	net.PacketConn
	read atomic.Int64
}

// SetReadBuffer is asked for by QUIC, which complains without.
func (c *counter) SetReadBuffer(int) error { return nil }

// SetWriteBuffer is, too.
func (c *counter) SetWriteBuffer(int) error { return nil }

func (c *counter) ReadFrom(p []byte) (int, net.Addr, error) {
	n, addr, err := c.PacketConn.ReadFrom(p)
	if err == nil {
		c.read.Add(1)
	}
	return n, addr, err
}

// probe knocks at an address from a host as somebody might who scans ports and
// knows what may be there, over and over for a while, and counts the answers.
func probe(t *testing.T, h *lab.Host, to netip.AddrPort, during time.Duration) (answers int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	sockets := make([]*counter, 2)
	if err := h.Do(func() error {
		for i := range sockets {
			conn, err := net.ListenPacket("udp", ":0")
			if err != nil {
				return err
			}
			sockets[i] = &counter{PacketConn: conn}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var working sync.WaitGroup
	working.Go(func() { // an honest QUIC client, without a knock
		transport := quic.Transport{Conn: sockets[0]}
		conn, err := transport.Dial(ctx, net.UDPAddrFromAddrPort(to), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{seal.ALPN}}, nil)
		if err == nil {
			t.Errorf("a stranger has a connection with %v", to)
			conn.CloseWithError(0, "")
		}
		transport.Close()
	})
	working.Go(func() {
		buf := make([]byte, 2048)
		for {
			if _, _, err := sockets[1].ReadFrom(buf); err != nil {
				return
			}
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	probes := probes(t)
	for i := 0; ctx.Err() == nil; i++ {
		if _, err := sockets[1].WriteTo(probes[i%len(probes)], net.UDPAddrFromAddrPort(to)); err != nil {
			t.Error(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	for _, s := range sockets {
		s.Close()
	}
	working.Wait()
	return sockets[0].read.Load() + sockets[1].read.Load()
}

// probes are datagrams that other programs would answer.
func probes(t *testing.T) [][]byte {
	t.Helper()
	binding := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	knock := stun.MustBuild(stun.TransactionID, stun.BindingRequest,
		stun.RawAttribute{Type: stun.AttrUsername, Value: make([]byte, seal.UsernameSize)},
		stun.MessageIntegrity("guess"), stun.Fingerprint)
	unknownVersion := append([]byte{0xC0, 0x0A, 0x0A, 0x0A, 0x0A, 8, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 7, 6, 5, 4, 3, 2, 1}, make([]byte, 1200)...)
	noConnection := append([]byte{0x40, 1, 2, 3, 4, 5, 6, 7, 8}, make([]byte, 100)...)
	return [][]byte{binding.Raw, knock.Raw, unknownVersion, noConnection, []byte("GET / HTTP/1.1\r\n\r\n"), {0}}
}
