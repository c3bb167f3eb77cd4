// Package relay is the hub's STUN and TURN server (RFC 8489, RFC 8656): it
// tells devices what address the world sees them at, and carries packets for
// two that can't reach each other directly. What it carries is ciphertext.
//
// pion/turn decides: who may have an allocation, permissions, channels and how
// long they live. This package carries: packets of channels never reach the
// library, but go straight from socket to socket by a table that the library's
// events keep up to date. That is where a relay spends its time.
//
//	client ──UDP──▶ front ──────┐                        ┌──▶ UDP ──▶ peer
//	client ──TCP──▶ stream ─────┼─ channel ─▶ allocation ┤
//	client ──TLS──▶ Split ──────┘                        └──▶ allocation of another
//	                  └ all else ──▶ pion/turn                client of this server
//
// Two clients that both relay here never leave the process, so that it works on
// a server behind a NAT that can't talk to its own public address.
//
// TURN over TLS shares its port with the hub's HTTPS: Split looks at what
// clients say first.
//
// A relay is an open door into the network where it stands. So peers in private,
// local and special networks, and this machine itself, are refused; so are TCP
// relays (RFC 6062); and allocations, connections and bandwidth have limits.
package relay

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config says how a relay runs. Zero values mean what the fields say.
type Config struct {
	// Listen is the address for UDP and TCP; empty: ":3478". Without a host it
	// is every address of this machine, IPv4 and IPv6. On a machine that has
	// several of one family, name the one that clients are told.
	Listen string
	// Public are the addresses that relayed ports have for the world, at most
	// one of each family; none: those by which this machine reaches out.
	Public []netip.Addr
	// Host is the name or address that clients are told; empty: the first of
	// Public.
	Host string
	// TLSPort is the port of the listener that is given to Split, for clients
	// to be told; 0: there is none.
	TLSPort int
	// Realm is the realm of the credentials; empty: "kith". When it changes,
	// the keys of Users are void.
	Realm string
	// Secret is what short-lived credentials are made with, as coturn's
	// static-auth-secret.
	Secret string
	// Users are fixed users and their keys: see UserKey.
	Users map[string]string
	// AllowPrivate lifts every rule about where peers may be, for labs: a
	// client then reaches whatever this machine does.
	AllowPrivate bool
	// MinPort and MaxPort bound the relayed ports; 0: 49152 and 65535.
	MinPort, MaxPort uint16
	// MaxAllocations bounds the allocations of everybody, PerUser those of one
	// user; 0: 4096 and 64.
	MaxAllocations, PerUser int
	// UserRate bounds what is carried for one user, both ways together, in
	// bytes a second; 0: no bound.
	UserRate int
	// MaxStreams bounds the TCP and TLS connections of everybody, PerAddress
	// those of one address (an IPv6 /64); 0: 4096 and 64.
	MaxStreams, PerAddress int
}

const (
	defaultListen = ":3478"
	defaultRealm  = "kith"
	minPort       = 49152
	maxPort       = 65535
	// maxPacket bounds a packet that is relayed, in bytes: what an Ethernet
	// carries, and some.
	maxPacket = 2048
	// CredentialLife is how long short-lived credentials are good for.
	CredentialLife = 12 * time.Hour
)

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	set := func(at *int, value int) {
		if *at <= 0 {
			*at = value
		}
	}
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	if c.Realm == "" {
		c.Realm = defaultRealm
	}
	if c.MinPort == 0 {
		c.MinPort = minPort
	}
	if c.MaxPort == 0 {
		c.MaxPort = maxPort
	}
	set(&c.MaxAllocations, 4096)
	set(&c.PerUser, 64)
	set(&c.MaxStreams, 4096)
	set(&c.PerAddress, 64)
	return c
}

// discard is the log of those who want none.
var discard = slog.New(slog.DiscardHandler)
