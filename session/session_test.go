package session

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"kith"
	"kith/link"
	"kith/link/linktest"
	"kith/seal"
	"kith/wire"
)

// patience bounds every wait for what should happen at once; only a failure
// takes that long.
const patience = time.Minute

// A node is an endpoint and who it is.
type node struct {
	*Endpoint
	peer kith.Peer
}

func identity() (kith.Peer, Config) {
	account, device := seal.NewAccountKey(), seal.NewDeviceKey()
	peer := kith.Peer{Account: seal.AccountOf(account), Device: seal.DeviceOf(device)}
	return peer, Config{
		Device:   device,
		Account:  peer.Account,
		Cert:     seal.CertifyDevice(account, peer.Device),
		Loopback: true,
	}
}

func newNode(t testing.TB) *node {
	t.Helper()
	peer, cfg := identity()
	if testing.Verbose() {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	e, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(link.Goodbye) })
	return &node{e, peer}
}

// loopback is where the node is on this machine.
func (n *node) loopback() []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), n.v4.socket.port())}
}

func newDoorKey() seal.DoorKey {
	var secret kith.Secret
	rand.Read(secret[:])
	return seal.PairDoor(secret)
}

func inTime(t testing.TB) context.Context {
	ctx, stop := context.WithTimeout(t.Context(), patience)
	t.Cleanup(stop)
	return ctx
}

// dial links a to b by a door of its own and gives both ends.
func dial(t testing.TB, a, b *node) (la, lb link.Link) {
	t.Helper()
	key := newDoorKey()
	b.SetDoors([]Door{{Key: key, Account: a.peer.Account}})
	return dialBy(t, a, b, key, b.loopback())
}

func dialBy(t testing.TB, a, b *node, key seal.DoorKey, addrs []netip.AddrPort) (la, lb link.Link) {
	t.Helper()
	ctx := inTime(t)
	la, err := a.Dial(ctx, Door{Key: key, Account: b.peer.Account}, addrs, "direct")
	if err != nil {
		t.Fatal(err)
	}
	in, err := b.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if in.Door.Key != key {
		t.Fatalf("came by another door")
	}
	return la, in.Link
}

// offered links a to b by an offer and its answer.
func offered(t testing.TB, a, b *node) (la, lb link.Link) {
	t.Helper()
	ctx := inTime(t)
	oa, err := a.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ob, err := b.Answer(ctx, throughWire(t, oa.Local()))
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		link link.Link
		err  error
	}
	got := make(chan result, 1)
	go func() {
		l, err := ob.Connect(ctx, nil)
		got <- result{l, err}
	}()
	answer := throughWire(t, ob.Local())
	la, err = oa.Connect(ctx, &answer)
	if err != nil {
		t.Fatal(err)
	}
	r := <-got
	if r.err != nil {
		t.Fatal(r.err)
	}
	return la, r.link
}

func throughWire(t testing.TB, o wire.Offer) wire.Offer {
	t.Helper()
	data, err := wire.AppendOffer(nil, o)
	if err != nil {
		t.Fatal(err)
	}
	o, err = wire.ParseOffer(data)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func await[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("still waiting for %s", what)
		panic("unreachable")
	}
}

func TestConformanceKnocked(t *testing.T) {
	linktest.Conformance(t, func(t *testing.T) (link.Link, link.Link) {
		return dial(t, newNode(t), newNode(t))
	})
}

func TestConformanceOffered(t *testing.T) {
	linktest.Conformance(t, func(t *testing.T) (link.Link, link.Link) {
		return offered(t, newNode(t), newNode(t))
	})
}

func TestPeersAndPaths(t *testing.T) {
	a, b := newNode(t), newNode(t)
	la, lb := dial(t, a, b)
	if la.Peer() != b.peer || lb.Peer() != a.peer {
		t.Errorf("peers %v and %v", la.Peer(), lb.Peer())
	}
	want := link.Path{Way: "direct", Kind: "direct", Local: a.loopback()[0].String(), Remote: b.loopback()[0].String()}
	if la.Path() != want {
		t.Errorf("path %+v, want %+v", la.Path(), want)
	}
	want.Local, want.Remote = want.Remote, want.Local
	if lb.Path() != want {
		t.Errorf("path %+v, want %+v", lb.Path(), want)
	}
	if la.RTT() <= 0 || la.RTT() > time.Second {
		t.Errorf("round trip %v", la.RTT())
	}
	if m := a.Mapped(); len(m) != 1 || m[0] != a.loopback()[0] {
		t.Errorf("mapped %v, want %v", m, a.loopback())
	}

	la, lb = offered(t, a, b)
	if p, q := la.Path(), lb.Path(); p.Way != "offer" || p.Kind != "direct" || p.Local != q.Remote || p.Remote != q.Local {
		t.Errorf("paths %+v and %+v", p, q)
	}
}

func TestIPv6(t *testing.T) {
	a, b := newNode(t), newNode(t)
	if b.v6 == nil {
		t.Skip("this machine has no IPv6")
	}
	key := newDoorKey()
	b.SetDoors([]Door{{Key: key}})
	if b.v4.socket.port() != b.v6.socket.port() {
		t.Errorf("ports %d and %d", b.v4.socket.port(), b.v6.socket.port())
	}
	la, lb := dialBy(t, a, b, key, []netip.AddrPort{netip.AddrPortFrom(netip.IPv6Loopback(), b.v6.socket.port())})
	if lb.Peer() != a.peer || la.Path().Local != netip.AddrPortFrom(netip.IPv6Loopback(), a.v6.socket.port()).String() {
		t.Errorf("%v on %+v", lb.Peer(), la.Path())
	}
}

