//go:build linux

package lab

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"
)

// A Router stands between the hosts of a home and the internet. It is a
// namespace with two cards, lan and wan, and nftables between them.
//
// Two sockets of different hosts that have the same port share a NAT badly, as
// on cheap routers: the later one may get another port for some destinations.
type Router struct {
	net     *Internet
	name    string
	kind    Kind
	outside *Switch
	inside  *Switch
	addr4   netip.Prefix // outside
	addr6   netip.Prefix
	space   string   // empty while it is off
	cables  []*cable // while it is on
	mapping *Mapping // nil: no mapping of ports
}

// Kind is how the router treats what passes.
func (r *Router) Kind() Kind { return r.kind }

// Outside is the router's own address on its outer side, as of now.
func (r *Router) Outside() netip.Addr { return r.addr4.Addr() }

// Inside is the router's address for the hosts of the home.
func (r *Router) Inside() netip.Addr { return r.inside.gate4 }

// Switch is what the hosts of the home are plugged into, for [Host.Move].
func (r *Router) Switch() *Switch { return r.inside }

// Host adds a host to the home.
func (r *Router) Host(name string) *Host {
	r.net.net.t.Helper()
	return r.net.net.Host(name, r.inside)
}

// address gives the router addresses on its outer side.
func (r *Router) address() {
	r.net.net.t.Helper()
	r.addr4, r.addr6 = r.outside.address()
}

// Start switches the router on. It knows nothing of earlier connections.
func (r *Router) Start() {
	n := r.net.net
	n.t.Helper()
	if r.space != "" {
		n.t.Fatalf("lab: %s is on already", r.name)
	}
	r.space = n.space(r.name)
	n.must(sysctl(r.space, hostSysctl))
	n.must(sysctl(r.space, map[string]string{
		"ipv4/ip_forward":                  "1",
		"ipv6/conf/all/forwarding":         "1",
		"ipv4/conf/default/send_redirects": "0",
		// Without its state it must not take up TCP connections half way.
		"netfilter/nf_conntrack_tcp_loose": "0",
	}))
	m := manners[r.kind]
	if rules := m.rules(r.addr4, r.inside.net4); rules != "" {
		n.must(run(rules, "nsenter", "--net=/run/netns/"+r.space, "nft", "-f", "-"))
	}
	for card, s := range map[string]*Switch{"lan": r.inside, "wan": r.outside} {
		c, err := newCable(r.space, card, s, r.name)
		n.must(err)
		r.cables = append(r.cables, c)
	}
	n.must(ip(r.space, "link set lo up\nlink set lan address %s up\nlink set wan address %s up\n%s%s%s",
		hardware(r.name, "lan"), hardware(r.name, "wan"),
		assign("lan", number(r.inside.net4, 1), number(r.inside.net6, 1), &Switch{}),
		assign("wan", r.addr4, r.addr6, r.outside), r.proxies()))
	// It answers for others at once, not after a random part of 0.8 s.
	n.must(sysctl(r.space, map[string]string{"ipv4/neigh/wan/proxy_delay": "0", "ipv6/neigh/wan/proxy_delay": "0", "ipv6/conf/wan/proxy_ndp": "1"}))
	if r.mapping != nil {
		n.must(r.mapping.start(r))
	}
}

// hardware is the address of a card. It outlasts a reboot, or the neighbours
// would send to the old one for half a minute.
func hardware(router, card string) string {
	h := fnv.New32a()
	h.Write([]byte(router + card))
	return fmt.Sprintf("02:77:%02x:%02x:%02x:%02x", h.Sum(nil)[0], h.Sum(nil)[1], h.Sum(nil)[2], h.Sum(nil)[3])
}

// proxies is the ip(8) commands that make the router answer, on the backbone,
// for the public addresses of its hosts, so that nobody needs a route.
func (r *Router) proxies() string {
	var lines strings.Builder
	for _, subnet := range []netip.Prefix{r.inside.net4, r.inside.net6} {
		if !subnet.IsValid() || subnet.Addr().IsPrivate() || r.outside != r.net.backbone || subnet.Addr().Is4() && r.kind != Public {
			continue
		}
		for host := 1; host <= maxHost; host++ {
			fmt.Fprintf(&lines, "neigh add proxy %s dev wan\n", number(subnet, host).Addr())
		}
	}
	return lines.String()
}

// Kill switches the router off. Its hosts keep their cables and addresses.
func (r *Router) Kill() {
	n := r.net.net
	n.t.Helper()
	if r.space == "" {
		n.t.Fatalf("lab: %s is off already", r.name)
	}
	r.remove()
}

// remove takes the router's namespace away, if it has one.
func (r *Router) remove() {
	n := r.net.net
	n.t.Helper()
	if r.space == "" {
		return
	}
	killAll(r.space)
	for _, c := range r.cables {
		n.must(c.remove())
	}
	n.must(n.raze(r.space))
	r.space, r.cables = "", nil
}

// Reboot switches the router off and on. All its connections are forgotten.
func (r *Router) Reboot() {
	r.net.net.t.Helper()
	r.Kill()
	r.Start()
}

// Renumber is Reboot, after which the router has another outside address. The
// IPv6 addresses inside stay.
func (r *Router) Renumber() {
	r.net.net.t.Helper()
	r.Kill()
	r.address()
	r.Start()
}

// SetKind puts another router in place of this one, with the same addresses.
// Both kinds have to give their hosts IPv4 only, and private addresses.
func (r *Router) SetKind(kind Kind) {
	t := r.net.net.t
	t.Helper()
	was, m := manners[r.kind], manners[kind]
	if was.public || m.public || was.v6 || m.v6 || kind == CarrierGrade || r.kind == CarrierGrade {
		t.Fatalf("lab: a %s router cannot become a %s one: its hosts would need other addresses", r.kind, kind)
	}
	r.Kill()
	r.kind = kind
	r.Start()
}
