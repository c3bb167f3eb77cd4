package session

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"kith"
	"kith/link"
	"kith/wire"
)

// A half that leaves at once and candidates that follow in any order make a
// link, whose path tells what carried them.
func TestTrickle(t *testing.T) {
	relay := newTURN(t)
	a, b := newNode(t), newNode(t)
	relay.use(t, a, false, "udp", "tls")
	relay.use(t, b, false, "udp", "tls")
	for range 3 {
		la, lb, took := carrier{shuffled: true, way: "hub"}.link(t, a, b)
		t.Logf("linked in %v on %+v", took, la.Path())
		echo(t, la, lb)
		if p, q := la.Path(), lb.Path(); p.Way != "hub" || q.Way != "hub" || p.Kind != "direct" || q.Kind != "direct" {
			t.Errorf("paths %+v and %+v", p, q)
		}
		la.Close(link.Goodbye)
		await(t, lb.Done(), "the goodbye")
	}
}

// Halves without any candidate: all come later, the useful one last.
func TestLateCandidates(t *testing.T) {
	a, b := newNode(t), newNode(t)
	ctx := inTime(t)
	oa, err := a.OfferNow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	offer := oa.Local()
	useful := offer.Candidates
	offer.Candidates = nil
	ob, err := b.AnswerNow(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	answer := ob.Local()
	answer.Candidates = nil
	linked := make(chan link.Link, 2)
	for _, connect := range []func() (link.Link, error){
		func() (link.Link, error) { return oa.Connect(ctx, &answer) },
		func() (link.Link, error) { return ob.Connect(ctx, nil) },
	} {
		go func() {
			l, err := connect()
			if err != nil {
				t.Error(err)
			}
			linked <- l
		}()
	}
	for range 3 { // useless ones
		ob.Add(wire.Candidate{Addr: plain(silentUDP(t).(*net.UDPAddr).AddrPort())})
	}
	select {
	case <-linked:
		t.Fatal("there is an end without a candidate")
	case <-time.After(100 * time.Millisecond):
	}
	for _, c := range useful {
		ob.Add(c)
	}
	for range 2 {
		if l := await(t, linked, "the link"); l == nil {
			t.FailNow()
		}
	}
}

// What the other side floods us with is bounded.
func TestHostileCandidates(t *testing.T) {
	a := newNode(t)
	a.cfg.Loopback = false
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	o, err := a.OfferNow(ctx)
	if err != nil {
		t.Skipf("this machine has nothing but loopback: %v", err)
	}
	defer o.Close()
	bad := []string{"0.0.0.0:1", "224.0.0.1:1", "127.0.0.1:1", "[::1]:1", "[fe80::1]:1", "192.0.2.1:0", "[ff02::1]:1"}
	for _, addr := range bad {
		o.Add(wire.Candidate{Addr: netip.MustParseAddrPort(addr)})
	}
	o.Add(wire.Candidate{})
	o.Add(wire.Candidate{Transport: wire.CandidateTCPActive, Addr: netip.MustParseAddrPort("192.0.2.1:9")})
	if len(o.remotes) != 0 {
		t.Errorf("took %v", o.remotes)
	}
	for i := range 10 * maxRemote {
		o.Add(wire.Candidate{Addr: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(1+i/2))}) // each twice
	}
	if len(o.remotes) != maxRemote || len(o.pairs) > maxRemote {
		t.Errorf("%d candidates, %d pairs", len(o.remotes), len(o.pairs))
	}
	// Checks from very many addresses make no more pairs than there is room
	// for, and no more are remembered.
	for i := range 2 * maxPairs {
		o.heard(nil, makeKnock(t, newDoorKey()), "", netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), uint16(1+i)))
	}
	for range 2 * maxChecksSeen {
		o.heard(nil, makeKnock(t, newDoorKey()), "", netip.MustParseAddrPort("198.51.100.1:1"))
	}
	if len(o.pairs) != maxPairs || len(o.seen.order) != maxChecksSeen {
		t.Errorf("%d pairs, %d checks remembered", len(o.pairs), len(o.seen.order))
	}
	// It is patient until its time is over.
	answer := wire.Offer{Answer: true, ID: o.local.ID, Device: kith.DeviceID{1}, Ufrag: "ufrag", Pwd: strings.Repeat("p", 22)}
	if _, err := o.Connect(ctx, &answer); kith.KindOf(err) != kith.Unreachable || ctx.Err() == nil {
		t.Errorf("error %v", err)
	}
	if n := len(a.guard.asked); n != 0 {
		t.Errorf("%d questions are left", n)
	}
}

