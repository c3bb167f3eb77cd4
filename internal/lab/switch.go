//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
)

// A Line says what it is like between any two hosts on a switch. The zero Line
// is perfect.
type Line struct {
	// Delay is how long a frame takes one way: a round trip takes twice as long.
	Delay time.Duration
	// Jitter is added to Delay, evenly distributed between 0 and Jitter. Frames
	// never overtake one another.
	Jitter time.Duration
	// Loss is the share of frames, 0 to 1, that get lost one way. ARP and
	// neighbour discovery suffer like everything else.
	Loss float64
	// Rate, if above 0, is how many bytes a second, Ethernet headers included, a
	// host can send, and how many it can receive. What would have to wait for
	// the wire for more than 200 ms is dropped.
	Rate int
}

// A Switch joins hosts into one local network. It is a bridge in a namespace
// of its own.
type Switch struct {
	net      *Network
	name     string
	space    string
	net4     netip.Prefix // at most 253 hosts of it are used; not valid: no IPv4
	net6     netip.Prefix // not valid: no IPv6
	gate4    netip.Addr   // where hosts send what leaves the switch, if anywhere
	gate6    netip.Addr
	hosts    int  // addresses given out
	isolated bool // hosts reach the router only
	line     *atomic.Pointer[Line]
}

// Switch adds a switch. Its name is 1 to 12 of a-z, 0-9 and -. Without a line
// its cables are plain veth pairs; with one, even the zero Line, they are
// carried by this process and SetLine can change them.
func (n *Network) Switch(name string, line ...Line) *Switch {
	n.t.Helper()
	index := len(n.switches) + 1
	s := &Switch{net: n, name: name, space: n.space(name)}
	if index > 250 || len(line) > 1 {
		n.t.Fatalf("lab: switch %s: a network has at most 250 switches, a switch at most one line", name)
	}
	s.net4 = netip.MustParsePrefix(fmt.Sprintf("10.77.%d.0/24", index))
	s.net6 = netip.MustParsePrefix(fmt.Sprintf("fd6b:6974:68:%x::/64", index))
	if len(line) == 1 {
		s.line = new(atomic.Pointer[Line])
		s.line.Store(&line[0])
	}
	// The switch itself takes no part in IP.
	n.must(sysctl(s.space, map[string]string{
		"ipv6/conf/all/disable_ipv6":     "1",
		"ipv6/conf/default/disable_ipv6": "1",
	}))
	// Without snooping, multicast goes to every port, as on a cheap switch.
	n.must(ip(s.space, "link add br0 type bridge forward_delay 0 mcast_snooping 0\nlink set br0 up\n"))
	n.switches = append(n.switches, s)
	return s
}

// SetLine changes the line from now on; frames that are already on their way
// arrive as they would have. It may be called from any goroutine.
func (s *Switch) SetLine(line Line) {
	if s.line == nil {
		s.net.t.Helper()
		s.net.t.Fatalf("lab: switch %s was made without a line, so its cables are plain: give it lab.Line{} to begin with", s.name)
	}
	s.line.Store(&line)
}

// Multicast says whether the switch passes IP multicast on, as it does at
// first. Without it, hosts still find each other's hardware addresses: neither
// ARP nor IPv6 neighbour discovery is held up.
func (s *Switch) Multicast(pass bool) {
	s.net.t.Helper()
	// Naming the table before deleting it makes deletion work the first time.
	rules := "table bridge lab\ndelete table bridge lab\n"
	if !pass {
		rules += `table bridge lab {
	chain forward {
		type filter hook forward priority 0
		ip daddr 224.0.0.0/4 drop
		ip6 daddr ff00::/8 meta l4proto != ipv6-icmp drop
	}
}
`
	}
	s.net.must(run(rules, "nsenter", "--net=/run/netns/"+s.space, "nft", "-f", "-"))
}

// Isolate keeps the hosts that are plugged in from now on from reaching one
// another, as the Wi-Fi of a hotel does: they reach the router only.
func (s *Switch) Isolate() { s.isolated = true }

// address gives out the next pair of addresses, with their prefix lengths. One
// of a family that the switch does not have is not valid.
func (s *Switch) address() (v4, v6 netip.Prefix) {
	s.hosts++
	host := s.hosts + 1 // 1 is left for a router
	if host > maxHost {
		s.net.t.Helper()
		s.net.t.Fatalf("lab: switch %s has no address left", s.name)
	}
	return number(s.net4, host), number(s.net6, host)
}

// maxHost is the highest number that an address ends with.
const maxHost = 254

// number is the address in a subnet that ends with a number.
func number(subnet netip.Prefix, host int) netip.Prefix {
	if !subnet.IsValid() {
		return netip.Prefix{}
	}
	bytes := subnet.Addr().AsSlice()
	bytes[len(bytes)-1] = byte(host)
	addr, _ := netip.AddrFromSlice(bytes)
	return netip.PrefixFrom(addr, subnet.Bits())
}
