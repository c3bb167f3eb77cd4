package store

import (
	"context"
	"fmt"

	"kith"
)

// Stored is an event as it is passed on.
type Stored struct {
	Seq    uint64
	ID     kith.EventID
	Raw    []byte
	Proof  []byte
	Author kith.Peer
}

// EventsAfter gives the events of device that follow number after, in order,
// up to maxBytes of Raw and Proof, and at least one if there is one. Their
// numbers have no hole; the first may come after one (see ApplyOptions.Base).
func (s *Store) EventsAfter(ctx context.Context, conv kith.ConversationID, device kith.DeviceID, after uint64, maxBytes int) ([]Stored, error) {
	var events []Stored
	err := s.read(ctx, "read events", func(c conn) error {
		var p, a int64
		if found, err := c.One("conversation", func(r *row) { p = r.Int() }, conv); !found {
			return err
		}
		if found, err := c.One("author", func(r *row) { a = r.Int() }, p, device); !found {
			return err
		}
		size := 0
		for r, err := range c.Rows("events of author", a, after, -1) {
			if err != nil {
				return err
			}
			e := scanEvent(r)
			size += len(e.Raw) + len(e.Proof)
			if n := len(events); n > 0 && (size > maxBytes || e.Seq != events[n-1].Seq+1) {
				break
			}
			events = append(events, e.Stored)
		}
		return nil
	})
	return events, err
}

// Event gives one event.
func (s *Store) Event(ctx context.Context, id kith.EventID) (kith.Event, error) {
	var ev kith.Event
	err := s.read(ctx, "read an event", func(c conn) error {
		var e storedEvent
		found, err := c.One("event by id", func(r *row) { e = scanEvent(r) }, id)
		if err != nil {
			return err
		}
		if !found {
			return kith.Errorf(kith.NotFound, "there is no event %s here", id)
		}
		ev, err = s.parse(e)
		return err
	})
	return ev, err
}

// EventAt tells which event of device has number seq, if it is here.
func (s *Store) EventAt(ctx context.Context, conv kith.ConversationID, device kith.DeviceID, seq uint64) (id kith.EventID, found bool, err error) {
	err = s.read(ctx, "read an event", func(c conn) error {
		found, err = c.One("event at", func(r *row) { r.Fill(id[:]) }, conv, device, seq)
		return err
	})
	return id, found, err
}

// A storedEvent is a row of events with the names that its numbers stand for.
type storedEvent struct {
	Stored
	row   int64
	state eventState
	conv  kith.ConversationID
}

// scanEvent reads the columns of the queries on events.
func scanEvent(r *row) storedEvent {
	var e storedEvent
	e.row = r.Int()
	r.Fill(e.ID[:])
	e.state = eventState(r.Int())
	e.Raw, e.Proof = r.Blob(), r.Blob()
	r.Fill(e.Author.Account[:])
	r.Fill(e.Author.Device[:])
	e.Seq = r.Uint()
	r.Fill(e.conv[:])
	return e
}

// parse decodes an event of the database; what is there was parsed before.
func (s *Store) parse(e storedEvent) (kith.Event, error) {
	ev := kith.Event{Conversation: e.conv, Author: e.Author, Proof: e.Proof}
	if err := s.rules.Parse(e.Raw, &ev); err != nil {
		return ev, kith.Errorf(kith.Damaged, "event %s in the database can't be read, restore a backup: %w", e.ID, err)
	}
	ev.Seq, ev.Raw = e.Seq, e.Raw
	return ev, nil
}

// collect gathers a query on events, so that others may run meanwhile.
func (t *Tx) collect(name string, args ...any) ([]kith.Event, []storedEvent, error) {
	var events []kith.Event
	var stored []storedEvent
	for r, err := range t.c.Rows(name, args...) {
		if err != nil {
			return nil, nil, err
		}
		e := scanEvent(r)
		ev, err := t.s.parse(e)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		stored, events = append(stored, e), append(events, ev)
	}
	return events, stored, nil
}
