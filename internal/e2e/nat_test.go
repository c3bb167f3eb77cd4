//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kith/internal/lab"
)

// A natPair is two homes and what theory says of them.
type natPair struct {
	a, b lab.Kind
	path string // what theory allows
	home string // what the two share, if anything
}

// What two people share.
const (
	sameHome = "the same"           // one home, behind one router
	isolated = "the same, isolated" // and its Wi-Fi keeps guests from one another
)

const direct, relayed = "direct", "relayed"

// natPairs are what is tried each time: every kind at least once, and the pairs
// that are known to be hard.
var natPairs = []natPair{
	{a: lab.Public, b: lab.Public, path: direct},
	{a: lab.Public, b: lab.Symmetric, path: direct},
	{a: lab.FullCone, b: lab.FullCone, path: direct},
	{a: lab.FullCone, b: lab.AddressRestricted, path: direct},
	{a: lab.FullCone, b: lab.Symmetric, path: direct},
	{a: lab.AddressRestricted, b: lab.Symmetric, path: direct},
	{a: lab.PortRestricted, b: lab.PortRestricted, path: direct},
	{a: lab.PortRestricted, b: lab.Symmetric, path: relayed},
	{a: lab.Symmetric, b: lab.Symmetric, path: relayed},
	{a: lab.CarrierGrade, b: lab.PortRestricted, path: direct},
	{a: lab.CarrierGrade, b: lab.CarrierGrade, path: direct},
	{a: lab.Hairpin, b: lab.FullCone, path: direct},
	{a: lab.UDPBlocked, b: lab.Public, path: direct}, // over TCP
	{a: lab.UDPBlocked, b: lab.PortRestricted, path: relayed},
	{a: lab.UDPBlocked, b: lab.IPv6Only, path: relayed},
	{a: lab.UDPBlocked, b: lab.UDPBlocked, path: relayed},
	{a: lab.Only443, b: lab.Only443, path: relayed},
	{a: lab.Only443, b: lab.Public, path: relayed},
	{a: lab.Only443, b: lab.PortRestricted, path: relayed},
	{a: lab.DualStack, b: lab.DualStack, path: direct},

	// Who has no IPv4 meets who has, too, by IPv6, and others only by a relay
	// that has both.
	{a: lab.IPv6Only, b: lab.IPv6Only, path: direct},
	{a: lab.IPv6Only, b: lab.DualStack, path: direct},
	{a: lab.IPv6Only, b: lab.Public, path: direct},
	{a: lab.IPv6Only, b: lab.PortRestricted, path: relayed},
	{a: lab.IPv6Only, b: lab.Only443, path: relayed},

	// Two who are behind one router meet inside, or, if they may not, by its
	// outside address, if it lets them.
	{a: lab.PortRestricted, home: sameHome, path: direct},
	{a: lab.Symmetric, home: sameHome, path: direct},
	{a: lab.Hairpin, home: isolated, path: direct},
	{a: lab.PortRestricted, home: isolated, path: relayed},
}

// A natTown has two homes of each kind, for as many pairs as there are.
type natTown struct {
	net   *lab.Internet
	homes [2]map[lab.Kind]*lab.Router
}

// host adds a host to one of the two homes of a kind.
func (town *natTown) host(side int, kind lab.Kind, name string) *lab.Host {
	if kind == lab.Public {
		return town.net.Host(name)
	}
	if town.homes[side] == nil {
		town.homes[side] = map[lab.Kind]*lab.Router{}
	}
	if town.homes[side][kind] == nil {
		town.homes[side][kind] = town.net.Home(kind)
	}
	return town.homes[side][kind].Host(name)
}

// hosts gives the two hosts of a pair.
func (town *natTown) hosts(p natPair, n int) (ann, bob *lab.Host) {
	annName, bobName := fmt.Sprint("ann", n), fmt.Sprint("bob", n)
	switch p.home {
	case sameHome:
		return town.host(0, p.a, annName), town.host(0, p.a, bobName)
	case isolated:
		home := town.net.Home(p.a)
		home.Switch().Isolate()
		return home.Host(annName), home.Host(bobName)
	default:
		return town.host(0, p.a, annName), town.host(1, p.b, bobName)
	}
}

func (p natPair) String() string {
	if p.home != "" {
		return fmt.Sprintf("%v and %s", p.a, p.home)
	}
	return fmt.Sprintf("%v and %v", p.a, p.b)
}

// hubName is what everybody knows the hub by: some have IPv4 only and others
// IPv6 only.
const hubName = "helper"

// TestEveryPairOfRouters has people in homes with every kind of router meet at a
// hub: directly wherever theory allows it, and through its relay otherwise.
func TestEveryPairOfRouters(t *testing.T) {
	t.Parallel()
	net := lab.NewInternet(t, lab.Line{Delay: 10 * time.Millisecond})
	host := net.Host("hub")
	net.Name(hubName, host)
	hub := runsNamedHub(t, host, hubName, "public = []", fmt.Sprintf("public = [%q, %q]", host.Addr(), host.Addr6()))
	// Of a pair that does not meet, only this tells why; else nobody sees it.
	conf := lab.Kith{Env: []string{hub.roots()}, Args: []string{"--log-level", "debug"}}
	var mu sync.Mutex
	var table []string
	t.Cleanup(func() {
		slices.Sort(table)
		t.Logf("the paths that were found:\n%s", strings.Join(table, "\n"))
	})
	town := &natTown{net: net}
	for n, pair := range natPairs {
		annHost, bobHost := town.hosts(pair, n)
		t.Run(pair.String(), func(t *testing.T) {
			t.Parallel()
			ann, bob := lives(t, annHost, annHost.Name(), conf), lives(t, bobHost, bobHost.Name(), conf)
			ann.at(t, hub)
			bob.at(t, hub)
			began := time.Now()
			path, way, took := "no link", "", time.Duration(0)
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				table = append(table, fmt.Sprintf("%-38v %-8s by %-7s after %v", pair, path, way, took.Round(time.Millisecond)))
			}()
			befriend(t, ann, bob)
			took = time.Since(began)
			lab.Eventually(t, soon, func() error {
				links := bob.to(t, ann).Links
				if len(links) == 0 {
					return fmt.Errorf("no link")
				}
				if path, way = links[0].Path, links[0].Way; path != pair.path {
					return fmt.Errorf("the link is %s, and could be %s", path, pair.path)
				}
				return nil
			})
			talk(t, ann, bob, "across routers")
			ann.Stop()
			bob.Stop()
		})
	}
}
