package store

import (
	"context"

	"kith"
)

// Reissue is for a store that turned out to be an older copy of itself: a
// restored backup, which numbered its own events anew where others had seen
// different ones. In every conversation, own events of device old above
// keep(conversation) leave their numbers and are appended, under the same IDs,
// as device as; compose encodes them for their new numbers. What is here of
// old goes back to keep, so that others can hand back what was lost. The event
// that compose gets names its conversation, so that it can be signed anew in a
// sphere.
//
// keep and compose are called in the writer's transaction and must not call
// the store. Either all is done or nothing.
func (s *Store) Reissue(ctx context.Context, old, as kith.DeviceID, keep func(kith.ConversationID) uint64, compose func(ev kith.Event, seq uint64) (kith.Event, error)) (moved int, err error) {
	if old == as {
		return 0, kith.Errorf(kith.Invalid, "device %s can't number its events anew under its own name", old.Short())
	}
	err = s.write(ctx, "number events anew", func(t *Tx) error {
		moved = 0
		type slot struct {
			author
			conv kith.ConversationID
		}
		var slots []slot
		for r, err := range t.c.Rows("device authors", old) {
			if err != nil {
				return err
			}
			sl := slot{author: author{Peer: kith.Peer{Account: s.Account(), Device: old}}}
			sl.row = r.Int()
			r.Int() // conversations.id
			r.Fill(sl.conv[:])
			sl.seq = r.Uint()
			slots = append(slots, sl)
		}
		for _, sl := range slots {
			if k := keep(sl.conv); k < sl.seq {
				n, err := t.reissue(sl.conv, sl.Peer, as, k, compose)
				if err != nil {
					return err
				}
				moved += n
			}
		}
		return nil
	})
	return moved, err
}

// reissueBatch bounds how many events are in memory.
const reissueBatch = 500

func (t *Tx) reissue(conv kith.ConversationID, old kith.Peer, as kith.DeviceID, keep uint64, compose func(kith.Event, uint64) (kith.Event, error)) (moved int, err error) {
	p, err := t.place(conv, old.Account)
	if err != nil {
		return 0, err
	}
	from, err := t.author(p, old)
	if err != nil {
		return 0, err
	}
	to, err := t.author(p, kith.Peer{Account: old.Account, Device: as})
	if err != nil {
		return 0, err
	}
	var last kith.EventID
	about := make(map[kith.EventID]bool) // messages to fold again
	for {
		events, stored, err := t.collect("events of author", from.row, keep, reissueBatch)
		if err != nil {
			return 0, err
		}
		if len(events) == 0 {
			break
		}
		for i, ev := range events {
			to.seq++
			if ev, err = compose(ev, to.seq); err != nil {
				return 0, err
			}
			if ev.ID != events[i].ID || ev.Seq != to.seq {
				return 0, kith.Errorf(kith.Internal, "event %s was composed anew as another one", events[i].ID)
			}
			if err := t.c.Exec("number event anew", stored[i].row, to.row, to.seq, ev.Raw, ev.Proof); err != nil {
				return 0, err
			}
			if err := t.c.Exec("number message anew", stored[i].row, to.row, to.seq); err != nil {
				return 0, err
			}
			moved, last = moved+1, ev.ID
			if about[ev.ID] = true; !ev.Body.Target().IsZero() {
				about[ev.Body.Target()] = true
			}
		}
	}
	var kept kith.EventID
	if _, err := t.c.One("event at", func(r *row) { r.Fill(kept[:]) }, conv, old.Device, keep); err != nil {
		return 0, err
	}
	for _, step := range []error{
		t.c.Exec("set author seq", from.row, keep, kept),
		t.c.Exec("set read", from.row, min(from.read, keep)),
		t.c.Exec("set author seq", to.row, to.seq, last),
		t.refreshDelivered(p),
	} {
		if step != nil {
			return 0, step
		}
	}
	for id := range about {
		if err := t.refold(p, id); err != nil {
			return 0, err
		}
	}
	t.change(conv).Events = true
	return moved, t.c.Exec("refresh last", p.row)
}
