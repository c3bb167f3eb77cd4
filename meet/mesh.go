package meet

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"kith"
)

// MeshFull is up to how many members of a sphere each seeks a link to every
// other.
const MeshFull = 12

// Neighbours chooses to which members of a sphere a device keeps links, so that
// what one writes reaches all over few hops though nobody keeps many links.
//
// The members stand on a ring, in an order that everybody computes alike. Each
// seeks those 1, 2, 4, 8… places on (the fingers of Chord, Stoica et al. 2001),
// and in place of one who can't be reached the next on the ring who can. Since
// links serve both ways, n members who are online have a path of at most
// log2(n) hops to each other, and of half as many on average.
func Neighbours(sphere kith.ConversationID, own kith.AccountID, members []kith.AccountID, reachable func(kith.AccountID) bool) []kith.AccountID {
	type place struct {
		at      [32]byte
		account kith.AccountID
	}
	ring := make([]place, 0, len(members)+1)
	for _, account := range append([]kith.AccountID{own}, members...) {
		ring = append(ring, place{sha256.Sum256(append(sphere[:], account[:]...)), account})
	}
	slices.SortFunc(ring, func(a, b place) int { return bytes.Compare(a.at[:], b.at[:]) })
	ring = slices.CompactFunc(ring, func(a, b place) bool { return a.account == b.account })
	me := slices.IndexFunc(ring, func(p place) bool { return p.account == own })
	n := len(ring)

	var chosen []kith.AccountID
	if n <= MeshFull {
		for _, p := range ring {
			if p.account != own {
				chosen = append(chosen, p.account)
			}
		}
		return chosen
	}
	for finger := 1; finger < n; finger *= 2 {
		for step := finger; step < n; step++ {
			account := ring[(me+step)%n].account
			if slices.Contains(chosen, account) {
				break // who stands further is another finger's
			}
			if reachable(account) {
				chosen = append(chosen, account)
				break
			}
		}
	}
	return chosen
}
