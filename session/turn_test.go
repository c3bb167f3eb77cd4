package session

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/turn/v5"
)

// A turnServer is a TURN server on loopback, by UDP, TCP and TLS.
type turnServer struct {
	*turn.Server
	udp, tcp, tls net.Addr
	roots         *x509.CertPool
}

const turnPassword = "a password of the relay"

func newTURN(t testing.TB) *turnServer {
	t.Helper()
	certificate, roots := selfSigned(t)
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	relays := func() turn.RelayAddressGenerator {
		return &turn.RelayAddressGeneratorStatic{RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"}
	}
	server, err := turn.NewServer(turn.ServerConfig{
		Realm:         "test",
		LoggerFactory: pionLog{newNode(t).log},
		AuthHandler: func(r *turn.RequestAttributes) (string, []byte, bool) {
			return r.Username, turn.GenerateAuthKey(r.Username, "test", turnPassword), r.Username == "user"
		},
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: udp, RelayAddressGenerator: relays()}},
		ListenerConfigs: []turn.ListenerConfig{
			{Listener: tcp, RelayAddressGenerator: relays()},
			{Listener: secure, RelayAddressGenerator: relays()},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return &turnServer{server, udp.LocalAddr(), tcp.Addr(), secure.Addr(), roots}
}

func selfSigned(t testing.TB) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// config uses servers at the addresses, as "udp", "tcp" and "tls" say.
func (s *turnServer) config(relayOnly bool, at map[string]net.Addr) ICEConfig {
	cfg := ICEConfig{RelayOnly: relayOnly, Roots: s.roots}
	for network, addr := range at {
		url := "turn:" + addr.String() + "?transport=" + network
		if network == "tls" {
			url = "turns:" + addr.String()
		}
		cfg.Servers = append(cfg.Servers, ICEServer{URL: url, Username: "user", Password: turnPassword})
	}
	return cfg
}

// use makes a node use the server by the networks.
func (s *turnServer) use(t testing.TB, n *node, relayOnly bool, networks ...string) {
	t.Helper()
	at := make(map[string]net.Addr)
	for _, network := range networks {
		at[network] = map[string]net.Addr{"udp": s.udp, "tcp": s.tcp, "tls": s.tls}[network]
	}
	if err := n.SetICE(s.config(relayOnly, at)); err != nil {
		t.Fatal(err)
	}
}

// slowTCP passes TCP connections on; each way takes delay.
func slowTCP(t testing.TB, to net.Addr, delay time.Duration) net.Addr {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() {
		stop()
		l.Close()
	})
	type piece struct {
		data []byte
		at   time.Time
	}
	pipe := func(from, to net.Conn) {
		defer to.Close()
		pieces := make(chan piece, 1024)
		go func() {
			defer close(pieces)
			for {
				p := make([]byte, 4096)
				n, err := from.Read(p)
				if err != nil {
					return
				}
				pieces <- piece{p[:n], time.Now().Add(delay)}
			}
		}()
		for p := range pieces {
			timer := time.NewTimer(time.Until(p.at))
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			if _, err := to.Write(p.data); err != nil {
				from.Close()
			}
		}
	}
	go func() {
		for {
			front, err := l.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp4", to.String())
			if err != nil {
				front.Close()
				continue
			}
			context.AfterFunc(ctx, func() { front.Close(); back.Close() })
			go pipe(front, back)
			// The connection itself takes a round trip, which the kernel made
			// at once: what comes first is held back for as long.
			go func() {
				timer := time.NewTimer(2 * delay)
				defer timer.Stop()
				select {
				case <-timer.C:
					pipe(back, front)
				case <-ctx.Done():
				}
			}()
		}
	}()
	return l.Addr()
}

// slowUDP passes datagrams of any number of clients on, each from a port of its
// own, and answers back; each way takes delay.
func slowUDP(t testing.TB, to net.Addr, delay time.Duration) net.Addr {
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { front.Close() })
	backs := make(map[netip.AddrPort]*net.UDPConn)
	later := func(p []byte, send func(p []byte)) {
		data := slices.Clone(p)
		time.AfterFunc(delay, func() { send(data) })
	}
	go func() {
		p := make([]byte, 2048)
		for {
			n, client, err := front.ReadFromUDPAddrPort(p)
			if err != nil {
				for _, back := range backs {
					back.Close()
				}
				return
			}
			back := backs[client]
			if back == nil {
				if back, err = net.DialUDP("udp4", nil, to.(*net.UDPAddr)); err != nil {
					return
				}
				backs[client] = back
				go func() {
					p := make([]byte, 2048)
					for {
						n, err := back.Read(p)
						if errors.Is(err, net.ErrClosed) {
							return
						}
						later(p[:n], func(p []byte) { front.WriteToUDPAddrPort(p, client) })
					}
				}()
			}
			later(p[:n], func(p []byte) { back.Write(p) })
		}
	}()
	return front.LocalAddr()
}

// silentUDP is a port that takes everything and says nothing.
func silentUDP(t testing.TB) net.Addr {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go io.Copy(io.Discard, c.(*net.UDPConn))
	return c.LocalAddr()
}
