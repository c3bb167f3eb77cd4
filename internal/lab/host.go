//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
)

// A Host is a machine of its own as far as the network and the host name go.
type Host struct {
	net   *Network
	name  string
	space string // empty for the machine itself
	wire  *Switch
	cable *cable
	addr4 netip.Prefix
	addr6 netip.Prefix
}

// Host adds a host with one network card, eth0, plugged into the switch. Its
// name is 1 to 12 of a-z, 0-9 and -. Its addresses work at once.
func (n *Network) Host(name string, s *Switch) *Host {
	n.t.Helper()
	h := &Host{net: n, name: name, space: n.space(name), wire: s}
	// No duplicate address detection: it would keep addresses tentative for a
	// second.
	n.must(sysctl(h.space, hostSysctl))
	n.must(ip(h.space, "link set lo up\n"))
	n.hosts = append(n.hosts, h)
	h.plugInto(s)
	return h
}

var hostSysctl = map[string]string{
	"ipv6/conf/default/accept_dad":           "0",
	"ipv6/conf/default/dad_transmits":        "0",
	"ipv6/conf/default/router_solicitations": "0",
}

// plugInto gives the host a card, and a cable to the switch.
func (h *Host) plugInto(s *Switch) {
	h.net.t.Helper()
	var err error
	h.cable, err = newCable(h.space, "eth0", s, h.name)
	h.net.must(err)
	h.wire = s
	if s.isolated {
		h.net.must(ip(s.space, "link set %s type bridge_slave isolated on\n", h.name))
	}
	h.net.must(ip(h.space, "link set eth0 up\n"))
	h.ChangeAddress()
}

// Move takes the host to another switch, as from the Wi-Fi at home to a mobile
// network: the card goes with all its addresses, and comes back with others.
func (h *Host) Move(to *Switch) {
	h.net.t.Helper()
	h.net.must(h.cable.remove())
	h.plugInto(to)
}

// Here is this machine itself, with its own network, as a host: for nodes that
// talk over the loopback interface. It needs neither root nor a lab, and has no
// cable and no address of the lab's.
func Here(t testing.TB) *Host {
	t.Helper()
	sweepOnce()
	dir, err := os.MkdirTemp("", fmt.Sprintf("kithlab-%d-", os.Getpid()))
	if err != nil {
		t.Fatalf("lab: making a folder: %v", err)
	}
	n := &Network{t: t, dir: dir}
	t.Cleanup(n.close)
	return &Host{net: n, name: "here"}
}

// Name is the host's name, within as outside.
func (h *Host) Name() string { return h.name }

// Addr is the host's IPv4 address, if its switch has IPv4.
func (h *Host) Addr() netip.Addr { return h.addr4.Addr() }

// Addr6 is the host's global IPv6 address, if its switch has IPv6.
func (h *Host) Addr6() netip.Addr { return h.addr6.Addr() }

// ChangeAddress takes the host's addresses away and gives it new ones in the
// same subnets, as when a lease runs out. Connections of the old ones are dead.
func (h *Host) ChangeAddress() {
	h.net.t.Helper()
	h.addr4, h.addr6 = h.wire.address()
	h.net.must(ip(h.space, "%s", assign("eth0", h.addr4, h.addr6, h.wire)))
}

// assign is the ip(8) commands that give a card on a switch these addresses
// only, and the ways out of that switch.
func assign(card string, v4, v6 netip.Prefix, s *Switch) string {
	lines := fmt.Sprintf("addr flush dev %s scope global\n", card)
	if v4.IsValid() {
		lines += fmt.Sprintf("addr add %s dev %s\n", v4, card)
		if s.gate4.IsValid() {
			lines += fmt.Sprintf("route replace default via %s dev %s\n", s.gate4, card)
		}
	}
	if v6.IsValid() {
		lines += fmt.Sprintf("addr add %s dev %s nodad\n", v6, card)
		if s.gate6.IsValid() {
			lines += fmt.Sprintf("route replace default via %s dev %s\n", s.gate6, card)
		}
	}
	return lines
}

// Unplug pulls the cable: what is on its way is lost, eth0 sees no carrier.
// Its addresses stay, as the kernel leaves them.
func (h *Host) Unplug() {
	h.net.t.Helper()
	h.net.must(h.cable.plug(false))
}

// Plug puts the cable back in.
func (h *Host) Plug() {
	h.net.t.Helper()
	h.net.must(h.cable.plug(true))
}

// Command is exec.CommandContext for a program that runs on the host. The
// process that the Cmd starts becomes the program itself, so signals reach it.
// What still runs when the test ends is killed. Any goroutine may call it.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if h.space == "" {
		return exec.CommandContext(ctx, name, args...)
	}
	apart, script := "--uts", `echo "$0" >/proc/sys/kernel/hostname && exec "$@"`
	if h.net.names != "" {
		apart, script = "-um", "mount --bind "+h.net.names+" /etc/hosts && "+script
	}
	return exec.CommandContext(ctx, "nsenter", append([]string{
		"--net=/run/netns/" + h.space, "unshare", apart, "sh", "-c", script, h.name, name}, args...)...)
}

// Do calls f on a thread that is in the host's network: the sockets that f
// opens are the host's and can be used anywhere afterwards. Any goroutine may
// call it.
func (h *Host) Do(f func() error) error {
	if h.space == "" {
		return f()
	}
	return inside(h.space, f)
}

// Dial connects from the host to an IP address and port; it fits
// http.Transport.DialContext. Any goroutine may call it.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := h.Do(func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}
