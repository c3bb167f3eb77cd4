//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// A truth is what theory says of a kind of router (RFC 4787), found out by
// sockets only.
type truth struct {
	kind    Kind
	udp     bool
	moves   bool // the outside port depends on the destination
	lets    string
	hairpin bool
	tcp     bool
	tcp443  bool
}

var truths = []truth{
	{Public, true, false, "partner, other port, other address", true, true, true},
	{FullCone, true, false, "partner, other port, other address", false, true, true},
	{AddressRestricted, true, false, "partner, other port", false, true, true},
	{PortRestricted, true, false, "partner", false, true, true},
	{Symmetric, true, true, "partner", false, true, true},
	{CarrierGrade, true, false, "partner", false, true, true},
	{Hairpin, true, false, "partner", true, true, true},
	{UDPBlocked, false, false, "", false, true, true},
	{Only443, false, false, "", false, false, true},
	{IPv6Only, true, false, "partner", true, true, true},
	{DualStack, true, false, "partner", false, true, true},
}

// unheard is how long a test waits for what should not come. Nothing in these
// networks takes a tenth of it, unless the machine is very busy.
const unheard = 250 * time.Millisecond

// tries is how often something is sent that may come, for such a machine.
const tries = 3

func TestKindsOfRouters(t *testing.T) {
	t.Parallel()
	for _, want := range truths {
		t.Run(want.kind.String(), func(t *testing.T) {
			t.Parallel()
			i := NewInternet(t, Line{})
			hub, other := i.Host("hub"), i.Host("other")
			home := i.Home(want.kind)
			p := prober{t: t, alice: home.Host("alice"), bob: home.Host("bob"), v6: want.kind == IPv6Only}
			p.partner = p.listen(hub, port)
			p.otherPort = p.listen(hub, port+1)
			p.otherAddress = p.listen(other, port)
			got := truth{kind: want.kind}
			if got.udp, got.moves = p.mapping(); got.udp {
				got.lets = p.filtering()
				got.hairpin = p.hairpin()
			}
			got.tcp, got.tcp443 = p.tcp(hub, 7000), p.tcp(hub, 443)
			if got != want {
				t.Errorf("this router\n%+v is not what it claims:\n%+v", got, want)
			}
		})
	}
}

// A prober finds out what a router does.
type prober struct {
	t                                *testing.T
	alice, bob                       *Host
	v6                               bool
	partner, otherPort, otherAddress net.PacketConn
}

func (p *prober) addr(h *Host) netip.Addr {
	if p.v6 {
		return h.Addr6()
	}
	return h.Addr()
}

func (p *prober) listen(h *Host, port uint16) net.PacketConn {
	p.t.Helper()
	return listen(p.t, h, "udp", netip.AddrPortFrom(p.addr(h), port).String())
}

// send sends a few words from one socket to another.
func (p *prober) send(from net.PacketConn, to net.Addr, words string) {
	p.t.Helper()
	if _, err := from.WriteTo([]byte(words), to); err != nil {
		p.t.Fatal(err)
	}
}

// seen sends a packet out to a server and returns the address from which it
// comes, or nil if it does not come.
func (p *prober) seen(from, by net.PacketConn) *net.UDPAddr {
	p.t.Helper()
	words := fmt.Sprint("out ", from.LocalAddr())
	for range tries {
		p.send(from, by.LocalAddr(), words)
		for heard := range received(by, unheard) {
			if heard.words == words {
				return heard.from
			}
		}
	}
	return nil
}

type packet struct {
	words string
	from  *net.UDPAddr
}

// received yields what a socket receives until it is silent for some time.
func received(conn net.PacketConn, silence time.Duration) func(func(packet) bool) {
	return func(yield func(packet) bool) {
		for {
			buf := make([]byte, 256)
			conn.SetReadDeadline(time.Now().Add(silence))
			n, from, err := conn.ReadFrom(buf)
			if err != nil || !yield(packet{string(buf[:n]), from.(*net.UDPAddr)}) {
				return
			}
		}
	}
}

// mapping says if UDP gets out, and if the outside port depends on where to.
// An unexpected packet comes first: it must not disturb.
func (p *prober) mapping() (udp, moves bool) {
	p.t.Helper()
	inner := p.listen(p.alice, port+2)
	first := p.seen(inner, p.otherAddress)
	if first == nil {
		return false, false
	}
	p.send(p.partner, first, "too early")
	p.send(p.otherPort, first, "too early")
	for range received(inner, unheard) {
	}
	for _, server := range []net.PacketConn{p.partner, p.otherPort} {
		if next := p.seen(inner, server); next == nil || next.String() != first.String() {
			return true, true
		}
	}
	if first.Port != port+2 {
		p.t.Errorf("the port became %d", first.Port)
	}
	return true, false
}

