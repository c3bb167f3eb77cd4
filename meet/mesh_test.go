package meet_test

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"kith"
	"kith/meet"
)

// However many are online, they reach each other over few hops with few links.
func TestNeighboursMakeASmallWorld(t *testing.T) {
	for _, c := range []struct{ members, online int }{{2, 2}, {12, 5}, {13, 13}, {50, 50}, {50, 20}, {200, 200}, {200, 120}, {200, 15}, {1000, 700}} {
		t.Run(fmt.Sprintf("%d of %d", c.online, c.members), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(c.members*1000+c.online)))
			var all []kith.AccountID
			for range c.members {
				var id kith.AccountID
				for i := range id {
					id[i] = byte(random.Uint32())
				}
				all = append(all, id)
			}
			online := map[kith.AccountID]bool{}
			for _, at := range random.Perm(c.members)[:c.online] {
				online[all[at]] = true
			}
			ring := meet.NewRing(kith.ConversationID{9}, all)
			edges := map[kith.AccountID]map[kith.AccountID]bool{}
			join := func(a, b kith.AccountID) {
				if edges[a] == nil {
					edges[a] = map[kith.AccountID]bool{}
				}
				edges[a][b] = true
			}
			for a := range online {
				chosen := ring.Neighbours(a, func(b kith.AccountID) bool { return online[b] })
				if most := max(meet.MeshFull, bits.Len(uint(c.members))); len(chosen) > most {
					t.Fatalf("%d neighbours of %d members; want at most %d", len(chosen), c.members, most)
				}
				for _, b := range chosen {
					if b == a {
						t.Fatal("its own neighbour")
					}
					if online[b] {
						join(a, b)
						join(b, a)
					}
				}
			}
			for a := range online {
				distance := map[kith.AccountID]int{a: 0}
				furthest := 0
				for queue := []kith.AccountID{a}; len(queue) > 0; queue = queue[1:] {
					for b := range edges[queue[0]] {
						if _, seen := distance[b]; !seen {
							distance[b] = distance[queue[0]] + 1
							furthest = max(furthest, distance[b])
							queue = append(queue, b)
						}
					}
				}
				if len(distance) != len(online) {
					t.Fatalf("%d of %d online members are reached", len(distance), len(online))
				}
				if most := bits.Len(uint(c.members)); furthest > most {
					t.Errorf("the furthest is %d hops away; want at most %d", furthest, most)
				}
			}
		})
	}
}

// Somebody who is not in seeks those whom they would seek if they were.
func TestNeighboursOfWhoIsNotIn(t *testing.T) {
	for _, n := range []int{0, 1, 2, 11, 12, 13, 100} {
		var all []kith.AccountID
		for i := range n + 1 {
			all = append(all, kith.AccountID{byte(i), 1})
		}
		anybody := func(kith.AccountID) bool { return true }
		for i, own := range all {
			others := slices.Delete(slices.Clone(all), i, i+1)
			want := meet.NewRing(kith.ConversationID{9}, all).Neighbours(own, anybody)
			if got := meet.NewRing(kith.ConversationID{9}, others).Neighbours(own, anybody); !slices.Equal(got, want) {
				t.Errorf("%d: got %d neighbours, want %d", n, len(got), len(want))
			}
		}
	}
}
