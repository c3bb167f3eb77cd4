package store

import (
	"context"
	"time"

	"kith"
)

// Letters may overtake each other, and what they bring can be taken out of the
// box at once only if it is kept. So events that do not follow those that are
// here wait in a table of their own, of each author not too many.
const (
	maxEarly     = 1000
	maxEarlySize = 1 << 20 // bytes
)

// Park keeps events of an author that do not follow those that are here, which
// are checked like those for Apply. They are applied when what is missing came.
// after is the event before the first. It reports whether there was room for all.
func (t *Tx) Park(conv kith.ConversationID, who kith.Peer, events []kith.Event, after kith.EventID, now time.Time) (all bool, err error) {
	p, err := t.place(conv, who.Account)
	if err != nil {
		return false, err
	}
	a, err := t.author(p, who)
	if err != nil {
		return false, err
	}
	var count, size int
	if _, err := t.c.One("early size", func(r *row) { count, size = int(r.Int()), int(r.Int()) }, a.row); err != nil {
		return false, err
	}
	for _, ev := range events {
		if ev.ID.IsZero() || ev.Body == nil || ev.Order >= kith.MaxOrder {
			return false, kith.Errorf(kith.BadPeer, "event %d has no ID, says nothing or has the order %d", ev.Seq, ev.Order)
		}
		count, size = count+1, size+len(ev.Raw)+len(ev.Proof)
		if count > maxEarly || size > maxEarlySize {
			return false, nil
		}
		if err := t.c.Exec("put early", a.row, ev.Seq, ev.Raw, notNull(ev.Proof), after, now); err != nil {
			return false, err
		}
		after = ev.ID
	}
	return true, nil
}

// unpark gives what waited and follows number seq of an author, which is the event
// last, and forgets it and what is behind.
func (t *Tx) unpark(p place, a author, seq uint64, last kith.EventID) (events []kith.Event, err error) {
	for r, err := range t.c.Rows("early", a.row, seq) {
		if err != nil {
			return nil, err
		}
		next := seq + uint64(len(events)) + 1
		if r.Uint() != next {
			break
		}
		ev := kith.Event{Conversation: p.name, Author: a.Peer, Raw: r.Blob(), Proof: r.Blob()}
		var after kith.EventID
		if r.Fill(after[:]); !after.IsZero() && after != last {
			break // of a history that was set back
		}
		if err := t.s.rules.Parse(ev.Raw, &ev); err != nil {
			return nil, kith.Errorf(kith.Damaged, "an event that waited in the database can't be read, restore a backup: %w", err)
		}
		ev.Seq, last = next, ev.ID
		events = append(events, ev)
	}
	return events, t.c.Exec("delete early", a.row, seq+uint64(len(events)))
}

// ForgetEarly forgets what has waited since before a time: it comes again.
func (s *Store) ForgetEarly(ctx context.Context, before time.Time) error {
	return s.Update(ctx, func(t *Tx) error { return t.c.Exec("delete old early", before) })
}
