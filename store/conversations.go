package store

import (
	"context"
	"math"

	"kith"
)

// A Conversation is what a list of them shows.
type Conversation struct {
	ID     kith.ConversationID
	With   kith.AccountID // the other account
	Last   *Entry         // the newest message, or nil
	Unread int            // messages of others
}

// Conversation gives one; kith.NotFound if there is none of this name.
func (s *Store) Conversation(ctx context.Context, id kith.ConversationID) (Conversation, error) {
	conv := Conversation{ID: id}
	err := s.read(ctx, "read a conversation", func(c *conn) error {
		var last int64
		found, err := c.one("one conversation", func(r *row) {
			r.fill(conv.With[:])
			conv.Unread = int(r.int())
			last = r.int() // 0 if NULL
		}, id)
		if err != nil {
			return err
		}
		if !found {
			return kith.Errorf(kith.NotFound, "there is no conversation %s", id)
		}
		_, err = c.one("message by row", func(r *row) {
			e := s.scanEntry(r).Entry
			conv.Last = &e
		}, last)
		return err
	})
	return conv, err
}

// Conversations gives all of them, the one with the newest message first.
func (s *Store) Conversations(ctx context.Context) ([]Conversation, error) {
	var list []Conversation
	err := s.read(ctx, "read the conversations", func(c *conn) error {
		last := make(map[kith.ConversationID]*Entry)
		for r, err := range c.rows("last messages") {
			if err != nil {
				return err
			}
			e := s.scanEntry(r).Entry
			last[e.Conversation] = &e
		}
		for r, err := range c.rows("conversations") {
			if err != nil {
				return err
			}
			var conv Conversation
			r.fill(conv.ID[:])
			r.fill(conv.With[:])
			conv.Unread = int(r.int())
			conv.Last = last[conv.ID]
			list = append(list, conv)
		}
		return nil
	})
	return list, err
}

// MarkRead notes that this person has read everything of others that sorts at
// or before a message; a zero ID means all. It tells whether that was news.
func (s *Store) MarkRead(ctx context.Context, conv kith.ConversationID, upTo kith.EventID) (changed bool, err error) {
	err = s.write(ctx, "mark as read", func(t *Tx) error {
		changed = false
		p, err := t.place(conv, s.Account())
		if err != nil {
			return err
		}
		end := kith.Stamp{Order: math.MaxInt64}
		if !upTo.IsZero() {
			if end, err = s.stamp(t.c, conv, upTo); err != nil {
				return err
			}
		}
		read := make(map[int64]uint64) // by author
		for r, err := range t.c.rows("others", p.row, s.Account()) {
			if err != nil {
				return err
			}
			a := r.int()
			read[a] = r.uint()
		}
		for a, before := range read {
			after := before
			// Hidden messages stay unread: who is blocked must not learn that
			// their words came.
			if _, err := t.c.one("newest readable", func(r *row) { after = r.uint() }, a, before, end.Order, end.ID); err != nil {
				return err
			}
			if after > before {
				changed = true
				if err := t.c.exec("set read", a, after); err != nil {
					return err
				}
			}
		}
		if !changed {
			return nil
		}
		t.change(conv).Read = true
		return t.c.exec("count unread", p.row, s.Account())
	})
	return changed, err
}

// Reveal shows what account wrote while it was hidden, edits and reactions
// included.
func (s *Store) Reveal(ctx context.Context, conv kith.ConversationID, account kith.AccountID) error {
	return s.write(ctx, "show hidden messages", func(t *Tx) error {
		p, err := t.place(conv, account)
		if err != nil {
			return err
		}
		devices, err := t.c.numbers("accounts authors", p.row, account)
		if err != nil {
			return err
		}
		for _, a := range devices {
			if err := t.reveal(p, a); err != nil {
				return err
			}
		}
		if err := t.c.exec("refresh last", p.row); err != nil {
			return err
		}
		return t.c.exec("count unread", p.row, s.Account())
	})
}

func (t *Tx) reveal(p place, author int64) error {
	shown := make(map[int64]kith.EventID)
	for r, err := range t.c.rows("hidden messages", author) {
		if err != nil {
			return err
		}
		var id kith.EventID
		at := r.int()
		r.fill(id[:])
		shown[at] = id
	}
	for at, id := range shown {
		if err := t.c.exec("show message", at); err != nil {
			return err
		}
		if err := t.c.exec("queue new", at); err != nil {
			return err
		}
		t.unindexed = true
		t.change(p.name).touched(id)
	}
	events, stored, err := t.collect("withheld events", author)
	if err != nil {
		return err
	}
	for i := range events {
		o, err := t.foldInto(p, &events[i])
		if err != nil {
			return err
		}
		if err := t.c.exec("set event state", stored[i].row, int64(o.state)); err != nil {
			return err
		}
	}
	return nil
}
