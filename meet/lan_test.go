package meet

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// tagOf gives a device its tags.
func tagOf(device byte) func(uint32) [16]byte {
	return func(day uint32) [16]byte { return [16]byte{device, byte(day)} }
}

func tagText(device byte, day uint32) string {
	tag := tagOf(device)(day)
	return hex.EncodeToString(tag[:])
}

// onLoopback is a LAN that speaks on the loopback interface alone.
func onLoopback(t *testing.T, device byte) *LAN {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	l := NewLAN(4000+uint16(device), tagOf(device), slog.New(slog.DiscardHandler))
	l.today = func() (uint32, time.Duration) { return 1, time.Hour }
	l.interfaces = func() ([]net.Interface, error) {
		for _, ifi := range all {
			if ifi.Flags&net.FlagLoopback != 0 && ifi.Flags&net.FlagUp != 0 {
				return []net.Interface{ifi}, nil
			}
		}
		return nil, nil
	}
	return l
}

// start runs a LAN and gives its finds; stop ends it.
func start(t *testing.T, l *LAN) (finds chan Find, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	finds = make(chan Find, 1000)
	var running sync.WaitGroup
	running.Go(func() {
		if err := l.Run(ctx, func(f Find) { finds <- f }); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return finds, stop
}

// await waits for a find that fits.
func await(t *testing.T, what string, finds chan Find, fits func(Find) bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case f := <-finds:
			if fits(f) {
				return
			}
		case <-deadline:
			t.Fatalf("nothing came: %s", what)
		}
	}
}

func is(instance string, port uint16) func(Find) bool {
	return func(f Find) bool {
		return f.Way == WayLAN && f.Instance == instance && f.Account.IsZero() && len(f.Addresses) > 0 &&
			f.Addresses[0] == netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	}
}

func gone(instance string) func(Find) bool {
	return func(f Find) bool { return f.Instance == instance && len(f.Addresses) == 0 }
}

// skipWithoutMulticast skips where the machine's loopback carries no multicast.
func skipWithoutMulticast(t *testing.T) {
	t.Helper()
	ifaces, err := onLoopback(t, 0).interfaces()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := openMDNS(ifaces)
	if err == nil {
		defer conn.close()
		b, packErr := mdnsQuery()
		if packErr != nil {
			t.Fatal(packErr)
		}
		err = conn.send(&conn.ifaces[0], b)
	}
	if err != nil {
		t.Skipf("no multicast on the loopback interface here: %v", err)
	}
}

func TestNeighboursFindEachOther(t *testing.T) {
	skipWithoutMulticast(t)
	a, b := onLoopback(t, 'a'), onLoopback(t, 'b')
	findsA, stopA := start(t, a)
	findsB, stopB := start(t, b)
	await(t, "b at a", findsA, is(tagText('b', 1), 4000+'b'))
	await(t, "a at b", findsB, is(tagText('a', 1), 4000+'a'))
	if s := a.State(); !s.Working || s.Reason != "Searches on lo: one other device with Kith." && !strings.HasPrefix(s.Reason, "Searches on lo0") {
		t.Errorf("state %+v", s)
	}

	// One who comes later, and speaks when it is asked only.
	findsC, stopC := start(t, onLoopback(t, 'c'))
	await(t, "a at c", findsC, is(tagText('a', 1), 4000+'a'))
	stopC()
	await(t, "c's goodbye at a", findsA, gone(tagText('c', 1)))

	b.NetworkChanged()
	await(t, "b's goodbye at a", findsA, gone(tagText('b', 1)))
	await(t, "b again at a", findsA, is(tagText('b', 1), 4000+'b'))
	await(t, "a taken back at b", findsB, gone(tagText('a', 1)))
	await(t, "a again at b", findsB, is(tagText('a', 1), 4000+'a'))

	stopB()
	stopA()
	if s := a.State(); s.Working {
		t.Errorf("state %+v", s)
	}
	close(findsA)
	for f := range findsA {
		if f.Instance == tagText('a', 1) {
			t.Errorf("a found itself: %+v", f)
		}
	}
}

// At midnight the tag changes while the way runs.
func TestTagOfTheDay(t *testing.T) {
	skipWithoutMulticast(t)
	finds, _ := start(t, onLoopback(t, 'd'))
	e := onLoopback(t, 'e')
	var days atomic.Uint32
	e.today = func() (uint32, time.Duration) {
		if day := days.Add(1); day > 1 {
			return day, time.Hour
		}
		return 1, 500 * time.Millisecond
	}
	start(t, e)
	await(t, "the first day's tag", finds, is(tagText('e', 1), 4000+'e'))
	await(t, "its goodbye", finds, gone(tagText('e', 1)))
	await(t, "the next day's tag", finds, is(tagText('e', 2), 4000+'e'))
}

func TestDays(t *testing.T) {
	night := time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)
	day, left := dayOf(night.In(time.FixedZone("", 5*3600)))
	if left != time.Minute {
		t.Errorf("%v are left", left)
	}
	next, left := dayOf(night.Add(time.Minute))
	if next != day+1 || left != 24*time.Hour {
		t.Errorf("day %d, then %d with %v left", day, next, left)
	}
}

