package shelf

import (
	"context"

	"kith"
	"kith/store"
)

// allowed says whether a device may have the pieces of a share: its account is
// in a conversation in which it was shared.
func (s *Shelf) allowed(peer kith.Peer, ih kith.Infohash) bool {
	s.mu.Lock()
	var convs []kith.ConversationID
	for _, id := range s.byHash[ih] {
		if h := s.holdings[id]; h.State != store.Offered {
			convs = append(convs, h.Conversation)
		}
	}
	s.mu.Unlock()
	for _, conv := range convs {
		if s.cfg.Host.Shares(conv, peer.Account) {
			return true
		}
	}
	return false
}

// connect names all within reach who may have a share.
func (s *Shelf) connect(h store.Holding) {
	for _, near := range s.cfg.Host.Near(h.Conversation) {
		s.swarm.Connect(h.Infohash, near.Device, near.Addresses...)
	}
}

// Met names a device, to which there is a link since a moment ago, for all that
// is lacking in the conversations that its account shares with this one.
func (s *Shelf) Met(account kith.AccountID, near Near) {
	s.mu.Lock()
	var lacking []store.Holding
	for id := range s.lacking {
		lacking = append(lacking, s.holdings[id])
	}
	s.mu.Unlock()
	for _, h := range lacking {
		if s.cfg.Host.Shares(h.Conversation, account) {
			s.swarm.Connect(h.Infohash, near.Device, near.Addresses...)
		}
	}
}

// evict ends all exchange with devices that may no longer have what they fetch,
// or of which it is not known any more whose they are.
func (s *Shelf) evict() {
	for _, st := range s.swarm.Statuses() {
		for _, p := range st.Peers {
			if p.Name != "" {
				continue // a helper, which has only what it gives
			}
			account, known := s.cfg.Host.Account(p.Device)
			if !known || !s.allowed(kith.Peer{Account: account, Device: p.Device}, st.Infohash) {
				s.swarm.Disconnect(st.Infohash, p.Device)
			}
		}
	}
}

// keepRoots makes the folders of spheres that were joined, and lets go of those
// that were left.
func (s *Shelf) keepRoots(ctx context.Context) {
	for _, conv := range s.cfg.Host.Spheres() {
		if s.root(conv) == "" {
			if _, err := s.Root(ctx, conv); err != nil {
				s.trouble(conv, err.Error())
			}
		} else {
			s.watch(conv)
		}
	}
	s.mu.Lock()
	var left []kith.ConversationID
	for conv, p := range s.places {
		if p.unwatch != nil {
			left = append(left, conv)
		}
	}
	s.mu.Unlock()
	for _, conv := range left {
		if !s.cfg.Host.Active(conv) {
			if err := s.Release(ctx, conv); err != nil && ctx.Err() == nil {
				s.log.Warn("the files of a conversation that was left are still held", "error", err)
			}
		}
	}
}
