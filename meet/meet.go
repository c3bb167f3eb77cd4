// Package meet is how two devices find each other.
//
// A way looks for people whom we want to reach, or lets them find us. Ways run
// side by side, each says in words whether it works, and the first link wins:
//
//	direct  addresses that an invitation or the contact told, or that worked last
//	lan     multicast DNS on the local network (lan.go, mdns.go)
//	offer   two lines that two people paste; nobody in between (offer.go)
//
// A way of the first two gives a [Find]: addresses, and whose they are if it
// knows. A find is never more than a hint. Only the handshake behind [Dialer]
// tells who is there, and its door key keeps us silent towards everybody else.
//
// A [Pursuit] is the patience behind it: for every contact without a link it
// keeps trying, at first often, then ever more rarely, and at once when there
// is a new reason to hope. [WatchNetwork] gives one of these reasons.
//
//	          SetTargets, Found, Now,
//	          NetworkChanged, link lost
//	(idle) ─────────────────────────────▶ connecting ── link ──▶ linked
//	                                        │    ▲
//	                             no answer  ▼    │ 5 × 10 s, 30 s, 1, 2, 4, 8, 10, 10… min
//	                                        waiting
//
// Other ways carry sealed notes between devices that can't reach each other
// yet. Each is a [Courier]; call.Calls says over any of them what it takes to
// make a link:
//
//	hub     a server that both use (call.Hub)
//	dht     items of the Mainline DHT (dht.Courier)
//	friend  somebody to whom both have a link (call.Friends)
//	link    the relayed link that there is, for a better one (call.Over)
//
// Adding a way: implement [Way], give its finds to [Pursuit.Found]; or
// implement [Courier], and add it to call.Calls.
package meet

import (
	"context"
	"net/netip"
	"time"

	"kith"
	"kith/link"
	"kith/seal"
)

// The names of the ways, as status and links show them.
const (
	WayDirect = "direct"
	WayLAN    = "lan"
	WayOffer  = "offer"
	WayHub    = "hub"
	WayDHT    = "dht"
	WayFriend = "friend"
	WayLink   = "link"
)

// A Target is somebody whom we want a link to.
type Target struct {
	Account kith.AccountID
	// Door is how a device of theirs is knocked at: it answers nobody else.
	Door seal.DoorKey
	// Addresses are where they may be, best first; at most kith.MaxAddresses
	// are used.
	Addresses []netip.AddrPort
	// Meet is the key of the notes that couriers carry to them; zero: none do.
	Meet seal.MeetKey
	// Joining: see Correspondent.
	Joining bool
}

// A Find is what a way found.
type Find struct {
	Way string
	// Instance names what was found. A later find of the same way and
	// instance replaces the earlier one.
	Instance string
	// Account is whose it is; zero if it is a Kith, unknown whose.
	Account kith.AccountID
	// Addresses are where it is; none if it is gone.
	Addresses []netip.AddrPort
}

// A State tells how a way does.
type State struct {
	Way     string
	Working bool
	Unknown bool      // yet, whether it works; it is worth a try
	Reason  string    // what it does, or why it does not work: a sentence for people
	Since   time.Time // of the last change of Working
}

// A Way looks for others, and is found by them, while Run runs. Its methods may
// be called from any goroutine.
type Way interface {
	Name() string
	// Run works until ctx ends and then takes back what it published. A way
	// that can't work now says so in its State and keeps trying. It calls
	// found from one goroutine at a time.
	Run(ctx context.Context, found func(Find)) error
	// NetworkChanged tells that the addresses of this machine changed.
	NetworkChanged()
	State() State
}

// A Dialer makes links.
type Dialer interface {
	// Dial knocks at all addresses at once and gives the first link that
	// proves to be to the target's account. It returns soon after ctx ends.
	// An error's text is shown to people.
	Dial(ctx context.Context, t Target, addrs []netip.AddrPort, way string) (link.Link, error)
}
