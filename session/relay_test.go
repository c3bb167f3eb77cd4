package session

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/link"
	"kith/wire"
)

// One of two nodes hides behind a relay, which it reaches by each transport.
func TestRelay(t *testing.T) {
	relay := newTURN(t)
	for _, network := range []string{"udp", "tcp", "tls"} {
		t.Run(network, func(t *testing.T) {
			a, b := newNode(t), newNode(t)
			relay.use(t, a, true, network)
			o, err := a.Offer(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range o.Local().Candidates {
				if c.Type != wire.CandidateRelay {
					t.Errorf("the offer tells %v", c)
				}
			}
			// Nor does a check by the right password find out where it is.
			s := newStranger(t, a)
			key := newDoorKey()
			a.SetDoors([]Door{{Key: key}})
			s.conn.Write(makeCheck(t, o.Local().Ufrag+":abcd", o.Local().Pwd).Raw)
			s.answered(key, "a check of who shows relays only")
			o.Close()

			for _, pair := range [][2]*node{{a, b}, {b, a}} {
				la, lb := offered(t, pair[0], pair[1])
				echo(t, la, lb)
				if la.Path().Kind != "relayed" || lb.Path().Kind != "relayed" {
					t.Errorf("paths %+v and %+v", la.Path(), lb.Path())
				}
				la.Close(link.Goodbye)
				await(t, lb.Done(), "the goodbye")
				if lb.Reason() != link.Goodbye {
					t.Errorf("reason %v", lb.Reason())
				}
			}
		})
	}
}

// Halves without relays hold none, take none of the other side, and can't be
// had where only relays may be shown.
func TestDirectOffersUseNoRelays(t *testing.T) {
	relay := newTURN(t)
	a, b := newNode(t), newNode(t)
	relay.use(t, a, false, "udp")
	relay.use(t, b, false, "udp")
	o, err := a.OfferDirect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	await(t, o.gathered, "the STUN server")
	for _, c := range o.Local().Candidates {
		if c.Type == wire.CandidateRelay {
			t.Errorf("the offer tells %v", c)
		}
	}
	answer, err := b.Answer(t.Context(), o.Local()) // by somebody who uses relays all the same
	if err != nil {
		t.Fatal(err)
	}
	half := answer.Local()
	half.Candidates = slices.DeleteFunc(half.Candidates, func(c wire.Candidate) bool { return c.Type != wire.CandidateRelay })
	if len(half.Candidates) == 0 {
		t.Fatal("the answer holds no relay")
	}
	answer.Close() // so that it does not check us
	ctx, stop := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer stop()
	if l, err := o.Connect(ctx, &half); kith.KindOf(err) != kith.Unreachable {
		t.Errorf("link %v, error %v, want one that says that there is no path", l, err)
	}

	relay.use(t, a, true, "udp")
	if _, err := a.OfferDirect(t.Context()); kith.KindOf(err) != kith.Conflict {
		t.Errorf("an offer without relays of who shows relays only: %v", err)
	}
	if _, err := b.AnswerDirect(t.Context(), o.Local()); err != nil {
		t.Errorf("answer: %v", err)
	}
}

// Who shows relays only sends nothing to the other side's addresses itself.
func TestHiddenSendsNothingItself(t *testing.T) {
	relay := newTURN(t)
	a := newNode(t)
	a.silent.Store(true) // TCP would be tried at once
	relay.use(t, a, true, "udp")
	ctx, stop := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer stop()
	streams, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	context.AfterFunc(ctx, func() { streams.Close() })
	datagrams, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	context.AfterFunc(ctx, func() { datagrams.Close() })
	from := make(chan netip.AddrPort, 100)
	go func() {
		defer close(from)
		for {
			_, sender, err := datagrams.ReadFromUDPAddrPort(make([]byte, 1500))
			if err != nil {
				return
			}
			from <- sender
		}
	}()

	o, err := a.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	relays := of(o.Local(), wire.CandidateRelay, wire.CandidateUDP)
	answer := wire.Offer{
		Answer: true, ID: o.Local().ID, Device: kith.DeviceID{1}, Ufrag: "ufrag", Pwd: strings.Repeat("p", 22),
		Candidates: []wire.Candidate{
			{Addr: netip.MustParseAddrPort(datagrams.LocalAddr().String())},
			{Addr: netip.MustParseAddrPort(streams.Addr().String()), Transport: wire.CandidateTCPPassive},
		},
	}
	go o.Connect(ctx, &answer)
	if conn, err := streams.Accept(); err == nil {
		t.Errorf("a connection came from %v", conn.RemoteAddr())
		conn.Close()
	}
	checks := 0
	for sender := range from {
		checks++
		if !slices.Contains(relays, sender) {
			t.Errorf("a check came from %v instead of %v", sender, relays)
		}
	}
	if checks == 0 {
		t.Error("no check came at all")
	}
}

func TestBadServers(t *testing.T) {
	a := newNode(t)
	for name, bad := range map[string]ICEConfig{
		"a page":      {Servers: []ICEServer{{URL: "http://example.org"}}},
		"a port":      {Servers: []ICEServer{{URL: "stun:192.0.2.1:99999"}}},
		"no password": {Servers: []ICEServer{{URL: "turn:192.0.2.1", Username: "user"}}},
		"no relay":    {Servers: []ICEServer{{URL: "stun:192.0.2.1"}}, RelayOnly: true},
	} {
		if err := a.SetICE(bad); kith.KindOf(err) != kith.Invalid {
			t.Errorf("configured %s: %v", name, err)
		}
	}
}

// A server whose certificate is not trusted gives no relay, and what is needed
// to use a server is in no log.
func TestUntrustedRelay(t *testing.T) {
	relay := newTURN(t)
	_, cfg := identity()
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	e, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ice := relay.config(true, map[string]net.Addr{"tls": relay.tls, "udp": silentUDP(t)})
	ice.Roots = nil
	if err := e.SetICE(ice); err != nil {
		t.Fatal(err)
	}
	e.log.Info("configured", "ice", ice, "server", ice.Servers[0])
	if o, err := e.Offer(t.Context()); kith.KindOf(err) != kith.Unreachable {
		t.Errorf("offered %v, %v", o, err)
	}
	good := relay.config(false, map[string]net.Addr{"udp": relay.udp})
	good.Servers[0].Username = "user of another time"
	if err := e.SetICE(good); err != nil {
		t.Fatal(err)
	}
	if o, err := e.Offer(t.Context()); err != nil || len(of(o.Local(), wire.CandidateRelay, wire.CandidateUDP)) != 0 {
		t.Errorf("%v", err)
	}
	e.Close(link.Goodbye)
	text := log.String()
	if strings.Contains(text, turnPassword) || strings.Contains(text, "of another time") {
		t.Errorf("credentials in the log:\n%s", text)
	}
	if !strings.Contains(text, "no relay for an offer") || !strings.Contains(text, "certificate") {
		t.Errorf("the log does not say why:\n%s", text)
	}
}

// When UDP is silent TURN goes over TLS, soon, and at once the next time.
func TestSilentUDP(t *testing.T) {
	relay := newTURN(t)
	a := newNode(t)
	if err := a.SetICE(relay.config(true, map[string]net.Addr{"udp": silentUDP(t), "tls": relay.tls})); err != nil {
		t.Fatal(err)
	}
	relayed := func() time.Duration {
		start := time.Now()
		o, err := a.OfferNow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		await(t, o.Trickle(), "a relay")
		return time.Since(start)
	}
	// TURN over UDP alone gives up after 8 seconds.
	if d := relayed(); d < silentTURN || d > silentTURN+4*time.Second {
		t.Errorf("a relay over TLS after %v", d)
	}
	if d := quickest(t, func() { relayed() }); d > silentTURN+slack {
		t.Errorf("the next time after %v", d)
	}
	// With UDP there is no need of TCP.
	relay.use(t, a, true, "udp", "tls")
	a.NetworkChanged()
	o, err := a.Offer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if relays := of(o.Local(), wire.CandidateRelay, wire.CandidateUDP); len(relays) != 1 {
		t.Errorf("relays %v", relays)
	}
}

// A relay that goes ends its links, by TCP at once and by UDP within seconds.
func TestRelayDies(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			relay := newTURN(t)
			a, b := newNode(t), newNode(t)
			for _, n := range []*node{a, b} {
				n.beat, n.patience = 100*time.Millisecond, 200*time.Millisecond
			}
			relay.use(t, a, true, network)
			la, lb := offered(t, a, b)
			echo(t, la, lb)
			start := time.Now()
			relay.Close()
			for _, l := range []link.Link{la, lb} {
				await(t, l.Done(), "the loss of the link")
				if l.Reason() != link.Lost {
					t.Errorf("reason %v", l.Reason())
				}
			}
			if d := time.Since(start); d > idleTimeout/2 {
				t.Errorf("noticed after %v", d)
			}
		})
	}
}

