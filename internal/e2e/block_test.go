//go:build linux

package e2e

import (
	"fmt"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
	"kith/node"
)

const silence = 2 * time.Second

// Ann blocks Bob at the moment at which Carl's machine is switched off. As far
// as Bob can tell the same has happened to both.
func TestBlockedSeesSomebodyOffline(t *testing.T) {
	t.Parallel()
	net := lab.New(t)
	lan := net.Switch("lan")
	lan.Multicast(false) // by which one would see whose machines are switched on
	ann, bob, carl := lives(t, net.Host("ann", lan), "Ann", lab.Kith{}), lives(t, net.Host("bob", lan), "Bob", lab.Kith{}), lives(t, net.Host("carl", lan), "Carl", lab.Kith{})
	befriend(t, ann, bob)
	befriend(t, carl, bob)
	talk(t, ann, bob, "before")
	talk(t, carl, bob, "before")
	port := ann.port(t)

	ann.Run(t, "block", bob.name)
	carl.Stop()
	bob.unlinked(t, ann, 2*time.Second)
	bob.unlinked(t, carl, 2*time.Second)

	heard := listenTo(t, bob.Host(), ann.Host(), port)
	toAnn, toCarl := bob.says(t, ann, "hello?"), bob.says(t, carl, "hello?")
	bob.Run(t, "retry")
	for _, addr := range []netip.Addr{ann.Host().Addr(), ann.Host().Addr6()} {
		if n := probe(t, bob.Host(), netip.AddrPortFrom(addr, port), silence); n != 0 {
			t.Errorf("%d answers to bob's probes at %v", n, addr)
		}
	}
	// By now an attempt at each has failed, and another is to follow.
	lab.Eventually(t, soon, func() error {
		a, c := anybody(bob.to(t, ann)), anybody(bob.to(t, carl))
		if a != c {
			return fmt.Errorf("of ann, who blocked him, bob sees\n%s\nand of carl, who is away,\n%s", a, c)
		}
		return nil
	})
	if n := heard.count.Load(); n != 0 {
		t.Errorf("%d datagrams came to bob from ann's Kith", n)
	}
	for _, m := range []node.Message{toAnn, toCarl} {
		bob.is(t, m, kith.Pending)
	}
	for _, m := range history(t, ann, bob) {
		if m.Text == toAnn.Text {
			t.Error("ann got what bob wrote while he was blocked")
		}
	}

	ann.Run(t, "unblock", bob.name)
	bob.Run(t, "retry", ann.name)
	ann.hears(t, bob, toAnn.Text, soon)
	if heard.count.Load() == 0 {
		t.Error("nothing was heard of an open talk either: the tap is deaf")
	}
	carl.Start()
	carl.hears(t, bob, toCarl.Text, soon)
}

var (
	addresses = regexp.MustCompile(`(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]):\d+`)
	manyOf    = regexp.MustCompile(`(ADDR[ ,and]*)+`)
)

// anybody is what a status tells of somebody, without who it is and when.
func anybody(c node.ContactStatus) string {
	next := "no attempt to come"
	if c.NextTry != nil {
		next = "an attempt to come"
	}
	s := fmt.Sprintf("%s, %d links, %d waiting, %d tries, %s, block until %v", c.Connection, len(c.Links), c.Waiting, c.Tries, next, c.Until)
	for _, w := range c.Ways {
		reason := manyOf.ReplaceAllString(addresses.ReplaceAllString(w.Reason, "ADDR"), "ADDR ")
		s += fmt.Sprintf("\n  %s %v %s", w.Way, w.Working, reason)
	}
	return s
}

// Whoever is nobody's contact cannot even tell that something is there.
func TestStrangerHearsNothing(t *testing.T) {
	t.Parallel()
	net := lab.New(t)
	lan := net.Switch("lan")
	ann, bob := lives(t, net.Host("ann", lan), "Ann", lab.Kith{}), lives(t, net.Host("bob", lan), "Bob", lab.Kith{})
	stranger := net.Host("stranger", lan)
	befriend(t, ann, bob)
	ann.invite(t) // an open invitation changes nothing
	heard := listenTo(t, stranger, ann.Host(), ann.port(t))
	for _, addr := range []netip.Addr{ann.Host().Addr(), ann.Host().Addr6()} {
		if n := probe(t, stranger, netip.AddrPortFrom(addr, ann.port(t)), silence); n != 0 {
			t.Errorf("%d answers at %v", n, addr)
		}
	}
	if n := heard.count.Load(); n != 0 {
		t.Errorf("%d datagrams came", n)
	}
	talk(t, ann, bob, "all the same")
}
