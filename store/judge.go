package store

import (
	"context"

	"kith"
)

// Judge looks anew at which events of an account count in a conversation, those
// for which counts says so, and shows or hides what follows from them. The
// store is then as if Apply had known from the begin (see
// ApplyOptions.Outcast). counts is called in the writer's transaction and must
// not call the store.
//
// An event that its author numbered anew is here twice, and counts if either
// does.
func (s *Store) Judge(ctx context.Context, conv kith.ConversationID, account kith.AccountID, counts func(*kith.Event) bool) error {
	return s.write(ctx, "sort out what counts", func(t *Tx) error {
		p, found, err := t.c.find(conv)
		if err != nil || !found {
			return err
		}
		devices, err := t.c.numbers("accounts authors", p.row, account)
		if err != nil {
			return err
		}
		j := judge{t: t, p: p, counts: counts, refold: make(map[kith.EventID]bool)}
		for _, a := range devices {
			if err := j.author(a); err != nil {
				return err
			}
		}
		return j.conclude()
	})
}

// judgeBatch bounds how many events are in memory.
const judgeBatch = 500

// A judge is one run of Judge.
type judge struct {
	t      *Tx
	p      place
	counts func(*kith.Event) bool

	shown, changed bool
	refold         map[kith.EventID]bool // messages that lost an event about them
}

func (j *judge) author(a int64) error {
	for after := uint64(0); ; {
		events, stored, err := j.t.collect("events of author", a, after, judgeBatch)
		if err != nil || len(events) == 0 {
			return err
		}
		for i := range events {
			if err := j.event(&events[i], stored[i]); err != nil {
				return err
			}
		}
		after = stored[len(stored)-1].Seq
	}
}

func (j *judge) event(ev *kith.Event, at storedEvent) error {
	if at.state == void {
		return nil // whether it counts or not
	}
	message := makesMessage(ev.Body.Kind())
	if !message && ev.Body.Target().IsZero() {
		return nil // of a later version
	}
	counts, err := j.anyCounts(ev)
	if err != nil {
		return err
	}
	if message {
		changed, shown, err := j.t.setOutcast(j.p, at.row, ev.ID, !counts)
		j.changed, j.shown = j.changed || changed, j.shown || shown
		return err
	}
	was := at.state.veil()
	now := was &^ outcast
	if !counts {
		now |= outcast
	}
	if now == was {
		return nil
	}
	j.changed = true
	if now == 0 {
		return j.t.unveil(j.p, ev, at.row)
	}
	if at.state == applied {
		j.refold[ev.Body.Target()] = true
	}
	return j.t.c.Exec("set event state", at.row, int64(now.state()))
}

// anyCounts asks about an event, and then about its copies under other numbers.
func (j *judge) anyCounts(ev *kith.Event) (bool, error) {
	if j.counts(ev) {
		return true, nil
	}
	copies, _, err := j.t.collect("events named", ev.ID, j.p.row)
	for i := range copies {
		if err == nil && copies[i].Author.Account == ev.Author.Account && j.counts(&copies[i]) {
			return true, nil
		}
	}
	return false, err
}

// conclude brings up to date what is derived from the messages.
func (j *judge) conclude() error {
	if !j.changed {
		return nil
	}
	for id := range j.refold {
		if err := j.t.refold(j.p, id); err != nil {
			return err
		}
	}
	if j.shown {
		if err := j.t.unarchive(j.p); err != nil {
			return err
		}
	}
	return j.t.recount(j.p)
}

// recount works out a conversation's newest message and what is unread in it.
func (t *Tx) recount(p place) error {
	t.change(p.name)
	if err := t.c.Exec("recount last", p.row); err != nil {
		return err
	}
	return t.c.Exec("count unread", p.row, t.s.Account())
}

// setOutcast notes whether a message counts.
func (t *Tx) setOutcast(p place, at int64, id kith.EventID, out bool) (changed, shown bool, err error) {
	var was veil
	if found, err := t.c.One("veil", func(r *row) { was = veil(r.Int()) }, at); err != nil || !found {
		return false, false, err
	}
	now := was &^ outcast
	if out {
		now |= outcast
	}
	if now == was {
		return false, false, nil
	}
	return true, now == 0, t.setVeil(p, at, id, was, now)
}

// setVeil shows or hides a message.
func (t *Tx) setVeil(p place, row int64, id kith.EventID, was, now veil) error {
	if err := t.c.Exec("set veil", row, int64(now)); err != nil {
		return err
	}
	name := ""
	switch {
	case now == 0:
		name = "queue shown"
	case was == 0:
		name = "queue changed"
	default:
		return nil // out of sight before and after
	}
	t.change(p.name).touched(id)
	t.unindexed = true
	return t.c.Exec(name, row)
}

// unveil folds an event that was kept out of sight.
func (t *Tx) unveil(p place, ev *kith.Event, row int64) error {
	o, err := t.foldInto(p, ev)
	if err != nil {
		return err
	}
	return t.c.Exec("set event state", row, int64(o.state))
}

// vouch lets an event count that came a second time under a number that does,
// if the first alone did not. It tells whether a message is shown by that.
func (t *Tx) vouch(p place, id kith.EventID) (shown bool, err error) {
	events, stored, err := t.collect("events named", id, p.row)
	if err != nil {
		return false, err
	}
	for i := range events {
		ev, at := &events[i], stored[i]
		if at.state == void {
			continue
		}
		if makesMessage(ev.Body.Kind()) {
			_, shown, err := t.setOutcast(p, at.row, ev.ID, false)
			return shown, err
		}
		switch at.state.veil() {
		case outcast:
			return false, t.unveil(p, ev, at.row)
		case outcast | blocked:
			return false, t.c.Exec("set event state", at.row, int64(blocked.state()))
		}
		return false, nil
	}
	return false, nil
}
