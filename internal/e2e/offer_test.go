//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"kith/internal/lab"
	"kith/meet"
)

// strangers are two hosts on a switch without multicast.
func strangers(t *testing.T) (ann, bob *person) {
	t.Helper()
	net := lab.New(t)
	lan := net.Switch("lan")
	lan.Multicast(false)
	return lives(t, net.Host("ann", lan), "Ann", lab.Kith{}), lives(t, net.Host("bob", lan), "Bob", lab.Kith{})
}

// paste makes an offer, answers it and connects.
func paste(t *testing.T, from, to *person, answer []string) {
	t.Helper()
	offer := firstLine(from.Run(t, "connect", to.name))
	reply := firstLine(to.Run(t, append(answer, offer)...))
	from.Run(t, "connect", to.name, reply)
	if way := from.way(t, to); way != meet.WayOffer {
		t.Errorf("%s reached %s by the way %q", from.name, to.name, way)
	}
}

func TestPastedOffer(t *testing.T) {
	t.Parallel()
	ann, bob := strangers(t)
	befriend(t, ann, bob)
	ann.Stop()
	bob.Stop()
	move(t, ann.Host(), 1)
	move(t, bob.Host(), 2)
	ann.Start()
	bob.Start()
	m := bob.says(t, ann, "nobody brings this yet")

	paste(t, ann, bob, []string{"connect", ann.name})
	ann.hears(t, bob, m.Text, soon)
	talk(t, ann, bob, "pasted")
	audit(t, ann, bob)
}

// Joining, too, needs nothing but the lines.
func TestJoinByPastedLinesAlone(t *testing.T) {
	t.Parallel()
	ann, bob := strangers(t)
	line := ann.invite(t)
	move(t, ann.Host(), 1)
	joined := make(chan string)
	go func() { // join waits a while, and the lines can be pasted meanwhile
		out, code := bob.Try(t, "join", line)
		joined <- fmt.Sprintf("%d: %s", code, out)
	}()
	lab.Eventually(t, soon, func() error {
		_, err := bob.api.Contact(t.Context(), ann.name)
		return err
	})
	paste(t, bob, ann, []string{"connect"}) // ann does not know bob's name yet
	if out := <-joined; !strings.HasPrefix(out, "0: ") {
		t.Errorf("kith join ended with %s", out)
	}
	know(t, ann, bob, soon)
	talk(t, ann, bob, "pasted")
	audit(t, ann, bob)
}
