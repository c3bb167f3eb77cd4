package swarm

import (
	"path/filepath"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/anacrolix/torrent"
)

// TestMembersFetchDifferentPieces holds that members who fetch at the same time
// take most of it from each other: the seeder sends little more than all of it
// once.
func TestMembersFetchDifferentPieces(t *testing.T) {
	t.Parallel()
	const members, size, uplink = 4, 24 << 20, 3 << 20
	seeder := newPerson()
	a := open(t, seeder, func(c *Config) { c.Up = uplink })
	name := filepath.Join(t.TempDir(), "film.mkv")
	want := noise(t, name, size, 1)
	ref := share(t, a, name)
	people, swarms := make([]person, members), make([]*Swarm, members)
	for i := range members {
		people[i] = newPerson()
		swarms[i] = open(t, people[i], func(c *Config) { c.Up = uplink })
	}
	dest := t.TempDir()
	for i, s := range swarms {
		fetch(t, s, ref, filepath.Join(dest, people[i].peer().Device.String()))
		for j := range members {
			if j != i {
				connect(t, s, ref, people[j], swarms[j])
			}
		}
	}
	for _, s := range swarms { // only now, so that they know each other
		eventually(t, "the others", func() bool { return len(statusOf(t, s, ref).Peers) >= members-1 })
	}
	for _, s := range swarms {
		connect(t, s, ref, seeder, a)
	}
	for i, s := range swarms {
		awaitState(t, s, ref, Seeding)
		same(t, filepath.Join(dest, people[i].peer().Device.String()), want)
	}
	times := float64(sentBy(a, ref)) / size
	t.Logf("the seeder sent it %.2f times", times)
	if times < 1 || times > 1.7 {
		t.Errorf("the seeder sent it %.2f times to %d members", times, members)
	}
}

// TestEveryPieceHasAFirst holds that of those who fetch exactly one comes first
// for a piece, whoever works it out, and each for about as many.
func TestEveryPieceHasAFirst(t *testing.T) {
	var lots []uint64
	for i := range 8 {
		lots = append(lots, lot(torrent.PeerID{12: byte(i), 19: 7}))
	}
	const pieces = 4000
	count := make([]int, len(lots))
	for piece := range pieces {
		firsts := 0
		for i := range lots {
			seen := append([]uint64{lots[i]}, lots[:i]...) // in another order at each
			if first(append(seen, lots[i+1:]...), piece) {
				firsts++
				count[i]++
			}
		}
		if firsts != 1 {
			t.Fatalf("%d come first for piece %d", firsts, piece)
		}
	}
	for i, n := range count {
		if n < pieces/len(lots)*8/10 || n > pieces/len(lots)*12/10 {
			t.Errorf("member %d comes first for %d pieces of %d", i, n, pieces)
		}
	}
}

// TestWhatIsDrawnLeavesRoom holds that what is drawn is not all that may be on its
// way, however large the pieces are; otherwise nothing is asked of the others.
func TestWhatIsDrawnLeavesRoom(t *testing.T) {
	const pieces = 200
	for piece := int64(256 << 10); piece <= maxPiece; piece *= 2 {
		c := &content{piece: piece, length: piece * pieces, have: newSet(pieces)}
		s := spread{size: leastDrawn}
		for range pieces {
			s.base = append(s.base, torrent.PiecePriorityNormal)
		}
		for range 10 { // all that was drawn came, so more is drawn each time
			held := newSet(pieces)
			waiting := s.pickLocked(c, roaring.New(), []uint64{1, 2}, held)
			if n := len(s.drawn); n < 1 || n > 1 && int64(n)*piece > usualUnproven/2 || waiting+n != pieces-c.have.count() || held.count() != waiting {
				t.Fatalf("%d pieces of %d KiB are drawn, %d held back", n, piece>>10, waiting)
			}
			for i := range s.drawn {
				c.have.add(i)
			}
		}
	}
}
