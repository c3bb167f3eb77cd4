//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"kith/internal/lab"
	"kith/meet"
)

// The invitation names addresses that are gone when it is used, and after both
// nodes came back elsewhere neither knows a right one: only multicast can have
// brought them together.
func TestFindEachOtherOnTheLAN(t *testing.T) {
	t.Parallel()
	net := lab.New(t)
	lan := net.Switch("lan")
	ann, bob := lives(t, net.Host("ann", lan), "Ann", lab.Kith{}), lives(t, net.Host("bob", lan), "Bob", lab.Kith{})

	line := ann.invite(t)
	move(t, ann.Host(), 1)
	bob.Run(t, "join", line)
	know(t, ann, bob, soon)
	if way := bob.way(t, ann); way != meet.WayLAN {
		t.Errorf("bob reached ann by the way %q", way)
	}
	talk(t, ann, bob, "found")

	ann.Stop()
	bob.Stop()
	move(t, ann.Host(), 2)
	move(t, bob.Host(), 3)
	ann.Start()
	bob.Start()
	know(t, ann, bob, soon)
	// Whoever was dialled does not know by which way it was found, and if both
	// dialled one of two links goes.
	lab.Eventually(t, soon, func() error {
		if a, b := ann.way(t, bob), bob.way(t, ann); a != meet.WayLAN && b != meet.WayLAN {
			return fmt.Errorf("after both had moved the ways are %q and %q", a, b)
		}
		return nil
	})
	talk(t, ann, bob, "found again")
	audit(t, ann, bob)
}

// move gives a host addresses that nobody has heard of, link-local ones
// included.
func move(t *testing.T, h *lab.Host, place int) {
	t.Helper()
	h.ChangeAddress()
	for _, args := range []string{"flush dev eth0 scope link", fmt.Sprintf("add fe80::%d:%d/64 dev eth0 scope link nodad", h.Addr6().As16()[15], place)} {
		cmd := h.Command(t.Context(), "ip", append([]string{"addr"}, strings.Fields(args)...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ip addr %s: %v: %s", args, err, out)
		}
	}
}
