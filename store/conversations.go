package store

import (
	"context"
	"math"

	"kith"
)

// A Conversation is what a list of them shows.
type Conversation struct {
	ID        kith.ConversationID
	With      kith.AccountID // the other account, if direct
	Sphere    bool
	Last      *Entry // the newest message or note, or nil
	Unread    int    // messages of others
	Mentioned int    // of those, that mention this account
	Pinned    bool
	Archived  bool
	Draft     *Draft // nil if there is none
}

// A ConversationPage asks for a part of the list of conversations.
type ConversationPage struct {
	After    kith.ConversationID // only what comes after this one; zero: from the begin
	Limit    int                 // zero: all
	Archived *bool               // only these; nil: both
}

// Conversation gives one; kith.NotFound if there is none of this name.
func (s *Store) Conversation(ctx context.Context, id kith.ConversationID) (Conversation, error) {
	var conv Conversation
	err := s.read(ctx, "read a conversation", func(c conn) error {
		var last int64
		found, err := c.One("one conversation", func(r *row) { conv, last = s.scanConversation(r) }, id)
		if err != nil {
			return err
		}
		if !found {
			return kith.Errorf(kith.NotFound, "there is no conversation %s", id)
		}
		return s.addLast(c, &conv, last)
	})
	return conv, err
}

// Conversations gives a page of them: those that are pinned, then the others,
// each with the newest message first. A conversation that gets a message while
// somebody pages through the list moves to its begin.
func (s *Store) Conversations(ctx context.Context, page ConversationPage) ([]Conversation, error) {
	var list []Conversation
	err := s.read(ctx, "read the conversations", func(c conn) error {
		list = nil
		pinned, active := int64(2), int64(0) // before all
		if !page.After.IsZero() {
			found, err := c.One("place in list", func(r *row) { pinned, active = r.Int(), r.Int() }, page.After)
			if err != nil {
				return err
			}
			if !found {
				return kith.Errorf(kith.NotFound, "there is no conversation %s", page.After)
			}
		}
		limit := page.Limit
		if limit <= 0 {
			limit = -1 // SQLite's word for all
		}
		name, args := "conversations", []any{pinned, active, page.After, limit}
		if page.Archived != nil {
			name, args = "conversations by archive", append(args, *page.Archived)
		}
		var lasts []int64
		for r, err := range c.Rows(name, args...) {
			if err != nil {
				return err
			}
			conv, last := s.scanConversation(r)
			list, lasts = append(list, conv), append(lasts, last)
		}
		for i := range list {
			if err := s.addLast(c, &list[i], lasts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// scanConversation reads the columns of the queries on conversations; last is
// the row of the newest message, 0 if there is none.
func (s *Store) scanConversation(r *row) (conv Conversation, last int64) {
	r.Fill(conv.ID[:])
	r.Fill(conv.With[:])
	conv.Unread, conv.Mentioned = int(r.Int()), int(r.Int())
	conv.Pinned, conv.Archived, conv.Sphere = r.Bool(), r.Bool(), r.Bool()
	last = r.Int()
	if drafted := r.Int(); drafted != 0 {
		conv.Draft = s.scanDraft(r)
	}
	return conv, last
}

func (s *Store) addLast(c conn, conv *Conversation, last int64) error {
	if last == 0 {
		return nil
	}
	_, err := c.One("message by row", func(r *row) {
		e := s.scanEntry(r).Entry
		conv.Last = &e
	}, last)
	return err
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
		for r, err := range t.c.Rows("others", p.row, s.Account()) {
			if err != nil {
				return err
			}
			a := r.Int()
			read[a] = r.Uint()
		}
		for a, before := range read {
			after := before
			// Hidden messages stay unread: who is blocked must not learn that
			// their words came.
			if _, err := t.c.One("newest readable", func(r *row) { after = r.Uint() }, a, before, end.Order, end.ID); err != nil {
				return err
			}
			if after > before {
				changed = true
				if err := t.c.Exec("set read", a, after); err != nil {
					return err
				}
			}
		}
		if !changed {
			return nil
		}
		t.change(conv).Read = true
		return t.c.Exec("count unread", p.row, s.Account())
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
		if err := t.c.Exec("refresh last", p.row); err != nil {
			return err
		}
		return t.c.Exec("count unread", p.row, s.Account())
	})
}

func (t *Tx) reveal(p place, author int64) error {
	type hidden struct {
		row int64
		id  kith.EventID
		was veil
	}
	var messages []hidden
	for r, err := range t.c.Rows("hidden messages", author) {
		if err != nil {
			return err
		}
		m := hidden{row: r.Int()}
		r.Fill(m.id[:])
		if m.was = veil(r.Int()); m.was&blocked != 0 {
			messages = append(messages, m)
		}
	}
	for _, m := range messages {
		now := m.was &^ blocked
		if err := t.setVeil(p, m.row, m.id, m.was, now); err != nil {
			return err
		}
		if now == 0 {
			if err := t.unarchive(p); err != nil {
				return err
			}
		}
	}
	events, stored, err := t.collect("withheld events", author)
	if err != nil {
		return err
	}
	for i := range events {
		if stored[i].state.veil()&outcast != 0 {
			err = t.c.Exec("set event state", stored[i].row, int64(outcast.state()))
		} else {
			err = t.unveil(p, &events[i], stored[i].row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
