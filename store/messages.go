package store

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"kith"
)

// An Entry is a message as people see it, and where it is.
type Entry struct {
	kith.Message
	// Mine tells whether this account wrote it.
	Mine bool
	// State of an own message: kith.Read or kith.Delivered if some device of
	// every other account of the conversation has read or has it, else kith.Held
	// if one of some account has it, else kith.Pending. Of others' messages:
	// kith.Read if this person read it, else kith.Delivered.
	State kith.DeliveryState
	// Has and HasRead count the other accounts, some device of which has or has
	// read an own message. Message, Messages and Files of one conversation fill
	// them in.
	Has, HasRead int
}

// An entry is an Entry with what the store needs of its row.
type entry struct {
	Entry
	row  int64
	read uint64 // how far this person has read the author, if it is another one
}

// scanEntry reads the columns of the view entries.
func (s *Store) scanEntry(r *row) entry {
	var e entry
	e.row = r.Int()
	r.Fill(e.ID[:])
	r.Fill(e.Conversation[:])
	r.Fill(e.Author.Device[:])
	r.Fill(e.Author.Account[:])
	e.Seq, e.Order, e.Sent = r.Uint(), r.Uint(), r.Time()
	e.Text = r.Text()
	copy(e.ReplyTo[:], r.Rare())
	e.Edited = unpackStamp(r.Rare())
	e.Deleted = r.Bool()
	if reactions := r.Rare(); len(reactions) > 0 {
		if err := json.Unmarshal(reactions, &e.Reactions); err != nil {
			s.log.Error("read the reactions to a message", "message", e.ID, "error", err)
		}
	}
	e.Mentions = s.scanMentions(r)
	e.Hidden = r.Bool()
	s.scanBody(r, &e.Message)
	e.Mine = e.Author.Account == s.Account()
	if e.Mine {
		r.Int() // one's own is always read
		e.State = scanState(r, e.Seq)
		return e
	}
	e.State = kith.Delivered
	if e.read = r.Uint(); e.Seq <= e.read {
		e.State = kith.Read
	}
	return e
}

// scanState reads how far others have come with the author of an own message,
// and tells where it is.
func scanState(r *row, seq uint64) kith.DeliveryState {
	delivered, seen := r.Uint(), r.Uint()
	switch {
	case seq <= seen:
		return kith.Read
	case seq <= delivered:
		return kith.Delivered
	case seq <= r.Uint():
		return kith.Held
	}
	return kith.Pending
}

func (s *Store) scanMentions(r *row) (list []kith.Mention) {
	if text := r.Rare(); len(text) > 0 {
		if err := json.Unmarshal(text, &list); err != nil {
			s.log.Error("read whom a text mentions", "error", err)
		}
	}
	return list
}

// A Page asks for a part of a conversation: the newest messages, the newest
// before one, or the oldest after one. Limit zero means 50.
type Page struct {
	Before, After kith.EventID
	Limit         int
}

const (
	defaultLimit = 50
	maxLimit     = 1000
)

func limit(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, maxLimit)
}

// Messages gives a page of a conversation in the order in which people see it.
func (s *Store) Messages(ctx context.Context, conv kith.ConversationID, page Page) ([]Entry, error) {
	var list []Entry
	err := s.read(ctx, "read messages", func(c conn) error {
		p, found, err := c.find(conv)
		if !found {
			return err
		}
		before := kith.Stamp{Order: math.MaxInt64}
		if !page.Before.IsZero() {
			var err error
			if before, err = s.stamp(c, conv, page.Before); err != nil {
				return err
			}
		}
		name, args := "messages before", []any{p.row, before.Order, before.ID, limit(page.Limit)}
		if !page.After.IsZero() {
			after, err := s.stamp(c, conv, page.After)
			if err != nil {
				return err
			}
			name, args = "messages after", []any{p.row, after.Order, after.ID, before.Order, before.ID, limit(page.Limit)}
		}
		for r, err := range c.Rows(name, args...) {
			if err != nil {
				return err
			}
			list = append(list, s.scanEntry(r).Entry)
		}
		if page.After.IsZero() {
			slices.Reverse(list)
		}
		return s.countHolders(c, p, list)
	})
	return list, err
}

