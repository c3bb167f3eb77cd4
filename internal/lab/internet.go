//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"testing"
)

// An Internet is a network of homes behind routers, and of hosts that have
// public addresses. Between any two of them is the line; homes inside are wired.
type Internet struct {
	net      *Network
	backbone *Switch
	routers  int // numbers them
}

// The addresses look like those of the real internet, since programs treat
// private and reserved ones in a special way. Nothing leaves the lab.
var (
	backbone4 = netip.MustParsePrefix("11.77.0.0/16")
	backbone6 = netip.MustParsePrefix("2a77:6974:68::/48")
)

// home4 is the network of every home, as of so many real ones: two hosts in
// different homes may well have the same address.
var home4 = netip.MustParsePrefix("192.168.1.0/24")

// NewInternet begins an internet, which is taken down when the test ends. A
// packet takes line.Delay from one router or public host to another.
func NewInternet(t testing.TB, line Line) *Internet {
	t.Helper()
	n := New(t)
	i := &Internet{net: n, backbone: n.Switch("backbone", line)}
	i.backbone.net4, i.backbone.net6 = backbone4, backbone6
	return i
}

// Host adds a host with public addresses of IPv4 and IPv6.
func (i *Internet) Host(name string) *Host {
	i.net.t.Helper()
	return i.net.Host(name, i.backbone)
}

// Home adds a router of this kind; its hosts are added with [Router.Host].
func (i *Internet) Home(kind Kind) *Router {
	i.net.t.Helper()
	if kind != CarrierGrade {
		return i.router(i.backbone, kind, false)
	}
	return i.router(i.Carrier(PortRestricted).inside, kind, false)
}

// Carrier adds the NAT of an internet provider, which gives its customers
// addresses of 100.64.0.0/10 (RFC 6598). They are added with [Router.Home].
func (i *Internet) Carrier(kind Kind) *Router {
	i.net.t.Helper()
	return i.router(i.backbone, kind, true)
}

// Home adds a home behind this router.
func (r *Router) Home(kind Kind) *Router {
	r.net.net.t.Helper()
	return r.net.router(r.inside, kind, false)
}

// SetLine changes the line between homes and public hosts from now on.
func (i *Internet) SetLine(line Line) {
	i.net.t.Helper()
	i.backbone.SetLine(line)
}

// Backbone is the switch of routers and public hosts, for [Host.Move].
func (i *Internet) Backbone() *Switch { return i.backbone }

// router adds a router below a switch, and switches it on.
func (i *Internet) router(outside *Switch, kind Kind, carrier bool) *Router {
	t := i.net.t
	t.Helper()
	i.routers++
	m := manners[kind]
	if m.v6 && outside != i.backbone {
		t.Fatalf("lab: a router behind another one cannot be %s: there is no IPv6", kind)
	}
	r := &Router{
		net: i, kind: kind, name: fmt.Sprintf("router%d", i.routers),
		outside: outside, inside: i.net.Switch(fmt.Sprintf("inside%d", i.routers)),
	}
	r.inside.net4, r.inside.net6 = netip.Prefix{}, netip.Prefix{}
	switch {
	case m.public:
		// Within the backbone's, for which the router answers.
		r.inside.net4 = netip.MustParsePrefix(fmt.Sprintf("11.77.%d.0/24", i.routers))
	case carrier:
		r.inside.net4 = netip.MustParsePrefix(fmt.Sprintf("100.64.%d.0/24", i.routers))
	case m.v4:
		r.inside.net4 = home4
	}
	if m.v6 {
		r.inside.net6 = netip.MustParsePrefix(fmt.Sprintf("2a77:6974:68:%x::/64", i.routers))
	}
	r.inside.gate4, r.inside.gate6 = number(r.inside.net4, 1).Addr(), number(r.inside.net6, 1).Addr()
	r.address()
	t.Cleanup(r.remove)
	r.Start()
	return r
}
