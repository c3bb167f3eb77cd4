//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mainline "github.com/anacrolix/dht/v2"
	"github.com/anacrolix/log"
	"github.com/pion/stun/v4"
	"golang.org/x/time/rate"

	"kith/internal/lab"
	"kith/meet"
	"kith/meet/dht"
	"kith/meet/dht/guard"
)

// crowd is how many nodes the DHT of a lab has. Of the real one, 16 that nobody
// else looks at keep an item; with fewer nodes all items would be with the same
// ones, who are asked only so often.
const crowd = 48

// populates runs a DHT on a host of the internet. It gives what nodes need in
// their environment to begin with it, and counts what is left there. A node
// counts two of a network at most, so each has an address in one of its own.
func populates(t *testing.T, h *lab.Host) (env string, left *atomic.Int64) {
	t.Helper()
	left = new(atomic.Int64)
	var addrs []net.Addr
	var servers []*mainline.Server
	number := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{11, 77, byte(200 + n), 1}) }
	ip := h.Command(t.Context(), "ip", "-batch", "-")
	var lines strings.Builder
	for n := range crowd {
		fmt.Fprintf(&lines, "addr add %v/16 dev eth0\n", number(n))
	}
	ip.Stdin = strings.NewReader(lines.String())
	if out, err := ip.CombinedOutput(); err != nil {
		t.Fatalf("giving a host %d addresses: %v: %s", crowd, err, out)
	}
	for n := range crowd {
		conn := listens(t, h, netip.AddrPortFrom(number(n), 6881))
		quiet := log.NewLogger("dht")
		quiet.SetHandlers(log.DiscardHandler)
		config := mainline.NewDefaultServerConfig()
		config.Conn, config.Logger = guard.Wrap(&putCounter{conn, left}, true), quiet
		config.StartingNodes = func() ([]mainline.Addr, error) { return nil, nil }
		config.SendLimiter = rate.NewLimiter(rate.Inf, 0)
		config.Exp = time.Hour // of what is put there; zero serves nothing
		s, err := mainline.NewServer(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		servers, addrs = append(servers, s), append(addrs, conn.LocalAddr())
	}
	var pings sync.WaitGroup
	for n, s := range servers {
		pings.Go(func() {
			for other, addr := range addrs {
				if other != n {
					s.Ping(addr.(*net.UDPAddr))
				}
			}
		})
	}
	pings.Wait()
	return fmt.Sprintf("KITH_DHT_ROUTERS=%v,%v", addrs[0], addrs[1]), left
}

// A putCounter is a socket that counts the requests to keep something (BEP 44).
type putCounter struct {
	net.PacketConn
	puts *atomic.Int64
}

// ReadFrom reads a packet.
func (c *putCounter) ReadFrom(p []byte) (n int, from net.Addr, err error) {
	n, from, err = c.PacketConn.ReadFrom(p)
	if bytes.Contains(p[:n], []byte("1:q3:put")) {
		c.puts.Add(1)
	}
	return n, from, err
}

// listens opens a UDP socket on a host, until the test ends.
func listens(t *testing.T, h *lab.Host, at netip.AddrPort) net.PacketConn {
	t.Helper()
	var conn net.PacketConn
	if err := h.Do(func() (err error) {
		conn, err = net.ListenPacket("udp4", at.String())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// reflects runs a STUN server on a host, which carries nothing and knows nobody,
// and gives its URL.
func reflects(t *testing.T, h *lab.Host) (url string) {
	t.Helper()
	conn := listens(t, h, netip.AddrPortFrom(h.Addr(), 3478))
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return // the test ends
			}
			ask, at := &stun.Message{Raw: b[:n]}, from.(*net.UDPAddr)
			if ask.Decode() != nil || ask.Type != stun.BindingRequest {
				continue
			}
			answer, err := stun.Build(stun.NewTransactionIDSetter(ask.TransactionID), stun.BindingSuccess, &stun.XORMappedAddress{IP: at.IP, Port: at.Port}, stun.Fingerprint)
			if err == nil {
				conn.WriteTo(answer.Raw, from)
			}
		}
	}()
	return "stun:" + conn.LocalAddr().String()
}