// Both sides dial each other at the same time: both links come up, and who
// keeps which is decided elsewhere.
func TestBothDial(t *testing.T) {
	a, b := newNode(t), newNode(t)
	key := newDoorKey()
	a.SetDoors([]Door{{Key: key, Account: b.peer.Account}})
	b.SetDoors([]Door{{Key: key, Account: a.peer.Account}})
	ctx := inTime(t)
	links, errs := make(chan link.Link, 4), make(chan error, 4)
	for _, p := range [][2]*node{{a, b}, {b, a}} {
		go func() {
			l, err := p[0].Dial(ctx, Door{Key: key, Account: p[1].peer.Account}, p[1].loopback(), "direct")
			errs <- err
			links <- l
		}()
		go func() {
			in, err := p[1].Accept(ctx)
			errs <- err
			links <- in.Link
		}()
	}
	for range cap(errs) {
		if err := await(t, errs, "a link"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDialOneOfMany(t *testing.T) {
	a, b, other := newNode(t), newNode(t), newNode(t)
	key := newDoorKey()
	b.SetDoors([]Door{{Key: key, Account: a.peer.Account}})
	dead, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	addrs := append(a.loopback(), other.loopback()...) // itself, and one without doors
	addrs = append(addrs, plain(dead.LocalAddr().(*net.UDPAddr).AddrPort()))
	dialBy(t, a, b, key, append(addrs, b.loopback()...))
}

func TestDialNobody(t *testing.T) {
	a, b := newNode(t), newNode(t)
	ctx, stop := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer stop()
	_, err := a.Dial(ctx, Door{Key: newDoorKey()}, b.loopback(), "direct")
	if kith.KindOf(err) != kith.Unreachable {
		t.Errorf("dialled a node without doors: %v", err)
	}
	if _, err := a.Dial(ctx, Door{Key: newDoorKey()}, a.loopback(), "direct"); kith.KindOf(err) != kith.Unreachable {
		t.Errorf("dialled itself: %v", err)
	}
}

// The one behind the door is not the account that the dialler wants.
func TestDialFindsSomebodyElse(t *testing.T) {
	a, b, c := newNode(t), newNode(t), newNode(t)
	key := newDoorKey()
	b.SetDoors([]Door{{Key: key}})
	_, err := a.Dial(inTime(t), Door{Key: key, Account: c.peer.Account}, b.loopback(), "direct")
	if kith.KindOf(err) != kith.BadPeer {
		t.Fatalf("error %v", err)
	}
	// The refusal may overtake the end of b's handshake: b then has no link.
	select {
	case in := <-b.incoming:
		await(t, in.Link.Done(), "the end of the link")
		if in.Link.Reason() != link.Violation {
			t.Errorf("reason %v", in.Link.Reason())
		}
	default:
	}
}

// Somebody else comes by the door of an account.
func TestSomebodyElseComes(t *testing.T) {
	a, b, c := newNode(t), newNode(t), newNode(t)
	key := newDoorKey()
	b.SetDoors([]Door{{Key: key, Account: c.peer.Account}})
	l, err := a.Dial(inTime(t), Door{Key: key}, b.loopback(), "direct")
	// The dialler's handshake is complete before it is refused, but the refusal
	// may come before Dial gets to look.
	var refusal *quic.ApplicationError
	switch {
	case errors.As(err, &refusal):
		if refusal.ErrorCode != quic.ApplicationErrorCode(link.Violation) {
			t.Errorf("refused with %v", refusal)
		}
	case err != nil:
		t.Fatal(err)
	default:
		await(t, l.Done(), "the end of the link")
		if l.Reason() != link.Violation {
			t.Errorf("reason %v", l.Reason())
		}
	}
	select {
	case <-b.incoming:
		t.Error("a stranger was accepted")
	default:
	}
}

// A contact who also holds an invitation comes by the contact's door.
func TestDoorOfThePeerIsPreferred(t *testing.T) {
	a, b := newNode(t), newNode(t)
	pair, invitation := newDoorKey(), newDoorKey()
	b.SetDoors([]Door{{Key: invitation}, {Key: pair, Account: a.peer.Account}})
	dialBy(t, a, b, invitation, b.loopback())
	l, err := a.Dial(inTime(t), Door{Key: pair}, b.loopback(), "direct")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(link.Goodbye)
	in, err := b.Accept(inTime(t))
	if err != nil || in.Door.Key != pair {
		t.Errorf("door %v, %v", in.Door, err)
	}
}

func TestCloseSaysGoodbye(t *testing.T) {
	a, b, c := newNode(t), newNode(t), newNode(t)
	lb, _ := dial(t, b, a)
	lc, _ := offered(t, c, a)
	start := time.Now()
	a.Close(link.Goodbye)
	if d := time.Since(start); d > handshakeTimeout { // it waits for nobody
		t.Errorf("closing took %v", d)
	}
	for _, l := range []link.Link{lb, lc} {
		await(t, l.Done(), "the goodbye")
		if l.Reason() != link.Goodbye {
			t.Errorf("reason %v", l.Reason())
		}
	}
	if _, err := a.Accept(t.Context()); err == nil {
		t.Error("accepted on a closed endpoint")
	}
	if _, err := a.Dial(t.Context(), Door{}, b.loopback(), ""); err == nil {
		t.Error("dialled from a closed endpoint")
	}
	if _, err := a.Offer(t.Context()); err == nil {
		t.Error("offered from a closed endpoint")
	}
	// The port is free again.
	_, cfg := identity()
	cfg.Port = int(a.v4.socket.port())
	again, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	again.Close(link.Goodbye)
}

func TestPortTaken(t *testing.T) {
	a := newNode(t)
	_, cfg := identity()
	cfg.Port = int(a.v4.socket.port())
	if _, err := Listen(cfg); kith.KindOf(err) != kith.Conflict {
		t.Errorf("error %v", err)
	}
}
