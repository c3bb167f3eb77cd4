package relay

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

func TestCarries(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, s *Server) net.Conn{
		"UDP": func(*testing.T, *Server) net.Conn { return nil },
		"TCP": func(t *testing.T, s *Server) net.Conn { return tcpTo(t, s) },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, lab())
			c := clientOf(t, s, open(t, s))
			mapped, err := c.SendBindingRequest()
			if err != nil {
				t.Fatal("STUN:", err)
			}
			if ip, _ := addrPort(mapped); ip.Addr() != loopback {
				t.Errorf("the client is told that it is at %s", mapped)
			}
			relayed := allocate(t, c)
			peer := echo(t)
			// The first go in indications; while the client binds a channel
			// behind, the later ones in frames.
			exchange(t, relayed, relayed, peer.LocalAddr(), "a", "bb", "ccc", "", "four", strings.Repeat("x", 1400))
			waitFor(t, "a channel", func() bool { return channels(s) == 1 })
			exchange(t, relayed, relayed, peer.LocalAddr(), "5", "66", "777", "8888", strings.Repeat("y", 1400))
			if n := s.Totals(); n.PacketsToPeers < 11 || n.PacketsToClients < 11 || n.BytesToPeers < 2800 {
				t.Errorf("counted %+v", n)
			}
		})
	}
}

// tcpTo dials a relay's TCP port.
func tcpTo(t *testing.T, s *Server) net.Conn {
	conn, err := net.Dial("tcp", at(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func channels(s *Server) (n int) {
	for _, a := range s.allocations() {
		n += len(a.routes.Load().byNumber)
	}
	return n
}

// waitFor waits until something is so.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(10 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not in 10 s", what)
		}
	}
}

