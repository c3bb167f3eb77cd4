// Package dht carries sealed notes through the Mainline DHT, the network of
// many million BitTorrent programs, so that two people find each other without
// any hub.
//
// Two who share a [seal.MeetKey] each write one mutable item (BEP 44) a day and
// read the other's. Nobody else can tell the items from random ones, or those
// of one day from those of another:
//
//	key    seal.MeetKey.Item(day, writer), Ed25519; day counted from 1970, UTC
//	writer the 32 bytes of the writing account; "joiner" for whoever holds an
//	       invitation, because its giver does not know their account yet
//	salt   none
//	target SHA-1 of the public key: the nodes nearest to it keep the item
//	seq    Unix milliseconds, and above every valid one that was seen
//	value  the latest sealed note, of 1 to 960 bytes, as one bencoded string
//
// How a lookup goes (lookup.go is the pure part, search.go asks):
//
//	nodes known ─▶ ask the 16 nearest to the target, side by side ─▶ they name nearer ones
//	    ▲                  │ silent for longer than answers usually take:
//	    └── who answered ──┘ the next is asked, and a late answer still counts
//
// The next lookup of the same target begins with the 16 that were found, which
// takes one round trip; nodes that were silent are left alone for a while.
//
// Everything that nodes say is hostile. An item counts only with its key and
// signature; a node's ID is what it says of itself, not what others say; whom
// others name is asked within limits for every address, network and lookup. What
// is left to a liar is to withhold an item, or to serve an older one, and 16 nodes
// keep it.
//
// This device only asks (BEP 43): it keeps nothing for others and drops their
// queries unread; package guard says what else never reaches the library.
package dht
