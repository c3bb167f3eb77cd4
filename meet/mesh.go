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

// A Ring is the members of a sphere in an order that everybody computes alike.
// It tells to which of them a device keeps links, so that what one writes
// reaches all over few hops though nobody keeps many links. It does not change;
// all may use it.
//
// Each seeks those 1, 2, 4, 8… places on (the fingers of Chord, Stoica et al.
// 2001), and in place of one who can't be reached the next on the ring who can.
// Since links serve both ways, n members who are online have a path of at most
// log2(n) hops to each other, and of half as many on average. Each asks for at
// most log2(n) links, and is asked for as many on average; more if those who
// stand before it are away.
type Ring struct {
	sphere kith.ConversationID
	places []place
}

type place struct {
	at      [32]byte
	account kith.AccountID
}

// NewRing makes the ring of a sphere with these members.
func NewRing(sphere kith.ConversationID, members []kith.AccountID) *Ring {
	r := &Ring{sphere: sphere, places: make([]place, 0, len(members))}
	for _, account := range members {
		r.places = append(r.places, r.place(account))
	}
	slices.SortFunc(r.places, comparePlaces)
	r.places = slices.CompactFunc(r.places, func(a, b place) bool { return a.account == b.account })
	return r
}

func (r *Ring) place(account kith.AccountID) place {
	return place{sha256.Sum256(append(r.sphere[:], account[:]...)), account}
}

func comparePlaces(a, b place) int { return bytes.Compare(a.at[:], b.at[:]) }

// Neighbours are those to whom a member seeks links, of whom it can reach. Who
// is no member, or not yet, seeks those whom it would seek as one.
func (r *Ring) Neighbours(own kith.AccountID, reachable func(kith.AccountID) bool) []kith.AccountID {
	me, in := slices.BinarySearchFunc(r.places, r.place(own), comparePlaces)
	n := len(r.places)
	if !in {
		n++
	}
	// on gives who stands so many places on.
	on := func(steps int) kith.AccountID {
		at := me + steps
		if !in {
			at-- // who stands where own would
		}
		return r.places[at%len(r.places)].account
	}
	var chosen []kith.AccountID
	if n <= MeshFull {
		for steps := 1; steps < n; steps++ {
			chosen = append(chosen, on(steps))
		}
		return chosen
	}
	for finger := 1; finger < n; finger *= 2 {
		for steps := finger; steps < n; steps++ {
			account := on(steps)
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