// A relayed link that lives, though nothing is said, stays.
func TestQuietRelay(t *testing.T) {
	relay := newTURN(t)
	a, b := newNode(t), newNode(t)
	a.beat, a.patience = 20*time.Millisecond, 2*time.Second
	b.beat, b.patience = a.beat, a.patience
	relay.use(t, a, true, "udp")
	la, lb := offered(t, a, b)
	select {
	case <-la.Done():
		t.Errorf("ended: %v", la.Reason())
	case <-lb.Done():
		t.Errorf("ended: %v", lb.Reason())
	case <-time.After(2 * a.patience):
	}
	echo(t, la, lb)
}

// A link that an offer made directly lives on the endpoint's port: it moves
// when a NAT forgets, and an address that is gone ends it.
func TestOfferedLinkMoves(t *testing.T) {
	a, b := newNode(t), newNode(t)
	ctx := inTime(t)
	oa, err := a.OfferNow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	offer := oa.Local()
	offer.Candidates = nil
	ob, err := b.AnswerNow(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	f := newForwarder(t, v4Loopback(t, ob.Local()), 0)
	waiting := make(chan link.Link, 1)
	go func() {
		l, err := ob.Connect(ctx, nil)
		if err != nil {
			t.Error(err)
		}
		waiting <- l
	}()
	answer := only(ob.Local(), f.addr())
	la, err := oa.Connect(ctx, &answer)
	if err != nil {
		t.Fatal(err)
	}
	lb := await(t, waiting, "the other end")
	if lb == nil {
		t.FailNow()
	}
	if la.(*quicLink).release != nil || lb.(*quicLink).release != nil {
		t.Error("a direct link has a connection of its own")
	}
	if a.loopback()[0].String() != la.Path().Local {
		t.Errorf("path %+v", la.Path())
	}
	echo(t, la, lb)
	before := lb.Path().Remote
	f.rebind(t)
	deadline := time.Now().Add(patience)
	for lb.Path().Remote == before && time.Now().Before(deadline) {
		echo(t, la, lb)
	}
	if lb.Path().Remote == before {
		t.Error("the link did not move")
	}
	a.patience = 300 * time.Millisecond
	f.setCut(true)
	a.NetworkChanged()
	await(t, la.Done(), "the loss of the link")
	if la.Reason() != link.Lost {
		t.Errorf("reason %v", la.Reason())
	}
}
