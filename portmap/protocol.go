package portmap

import (
	"context"
	"net/netip"
	"time"

	"kith"
)

// A protocol asks one router in one way. Its methods are called by one
// goroutine at a time and return soon after ctx ends.
type protocol interface {
	name() string
	// look asks what the router's outside is. It changes nothing there, apart
	// from renewing.
	look(ctx context.Context) (view, error)
	// add maps a port, or renews its mapping, preferably to this outside port.
	// The same outside port is only a wish.
	add(ctx context.Context, p Port, outside uint16, lifetime time.Duration) (grant, error)
	// remove takes the mapping away.
	remove(ctx context.Context, p Port, outside uint16) error
}

// A view is what a router says of itself.
type view struct {
	outside netip.Addr // not valid if the protocol tells it with a mapping only
	// age is for how many seconds the router has kept its mappings, if aged: it
	// falls when they are lost.
	age  uint32
	aged bool
}

// A grant is a mapping as the router made it.
type grant struct {
	outside  netip.AddrPort
	lifetime time.Duration
}

// Bounds for what a router says.
const (
	lifetime    = time.Hour       // asked for
	minLifetime = 2 * time.Minute // one that is said to be shorter is renewed as if it were this
	maxLifetime = 24 * time.Hour
	callWithin  = 3 * time.Second // an answer, with all repetitions of the question
)

// check refuses a grant that cannot be meant.
func (g grant) check() (grant, error) {
	if g.outside.Port() == 0 || !sound(g.outside.Addr()) {
		return grant{}, kith.Errorf(kith.BadPeer, "the router mapped the port to %v, which is no address", g.outside)
	}
	g.lifetime = min(max(g.lifetime, minLifetime), maxLifetime)
	return g, nil
}

// sound says if an address can be a router's outside address at all. One of
// 0.0.0.0 means that the router itself is not connected.
func sound(a netip.Addr) bool {
	return a.Is4() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// Networks that are not of the internet, beside those that netip knows.
var (
	carrier = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598, for carrier-grade NAT
	dsLite  = netip.MustParsePrefix("192.0.0.0/24")  // RFC 6333, IPv4 through a tunnel to the carrier's NAT
)

// internet says if an address can be reached from the whole internet.
func internet(a netip.Addr) bool {
	return sound(a) && !a.IsPrivate() && !a.IsLinkLocalUnicast() && !carrier.Contains(a) && !dsLite.Contains(a)
}

// protocols gives all ways of asking a router.
func protocols(r route) []protocol {
	return []protocol{newPCP(r), newNATPMP(r), newUPnP(r)}
}