// linked waits until two people are, directly, and tells by which way.
func linked(t *testing.T, a, b *person) (way string) {
	t.Helper()
	know(t, a, b, soon)
	lab.Eventually(t, soon, func() error {
		var ways []string
		for _, pair := range [][2]*person{{a, b}, {b, a}} {
			links := pair[0].to(t, pair[1]).Links
			if len(links) != 1 || links[0].Path != direct {
				return fmt.Errorf("%s has the links %+v to %s", pair[0].name, links, pair[1].name)
			}
			ways = append(ways, links[0].Way)
		}
		way = strings.Join(ways, ", ")
		return nil
	})
	return way
}

// Two who met once are at home, behind routers that let nobody in. Ann is on,
// and looks for Bob; then he comes. There is no hub: the DHT carries what they
// have to tell each other, and a STUN server tells each where the other can find
// them.
func TestNobodyInBetweenButTheDHT(t *testing.T) {
	t.Parallel()
	net := lab.NewInternet(t, lab.Line{Delay: 10 * time.Millisecond})
	env, left := populates(t, net.Host("crowd"))
	conf := lab.Kith{Env: []string{env}, Args: []string{"--log-level", "debug"}}
	server := reflects(t, net.Host("stun"))
	home, other := net.Home(lab.PortRestricted), net.Home(lab.PortRestricted)
	ann, bob := lives(t, home.Host("ann"), "Ann", conf), lives(t, home.Host("bob"), "Bob", conf)
	for _, p := range []*person{ann, bob} {
		p.Run(t, "config", "ice", "add", server)
	}
	befriend(t, ann, bob)
	ann.Stop()
	bob.Stop()
	bob.Host().Move(other.Switch())

	ann.Start()
	lab.Eventually(t, soon, func() error {
		if left.Load() == 0 {
			return errors.New("Ann left no word for Bob")
		}
		return nil
	})
	began := time.Now()
	bob.Start()
	way := linked(t, ann, bob)
	t.Logf("linked after %v by %s", time.Since(began).Round(time.Millisecond), way)
	if !strings.Contains(way, dht.Way) {
		t.Errorf("the ways are %s", way)
	}
	talk(t, ann, bob, "from home to home")
	audit(t, ann, bob)
}

// Somebody who knows both, and whom both reach, brings two people together who
// can't reach each other: there is no hub, no DHT and no STUN server. From Cid's
// answers each knows where it is seen, too.
func TestACommonContact(t *testing.T) {
	t.Parallel()
	net := lab.NewInternet(t, lab.Line{Delay: 10 * time.Millisecond})
	conf := lab.Kith{Args: []string{"--log-level", "debug"}}
	ann := lives(t, net.Home(lab.PortRestricted).Host("ann"), "Ann", conf)
	bob := lives(t, net.Home(lab.PortRestricted).Host("bob"), "Bob", conf)
	cid := lives(t, net.Host("cid"), "Cid", conf)
	befriend(t, cid, ann)
	befriend(t, cid, bob)
	began := time.Now()
	befriend(t, ann, bob)
	way := linked(t, ann, bob)
	t.Logf("linked after %v by %s", time.Since(began).Round(time.Millisecond), way)
	if !strings.Contains(way, meet.WayFriend) {
		t.Errorf("the ways are %s", way)
	}
	cid.Stop()
	talk(t, ann, bob, "Cid need not be there any more")
	audit(t, ann, bob)
}

// Bob uses Ann's invitation a moment after she made it, at his own home, and
// there is no hub: it takes at most a minute.
func TestJoinOverTheDHT(t *testing.T) {
	t.Parallel()
	net := lab.NewInternet(t, lab.Line{Delay: 10 * time.Millisecond})
	env, _ := populates(t, net.Host("crowd"))
	conf := lab.Kith{Env: []string{env}, Args: []string{"--log-level", "debug"}}
	server := reflects(t, net.Host("stun"))
	ann := lives(t, net.Home(lab.PortRestricted).Host("ann"), "Ann", conf)
	bob := lives(t, net.Home(lab.PortRestricted).Host("bob"), "Bob", conf)
	for _, p := range []*person{ann, bob} {
		p.Run(t, "config", "ice", "add", server)
	}
	line := ann.invite(t)
	pause(t, 3*time.Second)
	began := time.Now()
	bob.Run(t, "join", line)
	know(t, ann, bob, time.Minute)
	t.Logf("linked after %v by %s", time.Since(began).Round(time.Millisecond), linked(t, ann, bob))
}
