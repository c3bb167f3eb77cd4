package relay

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"
	"github.com/prometheus/client_golang/prometheus"
)

var loopback = netip.MustParseAddr("127.0.0.1")

const secret = "a secret of the hub's"

// lab is a configuration whose relay is on the loopback, and reaches it.
func lab() Config {
	return Config{Listen: "127.0.0.1:0", Public: []netip.Addr{loopback}, Secret: secret, AllowPrivate: true}
}

func start(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, err := Start(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what is left is not waited for
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// at is a relay's address.
func at(s *Server) string { return netip.AddrPortFrom(loopback, s.Port()).String() }

// dial makes a client of a TURN server at an address. Over a stream, conn is
// that; nil: UDP.
func dial(t testing.TB, addr, name, pass, realm string, conn net.Conn) *turn.Client {
	t.Helper()
	if conn != nil {
		return dialOver(t, addr, name, pass, realm, turn.NewSTUNConn(conn))
	}
	sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return dialOver(t, addr, name, pass, realm, sock)
}

func dialOver(t testing.TB, addr, name, pass, realm string, sock net.PacketConn) *turn.Client {
	t.Helper()
	t.Cleanup(func() { sock.Close() })
	c, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: addr, TURNServerAddr: addr, Conn: sock, Username: name, Password: pass, Realm: realm,
		LoggerFactory: &logging.DefaultLoggerFactory{Writer: discardWriter{}}, RTO: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	return c
}

type discardWriter struct{}

func (discardWriter) Write(b []byte) (int, error) { return len(b), nil }

// client makes a client of a relay of ours.
func clientOf(t testing.TB, s *Server, conn net.Conn) *turn.Client {
	c := s.Credentials(time.Now(), "somebody")
	return dial(t, at(s), c.Username, c.Password, s.cfg.Realm, conn)
}

// allocate gets a relayed address.
func allocate(t testing.TB, c *turn.Client) net.PacketConn {
	t.Helper()
	relayed, err := c.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relayed.Close() })
	return relayed
}

// echo answers every packet with the same, at an address of the loopback.
func echo(t testing.TB) net.PacketConn {
	t.Helper()
	sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sock.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := sock.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = sock.WriteTo(buf[:n], from)
		}
	}()
	return sock
}

// exchange sends texts from one to the other until each has arrived once.
func exchange(t testing.TB, from, to net.PacketConn, dst net.Addr, texts ...string) {
	t.Helper()
	buf := make([]byte, 4096)
	for _, text := range texts {
		for try := 0; ; try++ {
			if _, err := from.WriteTo([]byte(text), dst); err != nil {
				t.Fatal(err)
			}
			_ = to.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
			n, _, err := to.ReadFrom(buf)
			if err == nil && string(buf[:n]) == text {
				break
			}
			if try == 10 {
				t.Fatalf("%q did not arrive: %v", text, err)
			}
		}
	}
}

// gather reads a collector as Prometheus would: the sum of each family.
func gather(t *testing.T, c prometheus.Collector) map[string]float64 {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for _, family := range all {
		for _, m := range family.Metric {
			sums[family.GetName()] += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return sums
}
