// Package tracker tells members of BitTorrent swarms about one another: over
// HTTP (BEP 3, compact lists of BEP 23, IPv6 of BEP 7, scrapes of BEP 48), over
// UDP (BEP 15), and, for browsers, WebTorrent over WebSocket, where it passes on
// the offers and answers by which two of them connect.
//
// It is for public torrents. Members of spheres find each other by themselves,
// and their files never come here.
//
//	swarm     all who announced one infohash in the last 45 minutes
//	peer      an address and port, that of the packet or connection
//	web peer  a name of 20 bytes and the WebSocket it came by
//
// Everything is in memory and forgotten when the program ends: clients announce
// again. All of it is bounded: swarms, peers of a swarm, of an address, and in
// all, sockets, what a socket may send and what waits for it.
package tracker

import (
	"net/http"
	"net/netip"
	"time"
)

// Config says how a tracker runs. Zero values mean what the fields say.
type Config struct {
	// UDP is the address for BEP 15; empty: none.
	UDP string
	// Address tells where a request comes from; nil: from the other end of its
	// connection. A proxy in front needs one of its own.
	Address func(*http.Request) netip.Addr
	// MaxSwarms bounds the swarms, MaxPeers the peers of all, SwarmPeers those
	// of a swarm, AddressPeers those of one address (an IPv6 /64); 0: 100,000,
	// 500,000, 5,000 and 2,000.
	MaxSwarms, MaxPeers, SwarmPeers, AddressPeers int
	// MaxSockets bounds the WebSockets, AddressSockets those of one address;
	// 0: 4,000 and 32.
	MaxSockets, AddressSockets int
}

func (c Config) withDefaults() Config {
	for at, value := range map[*int]int{
		&c.MaxSwarms: 100_000, &c.MaxPeers: 500_000, &c.SwarmPeers: 5_000, &c.AddressPeers: 2_000,
		&c.MaxSockets: 4_000, &c.AddressSockets: 32,
	} {
		if *at <= 0 {
			*at = value
		}
	}
	if c.Address == nil {
		c.Address = func(r *http.Request) netip.Addr {
			at, _ := netip.ParseAddrPort(r.RemoteAddr)
			return at.Addr()
		}
	}
	return c
}

// PathScrape is where HTTP scrapes go: by convention the path of announces with
// another word.
const PathScrape = "/scrape"

const (
	// interval is how often clients are to announce, webInterval web peers.
	interval, webInterval = 30 * time.Minute, 2 * time.Minute
	// expiry is when a peer that did not is forgotten.
	expiry = 45 * time.Minute
	// maxWant bounds the peers of one answer; usualWant is for who does not
	// say.
	maxWant, usualWant = 200, 50
	// maxScrape bounds the infohashes of one scrape.
	maxScrape = 74 // what fits a datagram, says BEP 15
)

// A Hash is an infohash.
type Hash [20]byte

// An ID is what a client calls itself.
type ID [20]byte
