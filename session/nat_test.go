package session

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"kith"
)

func TestMappingOf(t *testing.T) {
	addr := netip.MustParseAddrPort
	m1, m2, v6 := addr("192.0.2.1:3478"), addr("192.0.2.2:3478"), addr("[2001:db8::1]:3478")
	own, out, other := addr("10.0.0.1:4711"), addr("203.0.113.7:4711"), addr("203.0.113.7:4712")
	type seen = map[netip.AddrPort]netip.AddrPort
	for name, c := range map[string]struct {
		mirrors []netip.AddrPort
		seen    seen
		want    NATMapping
	}{
		"nobody to ask":       {nil, nil, NATUnknown},
		"another family":      {[]netip.AddrPort{v6}, seen{v6: addr("[2001:db8::2]:1")}, NATUnknown},
		"nobody answers":      {[]netip.AddrPort{m1, m2}, nil, NATSilent},
		"no NAT":              {[]netip.AddrPort{m1, m2}, seen{m1: own, m2: own}, NATNone},
		"one answer":          {[]netip.AddrPort{m1, m2}, seen{m2: out}, NATSome},
		"the same":            {[]netip.AddrPort{m1, m2}, seen{m1: out, m2: out}, NATEndpointIndependent},
		"different":           {[]netip.AddrPort{m1, m2}, seen{m1: out, m2: other}, NATAddressDependent},
		"inside and outside":  {[]netip.AddrPort{m1, m2}, seen{m1: own, m2: out}, NATAddressDependent},
		"one silent, no NAT":  {[]netip.AddrPort{m1, m2}, seen{m2: own}, NATNone},
		"the second is quiet": {[]netip.AddrPort{m1, m2}, seen{m1: out}, NATSome},
	} {
		if got := mappingOf(netip.Addr.Is4, c.mirrors, c.seen, []netip.AddrPort{own}); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestNAT(t *testing.T) {
	one, two := newTURN(t), newTURN(t)
	a := newNode(t)
	ctx := inTime(t)
	if _, err := a.NAT(ctx, nil); kith.KindOf(err) != kith.Unreachable {
		t.Errorf("asked nobody: %v", err)
	}
	if _, err := a.NAT(ctx, []string{"example.org"}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("asked something else: %v", err)
	}
	report, err := a.NAT(ctx, []string{"stun:" + one.udp.String(), "stun:" + two.udp.String()})
	if err != nil {
		t.Fatal(err)
	}
	if report.IPv4 != NATNone || report.Hairpin != HairpinUnknown || len(report.Mapped) != 1 || report.Mapped[0] != a.loopback()[0] || report.RTT <= 0 {
		t.Errorf("without a NAT: %+v", report)
	}
	// A forwarder in front of each server is a NAT that maps by address.
	front := func(s *turnServer) string {
		return "stun:" + newForwarder(t, netip.MustParseAddrPort(s.udp.String()), 0).addr().String()
	}
	report, err = a.NAT(ctx, []string{front(one), front(two)})
	if err != nil || report.IPv4 != NATAddressDependent || len(report.Mapped) != 2 {
		t.Errorf("behind a symmetric NAT: %+v, %v", report, err)
	}
	// It leads what is sent to it back, as a NAT does that knows hairpins.
	report, err = a.NAT(ctx, []string{front(one)})
	if err != nil || report.IPv4 != NATSome || report.Hairpin != HairpinYes {
		t.Errorf("one server: %+v, %v", report, err)
	}
	short, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	if _, err := a.NAT(short, []string{"stun:" + silentUDP(t).String()}); err == nil {
		t.Error("no error when there is no time")
	}
}

func TestNoHairpin(t *testing.T) {
	silent := netip.MustParseAddrPort(silentUDP(t).String())
	if h := newNode(t).hairpin(inTime(t), []netip.AddrPort{silent}); h != HairpinNo {
		t.Errorf("a NAT that leads nothing back: %v", h)
	}
}
