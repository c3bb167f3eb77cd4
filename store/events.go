package store

import (
	"context"
	"errors"

	"kith"
)

// An eventState tells what became of an event.
type eventState int64

// The states, by their numbers in the database.
const (
	applied  eventState = 0 // folded, or nothing to fold
	waiting  eventState = 1 // for its target to come
	withheld eventState = 2 // until Reveal
	void     eventState = 3 // without effect: forbidden, or a second copy
)

// ErrGap is what Apply gives for events that do not follow what is here.
var ErrGap = kith.Errorf(kith.BadPeer, "these events do not follow those that are here")

// Append writes an own event as device, in the next number of that device, and
// returns it when it is durable. compose makes it; it is called in the writer's
// transaction with that number and the highest Order in the conversation, and
// must not call the store. An event that may not be, because compose or
// Rules.Fold objects or because its target is not here, is not stored.
func (s *Store) Append(ctx context.Context, conv kith.ConversationID, device kith.DeviceID, compose func(seq, after uint64) (kith.Event, error)) (kith.Event, error) {
	var ev kith.Event
	err := s.write(ctx, "write a message", func(t *Tx) error {
		own := s.Account()
		p, err := t.place(conv, own)
		if err != nil {
			return err
		}
		a, err := t.author(p, kith.Peer{Account: own, Device: device})
		if err != nil {
			return err
		}
		if ev, err = compose(a.seq+1, p.highest); err != nil {
			return err
		}
		ev.Conversation, ev.Author = conv, a.Peer
		if ev.Seq != a.seq+1 || ev.Order >= kith.MaxOrder {
			return kith.Errorf(kith.Internal, "event %d of order %d was composed where event %d was due", ev.Seq, ev.Order, a.seq+1)
		}
		outcome, err := t.record(p, a, &ev, false)
		if err != nil {
			return err
		}
		switch {
		case outcome.objection != nil:
			return outcome.objection
		case outcome.state == waiting:
			return kith.Errorf(kith.NotFound, "the message that this is about is not here")
		case outcome.twin:
			return kith.Errorf(kith.Conflict, "there is an event with this ID already")
		}
		return t.conclude(p, a, ev.Seq, ev.ID, ev.Order, outcome)
	})
	return ev, err
}

// Applied counts what Apply did with the events.
type Applied struct {
	New        int // took their number
	Duplicates int // were here, under their number
	Void       int // of the new ones: have no effect
}

// Apply takes over events that a peer handed on: consecutive ones of author,
// the first numbered first. Those that are here are skipped. It stores all or
// nothing, durably.
//
// An event with the ID of one that is here takes its number and has no effect:
// if both are of the same account it was numbered anew, else it is counted in
// Void. hide, which may be nil, tells which events are kept out of sight until
// Reveal.
//
// The error is ErrGap if events before first are missing, and of kind
// kith.BadPeer if they are not what they claim to be.
func (s *Store) Apply(ctx context.Context, conv kith.ConversationID, who kith.Peer, first uint64, events []kith.Event, hide func(*kith.Event) bool) (Applied, error) {
	var done Applied
	if first == 0 {
		return done, kith.Errorf(kith.BadPeer, "events are numbered from 1")
	}
	if len(events) == 0 {
		return done, nil
	}
	err := s.write(ctx, "store received events", func(t *Tx) error {
		done = Applied{}
		p, err := t.place(conv, who.Account)
		if err != nil {
			return err
		}
		a, err := t.author(p, who)
		if err != nil {
			return err
		}
		if first > a.seq+1 {
			return ErrGap
		}
		var highest uint64
		var all outcome
		for i := range events {
			ev := &events[i]
			seq := first + uint64(i)
			if seq <= a.seq {
				done.Duplicates++
				continue
			}
			if ev.Seq != seq || ev.Order >= kith.MaxOrder {
				return kith.Errorf(kith.BadPeer, "event %d of order %d came where event %d was due", ev.Seq, ev.Order, seq)
			}
			ev.Conversation, ev.Author = conv, who
			outcome, err := t.record(p, a, ev, hide != nil && hide(ev))
			if err != nil {
				return err
			}
			done.New++
			if outcome.objection != nil {
				done.Void++
			}
			highest = max(highest, ev.Order)
			all.made, all.unread = all.made || outcome.made, all.unread+outcome.unread
		}
		if done.New == 0 {
			return nil
		}
		last := &events[len(events)-1]
		return t.conclude(p, a, last.Seq, last.ID, highest, all)
	})
	if err != nil {
		done = Applied{}
	}
	return done, err
}

// conclude notes in the rows of author and conversation what was recorded, up
// to number seq.
func (t *Tx) conclude(p place, a author, seq uint64, id kith.EventID, highest uint64, o outcome) error {
	err := errors.Join(
		t.c.exec("set author seq", a.row, seq, id),
		t.c.exec("raise highest", p.row, highest))
	if o.made {
		err = errors.Join(err, t.c.exec("refresh last", p.row))
	}
	if o.unread > 0 {
		err = errors.Join(err, t.c.exec("add unread", p.row, o.unread))
	}
	t.change(p.name).Events = true
	return err
}

// An outcome tells what came of recording an event.
type outcome struct {
	state     eventState
	objection error // of Rules.Fold, or of the store, if it has no effect
	twin      bool  // it was here under another number
	made      bool  // it made a message that can be seen
	unread    int   // and that this person has not read: 1; of several events the sum
}

// record stores an event in its author's next slot and folds it.
func (t *Tx) record(p place, a author, ev *kith.Event, hide bool) (outcome, error) {
	if ev.ID.IsZero() || ev.Body == nil {
		return outcome{}, kith.Errorf(kith.BadPeer, "event %d has no ID or says nothing", ev.Seq)
	}
	id, err := t.newID(ev.Order)
	if err != nil {
		return outcome{}, err
	}
	var account kith.AccountID
	var within int64
	twin, err := t.c.one("event twin", func(r *row) { r.fill(account[:]); within = r.int() }, ev.ID)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{twin: twin, state: applied}
	switch {
	case twin:
		o.state = void
		if account != ev.Author.Account || within != p.row {
			o.objection = kith.Errorf(kith.BadPeer, "event %d has the ID of another event", ev.Seq)
		}
	case ev.Body.Kind() == kith.KindText:
		o, err = t.makeMessage(p, a, ev, id, hide)
	case ev.Body.Target().IsZero():
	case hide:
		o.state = withheld
	default:
		o, err = t.foldInto(p, ev)
	}
	if err != nil {
		return o, err
	}
	var target any
	if about := ev.Body.Target(); !about.IsZero() {
		target = about
	}
	err = t.c.exec("insert event", id, a.row, ev.Seq, ev.ID, target, int64(o.state), ev.Raw, ev.Proof)
	return o, err
}