// filtering says whose packets reach a socket that has sent to its partner.
func (p *prober) filtering() string {
	p.t.Helper()
	inner := p.listen(p.alice, port+3)
	outer := p.seen(inner, p.partner)
	if outer == nil {
		p.t.Fatal("a packet got lost")
	}
	heard := map[string]bool{}
	for range tries {
		p.send(p.partner, outer, "partner")
		p.send(p.otherPort, outer, "other port")
		p.send(p.otherAddress, outer, "other address")
		for packet := range received(inner, unheard) {
			if heard[packet.words] = true; len(heard) == 3 {
				break
			}
		}
		if heard["partner"] {
			break
		}
	}
	lets := ""
	for _, who := range []string{"partner", "other port", "other address"} {
		if heard[who] {
			lets += ", " + who
		}
	}
	return lets[min(2, len(lets)):]
}

// hairpin says if alice reaches bob, in the same home, at his outside address.
func (p *prober) hairpin() bool {
	p.t.Helper()
	alice, bob := p.listen(p.alice, port+4), p.listen(p.bob, port+5)
	hers, his := p.seen(alice, p.partner), p.seen(bob, p.partner)
	if hers == nil || his == nil {
		p.t.Fatal("a packet got lost")
	}
	for range tries {
		p.send(alice, his, "to myself, nearly")
		for heard := range received(bob, unheard) {
			if heard.from.String() != hers.String() {
				p.t.Errorf("bob sees alice at %v, not %v", heard.from, hers)
			}
			return true
		}
	}
	return false
}

// tcp says if alice reaches a TCP port of a host, which answers by its own
// good will.
func (p *prober) tcp(h *Host, port uint16) bool {
	p.t.Helper()
	at := netip.AddrPortFrom(p.addr(h), port).String()
	var l net.Listener
	if err := h.Do(func() (err error) {
		l, err = net.Listen("tcp", at)
		return err
	}); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { l.Close() })
	ctx, cancel := context.WithTimeout(p.t.Context(), tries*unheard)
	defer cancel()
	conn, err := p.alice.Dial(ctx, "tcp", at)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func TestDualStackHasBoth(t *testing.T) {
	t.Parallel()
	i := NewInternet(t, Line{})
	hub := i.Host("hub")
	home := i.Home(DualStack)
	alice := home.Host("alice")
	echo(t, hub)
	for _, to := range []netip.Addr{hub.Addr(), hub.Addr6()} {
		answers(t, dial(t, alice, "udp", to))
	}
	// Her IPv6 address is of the internet, but a firewall stands before it.
	echo(t, alice)
	silent(t, dial(t, hub, "udp", alice.Addr6()))
}

func TestPublicHomesMeet(t *testing.T) {
	t.Parallel()
	i := NewInternet(t, Line{Delay: 10 * time.Millisecond})
	alice, bob := i.Home(Public).Host("alice"), i.Home(Public).Host("bob")
	echo(t, bob)
	for _, to := range []netip.Addr{bob.Addr(), bob.Addr6()} {
		conn := dial(t, alice, "udp", to)
		answers(t, conn)
		if took, err := ping(conn, answerWithin); err != nil || took < 20*time.Millisecond {
			t.Errorf("a round trip over a line of 10 ms took %v, %v", took, err)
		}
	}
}

// TestNeighboursOfACarrier has two homes behind one carrier: they meet within,
// as hosts of its network, and not at the carrier's outside address.
func TestNeighboursOfACarrier(t *testing.T) {
	t.Parallel()
	i := NewInternet(t, Line{})
	hub := i.Host("hub")
	carrier := i.Carrier(PortRestricted)
	one, two := carrier.Home(PortRestricted), carrier.Home(FullCone)
	p := prober{t: t, alice: one.Host("alice"), bob: two.Host("bob")}
	p.partner = p.listen(hub, port)
	alice, bob := p.listen(p.alice, port), p.listen(p.bob, port+1)
	if from := p.seen(alice, p.partner); from == nil || from.AddrPort() != netip.AddrPortFrom(carrier.Outside(), port) {
		t.Errorf("the hub sees alice at %v, not at the carrier's %v", from, carrier.Outside())
	}
	his := p.seen(bob, p.partner)
	p.send(alice, his, "by the carrier's address")
	p.send(alice, net.UDPAddrFromAddrPort(netip.AddrPortFrom(two.Outside(), port+1)), "by the router's address")
	var heard []string
	for packet := range received(bob, unheard) {
		heard = append(heard, packet.words)
	}
	if !slices.Equal(heard, []string{"by the router's address"}) {
		t.Errorf("bob heard %q", heard)
	}
}
