package dht

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/anacrolix/dht/v2/bep44"

	"kith"
	"kith/meet"
)

const (
	// tokenLife is how long tokens are used; nodes take them for five to ten
	// minutes.
	tokenLife = 4 * time.Minute
	// maxSeen notes are remembered for every correspondent, so that none is
	// given twice.
	maxSeen = 64
	// maxNotes are given from one lookup: those who hold an invitation could
	// sign a hundred.
	maxNotes = 8
)

// A slot is an item and what we learned about it.
type slot struct {
	item
	locating chan struct{} // holds one over a search for where to write

	mu   sync.Mutex
	seq  int64            // highest that was seen or used; guarded by mu
	near map[bool][]place // by family; true is IPv6; guarded by mu
}

func newSlot(it item) *slot {
	return &slot{item: it, locating: make(chan struct{}, 1), near: make(map[bool][]place)}
}

// learn takes in an answer and gives its note, if it is one.
func (s *slot) learn(a *answer) (note []byte, ok bool) {
	note, ok = s.open(a)
	if !ok {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq = max(s.seq, *a.seq)
	return note, true
}

// question asks for what is newer than what we know.
func (s *slot) question() question {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := question{target: s.target, item: true}
	if seq := s.seq; seq > 0 {
		q.newer = &seq
	}
	return q
}

func (s *slot) nearest(six bool) []place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.near[six]
}

// remember keeps where the item lies.
func (s *slot) remember(six bool, found []place) {
	if len(found) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.near[six] = found
}

func nodesOf(places []place) []node {
	all := make([]node, len(places))
	for i, p := range places {
		all[i] = p.node
	}
	return all
}

// take is what to put: the note, above all that was seen.
func (s *slot) take(note []byte, now time.Time) (p bep44.Put, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq, ok := nextSeq(now, s.seq)
	if !ok {
		return p, kith.Errorf(kith.BadPeer, "The DHT takes no note for them today: somebody who holds the same key used up its numbers.")
	}
	s.seq = seq
	return s.sign(seq, note), nil
}

// lookUp searches a slot's item in all families.
func (g *generation) lookUp(ctx context.Context, s *slot, take func(*answer)) (anybody bool) {
	q := s.question()
	answered := make([]bool, len(g.families))
	var searches sync.WaitGroup
	for i, f := range g.families {
		searches.Go(func() {
			var found []place
			found, answered[i] = f.search(ctx, q, nodesOf(s.nearest(f.six)), take)
			s.remember(f.six, found)
		})
	}
	searches.Wait()
	anybody = slices.Contains(answered, true)
	g.courier.searched(anybody)
	return anybody
}

// locate finds where to write, unless that is known since less than tokenLife.
func (g *generation) locate(ctx context.Context, s *slot, anew bool) {
	select {
	case s.locating <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-s.locating }()
	if !anew && len(g.places(s)) > 0 {
		return
	}
	g.lookUp(ctx, s, func(a *answer) { s.learn(a) })
}

// places are where to write: for each family those found lately.
func (g *generation) places(s *slot) map[*family][]place {
	now := time.Now()
	all := make(map[*family][]place)
	for _, f := range g.families {
		if near := s.nearest(f.six); len(near) > 0 && now.Sub(near[0].since) < tokenLife {
			all[f] = near
		}
	}
	return all
}

// write puts a note into a slot.
func (g *generation) write(ctx context.Context, s *slot, note []byte) error {
	for _, anew := range []bool{false, true} {
		g.locate(ctx, s, anew)
		p, err := s.take(note, time.Now())
		if err != nil {
			return err
		}
		var puts sync.WaitGroup
		var mu sync.Mutex
		asked, taken := 0, 0
		for f, places := range g.places(s) {
			asked += len(places)
			puts.Go(func() {
				n := f.putAll(ctx, places, p)
				mu.Lock()
				defer mu.Unlock()
				taken += n
			})
		}
		puts.Wait()
		switch {
		case 2*taken >= asked && taken > 0:
			return nil
		case ctx.Err() != nil:
			return kith.Errorf(kith.Unreachable, "leave a note in the DHT: %w", context.Cause(ctx))
		case anew && taken > 0:
			return nil
		}
		// Tokens are too old, or another device of ours wrote with a higher seq.
	}
	return kith.Errorf(kith.Unreachable, "%s", silence)
}

// seen remembers the latest notes by their hash.
type seen struct{ hashes [][sha256.Size]byte }

// add reports whether a note is new.
func (s *seen) add(note []byte) bool {
	hash := sha256.Sum256(note)
	if slices.Contains(s.hashes, hash) {
		return false
	}
	if len(s.hashes) == maxSeen {
		s.hashes = slices.Delete(s.hashes, 0, 1)
	}
	s.hashes = append(s.hashes, hash)
	return true
}

// A peer is what the courier keeps of a correspondent.
type peer struct {
	who   meet.Correspondent
	slots map[slotName]*slot
	seen  seen
}

type slotName struct {
	day    uint32
	writer string
}

func newPeer(who meet.Correspondent) *peer {
	return &peer{who: who, slots: make(map[slotName]*slot)}
}

// slot gives a slot and forgets those of other days.
func (p *peer) slot(day uint32, writer string, today uint32) *slot {
	for name := range p.slots {
		if name.day+1 < today || name.day > today+1 {
			delete(p.slots, name)
		}
	}
	name := slotName{day, writer}
	s := p.slots[name]
	if s == nil {
		s = newSlot(newItem(p.who.Key, day, writer))
		p.slots[name] = s
	}
	return s
}
