package dht

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"kith"
)

const (
	// refreshAfter is how long after the last answer a search is made for its
	// own sake.
	refreshAfter = 15 * time.Minute
	// routersFirst and routersLast are the least and most between two attempts
	// to begin with the routers.
	routersFirst = 5 * time.Second
	routersLast  = 15 * time.Minute
	resolveLimit = 5 * time.Second
	maxRouters   = 32 // addresses
	// fewNodes are too few to begin everywhere near a target; a beginner
	// searches up to maxWander times.
	fewNodes  = 40
	maxWander = 4
)

// DefaultRouters are well-known nodes to begin with.
var DefaultRouters = []string{
	"dht.transmissionbt.com:6881",
	"router.bittorrent.com:6881",
	"dht.libtorrent.org:25401",
	"router.utorrent.com:6881",
}

// join finds nodes of the DHT and keeps some, until ctx ends.
func (f *family) join(ctx context.Context, routers func(context.Context) []netip.AddrPort) {
	pause := routersFirst
	for ctx.Err() == nil {
		wait := refreshAfter
		anybody := f.wander(ctx, nil) || f.wander(ctx, routers(ctx))
		if anybody {
			pause = routersFirst
		} else {
			wait, pause = pause, min(2*pause, routersLast)
		}
		f.joined(anybody)
		for i := 1; anybody && i < maxWander && f.nodes.alive(time.Now()) < fewNodes; i++ {
			f.wander(ctx, nil)
		}
		select {
		case <-f.lost: // by this very search, perhaps
		default:
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-f.lost:
			// A search among the nodes known gave nobody. If the routers do not
			// answer either, they are tried ever more rarely.
			select {
			case <-ctx.Done():
			case <-time.After(min(wait, pause)):
			}
		}
		timer.Stop()
	}
}

// wander searches for nothing, to meet nodes; from routers, or from nodes known.
func (f *family) wander(ctx context.Context, routers []netip.AddrPort) (anybody bool) {
	q := question{item: true}
	rand.Read(q.target[:])
	if len(routers) == 0 {
		_, anybody = f.search(ctx, q, nil, nil)
		return anybody
	}
	l := newLookup(q.target, f.six)
	for _, addr := range routers {
		l.begin(node{addr: addr}, true)
	}
	_, anybody = f.seek(ctx, l, q, nil)
	return anybody && f.nodes.alive(time.Now()) > 0 // routers alone are of no use
}

// checkRouters tells what is wrong with a list of hosts and ports.
func checkRouters(all []string) error {
	for _, s := range all {
		_, port, err := net.SplitHostPort(s)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n < 1024 {
			return kith.Errorf(kith.Invalid, "%q is no node of the DHT: write a host and a port from 1024 on, such as %q", s, DefaultRouters[0])
		}
	}
	return nil
}

// resolveRouters looks up the addresses of one family.
func resolveRouters(ctx context.Context, all []string, six bool) (found []netip.AddrPort) {
	ctx, cancel := context.WithTimeout(ctx, resolveLimit)
	defer cancel()
	network := "ip4"
	if six {
		network = "ip6"
	}
	answers := make(chan []netip.AddrPort, len(all))
	for _, s := range all {
		go func() { answers <- resolve(ctx, network, s) }()
	}
	for range all {
		found = append(found, <-answers...)
	}
	return slices.Clip(found[:min(len(found), maxRouters)])
}

func resolve(ctx context.Context, network, hostPort string) (found []netip.AddrPort) {
	host, text, _ := net.SplitHostPort(hostPort)
	port, _ := strconv.ParseUint(text, 10, 16) // both were checked
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return nil // another router will do; if none does, the state says so
	}
	for _, addr := range addrs {
		found = append(found, netip.AddrPortFrom(addr.Unmap(), uint16(port)))
	}
	return found
}
