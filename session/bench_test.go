package session

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"kith/link"
	"kith/wire"
)

// BenchmarkDial makes a link over loopback: knock, handshake, both ends.
func BenchmarkDial(b *testing.B) {
	x, y := newNode(b), newNode(b)
	key := newDoorKey()
	y.SetDoors([]Door{{Key: key, Account: x.peer.Account}})
	for b.Loop() {
		la, lb := dialBy(b, x, y, key, y.loopback())
		la.Close(link.Goodbye)
		<-lb.Done()
	}
}

// BenchmarkOffer makes a link of an offer over loopback: gathering on both
// sides, ICE, handshake.
func BenchmarkOffer(b *testing.B) {
	x, y := newNode(b), newNode(b)
	for b.Loop() {
		la, lb := offered(b, x, y)
		la.Close(link.Goodbye)
		<-lb.Done()
	}
}

// BenchmarkCarried makes links by offers that a hub carries, with 40 ms round
// trips between each node and the hub, and between the nodes. The nodes know
// that UDP is silent, if it is.
func BenchmarkCarried(b *testing.B) {
	const oneWay = 20 * time.Millisecond
	run := func(b *testing.B, c carrier, x, y *node) {
		c.delay = 2 * oneWay // up to the hub and down again
		var times []time.Duration
		for b.Loop() {
			la, lb, took := c.link(b, x, y)
			times = append(times, took)
			la.Close(link.Goodbye)
			<-lb.Done()
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2])/1e6, "ms-median")
		b.ReportMetric(0, "ns/op")
	}
	b.Run("open", func(b *testing.B) {
		run(b, carrier{through: func(o wire.Offer) wire.Offer {
			return only(o, newForwarder(b, v4Loopback(b, o), oneWay).addr())
		}}, newNode(b), newNode(b))
	})
	relay := newTURN(b)
	hide := func(b *testing.B, at func() map[string]net.Addr) *node {
		n := newNode(b)
		if err := n.SetICE(relay.config(true, at())); err != nil {
			b.Fatal(err)
		}
		return n
	}
	b.Run("relay", func(b *testing.B) {
		at := func() map[string]net.Addr {
			return map[string]net.Addr{"udp": slowUDP(b, relay.udp, oneWay)}
		}
		run(b, carrier{}, hide(b, at), hide(b, at))
	})
	b.Run("tls", func(b *testing.B) {
		at := func() map[string]net.Addr {
			return map[string]net.Addr{"udp": silentUDP(b), "tls": slowTCP(b, relay.tls, oneWay)}
		}
		run(b, carrier{}, hide(b, at), hide(b, at))
	})
}

// BenchmarkThroughput sends through one stream over loopback.
func BenchmarkThroughput(b *testing.B) {
	for name, connect := range map[string]func(testing.TB, *node, *node) (link.Link, link.Link){
		"knocked": dial, "offered": offered,
	} {
		b.Run(name, func(b *testing.B) {
			la, lb := connect(b, newNode(b), newNode(b))
			s, err := la.Open(b.Context(), link.Talk)
			if err != nil {
				b.Fatal(err)
			}
			done := make(chan int64, 1)
			go func() {
				_, r, err := lb.Accept(context.Background())
				if err != nil {
					b.Error(err)
					done <- 0
					return
				}
				n, _ := io.Copy(io.Discard, r)
				done <- n
			}()
			const chunk = 1 << 20
			data := make([]byte, chunk)
			b.SetBytes(chunk)
			sent := int64(0)
			for b.Loop() {
				n, err := s.Write(data)
				if err != nil {
					b.Fatal(err)
				}
				sent += int64(n)
			}
			s.Close()
			if got := <-done; got != sent {
				b.Errorf("%d bytes of %d arrived", got, sent)
			}
		})
	}
}

// BenchmarkKnock is what one knock costs who is knocked at, with 200 doors.
func BenchmarkKnock(b *testing.B) {
	g := newGuard()
	g.limiter.SetLimit(1e9)
	g.limiter.SetBurst(1e9)
	var doors []Door
	for range 200 {
		doors = append(doors, Door{Key: newDoorKey()})
	}
	g.setDoors(doors)
	m := makeKnock(b, doors[199].Key)
	from := netip.MustParseAddrPort("192.0.2.1:1000")
	for b.Loop() {
		if _, answer := g.judge(m.Raw, from); answer == nil {
			b.Fatal("no answer")
		}
	}
}
