//go:build linux

package lab

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Programs find a host by its name, at the addresses of both families, and the
// machine's own file is left alone.
func TestNames(t *testing.T) {
	t.Parallel()
	before, err := os.ReadFile("/etc/hosts")
	if err != nil {
		t.Fatal(err)
	}
	i := NewInternet(t, Line{})
	hub := i.Host("hub")
	i.Name("helper", hub)
	i.Name("also", hub)
	out, err := i.Home(IPv6Only).Host("alice").Command(t.Context(), "cat", "/etc/hosts").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(string(out), "\n")
	for _, name := range []string{"helper", "also"} {
		for _, want := range []string{hub.Addr().String() + " " + name, hub.Addr6().String() + " " + name, "::1 localhost"} {
			if !slices.Contains(lines, want) {
				t.Errorf("%q is not in\n%s", want, out)
			}
		}
	}
	if after, err := os.ReadFile("/etc/hosts"); err != nil || string(after) != string(before) {
		t.Errorf("the machine's own file is now %q, %v", after, err)
	}
}

// Hosts of an isolated switch reach the router and what is behind it, and one
// another only by its outside address, if it leads that back.
func TestIsolated(t *testing.T) {
	t.Parallel()
	for kind, way := range map[Kind]bool{PortRestricted: false, Hairpin: true} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			i := NewInternet(t, Line{})
			hub, home := i.Host("hub"), i.Home(kind)
			home.Switch().Isolate()
			p := prober{t: t, alice: home.Host("alice"), bob: home.Host("bob")}
			p.partner = p.listen(hub, port)
			alice, bob := p.listen(p.alice, port), p.listen(p.bob, port+1)
			if p.seen(alice, p.partner) == nil {
				t.Fatal("alice does not reach the hub")
			}
			p.send(alice, bob.LocalAddr(), "inside")
			for packet := range received(bob, unheard) {
				t.Errorf("bob heard %q", packet.words)
			}
			if p.hairpin() != way {
				t.Errorf("by the outside address alice reaches bob: %v, want %v", !way, way)
			}
		})
	}
}
