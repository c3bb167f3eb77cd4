//go:build linux

package portmap

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// The servers of these tests have addresses of their own on the loopback
// interface, as Linux allows: the client of NAT-PMP knows one port only.

// udpServer answers packets at an address until the test ends.
func udpServer(t *testing.T, at netip.AddrPort, answer func([]byte) []byte) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	t.Cleanup(func() { conn.Close(); done.Wait() })
	done.Go(func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if reply := answer(buf[:n]); reply != nil {
				conn.WriteToUDPAddrPort(reply, from)
			}
		}
	})
}

func loopback(last byte) route {
	return route{netip.AddrFrom4([4]byte{127, 77, 1, last}), netip.AddrFrom4([4]byte{127, 77, 2, last})}
}

// natPMPServer answers as RFC 6886, section 3, says.
func natPMPServer(b []byte) []byte {
	reply := []byte{0, b[1] | 0x80, 0, 0, 0, 0, 0, 42}
	if b[0] != 0 {
		return []byte{0, 0x80, 0, 1, 0, 0, 0, 42}
	}
	if b[1] == 0 {
		return append(reply, 203, 0, 113, 5)
	}
	reply = append(reply, b[4:6]...)
	reply = binary.BigEndian.AppendUint16(reply, binary.BigEndian.Uint16(b[6:])+1) // the port asked for is taken
	return append(reply, b[8:12]...)
}

func TestNATPMP(t *testing.T) {
	t.Parallel()
	r := loopback(1)
	udpServer(t, netip.AddrPortFrom(r.gateway, pcpPort), natPMPServer)
	c := newNATPMP(r)
	v, err := c.look(t.Context())
	if err != nil || v != (view{public, 42, true}) {
		t.Fatalf("it looks like %+v, %v", v, err)
	}
	g, err := c.add(t.Context(), udp, 4711, time.Hour)
	if err != nil || g != (grant{netip.MustParseAddrPort("203.0.113.5:4712"), time.Hour}) {
		t.Errorf("mapped: %+v, %v", g, err)
	}
	if err := c.remove(t.Context(), udp, 4712); err != nil {
		t.Error(err)
	}
	// The same router, asked by PCP, says that it does not know it.
	if _, err := newPCP(r).look(t.Context()); !errors.Is(err, errVersion) {
		t.Errorf("of PCP it says %v", err)
	}
}

