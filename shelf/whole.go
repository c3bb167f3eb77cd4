package shelf

import (
	"context"
	"slices"
	"time"

	"kith"
	"kith/store"
	"kith/swarm"
)

// A Whole is a share all of which is here.
type Whole struct {
	Infohash kith.Infohash
	Own      bool // shared from here
	Sent     time.Time
}

// Whole lists the shares from a time on that are here as a whole, the oldest
// first; one that was shared several times once. Ordinary torrents are not among
// them.
func (s *Shelf) Whole(ctx context.Context, since time.Time) ([]Whole, error) {
	held, err := s.cfg.Store.HeldSince(ctx, since)
	if err != nil {
		return nil, err
	}
	var list []Whole
	seen := map[kith.Infohash]bool{}
	for _, h := range held {
		if seen[h.Infohash] || s.isTorrent(h.Event) {
			continue
		}
		st, err := s.swarm.Status(h.Infohash)
		if err != nil || !st.Own && st.State != swarm.Seeding && st.State != swarm.Checking {
			continue
		}
		seen[h.Infohash] = true
		list = append(list, Whole{Infohash: h.Infohash, Own: st.Own, Sent: h.Sent})
	}
	return list, nil
}

// A Lack is a share of which something wanted is not here.
type Lack struct {
	Infohash     kith.Infohash
	Conversation kith.ConversationID
}

// Lacks lists what is being fetched, or waited for. Ordinary torrents are not
// among it.
func (s *Shelf) Lacks() []Lack {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Lack
	for id := range s.lacking {
		if h := s.holdings[id]; h.State == store.Wanted && h.Link != linkTorrent {
			list = append(list, Lack{h.Infohash, h.Conversation})
		}
	}
	return list
}

// With names the messages that share the same bytes.
func (s *Shelf) With(ih kith.Infohash) []kith.EventID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.byHash[ih])
}
