//go:build linux

package lab

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestARouterThatReboots(t *testing.T) {
	t.Parallel()
	i := NewInternet(t, Line{})
	home := i.Home(PortRestricted)
	p := prober{t: t, alice: home.Host("alice")}
	p.partner = p.listen(i.Host("hub"), port)
	inner := p.listen(p.alice, port)
	hears := func(to *net.UDPAddr) bool {
		for range tries {
			p.send(p.partner, to, "hello")
			for range received(inner, unheard) {
				return true
			}
		}
		return false
	}
	before := p.seen(inner, p.partner)
	if !hears(before) {
		t.Fatal("the router did not let an answer in")
	}
	start := time.Now()
	home.Reboot()
	t.Logf("a reboot took %v", time.Since(start))
	if hears(before) {
		t.Error("the router still knows a mapping of before")
	}
	if after := p.seen(inner, p.partner); after == nil || after.String() != before.String() {
		t.Errorf("after the reboot alice is at %v, before at %v", after, before)
	}
	home.Renumber()
	if after := p.seen(inner, p.partner); after == nil || after.IP.Equal(before.IP) || !hears(after) {
		t.Errorf("with another address alice is at %v, before at %v", after, before)
	}
	home.SetKind(Symmetric)
	if after := p.seen(inner, p.partner); after == nil || after.Port == port {
		t.Errorf("behind a symmetric router alice is at %v", after)
	}
	home.Kill()
	if p.seen(inner, p.partner) != nil {
		t.Error("a packet passed a router that is off")
	}
	home.Start()
	if p.seen(inner, p.partner) == nil {
		t.Error("no packet passes after the router was switched on")
	}
}

// TestARebootCutsTCP: the router must not take up a connection half way.
func TestARebootCutsTCP(t *testing.T) {
	t.Parallel()
	i := NewInternet(t, Line{})
	home := i.Home(PortRestricted)
	hub, alice := i.Host("hub"), home.Host("alice")
	var l net.Listener
	if err := hub.Do(func() (err error) {
		l, err = net.Listen("tcp", netip.AddrPortFrom(hub.Addr(), port).String())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	inner := dial(t, alice, "tcp", hub.Addr())
	outer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer outer.Close()
	read := func(within time.Duration) error {
		inner.Write([]byte("x"))
		outer.SetReadDeadline(time.Now().Add(within))
		_, err := outer.Read(make([]byte, 1))
		return err
	}
	if err := read(answerWithin); err != nil {
		t.Fatal(err)
	}
	home.Reboot()
	if read(tries*unheard) == nil {
		t.Error("a TCP connection outlived the router's memory")
	}
}

func TestMove(t *testing.T) {
	t.Parallel()
	i := NewInternet(t, Line{})
	home, mobile := i.Home(PortRestricted), i.Home(CarrierGrade)
	hub, alice := i.Host("hub"), home.Host("alice")
	echo(t, hub)
	for _, to := range []*Switch{mobile.Switch(), i.Backbone(), home.Switch()} {
		alice.Move(to)
		answers(t, dial(t, alice, "udp", hub.Addr()))
	}
	if home.Host("bob").Addr() == alice.Addr() {
		t.Error("two hosts have one address")
	}
}
