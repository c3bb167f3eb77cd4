package swarm

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/anacrolix/torrent"
	pp "github.com/anacrolix/torrent/peer_protocol"
)

// Members who fetch the same share at the same time are of use to each other as
// far as they have different pieces. The library asks for the rarest pieces first,
// but at all members in the same order, so they would all fetch the same ones from
// the one who has everything, and whose line carries the most.
//
// So while others fetch too, a piece that only those have who have all is held
// back, but for a few that are drawn. What another member has is asked for as
// usual. No word is needed to draw different ones: for each piece the names of all
// who fetch are put in an order that everybody works out alike (rendezvous hashing,
// Thaler and Ravishankar 1998), and who comes first draws it first.
//
// Measured, one seeder and eight members with lines of the same speed: the last
// one is done after 1.1 times what the seeder needs to send all of it once, and
// without this after 1.75 times.
const (
	drawEvery  = 200 * time.Millisecond // at the latest
	drawPause  = 20 * time.Millisecond  // at least, between two draws
	drawShare  = 20                     // of the time that passes, a draw takes one part at most
	leastDrawn = 4                      // pieces; more when they come faster than they are drawn
	usualDepth = 250                    // chunks that are asked for at once
)

// A spread decides which pieces the library is to ask for. It belongs to a
// transfer while that is awake.
type spread struct {
	mu    sync.Mutex              // guards all below; held while the library is called
	base  []torrent.PiecePriority // what is wanted
	told  []torrent.PiecePriority // what the library was told
	drawn map[int]bool
	plays bool // somebody reads it while it arrives, so the order is theirs
	size  int  // of drawn, as it should be
	last  time.Time
	took  time.Duration

	// How many chunks may be asked of whom at once; see limitDepth.
	depths atomic.Pointer[map[*torrent.PeerConn]int]
}

// reset begins with a torrent that wants nothing yet.
func (s *spread) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base, s.told, s.drawn, s.plays = nil, nil, nil, false
	s.depths.Store(nil)
}

// want says what is wanted of a share, and tells the library.
func (s *spread) want(tt *torrent.Torrent, c *content, self torrent.PeerID, base []torrent.PiecePriority) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base == nil {
		s.told, s.size = make([]torrent.PiecePriority, len(base)), leastDrawn
	}
	s.base = base
	s.drawLocked(tt, c, self)
}

// draw draws again if it is time to. It may be called often. Nothing is held back
// while somebody plays what arrives.
func (s *spread) draw(tt *torrent.Torrent, c *content, self torrent.PeerID, plays bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plays = plays
	if s.base != nil && time.Since(s.last) >= max(drawPause, drawShare*s.took) {
		s.drawLocked(tt, c, self)
	}
}

func (s *spread) drawLocked(tt *torrent.Torrent, c *content, self torrent.PeerID) {
	began := time.Now()
	whole, partly := roaring.New(), roaring.New() // what those have who have all, and what the others have
	var sources []*torrent.PeerConn
	lots := []uint64{lot(self)}
	for _, pc := range tt.PeerConns() {
		if has := pc.PeerPieces(); int(has.GetCardinality()) < len(s.base) {
			partly.Or(has)
			lots = append(lots, lot(pc.PeerID))
		} else {
			whole = has
			sources = append(sources, pc)
		}
	}
	held := newSet(len(s.base))
	waiting := 0
	if len(lots) > 1 && !whole.IsEmpty() && !s.plays {
		waiting = s.pickLocked(c, partly, lots, held)
	} else {
		s.drawn = nil
	}
	s.tellLocked(tt, held)
	depths := map[*torrent.PeerConn]int{}
	for _, pc := range sources {
		depths[pc] = usualDepth
		if waiting > 0 {
			// Half of what is drawn, so that something is left to be asked for
			// before more is drawn; otherwise it would be what others have.
			depths[pc] = max(1, s.size*int(c.piece/chunkSize)/2)
		}
	}
	s.depths.Store(&depths)
	s.last = time.Now()
	s.took = s.last.Sub(began)
}

// pickLocked draws pieces, and adds the others that nobody who fetches has to
// held. It gives how many those are.
func (s *spread) pickLocked(c *content, partly *roaring.Bitmap, lots []uint64, held set) (waiting int) {
	c.mu.Lock()
	have := c.have.clone()
	c.mu.Unlock()
	elsewhere := newSet(len(s.base))
	partly.Iterate(func(i uint32) bool {
		if int(i) < len(s.base) { // a peer may claim what is not
			elsewhere.add(int(i))
		}
		return true
	})
	drawn := map[int]bool{}
	var ours, theirs []int
	for i, p := range s.base {
		switch {
		case p != torrent.PiecePriorityNormal || have.has(i) || elsewhere.has(i):
		case s.drawn[i]:
			drawn[i] = true
		case first(lots, i):
			ours = append(ours, i)
		default:
			theirs = append(theirs, i)
		}
	}
	if len(drawn) <= s.size/4 {
		s.size *= 2 // they came faster than they were drawn
	} else if len(drawn) > s.size*3/4 {
		s.size = max(s.size-1, leastDrawn)
	}
	// The other half of what may be on its way is for what others have.
	s.size = min(s.size, max(1, int(usualUnproven/2/c.piece)))
	for _, from := range [][]int{ours, theirs} {
		rand.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
		for _, i := range from {
			if len(drawn) < s.size {
				drawn[i] = true
			} else {
				held.add(i)
				waiting++
			}
		}
	}
	s.drawn = drawn
	return waiting
}

// lot is what stands for a member: its name in BitTorrent, which is chosen anew at
// each start and which all who are connected to it know.
func lot(id torrent.PeerID) uint64 { return binary.BigEndian.Uint64(id[len(id)-8:]) }

// first reports whether the first of those who fetch comes first for a piece.
func first(lots []uint64, piece int) bool {
	ours := mix(lots[0], piece)
	for _, l := range lots[1:] {
		if mix(l, piece) > ours {
			return false
		}
	}
	return true
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
func mix(lot uint64, piece int) uint64 {
	x := lot ^ uint64(piece)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// tellLocked tells the library what is wanted, but for what is held back.
func (s *spread) tellLocked(tt *torrent.Torrent, held set) {
	now := func(i int) torrent.PiecePriority {
		switch {
		case held.has(i):
			return torrent.PiecePriorityNone
		case s.drawn[i]:
			return highest
		}
		return s.base[i]
	}
	for i := 0; i < len(s.base); {
		p, was := now(i), s.told[i]
		j := i
		for j < len(s.base) && now(j) == p && s.told[j] == was {
			s.told[j] = p
			j++
		}
		switch {
		case p == was:
		case p == torrent.PiecePriorityNone:
			tt.CancelPieces(i, j)
		case p == torrent.PiecePriorityNormal && was == torrent.PiecePriorityNone:
			tt.DownloadPieces(i, j)
		default:
			for k := i; k < j; k++ {
				tt.Piece(k).SetPriority(p)
			}
		}
		i = j
	}
}

// limitDepth bounds how much is asked at once of who has all: what is not drawn
// has others. The library calls it with its lock held, for each message.
func (s *Swarm) limitDepth(pc *torrent.PeerConn, _ *pp.Message) {
	t, _, _ := s.resolve(addressOf(&pc.Peer))
	if t == nil {
		return
	}
	if depths := t.spread.depths.Load(); depths != nil {
		if n, ok := (*depths)[pc]; ok {
			pc.PeerMaxRequests = n
		}
	}
}
