package store

import (
	"context"
	"errors"

	"kith"
)

// An eventState tells what became of an event.
type eventState int64

// The states, by their numbers in the database. That an event is kept from what
// it is about is told by its veil; see state.
const (
	applied eventState = 0 // folded, or nothing to fold
	waiting eventState = 1 // for its target to come
	void    eventState = 3 // without effect: forbidden, or a second copy
)

// A veil tells why an event or a message is kept out of sight: any of two
// reasons.
type veil int64

// The reasons, as bits of messages.hidden.
const (
	blocked veil = 1 // its author was, until Reveal
	outcast veil = 2 // it does not count in the sphere, as Judge has it
)

// state is that of an event under a veil: 2, 4 or 6.
func (v veil) state() eventState { return eventState(v << 1) }

// veil is that of an event in this state.
func (s eventState) veil() veil {
	if s == waiting || s == void {
		return 0
	}
	return veil(s >> 1)
}

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
		outcome, err := t.record(p, a, &ev, 0)
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

// ApplyOptions say how Apply takes events.
type ApplyOptions struct {
	// Hide, which may be nil, tells which events are kept out of sight until
	// Reveal: their author is blocked.
	Hide func(*kith.Event) bool
	// Outcast, which may be nil, tells which do not count by the roster of the
	// sphere as it is. They are kept out of sight until Judge.
	Outcast func(*kith.Event) bool
	// Base is how much of the author is not for this account. If nothing of
	// the author is here, its events begin after Base; if less than Base is
	// here and the rest is not handed on, they go on after it. The mark of a
	// Base has no ID.
	Base uint64
	// Certificate, if not empty, is that of the author's device, to be kept.
	Certificate []byte
	// Chained asks that the events continue the history that is here: the event
	// before the first that is new has to be the one that is here, or After if it
	// is not among them. A zero After is not compared.
	Chained bool
	After   kith.EventID
}

// veil tells which of the reasons hold for an event.
func (o *ApplyOptions) veil(ev *kith.Event) (v veil) {
	if o.Hide != nil && o.Hide(ev) {
		v |= blocked
	}
	if o.Outcast != nil && o.Outcast(ev) {
		v |= outcast
	}
	return v
}

// Apply takes over events that a peer handed on: consecutive ones of author,
// the first numbered first. Those that are here, or are not for this account,
// are skipped. It stores all or nothing, durably. The functions in o are called
// in the writer's transaction and must not call the store.
//
// An event with the ID of one that is here takes its number and has no effect:
// if both are of the same account it was numbered anew, else it is counted in
// Void.
//
// The error is ErrGap if events before first are missing, and of kind
// kith.BadPeer if they are not what they claim to be.
func (s *Store) Apply(ctx context.Context, conv kith.ConversationID, who kith.Peer, first uint64, events []kith.Event, o ApplyOptions) (Applied, error) {
	var done Applied
	err := s.write(ctx, "store received events", func(t *Tx) (err error) {
		done, err = t.Apply(conv, who, first, events, o)
		return err
	})
	if err != nil {
		done = Applied{}
	}
	return done, err
}

// Apply is Store.Apply within a write. What an error leaves is undone only with
// the whole write, except by ErrGap, which leaves nothing.
func (t *Tx) Apply(conv kith.ConversationID, who kith.Peer, first uint64, events []kith.Event, o ApplyOptions) (done Applied, err error) {
	if first == 0 {
		return done, kith.Errorf(kith.BadPeer, "events are numbered from 1")
	}
	if len(events) == 0 {
		return done, nil
	}
	p, err := t.place(conv, who.Account)
	if err != nil {
		return done, err
	}
	a, err := t.author(p, who)
	if err != nil {
		return done, err
	}
	if a, err = t.begin(a, first, o); err != nil {
		return done, err
	}
	if o.Chained {
		if err := t.continues(a, first, events, o.After); err != nil {
			return done, err
		}
	}
	waited := false
	for {
		var all outcome
		var last *kith.Event
		var highest uint64
		for i := range events {
			ev := &events[i]
			seq := first + uint64(i)
			if seq <= a.seq {
				done.Duplicates++
				continue
			}
			if ev.Seq != seq || ev.Order >= kith.MaxOrder {
				return done, kith.Errorf(kith.BadPeer, "event %d of order %d came where event %d was due", ev.Seq, ev.Order, seq)
			}
			ev.Conversation, ev.Author = conv, who
			outcome, err := t.record(p, a, ev, o.veil(ev))
			if err != nil {
				return done, err
			}
			done.New++
			if outcome.objection != nil {
				done.Void++
			}
			highest, last = max(highest, ev.Order), ev
			all.add(outcome)
		}
		if last == nil {
			return done, nil
		}
		if err := t.conclude(p, a, last.Seq, last.ID, highest, all); err != nil || waited {
			return done, err
		}
		// What overtook these events in letters follows them now.
		waited, a.seq, first = true, last.Seq, last.Seq+1
		if events, err = t.unpark(p, a, last.Seq, last.ID); err != nil {
			return done, err
		}
	}
}

