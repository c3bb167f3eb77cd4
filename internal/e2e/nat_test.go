//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"kith/internal/lab"
)

// A natPair is two homes and what theory says of them.
type natPair struct {
	a, b   lab.Kind
	direct bool // must be
}

// natPairs are what is tried each time: every kind at least once, and the pairs
// that are known to be hard.
var natPairs = []natPair{
	{lab.Public, lab.Public, true},
	{lab.Public, lab.Symmetric, true},
	{lab.FullCone, lab.Symmetric, true},
	{lab.AddressRestricted, lab.Symmetric, true},
	{lab.PortRestricted, lab.PortRestricted, true},
	{lab.PortRestricted, lab.Symmetric, false},
	{lab.Symmetric, lab.Symmetric, false},
	{lab.CarrierGrade, lab.PortRestricted, true},
	{lab.CarrierGrade, lab.CarrierGrade, true},
	{lab.Hairpin, lab.FullCone, true},
	{lab.UDPBlocked, lab.PortRestricted, false},
	{lab.Only443, lab.Only443, false},
	{lab.Only443, lab.PortRestricted, false},
	{lab.DualStack, lab.DualStack, true},
}

// TestEveryPairOfRouters has people in homes with every kind of router meet at a
// hub: directly wherever theory allows it, and through its relay otherwise.
func TestEveryPairOfRouters(t *testing.T) {
	net := lab.NewInternet(t, lab.Line{Delay: 10 * time.Millisecond})
	hub := runsHub(t, net.Host("hub"), "allow_private = false", "allow_private = true")
	conf := lab.Kith{Env: []string{hub.roots()}, Args: []string{"--log-level", "debug"}}
	var mu sync.Mutex
	var table []string
	t.Cleanup(func() { t.Logf("the paths that were found:\n%s", strings.Join(table, "\n")) })
	for n, pair := range natPairs {
		t.Run(fmt.Sprintf("%v and %v", pair.a, pair.b), func(t *testing.T) {
			live := func(kind lab.Kind, name string) *person {
				name = fmt.Sprintf("%s%d", name, n)
				if kind == lab.Public {
					return lives(t, net.Host(name), name, conf)
				}
				return lives(t, net.Home(kind).Host(name), name, conf)
			}
			ann, bob := live(pair.a, "ann"), live(pair.b, "bob")
			ann.at(t, hub)
			bob.at(t, hub)
			began := time.Now()
			befriend(t, ann, bob)
			took := time.Since(began)
			path := ""
			lab.Eventually(t, soon, func() error {
				links := bob.to(t, ann).Links
				if len(links) == 0 {
					return fmt.Errorf("no link")
				}
				if path = links[0].Path; pair.direct && path != "direct" {
					return fmt.Errorf("the link is %s, and could be direct", path)
				}
				return nil
			})
			mu.Lock()
			table = append(table, fmt.Sprintf("%-20v %-20v %-8s by %-7s after %v", pair.a, pair.b, path, bob.to(t, ann).Links[0].Way, took.Round(time.Millisecond)))
			mu.Unlock()
			talk(t, ann, bob, "across routers")
			ann.Stop()
			bob.Stop()
		})
	}
}
