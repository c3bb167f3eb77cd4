//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// A Kind says how a router treats what passes through it. RFC 4787 calls how
// a NAT chooses the outside port its mapping, and whom it lets in through that
// port its filtering.
type Kind int

const (
	// Public hosts have addresses of the internet, and nothing is in the way.
	Public Kind = iota
	// FullCone keeps the port of a UDP socket and lets anybody in through it.
	FullCone
	// AddressRestricted keeps the port of a UDP socket and lets in, from any
	// port, the addresses that the socket has sent to.
	AddressRestricted
	// PortRestricted keeps the port of a socket and lets in only the addresses
	// and ports that it has sent to: what Linux does, and most homes have.
	PortRestricted
	// Symmetric takes another random port for every destination of a socket,
	// and lets in only that destination.
	Symmetric
	// CarrierGrade is a PortRestricted home behind a PortRestricted carrier.
	CarrierGrade
	// Hairpin is PortRestricted, and hosts inside reach one another by their
	// outside addresses, which vanishes in the other kinds.
	Hairpin
	// UDPBlocked lets TCP out to anywhere, and no UDP.
	UDPBlocked
	// Only443 lets TCP out to port 443, and nothing else.
	Only443
	// IPv6Only hosts have IPv6 addresses of the internet, and none of IPv4. A
	// firewall lets in only what answers.
	IPv6Only
	// DualStack is PortRestricted in IPv4 and as IPv6Only in IPv6.
	DualStack
)

// A manner is what a kind comes down to.
type manner struct {
	name     string
	v4, v6   bool   // what the hosts inside have
	public   bool   // no translation and no firewall
	ports    string // how nftables chooses outside ports
	way      string // what it lets in, beside answers
	forbids  string // what it does not let out
	hairpins bool
}

// manners gives the manner of each kind, in order.
var manners = [...]manner{
	Public:            {name: "public", v4: true, v6: true, public: true},
	FullCone:          {name: "full-cone", v4: true, way: `iifname "wan" meta nfproto ipv4 dnat ip to udp dport map @sockets`},
	AddressRestricted: {name: "address-restricted", v4: true, way: `iifname "wan" meta nfproto ipv4 dnat ip to udp dport . ip saddr map @partners`},
	PortRestricted:    {name: "port-restricted", v4: true},
	Symmetric:         {name: "symmetric", v4: true, ports: "random,fully-random"},
	CarrierGrade:      {name: "carrier-grade", v4: true},
	Hairpin:           {name: "hairpin", v4: true, hairpins: true},
	UDPBlocked:        {name: "UDP blocked", v4: true, forbids: "meta l4proto udp drop"},
	Only443:           {name: "only TCP 443", v4: true, forbids: "meta l4proto != tcp drop\n\t\ttcp dport != 443 ct direction original drop"},
	IPv6Only:          {name: "IPv6 only", v6: true},
	DualStack:         {name: "dual stack", v4: true, v6: true},
}

// String names the kind, for tables.
func (k Kind) String() string { return manners[k].name }

// rules is the router's nftables, when it has this outside address and network
// inside, which are not valid if it has no IPv4.
func (m manner) rules(outside, inside netip.Prefix) string {
	if m.public {
		return "" // forwarding is all that it does
	}
	var hairpin, masquerade string
	// What goes to the outside address from inside vanishes at most NATs.
	vanish := fmt.Sprintf(`iifname "lan" ip daddr %s drop`, outside.Addr())
	if m.hairpins {
		vanish = ""
		m.way = fmt.Sprintf(`iifname "lan" ip daddr %s dnat ip to udp dport map @sockets`, outside.Addr())
		hairpin = fmt.Sprintf(`oifname "lan" ip saddr %s ct status dnat snat ip to %s`, inside.Masked(), outside.Addr())
	}
	if m.v4 {
		masquerade = `oifname "wan" meta nfproto ipv4 masquerade ` + m.ports
	} else {
		vanish = ""
	}
	return strings.NewReplacer(
		"WAY", m.way, "VANISH", vanish, "FORBIDS", m.forbids, "HAIRPIN", hairpin, "MASQUERADE", masquerade,
	).Replace(table)
}

// table is the nftables of a router. The maps learn from each packet that goes
// out which host owns an outside port, and whom it has sent to.
//
// New packets from outside are dropped in chain arriving, before connection
// tracking remembers them. Otherwise a probe that comes before the host itself
// sends there holds the port, and the host gets another one for just this
// destination: a port-restricted router that is symmetric when it matters.
const table = `table inet lab {
	map sockets { type inet_service : ipv4_addr; flags dynamic,timeout; timeout 5m; }
	map partners { type inet_service . ipv4_addr : ipv4_addr; flags dynamic,timeout; timeout 5m; }
	chain before {
		type nat hook prerouting priority dstnat
		WAY
	}
	chain arriving {
		type filter hook input priority filter
		VANISH
		iifname "wan" ct state { new, invalid } meta l4proto { tcp, udp } drop
	}
	chain through {
		type filter hook forward priority filter; policy drop
		FORBIDS
		ct state invalid drop
		iifname "lan" oifname "wan" update @sockets { udp sport : ip saddr }
		iifname "lan" oifname "wan" update @partners { udp sport . ip daddr : ip saddr }
		ct state { established, related } accept
		ct status dnat accept
		iifname "lan" oifname "wan" accept
	}
	chain after {
		type nat hook postrouting priority srcnat
		HAIRPIN
		MASQUERADE
	}
}
`