// continues refuses events of a history that is not the one that is here.
func (t *Tx) continues(a author, first uint64, events []kith.Event, after kith.EventID) error {
	before := after
	if first <= a.seq {
		if a.seq-first >= uint64(len(events)) {
			return nil // nothing is new
		}
		before = events[a.seq-first].ID
	}
	var here kith.EventID
	found, err := t.c.One("event of author at", func(r *row) { r.Fill(here[:]) }, a.row, a.seq)
	if err != nil || !found || before.IsZero() || before == here {
		return err
	}
	return kith.Errorf(kith.BadPeer, "the device %s has another event %d than it had", a.Device.Short(), a.seq)
}

// begin gets an author ready for events from number first on.
func (t *Tx) begin(a author, first uint64, o ApplyOptions) (author, error) {
	if len(o.Certificate) > 0 {
		if err := t.c.Exec("set certificate", a.row, o.Certificate); err != nil {
			return a, err
		}
	}
	if a.seq < o.Base && (a.seq == 0 || first > a.seq+1) {
		a.seq = o.Base
		if err := t.c.Exec("pass over", a.row, a.seq); err != nil {
			return a, err
		}
	}
	if first > a.seq+1 {
		return a, ErrGap
	}
	return a, nil
}

// Certificate gives what Apply kept of an author's device; nil if nothing.
func (s *Store) Certificate(ctx context.Context, conv kith.ConversationID, device kith.DeviceID) ([]byte, error) {
	var certificate []byte
	err := s.read(ctx, "read the certificate of a device", func(c conn) error {
		_, err := c.One("certificate", func(r *row) { certificate = r.Blob() }, conv, device)
		return err
	})
	return certificate, err
}

// conclude notes in the rows of author and conversation what was recorded, up
// to number seq.
func (t *Tx) conclude(p place, a author, seq uint64, id kith.EventID, highest uint64, o outcome) error {
	err := errors.Join(
		t.c.Exec("set author seq", a.row, seq, id),
		t.c.Exec("raise highest", p.row, highest))
	t.change(p.name).Events = true
	if o.recount {
		return errors.Join(err, t.unarchive(p), t.recount(p))
	}
	if o.made {
		err = errors.Join(err, t.c.Exec("refresh last", p.row), t.unarchive(p))
	}
	if o.unread > 0 {
		err = errors.Join(err, t.c.Exec("add unread", p.row, o.unread, o.mentioned))
	}
	return err
}

// An outcome tells what came of recording an event.
type outcome struct {
	state     eventState
	objection error // of Rules.Fold, or of the store, if it has no effect
	twin      bool  // it was here under another number
	made      bool  // it made a message that can be seen
	unread    int   // and that this person has not read: 1; of several events the sum
	mentioned int   // and that mentions this account: the same
	recount   bool  // a message that was here can be seen from now on
}

// add counts what came of another event of the same author.
func (o *outcome) add(next outcome) {
	o.made = o.made || next.made
	o.recount = o.recount || next.recount
	o.unread += next.unread
	o.mentioned += next.mentioned
}

// makesMessage tells which kinds of event are messages.
func makesMessage(kind kith.EventKind) bool {
	return kind == kith.KindText || kind == kith.KindShare || kind == kith.KindTorrent
}

// record stores an event in its author's next slot and folds it.
func (t *Tx) record(p place, a author, ev *kith.Event, v veil) (outcome, error) {
	if ev.ID.IsZero() || ev.Body == nil {
		return outcome{}, kith.Errorf(kith.BadPeer, "event %d has no ID or says nothing", ev.Seq)
	}
	id, err := t.newID(ev.Order)
	if err != nil {
		return outcome{}, err
	}
	var account kith.AccountID
	var within int64
	twin, err := t.c.One("event twin", func(r *row) { r.Fill(account[:]); within = r.Int() }, ev.ID)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{twin: twin, state: applied}
	switch {
	case twin:
		o.state = void
		if account != ev.Author.Account || within != p.row {
			o.objection = kith.Errorf(kith.BadPeer, "event %d has the ID of another event", ev.Seq)
		} else if v&outcast == 0 {
			o.recount, err = t.vouch(p, ev.ID)
		}
	case makesMessage(ev.Body.Kind()):
		o, err = t.makeMessage(p, a, ev, id, v)
	case ev.Body.Target().IsZero():
	case v != 0:
		o.state = v.state()
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
	err = t.c.Exec("insert event", id, a.row, ev.Seq, ev.ID, target, int64(o.state), ev.Raw, ev.Proof)
	return o, err
}