// TestBetweenTwoOfOurs: two clients that both relay here reach each other
// though this machine's own address is refused, and reach nothing else of it.
func TestBetweenTwoOfOurs(t *testing.T) {
	cfg := lab()
	cfg.AllowPrivate = false
	s := start(t, cfg)
	over := []net.Conn{nil, tcpTo(t, s)}
	var ends [2]net.PacketConn
	for i := range ends {
		ends[i] = allocate(t, clientOf(t, s, over[i]))
	}
	// A permission each, so that both may speak.
	for i := range ends {
		_, _ = ends[i].WriteTo([]byte("hello"), ends[1-i].LocalAddr())
	}
	for i := range ends {
		exchange(t, ends[i], ends[1-i], ends[1-i].LocalAddr(), "one", "two", "three", strings.Repeat("z", 1399))
	}
	waitFor(t, "channels of both", func() bool { return channels(s) == 2 })
	for i := range ends {
		exchange(t, ends[i], ends[1-i], ends[1-i].LocalAddr(), "4", "55", "666", strings.Repeat("z", 1399))
	}

	// A service of this machine at the relay's address hears nothing.
	service, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	before := s.counts.notPermitted.Load()
	if _, err := ends[0].WriteTo([]byte("let me in"), service.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the packet is dropped", func() bool { return s.counts.notPermitted.Load() > before })
	_ = service.SetReadDeadline(time.Now())
	if n, _, err := service.ReadFrom(make([]byte, 100)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a service of this machine heard %d bytes through the relay: %v", n, err)
	}
}

func TestRefusesPeers(t *testing.T) {
	cfg := lab()
	cfg.AllowPrivate = false
	cfg.Public = []netip.Addr{netip.MustParseAddr("127.0.0.9")}
	s := start(t, cfg)
	relayed := allocate(t, clientOf(t, s, nil))
	for _, addr := range []string{"127.0.0.1:9", "10.1.2.3:9", "192.168.1.1:9", "169.254.169.254:80", "100.64.0.1:9", "224.0.0.1:9", "0.0.0.0:9"} {
		to, _ := net.ResolveUDPAddr("udp4", addr)
		if _, err := relayed.WriteTo([]byte("x"), to); err == nil {
			t.Errorf("the relay permitted %s", addr)
		}
	}
	if got := s.counts.refusedPeers.Load(); got < 7 {
		t.Errorf("%d refusals were counted", got)
	}
}

func TestMayRelay(t *testing.T) {
	s := &Server{public: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	s.own.read, s.own.addrs = time.Now().Add(time.Hour), map[netip.Addr]bool{netip.MustParseAddr("9.9.9.9"): true}
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "9.9.9.9": false, "10.0.0.1": true, "10.0.0.2": false, "172.15.0.1": true, "172.16.0.1": false,
		"172.31.255.255": false, "172.32.0.0": true, "100.63.0.1": true, "100.127.0.1": false, "255.255.255.255": false,
		"2a00:1450::1": true, "::1": false, "::": false, "::ffff:8.8.8.8": false, "fe80::1": false, "fd00::1": false,
		"ff02::1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false,
	} {
		if got := s.mayRelay(netip.MustParseAddr(addr)); got != want {
			t.Errorf("mayRelay(%s) = %t, want %t", addr, got, want)
		}
	}
	if s.mayRelay(netip.Addr{}) {
		t.Error("no address is permitted")
	}
}

// TestPermissionsAreBounded: what the relay keeps for a client is, whatever it
// asks for, and it is forgotten with the allocation.
func TestPermissionsAreBounded(t *testing.T) {
	s := start(t, lab())
	for name, conn := range map[string]net.Conn{"UDP": nil, "TCP": tcpTo(t, s)} {
		t.Run(name, func(t *testing.T) {
			c := clientOf(t, s, conn)
			relayed := allocate(t, c)
			granted := 0
			for n := 0; n < 2*maxRoutes; n += 64 {
				var peers []net.Addr
				for i := range 64 {
					peers = append(peers, &net.UDPAddr{IP: net.IPv4(8, 8, byte((n+i)>>8), byte(n+i)), Port: 9})
				}
				if c.CreatePermission(peers...) == nil {
					granted += len(peers)
				}
			}
			if granted != maxRoutes {
				t.Errorf("%d permissions were granted, want %d", granted, maxRoutes)
			}
			other := clientOf(t, s, nil)
			defer allocate(t, other).Close()
			if err := other.CreatePermission(&net.UDPAddr{IP: net.IPv4(8, 8, 8, 8), Port: 9}); err != nil {
				t.Errorf("another client: %v", err)
			}
			relayed.Close()
			waitFor(t, "the relay forgets them", func() bool {
				s.mu.RLock()
				defer s.mu.RUnlock()
				return len(s.routes) == 1 // the other's
			})
		})
	}
}

func TestQuota(t *testing.T) {
	cfg := lab()
	cfg.PerUser, cfg.MaxAllocations = 2, 3
	s := start(t, cfg)
	now := time.Now()
	as := func(who string) error {
		c := s.Credentials(now, who)
		now = now.Add(time.Second) // another name, the same user
		relayed, err := dial(t, at(s), c.Username, c.Password, s.cfg.Realm, nil).Allocate()
		if err == nil {
			t.Cleanup(func() { relayed.Close() })
		}
		return err
	}
	for i, step := range []struct {
		who  string
		want bool
	}{{"ann", true}, {"ann", true}, {"ann", false}, {"bob", true}, {"carol", false}} {
		err := as(step.who)
		if (err == nil) != step.want {
			t.Errorf("step %d: %s got %v", i, step.who, err)
		}
		if err != nil && !strings.Contains(err.Error(), "486") {
			t.Errorf("step %d: %s heard %q, not 486 (Allocation Quota Reached)", i, step.who, err)
		}
	}
	for _, a := range s.allocations() {
		a.Close()
	}
	if err := as("ann"); err != nil {
		t.Errorf("after the others ended: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	s := start(t, func() Config {
		c := lab()
		c.Users = map[string]string{"printer": UserKey("printer", "", "ink")}
		c.Host, c.TLSPort = "hub.example", 443
		return c
	}())
	now := time.Unix(1_700_000_000, 0)
	c := s.Credentials(now, "somebody")
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(c.Username))
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); c.Password != want {
		t.Errorf("the password of %s is %s, want %s", c.Username, c.Password, want)
	}
	if strings.Contains(c.Username, "somebody") || !strings.HasPrefix(c.Username, "1700043200:") || c.Until != 1_700_043_200_000 {
		t.Errorf("got %+v", c)
	}
	port := strings.TrimPrefix(at(s), "127.0.0.1")
	want := []string{"stun:hub.example" + port, "turn:hub.example" + port + "?transport=udp", "turn:hub.example" + port + "?transport=tcp", "turns:hub.example:443?transport=tcp"}
	if strings.Join(c.URLs, " ") != strings.Join(want, " ") {
		t.Errorf("URLs %q, want %q", c.URLs, want)
	}
	if again := s.Credentials(now, "somebody"); again.Username != c.Username {
		t.Error("one device on one day is two users")
	}
	if other := s.Credentials(now.Add(24*time.Hour), "somebody"); strings.HasSuffix(other.Username, c.Username[11:]) {
		t.Error("a device is known again on the next day")
	}
	for _, test := range []struct {
		name, pass string
		want       bool
	}{
		{"printer", "ink", true},
		{"printer", "toner", false},
		{"nobody", "ink", false},
		{c.Username, c.Password, false}, // of 2023
		{"99999999999:x", password(secret, "99999999999:x"), true},
		{"99999999999:x", password("another", "99999999999:x"), false},
		{"99999999999", password(secret, "99999999999"), false},
		{":x", password(secret, ":x"), false},
	} {
		relayed, err := dial(t, at(s), test.name, test.pass, s.cfg.Realm, nil).Allocate()
		if (err == nil) != test.want {
			t.Errorf("%s with %q: %v", test.name, test.pass, err)
		}
		if err == nil {
			relayed.Close()
		}
	}
	if s.counts.refusedLogins.Load() == 0 {
		t.Error("no refused login was counted")
	}
}

