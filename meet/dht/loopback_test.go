package dht

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// onLoopback gives real sockets.
func onLoopback(t testing.TB) func(int) net.PacketConn {
	return func(int) net.PacketConn {
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

// loopbackOnly keeps a courier of a test from the network outside.
func loopbackOnly(network string) (net.PacketConn, error) {
	if network == "udp6" {
		return net.ListenPacket(network, "[::1]:0")
	}
	return net.ListenPacket(network, "127.0.0.1:0")
}

// The same as TestExchange, over real sockets.
func TestExchangeOnLoopback(t *testing.T) {
	alive := populate(t, 50, onLoopback(t)).kill()
	p := newPair()
	routers := routersOf(alive[0], alive[1])
	ann, annBox := start(t, Options{Account: p.ann, Routers: routers}, loopbackOnly, p.toBob)
	bob, bobBox := start(t, Options{Account: p.bob, Routers: routers}, loopbackOnly, p.toAnn)
	ann.Hasten(p.toBob)
	bob.Hasten(p.toAnn)
	t.Log(exchange(t, p, ann, bob, annBox, bobBox, "1"))
	t.Log(exchange(t, p, ann, bob, annBox, bobBox, "2"))
	if s := ann.State(); !s.Working || s.Way != "dht" {
		t.Errorf("state %+v", s)
	}
}

// BenchmarkExchange is an offer and its answer through 50 nodes, a third of them
// dead, over loopback, by two who are in a hurry.
func BenchmarkExchange(b *testing.B) {
	alive := populate(b, 50, onLoopback(b)).kill()
	benchmarkExchange(b, routersOf(alive[0], alive[1]), loopbackOnly)
}

// BenchmarkExchangeDelayed is the same with round trips of 40 ms.
func BenchmarkExchangeDelayed(b *testing.B) {
	e := newEther(20 * time.Millisecond)
	alive := populate(b, 50, inEther(e)).kill()
	benchmarkExchange(b, routersOf(alive[0], alive[1]), e.host)
}

func benchmarkExchange(b *testing.B, routers []string, listen func(string) (net.PacketConn, error)) {
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		p := newPair()
		ann, annBox := start(b, Options{Account: p.ann, Routers: routers}, listen, p.toBob)
		bob, bobBox := start(b, Options{Account: p.bob, Routers: routers}, listen, p.toAnn)
		ann.Hasten(p.toBob)
		bob.Hasten(p.toAnn)
		exchange(b, p, ann, bob, annBox, bobBox, "first")
		b.StartTimer()
		ann.Hasten(p.toBob)
		bob.Hasten(p.toAnn)
		took = append(took, exchange(b, p, ann, bob, annBox, bobBox, fmt.Sprint(len(took))))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms/median")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "ms/worst")
}

// Who was saved is asked at the next start, and no router.
func TestSavedNodes(t *testing.T) {
	p := newPool()
	for i := range 400 {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{30, byte(i >> 8), byte(i), 1}), 6881)
		p.answered(node{id{byte(i), byte(i >> 8)}, addr}, time.Now())
	}
	six := netip.MustParseAddrPort("[2001:db8::1]:6881")
	p6 := newPool()
	p6.answered(node{id{9}, six}, time.Now())
	blob := p6.save(p.save(nil))
	if n := len(blob); n > 30000 || n < 300*savedNode {
		t.Errorf("%d bytes", n)
	}
	again, again6 := newPool(), newPool()
	again.load(blob, false)
	again6.load(blob, true)
	if got, want := len(again.known), len(p.known); got != want {
		t.Errorf("%d nodes, want %d", got, want)
	}
	if len(again6.known) != 1 || again6.known[six] == nil {
		t.Errorf("IPv6: %v", again6.known)
	}
	for _, broken := range [][]byte{nil, {}, {0}, {2}, blob[:1], blob[:50], make([]byte, 100000)} {
		newPool().load(broken, false)
	}
	again = newPool()
	again.load(append([]byte{savedVersion}, make([]byte, 10*savedNode)...), false)
	if len(again.known) != 0 {
		t.Errorf("nonsense gives %v", again.known)
	}
}

// The DHT over IPv6 is used beside that over IPv4, and alone.
func TestExchangeOverIPv6(t *testing.T) {
	nodes := populate(t, 12, func(int) net.PacketConn {
		conn, err := net.ListenPacket("udp6", "[::1]:0")
		if err != nil {
			t.Skip("no IPv6 here: ", err)
		}
		return conn
	})
	p := newPair()
	routers := routersOf(nodes.addrs[:2]...)
	ann, annBox := start(t, Options{Account: p.ann, Routers: routers}, loopbackOnly, p.toBob)
	bob, bobBox := start(t, Options{Account: p.bob, Routers: routers}, loopbackOnly, p.toAnn)
	ann.Hasten(p.toBob)
	bob.Hasten(p.toAnn)
	t.Log(exchange(t, p, ann, bob, annBox, bobBox, "six"))
}
