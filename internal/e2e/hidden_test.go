//go:build linux

package e2e

import (
	"fmt"
	"testing"

	"kith"
	"kith/internal/lab"
)

const mdnsPort = 5353

// Hidden, nobody finds Ann, not even those who listen on the LAN, and what is
// written waits on both sides until she is visible again.
func TestHiddenIsNotFound(t *testing.T) {
	t.Parallel()
	net := lab.New(t)
	lan := net.Switch("lan")
	ann, bob := lives(t, net.Host("ann", lan), "Ann", lab.Kith{}), lives(t, net.Host("bob", lan), "Bob", lab.Kith{})
	befriend(t, ann, bob)
	talk(t, ann, bob, "visible")

	// Multicast reaches every host, so a third one that only listens hears all.
	third := net.Host("third", lan)
	announced := listenTo(t, third, ann.Host(), mdnsPort)
	ann.Restart()
	lab.Eventually(t, soon, func() error {
		if announced.count.Load() == 0 {
			return fmt.Errorf("visible, ann announces nothing")
		}
		return nil
	})
	know(t, ann, bob, soon)

	ann.Run(t, "visible", "off")
	bob.unlinked(t, ann, soon)
	ann.Restart() // which also ends what was still to be announced
	multicast, unicast := listenTo(t, third, ann.Host(), mdnsPort), listenTo(t, bob.Host(), ann.Host(), ann.port(t))
	fromAnn, fromBob := ann.says(t, bob, "from hiding"), bob.says(t, ann, "where are you?")
	bob.Restart() // it asks the network anew
	bob.Run(t, "retry", ann.name)
	pause(t, silence)
	if a, b := multicast.count.Load(), unicast.count.Load(); a != 0 || b != 0 {
		t.Errorf("while hidden, ann sent %d announcements and %d datagrams to bob", a, b)
	}
	ann.is(t, fromAnn, kith.Pending)
	bob.is(t, fromBob, kith.Pending)

	ann.Run(t, "visible", "on")
	know(t, ann, bob, soon)
	ann.is(t, fromAnn, kith.Delivered)
	bob.is(t, fromBob, kith.Delivered)
	audit(t, ann, bob)
}