func TestUserRate(t *testing.T) {
	cfg := lab()
	cfg.UserRate = 1 // and a burst of two packets
	s := start(t, cfg)
	relayed := allocate(t, clientOf(t, s, nil))
	sink, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	for range 5 {
		if _, err := relayed.WriteTo(make([]byte, 1000), sink.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the fifth packet", func() bool { return s.counts.overRate.Load() == 1 })
	if n := s.Totals(); n.BytesToPeers != 4000 {
		t.Errorf("carried %d bytes at once, want 4000", n.BytesToPeers)
	}
}

// TestHostileStreams: what is no TURN ends the connection, and costs nothing.
// The message of 65516 bytes makes the library's own framing loop for ever.
func TestHostileStreams(t *testing.T) {
	s := start(t, lab())
	header := func(kind, length uint16, cookie uint32) []byte {
		b := binary.BigEndian.AppendUint16(nil, kind)
		b = binary.BigEndian.AppendUint16(b, length)
		b = binary.BigEndian.AppendUint32(b, cookie)
		return append(b, make([]byte, 12)...)
	}
	for name, sent := range map[string][]byte{
		"the library's endless message": header(1, 65516, magicCookie),
		"a long message":                header(1, 4096, magicCookie),
		"an odd length":                 header(1, 7, magicCookie),
		"no cookie":                     header(1, 0, 1),
		"a long frame":                  {0x40, 0, 0xff, 0xff, 0, 0, 0, 0},
		"HTTP":                          []byte("GET / HTTP/1.1\r\n\r\n"),
		"a high bit":                    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			conn := tcpTo(t, s)
			if _, err := conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if n, err := conn.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) || err == nil {
				t.Errorf("the connection is open after it: read %d bytes, %v", n, err)
			}
		})
	}
	waitFor(t, "every place is given back", func() bool {
		s.streams.mu.Lock()
		defer s.streams.mu.Unlock()
		return len(s.streams.all) == 0 && len(s.streams.perNet) == 0
	})
}

func TestStreamsOfOneAddress(t *testing.T) {
	cfg := lab()
	cfg.PerAddress = 2
	s := start(t, cfg)
	tcpTo(t, s)
	first := tcpTo(t, s)
	waitFor(t, "two streams", func() bool {
		s.streams.mu.Lock()
		defer s.streams.mu.Unlock()
		return len(s.streams.all) == 2
	})
	if n, err := tcpTo(t, s).Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a third connection is served")
	}
	first.Close()
	waitFor(t, "its place is free", func() bool {
		s.streams.mu.Lock()
		defer s.streams.mu.Unlock()
		return len(s.streams.all) == 1
	})
	if _, err := clientOf(t, s, tcpTo(t, s)).SendBindingRequest(); err != nil {
		t.Error("after one left:", err)
	}
}

func TestCloseWaits(t *testing.T) {
	s, err := Start(lab(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s, nil)
	relayed := allocate(t, c)
	closed := make(chan error, 1)
	go func() { closed <- s.Close(context.Background()) }()
	waitFor(t, "closing", func() bool {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.closing
	})
	if _, err := clientOf(t, s, nil).Allocate(); err == nil {
		t.Error("a relay that closes gave out another address")
	}
	peer := echo(t)
	exchange(t, relayed, relayed, peer.LocalAddr(), "still carried")
	relayed.Close()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the last address was given back, and the relay is still open")
	}
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"ports the wrong way round": func(c *Config) { c.MinPort, c.MaxPort = 2000, 1000 },
		"two public addresses":      func(c *Config) { c.Public = append(c.Public, netip.MustParseAddr("127.0.0.2")) },
		"no address":                func(c *Config) { c.Public = []netip.Addr{netip.IPv4Unspecified()} },
		"another machine's address": func(c *Config) { c.Listen = "192.0.2.1:3478" },
		"no port":                   func(c *Config) { c.Listen = "127.0.0.1" },
	} {
		cfg := lab()
		change(&cfg)
		if s, err := Start(cfg, nil); err == nil {
			s.Close(t.Context())
			t.Errorf("%s: it starts", name)
		}
	}
}

func TestIPv6(t *testing.T) {
	six := netip.IPv6Loopback()
	cfg := lab()
	cfg.Listen, cfg.Public = "[::1]:0", []netip.Addr{six}
	sock, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6:", err)
	}
	s := start(t, cfg)
	c := s.Credentials(time.Now(), "")
	if want := fmt.Sprintf("stun:[::1]:%d", s.Port()); c.URLs[0] != want {
		t.Errorf("clients are told %s, not %s", c.URLs[0], want)
	}
	relayed := allocate(t, dialOver(t, netip.AddrPortFrom(six, s.Port()).String(), c.Username, c.Password, s.cfg.Realm, sock))
	other, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	exchange(t, relayed, other, other.LocalAddr(), "over", "IPv6")
	waitFor(t, "a channel", func() bool { return channels(s) == 1 })
	exchange(t, relayed, other, other.LocalAddr(), "by a channel")
	exchange(t, other, relayed, relayed.LocalAddr(), "and back")
}