// Without a network the way says so, looks again ever more rarely, and at once
// when the network changes.
func TestWithoutNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLAN(1, tagOf(0), slog.New(slog.DiscardHandler))
		looks := 0
		l.interfaces = func() ([]net.Interface, error) { looks++; return nil, nil }
		began := time.Now()
		_, stop := start(t, l)
		time.Sleep(time.Hour)
		synctest.Wait()
		// After 5, 15, 35, 75, 155, 315 s, then every 300 s.
		if looks != 1+6+10 {
			t.Errorf("looked %d times in an hour", looks)
		}
		s := l.State()
		want := "The local network can't be searched: no network interface with multicast is up."
		if s.Working || s.Reason != want || !s.Since.Equal(began) {
			t.Errorf("state %+v", s)
		}
		l.NetworkChanged()
		synctest.Wait()
		if looks != 18 {
			t.Errorf("looked %d times", looks)
		}
		stop()
	})
}

// quietNeighbourhood has one interface on which nothing can be sent.
func quietNeighbourhood(finds *[]Find) (*neighbourhood, *lanInterface) {
	on := lanInterface{
		Interface: net.Interface{Index: 1, Name: "eth0"},
		prefixes:  []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("fe80::1/64")},
	}
	conn := &mdnsConn{ifaces: []lanInterface{on}}
	return &neighbourhood{
		lan: NewLAN(1, tagOf(0), slog.New(slog.DiscardHandler)), conn: conn, tag: tagA,
		found:   func(f Find) { *finds = append(*finds, f) },
		others:  make(map[string]*neighbour),
		answers: make(map[*lanInterface]time.Time),
		quiet:   make(map[*lanInterface]time.Time),
	}, &conn.ifaces[0]
}

// Only addresses in the network that a message came from are believed.
func TestAddressesFromElsewhere(t *testing.T) {
	var finds []Find
	n, on := quietNeighbourhood(&finds)
	ips := func(all ...string) (addrs []netip.Addr) {
		for _, s := range all {
			addrs = append(addrs, netip.MustParseAddr(s))
		}
		return addrs
	}
	now := time.Unix(0, 0)
	from := func(source string, s sighting) {
		n.hear(mdnsPacket{mdnsMessage{seen: []sighting{s}}, on, netip.MustParseAddr(source)}, now)
	}
	from("192.0.2.7", sighting{tag: tagB, port: 9, addrs: ips("198.51.100.1", "2001:db8::1", "127.0.0.1", "fe80::7", "192.0.2.8")})
	from("192.0.2.7", sighting{tag: tagB, port: 9, addrs: ips("192.0.2.8")}) // no news
	from("192.0.2.7", sighting{tag: tagB, addrs: ips("192.0.2.8")})          // no port
	from("0.0.0.0", sighting{tag: tagB, port: 9, addrs: ips("198.51.100.1")})
	from("192.0.2.7", sighting{tag: tagB, port: 10}) // restarted
	from("192.0.2.7", sighting{tag: tagA, port: 10}) // ourselves
	want := []Find{
		{Way: WayLAN, Instance: tagB, Addresses: []netip.AddrPort{
			netip.MustParseAddrPort("192.0.2.8:9"), netip.MustParseAddrPort("192.0.2.7:9"), netip.MustParseAddrPort("[fe80::7%eth0]:9"),
		}},
		{Way: WayLAN, Instance: tagB, Addresses: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:10")}},
	}
	if got := fmt.Sprint(finds); got != fmt.Sprint(want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}

	finds = nil
	now = now.Add(entryLife)
	n.expire(now)
	if len(finds) != 1 || !gone(tagB)(finds[0]) || len(n.others) != 0 {
		t.Errorf("after its life: %v", finds)
	}
}

// A flood of made-up devices fills a table, no more.
func TestFloodOfNeighbours(t *testing.T) {
	var finds []Find
	n, on := quietNeighbourhood(&finds)
	for i := range 10_000 {
		s := sighting{tag: fmt.Sprintf("%032x", i), port: 9}
		n.hear(mdnsPacket{mdnsMessage{seen: []sighting{s}}, on, netip.MustParseAddr("192.0.2.7")}, time.Unix(0, 0))
	}
	if len(finds) != maxNeighbours || len(n.others) != maxNeighbours {
		t.Errorf("%d finds, %d devices", len(finds), len(n.others))
	}
}

// However often it is asked, a device answers once a second.
func TestAnswersAreFew(t *testing.T) {
	var finds []Find
	n, on := quietNeighbourhood(&finds)
	began := time.Unix(0, 0)
	ask := func(now time.Time, asks string, knows ...string) {
		n.hear(mdnsPacket{mdnsMessage{asks: []string{asks}, knows: knows}, on, netip.MustParseAddr("192.0.2.7")}, now)
	}
	ask(began, "_ipp._tcp.local.")
	ask(began, mdnsService, tagA+"."+mdnsService)
	if at, ok := n.nextAnswer(); ok {
		t.Errorf("answers at %v what nobody asked", at)
	}
	answers := 0
	for ms := range 10_000 {
		now := began.Add(time.Duration(ms) * time.Millisecond)
		ask(now, mdnsService)
		if at, ok := n.nextAnswer(); ok && !at.After(now) {
			n.answer(now)
			answers++
		}
	}
	if answers != 10 {
		t.Errorf("%d answers in ten seconds", answers)
	}
}