// makeCheck makes a check of an offering by who holds pwd.
func makeCheck(t testing.TB, username, pwd string) *stun.Message {
	return makeKnock(t, newDoorKey(), stun.NewUsername(username), stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
}

// Whoever lacks the password of an offering hears nothing, neither over UDP
// nor over TCP; with it they are answered, but not somebody who overheard it.
func TestStrangersToOfferings(t *testing.T) {
	b := newNode(t)
	key := newDoorKey()
	b.SetDoors([]Door{{Key: key}})
	o, err := b.OfferNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	local := o.Local()
	gone, err := b.OfferNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	name, wrong := local.Ufrag+":abcd", strings.Repeat("x", 32)
	for what, m := range map[string]*stun.Message{
		"an unknown ufrag":       makeCheck(t, "unknown:abcd", local.Pwd),
		"no ufrag":               makeCheck(t, ":abcd", local.Pwd),
		"a wrong password":       makeCheck(t, name, wrong),
		"an offering that ended": makeCheck(t, gone.Local().Ufrag+":abcd", gone.Local().Pwd),
		"no integrity":           makeKnock(t, key, stun.NewUsername(name), stun.Fingerprint),
		"no fingerprint":         makeKnock(t, key, stun.NewUsername(name), stun.NewShortTermIntegrity(local.Pwd)),
	} {
		s := newStranger(t, b)
		if _, err := s.conn.Write(m.Raw); err != nil {
			t.Fatal(err)
		}
		s.answered(key, what)
	}
	good := makeCheck(t, name, local.Pwd)
	first, second := newStranger(t, b), newStranger(t, b)
	first.conn.Write(good.Raw)
	p := make([]byte, 1500)
	if n, err := first.conn.Read(p); err != nil || n > len(good.Raw) {
		t.Errorf("an honest check: %d bytes, %v", n, err)
	}
	second.conn.Write(good.Raw)
	second.answered(key, "an overheard check")

	streams := of(local, wire.CandidateHost, wire.CandidateTCPPassive)
	i := slices.IndexFunc(streams, func(a netip.AddrPort) bool { return a.Addr().Is4() && a.Addr().IsLoopback() })
	if i < 0 {
		t.Fatalf("no TCP among %v", local.Candidates)
	}
	for what, raw := range map[string][]byte{
		"a page":           []byte("GET / HTTP/1.1\r\n\r\n"),
		"a wrong password": makeCheck(t, name, wrong).Raw,
		"too much":         make([]byte, 2*maxFirstFrame),
	} {
		conn, err := net.Dial("tcp", streams[i].String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...))
		if n, err := conn.Read(p); n != 0 || err == nil || isTimeout(err) {
			t.Errorf("%s over TCP: %d bytes, %v", what, n, err)
		}
		conn.Close()
	}
	// Without offerings there is no port.
	o.Close()
	if conn, err := net.Dial("tcp", streams[i].String()); err == nil {
		conn.Close()
		t.Error("the TCP port outlives the offerings")
	}
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}

// Mappings of a router, and how others saw us lately, are in the first half;
// what a STUN server says follows.
func TestKnownAddresses(t *testing.T) {
	relay := newTURN(t)
	a := newNode(t)
	mapped := netip.MustParseAddrPort("203.0.113.7:4711")
	a.SetMappings([]netip.AddrPort{mapped, mapped, netip.MustParseAddrPort("224.0.0.1:1"), netip.MustParseAddrPort("203.0.113.7:0")})
	if addrs := a.Addresses(); !slices.Contains(addrs, mapped) || len(addrs) > kith.MaxAddresses {
		t.Errorf("addresses %v", addrs)
	}
	seen := netip.MustParseAddrPort("203.0.113.8:4712")
	a.guard.mappedLocked(seen)
	o, err := a.OfferNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := of(o.Local(), wire.CandidateSrflx, wire.CandidateUDP); !slices.Equal(got, []netip.AddrPort{mapped, seen}) {
		t.Errorf("known are %v", got)
	}
	for c := range o.Trickle() {
		t.Errorf("found %v without a server", c)
	}
	o.Close()
	a.SetMappings(nil)
	a.NetworkChanged()
	if m := a.Mapped(); len(m) != 0 {
		t.Errorf("after the network changed others still see %v", m)
	}
	// The server is on loopback, so what it sees is a host candidate.
	relay.use(t, a, false, "udp")
	o, err = a.Offer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if m := a.Mapped(); !slices.Equal(m, a.loopback()) {
		t.Errorf("seen as %v", m)
	}
	if got := of(o.Local(), wire.CandidateRelay, wire.CandidateUDP); len(got) != 1 {
		t.Errorf("relays %v", got)
	}
	if err := a.SetICE(ICEConfig{Servers: []ICEServer{{URL: "turns:192.0.2.1?transport=udp", Username: "u", Password: "p"}}}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("TURN over DTLS: %v", err)
	}
}

// Offerings, used or not, leave nothing behind.
func TestNothingIsLeft(t *testing.T) {
	relay := newTURN(t)
	a, b := newNode(t), newNode(t)
	relay.use(t, a, false, "udp", "tcp")
	relay.use(t, b, true, "tls")
	once := func() {
		la, lb, _ := carrier{}.link(t, a, b)
		la.Close(link.Goodbye)
		await(t, lb.Done(), "the goodbye")
		o, err := a.Offer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		o.Close()
	}
	once()
	before := runtime.NumGoroutine()
	for range 3 {
		once()
	}
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before+4 && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before+4 {
		p := make([]byte, 1<<20)
		t.Errorf("%d goroutines, before %d:\n%s", n, before, p[:runtime.Stack(p, true)])
	}
	for _, n := range []*node{a, b} {
		n.guard.mu.Lock()
		if len(n.guard.asked)+len(n.guard.offerings)+n.waiting() != 0 || n.tcp != nil {
			t.Errorf("%d questions, %d offerings, TCP %v", len(n.guard.asked), len(n.guard.offerings), n.tcp)
		}
		n.guard.mu.Unlock()
	}
}
