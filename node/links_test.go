package node

import (
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/link/linktest"
)

// Whoever accepts a contact over a link does not dial them beside it.
func TestOneLinkIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(linktest.Conditions{Delay: 40 * time.Millisecond})
		a, b := w.person(t, "A", 0), w.person(t, "B", 0)
		befriend(t, a.node, b.node)
		sleep(time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.links) != 1 {
			t.Errorf("%d links were made between two people who met", len(w.links))
		}
	})
}

// Of two links to one device the newer replaces the older, unless both sides
// dialled at the same time: then both keep the same one.
func TestWhichLinkStays(t *testing.T) {
	low := kith.Peer{Account: kith.AccountID{1}, Device: kith.DeviceID{1}}
	high := kith.Peer{Account: kith.AccountID{2}, Device: kith.DeviceID{2}}
	for _, tt := range []struct {
		name       string
		lowDialled []bool // for each link, in order
		apart      time.Duration
		stays      int
	}{
		{"dialled anew", []bool{true, true}, 0, 1},
		{"both dialled, the lower device's first", []bool{true, false}, tieWindow / 2, 0},
		{"both dialled, the lower device's second", []bool{false, true}, tieWindow / 2, 1},
		{"dialled from the other side, later", []bool{true, false}, tieWindow, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tables := map[kith.Peer]*links{}
				for _, own := range []kith.Peer{low, high} {
					tables[own] = newLinks(&run{id: &identity{peer: own}})
				}
				kept := map[kith.Peer]int{}
				for i, lowDialled := range tt.lowDialled {
					if i > 0 {
						sleep(tt.apart)
					}
					from, to := high, low
					if lowDialled {
						from, to = low, high
					}
					near, far := linktest.Pair(from, to, linktest.Conditions{})
					for own, l := range map[kith.Peer]*linktest.Link{from: near, to: far} {
						if tables[own].add(&live{Link: l, since: time.Now()}) {
							kept[own] = i
						}
					}
				}
				if kept[low] != tt.stays || kept[high] != tt.stays {
					t.Errorf("they keep links %d and %d, want %d", kept[low], kept[high], tt.stays)
				}
			})
		})
	}
}
