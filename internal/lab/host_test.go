//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// onBoth runs a test over plain cables and over ones that have a line.
func onBoth(t *testing.T, test func(t *testing.T, lan *Switch)) {
	t.Parallel()
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		test(t, New(t).Switch("lan"))
	})
	t.Run("line", func(t *testing.T) {
		t.Parallel()
		test(t, New(t).Switch("lan", Line{}))
	})
}

func TestChangeAddress(t *testing.T) {
	onBoth(t, func(t *testing.T, lan *Switch) {
		ann, bob := lan.net.Host("ann", lan), lan.net.Host("bob", lan)
		echo(t, bob)
		before := []netip.Addr{bob.Addr(), bob.Addr6()}
		for _, to := range before {
			answers(t, dial(t, ann, "udp", to))
		}
		bob.ChangeAddress()
		for _, to := range before {
			silent(t, dial(t, ann, "udp", to))
		}
		for i, to := range []netip.Addr{bob.Addr(), bob.Addr6()} {
			if to == before[i] {
				t.Errorf("bob still has %v", to)
			}
			answers(t, dial(t, ann, "udp", to))
		}
	})
}

func TestUnplug(t *testing.T) {
	onBoth(t, func(t *testing.T, lan *Switch) {
		ann, bob := lan.net.Host("ann", lan), lan.net.Host("bob", lan)
		echo(t, bob)
		conn := dial(t, ann, "udp", bob.Addr())
		answers(t, conn)
		carrier(t, bob, true)
		bob.Unplug()
		carrier(t, bob, false)
		silent(t, conn)
		bob.Plug()
		carrier(t, bob, true)
		answers(t, conn)
		answers(t, dial(t, ann, "udp", bob.Addr6()))
	})
}

// carrier waits until the host's card sees, or does not see, a cable.
func carrier(t *testing.T, h *Host, want bool) {
	t.Helper()
	Eventually(t, answerWithin, func() error {
		return h.Do(func() error {
			card, err := net.InterfaceByName("eth0")
			if err != nil {
				return err
			}
			if card.Flags&net.FlagRunning != 0 != want {
				return fmt.Errorf("eth0 is %v", card.Flags)
			}
			return nil
		})
	})
}

func TestMulticast(t *testing.T) {
	onBoth(t, func(t *testing.T, lan *Switch) {
		ann, bob := lan.net.Host("ann", lan), lan.net.Host("bob", lan)
		hear4, hear6 := join(t, bob, "udp4", "224.0.0.251"), join(t, bob, "udp6", "ff02::fb")
		say4, say6 := group(t, ann, "udp4", "224.0.0.251"), group(t, ann, "udp6", "ff02::fb")
		for _, pass := range []bool{true, false, true} {
			lan.Multicast(pass)
			hears(t, hear4, say4, bob.Addr(), pass)
			hears(t, hear6, say6, bob.Addr6(), pass)
		}
		// Neighbour discovery is multicast too, and still works without.
		lan.Multicast(false)
		carl := lan.net.Host("carl", lan)
		echo(t, carl)
		answers(t, dial(t, ann, "udp", carl.Addr6()))
	})
}

// A speaker sends to a multicast group.
type speaker struct {
	conn  net.PacketConn
	group net.Addr
}

func group(t *testing.T, h *Host, network, address string) speaker {
	t.Helper()
	return speaker{join(t, h, network, address), &net.UDPAddr{IP: net.ParseIP(address), Port: port}}
}

// join opens a socket that hears a multicast group on eth0, and speaks there.
func join(t *testing.T, h *Host, network, address string) net.PacketConn {
	t.Helper()
	conn := listen(t, h, network, fmt.Sprintf(":%d", port))
	if err := h.Do(func() error {
		card, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		to := &net.UDPAddr{IP: net.ParseIP(address)}
		if network == "udp6" {
			p := ipv6.NewPacketConn(conn)
			return errors.Join(p.SetMulticastInterface(card), p.JoinGroup(card, to))
		}
		p := ipv4.NewPacketConn(conn)
		return errors.Join(p.SetMulticastInterface(card), p.JoinGroup(card, to))
	}); err != nil {
		t.Fatal(err)
	}
	return conn
}

// hears sends to the group and then straight to the listener. The network
// keeps the order, so what the listener reads first tells if multicast passes.
func hears(t *testing.T, in net.PacketConn, out speaker, listener netip.Addr, pass bool) {
	t.Helper()
	say := func(what string, to net.Addr) {
		t.Helper()
		if _, err := out.conn.WriteTo([]byte(what), to); err != nil {
			t.Fatal(err)
		}
	}
	straight := net.UDPAddrFromAddrPort(netip.AddrPortFrom(listener, port))
	say("group", out.group)
	say("straight", straight)
	var heard []string
	for len(heard) == 0 || heard[len(heard)-1] != "straight" {
		buf := make([]byte, 16)
		in.SetReadDeadline(time.Now().Add(answerWithin))
		n, _, err := in.ReadFrom(buf)
		if err != nil {
			t.Fatalf("heard %q, then: %v", heard, err)
		}
		heard = append(heard, string(buf[:n]))
	}
	if got := heard[0] == "group"; got != pass {
		t.Errorf("multicast passes: %v asked, but bob heard %q", pass, heard)
	}
}
