//go:build linux

package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// udpHeaders is what Ethernet, IPv4 and UDP put before a payload.
const udpHeaders = 14 + 20 + 8

func TestDelay(t *testing.T) {
	t.Parallel()
	const asked = 20 * time.Millisecond
	n := New(t)
	lan := n.Switch("lan", Line{Delay: asked})
	ann, bob := n.Host("ann", lan), n.Host("bob", lan)
	for _, to := range []netip.Addr{bob.Addr(), bob.Addr6()} {
		oneWay := medianDelay(t, ann, bob, to)
		t.Logf("%v asked, %v measured to %v", asked, oneWay, to)
		if oneWay < asked || oneWay > asked+15*time.Millisecond {
			t.Errorf("%v asked, but %v measured to %v", asked, oneWay, to)
		}
	}
	lan.SetLine(Line{Delay: 50 * time.Millisecond})
	if oneWay := medianDelay(t, ann, bob, bob.Addr()); oneWay < 50*time.Millisecond || oneWay > 65*time.Millisecond {
		t.Errorf("50 ms asked later, but %v measured", oneWay)
	}
	lan.SetLine(Line{})
	if oneWay := medianDelay(t, ann, bob, bob.Addr()); oneWay > 15*time.Millisecond {
		t.Errorf("no delay asked any more, but %v measured", oneWay)
	}
}

// medianDelay measures the way from one host to another; they share a clock.
func medianDelay(t *testing.T, from, to *Host, addr netip.Addr) time.Duration {
	t.Helper()
	in := listen(t, to, "udp", ":7000")
	defer in.Close()
	out := dial(t, from, "udp", addr)
	buf := make([]byte, 16)
	var delays []time.Duration
	for i := range 12 {
		start := time.Now()
		if _, err := out.Write([]byte("tick")); err != nil {
			t.Fatal(err)
		}
		in.SetReadDeadline(start.Add(answerWithin))
		if _, _, err := in.ReadFrom(buf); err != nil {
			t.Fatal(err)
		}
		if i > 0 { // the first had to wait for address resolution
			delays = append(delays, time.Since(start))
		}
	}
	slices.Sort(delays)
	return delays[len(delays)/2]
}

func TestLoss(t *testing.T) {
	t.Parallel()
	const sent = 2000
	n := New(t)
	lan := n.Switch("lan", Line{Loss: 0.2, Jitter: 10 * time.Millisecond})
	ann, bob := n.Host("ann", lan), n.Host("bob", lan)
	got, _ := stream(t, ann, bob, sent, 4)
	if !slices.IsSorted(got) {
		t.Error("packets overtook one another")
	}
	lost := 1 - float64(len(got))/sent
	t.Logf("0.2 asked, %.3f lost", lost)
	if math.Abs(lost-0.2) > 0.06 {
		t.Errorf("0.2 asked, but %.3f lost", lost)
	}
	lan.SetLine(Line{Loss: 1})
	echo(t, bob)
	silent(t, dial(t, ann, "udp", bob.Addr()))
}

func TestRate(t *testing.T) {
	t.Parallel()
	const asked, size = 2_000_000, 1200
	n := New(t)
	lan := n.Switch("lan", Line{Rate: asked})
	ann, bob := n.Host("ann", lan), n.Host("bob", lan)
	// Ten packets a millisecond are six times what the line can carry.
	got, times := stream(t, ann, bob, 2000, size)
	took := times[len(times)-1].Sub(times[0])
	rate := float64(len(got)-1) * (size + udpHeaders) / took.Seconds()
	t.Logf("%d B/s asked, %.0f measured over %v", asked, rate, took)
	if math.Abs(rate/asked-1) > 0.25 {
		t.Errorf("%d B/s asked, but %.0f measured", asked, rate)
	}
}

// stream sends numbered packets of a size, 10 a millisecond, and returns which
// came, in their order, and when.
func stream(t *testing.T, from, to *Host, count, size int) (got []int, times []time.Time) {
	t.Helper()
	const end = math.MaxUint32
	in := listen(t, to, "udp", ":7000").(*net.UDPConn)
	defer in.Close()
	if err := in.SetReadBuffer(4 << 20); err != nil {
		t.Fatal(err)
	}
	out := dial(t, from, "udp", to.Addr())
	send := func(number uint32) {
		packet := make([]byte, size)
		binary.BigEndian.PutUint32(packet, number)
		out.Write(packet)
	}
	// Some first packets may get lost while addresses are resolved, so one has
	// to come through before the count begins.
	in.SetReadDeadline(time.Now().Add(answerWithin))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := make(chan struct{})
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		sent := 0
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			select {
			case <-begun:
			default:
				send(end)
				continue
			}
			for range 10 {
				if sent < count {
					send(uint32(sent))
					sent++
				}
			}
			if sent == count {
				send(end)
			}
		}
	}()
	buf := make([]byte, 2048)
	for begins := true; ; {
		_, _, err := in.ReadFrom(buf)
		if err != nil {
			t.Fatalf("after %d packets: %v", len(got), err)
		}
		switch number := binary.BigEndian.Uint32(buf); {
		case number != end:
			begins = false
			got, times = append(got, int(number)), append(times, time.Now())
		case len(got) == 0 && begins:
			close(begun)
			begins = false
		case len(got) > 0:
			return got, times
		}
	}
}

// TestStreamsArriveWhole sends through TCP what offloads would spoil.
func TestStreamsArriveWhole(t *testing.T) {
	t.Parallel()
	n := New(t)
	shaped, plain := n.Switch("shaped", Line{Loss: 0.001}), n.Switch("plain")
	for _, s := range []*Switch{shaped, plain} {
		ann, bob := n.Host("ann-"+s.name, s), n.Host("bob-"+s.name, s)
		var server net.Listener
		if err := bob.Do(func() (err error) {
			server, err = net.Listen("tcp", ":7000")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		sum := make(chan [32]byte, 1)
		go func() {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			h := sha256.New()
			io.Copy(h, conn)
			sum <- [32]byte(h.Sum(nil))
		}()
		data := make([]byte, 8<<20)
		rand.NewChaCha8([32]byte{}).Read(data)
		conn := dial(t, ann, "tcp", bob.Addr6())
		start := time.Now()
		if _, err := io.Copy(conn, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		select {
		case got := <-sum:
			if got != sha256.Sum256(data) {
				t.Errorf("switch %s: the stream was spoilt", s.name)
			}
			t.Logf("switch %s: %.0f MB/s", s.name, float64(len(data))/1e6/time.Since(start).Seconds())
		case <-time.After(answerWithin):
			t.Fatalf("switch %s: the stream did not arrive", s.name)
		}
	}
}