func TestNATPMPThatLies(t *testing.T) {
	t.Parallel()
	for i, answer := range map[byte]func([]byte) []byte{
		10: func([]byte) []byte { return nil },
		11: func([]byte) []byte { return []byte{0} },
		12: func([]byte) []byte { return make([]byte, 1500) },
		13: func(b []byte) []byte { return []byte{0, b[1] | 0x80, 0, 3, 0, 0, 0, 0} },
		14: func(b []byte) []byte { return append([]byte{0, b[1] | 0x80, 0, 0, 0, 0, 0, 0}, 0, 0, 0, 0) },
	} {
		r := loopback(i)
		udpServer(t, netip.AddrPortFrom(r.gateway, pcpPort), answer)
		refuses, patience := i >= 13, 500*time.Millisecond
		if refuses {
			patience = time.Minute // which only a busy machine needs
		}
		ctx, stop := context.WithTimeout(t.Context(), patience)
		_, err := newNATPMP(r).look(ctx)
		stop()
		if err == nil || refuses && !errors.Is(err, errUnconnected) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// pcpServer answers as RFC 6887 says, and keeps what it is asked.
type pcpServer struct {
	mu     sync.Mutex
	drop   int // requests not to answer
	result byte
	table  map[uint16]pcpNonce
}

func (s *pcpServer) answer(b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drop > 0 {
		s.drop--
		return nil
	}
	reply := append([]byte{pcpVersion, b[1] | pcpResponse, 0, s.result}, b[4:8]...)
	reply = append(binary.BigEndian.AppendUint32(reply, 42), make([]byte, 12)...)
	if b[1] == pcpAnnounce {
		return reply
	}
	m := b[pcpHeader:]
	inside := binary.BigEndian.Uint16(m[16:])
	nonce, known := s.table[inside]
	if known && nonce != pcpNonce(m[:12]) {
		reply[3] = 2
	}
	s.table[inside] = pcpNonce(m[:12])
	if binary.BigEndian.Uint32(b[4:]) == 0 {
		delete(s.table, inside)
	}
	reply = append(reply, m...)
	addr := public.As16()
	copy(reply[pcpMap-16:], addr[:])
	return reply
}

func TestPCP(t *testing.T) {
	t.Parallel()
	r := loopback(2)
	s := &pcpServer{drop: 1, table: map[uint16]pcpNonce{}}
	udpServer(t, netip.AddrPortFrom(r.gateway, pcpPort), s.answer)
	c := newPCP(r)
	if v, err := c.look(t.Context()); err != nil || v != (view{netip.Addr{}, 42, true}) {
		t.Fatalf("it looks like %+v, %v", v, err)
	}
	want := grant{netip.MustParseAddrPort("203.0.113.5:4711"), time.Hour}
	for range 2 { // a renewal has the nonce of before
		if g, err := c.add(t.Context(), udp, 4711, time.Hour); err != nil || g != want {
			t.Fatalf("mapped: %+v, %v", g, err)
		}
	}
	if v, err := c.look(t.Context()); err != nil || v.outside != public {
		t.Errorf("with a mapping, it looks like %+v, %v", v, err)
	}
	err := c.remove(t.Context(), udp, 4711)
	s.mu.Lock()
	if err != nil || len(s.table) != 0 {
		t.Errorf("left: %v, %v", s.table, err)
	}
	s.result = 8
	s.mu.Unlock()
	if _, err := c.add(t.Context(), udp, 4711, time.Hour); err == nil {
		t.Error("a refusal was a mapping")
	}
}

// TestPCPThatLies answers with what was not asked: it must neither be believed
// nor hold us up beyond the time given.
func TestPCPThatLies(t *testing.T) {
	t.Parallel()
	for i, answer := range map[byte]func([]byte) []byte{
		20: func([]byte) []byte { return make([]byte, 2000) },
		21: func(b []byte) []byte { return b },
		22: func(b []byte) []byte {
			reply := (&pcpServer{table: map[uint16]pcpNonce{}}).answer(b)
			reply[pcpHeader] ^= 1 // another nonce
			return reply
		},
	} {
		r := loopback(i)
		udpServer(t, netip.AddrPortFrom(r.gateway, pcpPort), answer)
		ctx, stop := context.WithTimeout(t.Context(), 400*time.Millisecond)
		start := time.Now()
		if g, err := newPCP(r).add(ctx, udp, 4711, time.Hour); err == nil {
			t.Errorf("%d: believed %+v", i, g)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%d: took %v", i, took)
		}
		stop()
	}
}

// TestSSDP has two that answer a search: only what our router says counts.
func TestSSDP(t *testing.T) {
	t.Parallel()
	r := loopback(3)
	liar := netip.AddrPortFrom(loopback(4).gateway, ssdpPort)
	home := netip.AddrPortFrom(r.gateway, ssdpPort)
	say := func(location string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.HasPrefix(b, []byte("M-SEARCH * HTTP/1.1\r\n")) {
				t.Errorf("searched by %q", b)
			}
			return []byte("HTTP/1.1 200 OK\r\nLOCATION: " + location + "\r\n\r\n")
		}
	}
	udpServer(t, liar, say("http://"+r.gateway.String()+":1/"))
	asked := 0
	udpServer(t, home, func(b []byte) []byte {
		// Of the first round every answer is wrong.
		if asked++; asked <= len(ssdpTargets) {
			return say("http://" + liar.Addr().String() + ":1/")(b)
		}
		return say("http://" + r.gateway.String() + ":5000/desc.xml")(b)
	})
	u := newUPnP(r)
	u.search = []netip.AddrPort{liar, home}
	if location, err := u.discover(t.Context()); err != nil || location.String() != "http://127.77.1.3:5000/desc.xml" {
		t.Errorf("the router is at %v, %v", location, err)
	}
}

func TestOnlyPrivateRouters(t *testing.T) {
	for _, gateway := range []string{"127.0.0.1", "8.8.8.8", "fe80::1", "203.0.113.1"} {
		if r, err := routeTo(netip.MustParseAddr(gateway)); !errors.Is(err, errPublic) {
			t.Errorf("%s: %v, %v", gateway, r, err)
		}
	}
}

func TestParseRoutes(t *testing.T) {
	// A little-endian machine wrote this.
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("this machine writes it otherwise")
	}
	const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	for _, c := range []struct{ table, want string }{
		{head, ""},
		{head + "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" +
			"wlan0\t00000000\t0102A8C0\t0003\t0\t0\t50\t00000000\t0\t0\t0\n", "192.168.2.1"},
		{head + "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", ""},
		{head + "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", ""},
		{head + "eth0\t00000000\tx\t0003\t0\t0\t0\t00000000\n\x00\n", ""},
	} {
		got, err := parseRoutes(strings.NewReader(c.table))
		if got.IsValid() != (c.want != "") || (err == nil) != got.IsValid() || got.IsValid() && got.String() != c.want {
			t.Errorf("%q: %v, %v; want %s", c.table, got, err, c.want)
		}
	}
}
