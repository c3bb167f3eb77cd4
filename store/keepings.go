package store

import (
	"context"
	"time"

	"kith"
)

// A Keeping says how a share of this account's stands at a hub's seedbox.
type Keeping struct {
	Hub      string // its host
	Infohash kith.Infohash
	State    string // the caller's word
	Size     int64  // bytes of ciphertext
	Until    time.Time
	Heard    time.Time // when the hub said so
}

// PutKeeping stores a keeping in place of what was known of it.
func (t *Tx) PutKeeping(k Keeping) error {
	return t.c.Exec("put keeping", k.Hub, k.Infohash[:], k.State, k.Size, k.Until, k.Heard)
}

// DeleteKeeping forgets a keeping.
func (t *Tx) DeleteKeeping(hub string, ih kith.Infohash) error {
	return t.c.Exec("delete keeping", hub, ih[:])
}

// Keepings gives those of a hub, in no particular order.
func (s *Store) Keepings(ctx context.Context, hub string) ([]Keeping, error) {
	var all []Keeping
	err := s.read(ctx, "read what a hub keeps", func(c conn) error {
		all = nil
		for r, err := range c.Rows("keepings", hub) {
			if err != nil {
				return err
			}
			k := Keeping{Hub: r.Text()}
			r.Fill(k.Infohash[:])
			k.State, k.Size, k.Until, k.Heard = r.Text(), r.Int(), r.Time(), r.Time()
			all = append(all, k)
		}
		return nil
	})
	return all, err
}

// A Held is a holding of something wanted or own, and when it was shared.
type Held struct {
	Event        kith.EventID
	Conversation kith.ConversationID
	Infohash     kith.Infohash
	State        HoldingState
	Sent         time.Time
}

// HeldSince lists what is held of the shares from a time on, the oldest first.
func (s *Store) HeldSince(ctx context.Context, since time.Time) ([]Held, error) {
	var all []Held
	err := s.read(ctx, "read what is held", func(c conn) error {
		all = nil
		for r, err := range c.Rows("held", since) {
			if err != nil {
				return err
			}
			var h Held
			r.Fill(h.Event[:])
			r.Fill(h.Conversation[:])
			r.Fill(h.Infohash[:])
			h.State, h.Sent = HoldingState(r.Text()), r.Time()
			all = append(all, h)
		}
		return nil
	})
	return all, err
}
