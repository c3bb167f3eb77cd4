package relay

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestBatchesKeepPackets: packets of all sizes that are sent in one batch to
// several arrive as they were, and in order for each of them.
func TestBatchesKeepPackets(t *testing.T) {
	for network, host := range map[string]string{"udp4": "127.0.0.1", "udp6": "::1"} {
		t.Run(network, func(t *testing.T) {
			ip := netip.MustParseAddr(host)
			listen := func() *socket {
				k, err := listenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)), 1<<20)
				if err != nil {
					t.Skip("this machine has no such network:", err)
				}
				t.Cleanup(func() { k.Close() })
				return k
			}
			over, to := listen(), [2]*socket{listen(), listen()}
			b := &batch{s: &Server{}}
			var want [2][][]byte
			for i, size := range []int{1000, 1000, 1000, 400, 1000, 0, 0, 7, 8, 7, 2000, 2000, 2048, 1, 1, 1, 1, 1000, 400, 400} {
				p := bytes.Repeat([]byte{byte(i)}, size)
				at := i % 3 % 2
				want[at] = append(want[at], p)
				port := to[at].LocalAddr().(*net.UDPAddr).AddrPort().Port()
				b.add(over, netip.AddrPortFrom(ip, port), p)
			}
			b.flush()
			buf := make([]byte, maxPacket)
			for at := range to {
				for i, p := range want[at] {
					_ = to[at].SetReadDeadline(time.Now().Add(5 * time.Second))
					n, _, err := to[at].ReadFromUDPAddrPort(buf)
					if err != nil || !bytes.Equal(buf[:n], p) {
						t.Fatalf("packet %d to %d: %d bytes, %v; want %d", i, at, n, err, len(p))
					}
				}
			}
			if n := b.s.counts.unsent.Load(); n != 0 || len(b.queue) != 0 {
				t.Errorf("%d were not sent, %d wait", n, len(b.queue))
			}
		})
	}
}

// TestManySmall: what one sendmsg can't take goes in several.
func TestManySmall(t *testing.T) {
	over, err := listenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer over.Close()
	self := over.LocalAddr().(*net.UDPAddr).AddrPort()
	b := &batch{s: &Server{}}
	const many = 3*maxSegments + 1
	for i := range many {
		b.add(over, unmapped(self), []byte{byte(i)})
	}
	b.flush()
	buf := make([]byte, 10)
	for i := range many {
		_ = over.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, _, err := over.ReadFromUDPAddrPort(buf); err != nil || n != 1 || buf[0] != byte(i) {
			t.Fatalf("packet %d: %x, %v", i, buf[:n], err)
		}
	}
}