// stamp finds a message's place in its conversation.
func (s *Store) stamp(c conn, conv kith.ConversationID, id kith.EventID) (kith.Stamp, error) {
	e, err := s.entry(c, id)
	if err == nil && e.Conversation != conv {
		err = kith.Errorf(kith.NotFound, "message %s is in another conversation", id)
	}
	return e.stamp(), err
}

// entry finds a message, hidden or not, or a note.
func (s *Store) entry(c conn, id kith.EventID) (entry, error) {
	var e entry
	found, err := c.One("message", func(r *row) { e = s.scanEntry(r) }, id)
	if err == nil && !found {
		found, err = c.One("note", func(r *row) { e = s.scanEntry(r) }, id)
	}
	if err == nil && !found {
		err = kith.Errorf(kith.NotFound, "there is no message %s here", id)
	}
	return e, err
}

// Message gives one message.
func (s *Store) Message(ctx context.Context, id kith.EventID) (Entry, error) {
	one := make([]Entry, 1)
	err := s.read(ctx, "read a message", func(c conn) error {
		e, err := s.entry(c, id)
		if err != nil {
			return err
		}
		one[0] = e.Entry
		p, _, err := c.find(e.Conversation)
		if err != nil {
			return err
		}
		return s.countHolders(c, p, one)
	})
	return one[0], err
}

// minPrefix is how much of an ID a person has to type.
const minPrefix = 6

// FindMessage finds the message whose ID, in its text form, begins with what a
// person typed, at least 6 characters of it.
func (s *Store) FindMessage(ctx context.Context, typed string) (kith.EventID, error) {
	var lowest, highest kith.EventID
	typed = strings.TrimSpace(typed)
	width := len(lowest.String())
	if len(typed) < minPrefix || len(typed) > width {
		return kith.EventID{}, kith.Errorf(kith.Invalid, "%.64q is not the ID of a message: type at least %d of its %d characters", typed, minPrefix, width)
	}
	for end, id := range map[string]*kith.EventID{"a": &lowest, "7": &highest} {
		if err := id.UnmarshalText([]byte(typed + strings.Repeat(end, width-len(typed)))); err != nil {
			return kith.EventID{}, kith.Errorf(kith.Invalid, "%q is not the ID of a message: %w", typed, err)
		}
	}
	var found []kith.EventID
	err := s.read(ctx, "find a message", func(c conn) error {
		for r, err := range c.Rows("messages with prefix", lowest, highest) {
			if err != nil {
				return err
			}
			var id kith.EventID
			r.Fill(id[:])
			found = append(found, id)
		}
		return nil
	})
	switch {
	case err != nil:
		return kith.EventID{}, err
	case len(found) == 0:
		return kith.EventID{}, kith.Errorf(kith.NotFound, "no message has an ID that begins with %s", typed)
	case len(found) > 1:
		return kith.EventID{}, kith.Errorf(kith.Invalid, "several messages have an ID that begins with %s: type more of it", typed)
	}
	return found[0], nil
}

// LastOwn gives the newest message of this account that is not deleted.
func (s *Store) LastOwn(ctx context.Context, conv kith.ConversationID) (Entry, error) {
	var last entry
	err := s.read(ctx, "read the last own message", func(c conn) error {
		var p int64
		if _, err := c.One("conversation", func(r *row) { p = r.Int() }, conv); err != nil {
			return err
		}
		devices, err := c.numbers("accounts authors", p, s.Account())
		if err != nil {
			return err
		}
		for _, a := range devices {
			_, err := c.One("author's newest message", func(r *row) {
				if e := s.scanEntry(r); last.ID.IsZero() || e.stamp().Compare(last.stamp()) > 0 {
					last = e
				}
			}, a)
			if err != nil {
				return err
			}
		}
		if last.ID.IsZero() {
			return kith.Errorf(kith.NotFound, "there is no message of yours in this conversation")
		}
		return nil
	})
	return last.Entry, err
}

func (e *entry) stamp() kith.Stamp {
	return kith.Stamp{Order: e.Order, ID: e.ID}
}

// numbers collects a query of one integer column.
func (c conn) numbers(name string, args ...any) ([]int64, error) {
	var list []int64
	for r, err := range c.Rows(name, args...) {
		if err != nil {
			return nil, err
		}
		list = append(list, r.Int())
	}
	return list, nil
}
