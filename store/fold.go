package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"

	"kith"
)

// makeMessage folds a text or another event that makes one, and all that waited for it, into a new
// message.
func (t *Tx) makeMessage(p place, a author, ev *kith.Event, id int64, v veil) (outcome, error) {
	m := kith.Message{}
	if err := t.s.rules.Fold(&m, ev); err != nil {
		return outcome{state: void, objection: err}, nil
	}
	m.Hidden = v != 0
	events, stored, err := t.collect("events about", ev.ID, p.row)
	if err != nil {
		return outcome{}, err
	}
	for i := range events {
		if stored[i].state != waiting {
			continue
		}
		state := applied
		if t.s.rules.Fold(&m, &events[i]) != nil {
			state = void
		}
		if err := t.c.Exec("set event state", stored[i].row, int64(state)); err != nil {
			return outcome{}, err
		}
	}
	reactions, err := packReactions(m.Reactions)
	if err != nil {
		return outcome{}, err
	}
	mentions, err := packMentions(m.Mentions)
	if err != nil {
		return outcome{}, err
	}
	body, err := packBody(&m)
	if err != nil {
		return outcome{}, err
	}
	mentionsMe := t.s.isMentioned(m.Mentions)
	err = t.c.Exec("insert message", id, p.row, m.Order, ev.Seq, a.row, ev.ID, m.Sent,
		m.Text, packID(m.ReplyTo), packStamp(m.Edited), m.Deleted, int64(v), reactions, mentions, mentionsMe, int64(ev.Body.Kind()), body)
	if err != nil || v != 0 {
		return outcome{state: applied}, err
	}
	o := outcome{state: applied, made: true}
	if !m.Deleted {
		err = t.c.Exec("queue new", id)
		t.unindexed = true
		if ev.Author.Account != t.s.Account() && ev.Seq > a.read {
			o.unread = 1
			if mentionsMe {
				o.mentioned = 1
			}
		}
	}
	t.change(p.name).touched(ev.ID)
	return o, err
}

// foldInto folds an event into the message that it names.
func (t *Tx) foldInto(p place, ev *kith.Event) (outcome, error) {
	var e entry
	found, err := t.c.One("message", func(r *row) { e = t.s.scanEntry(r) }, ev.Body.Target())
	if err != nil {
		return outcome{}, err
	}
	if !found {
		return outcome{state: waiting}, nil
	}
	if e.Conversation != p.name {
		return outcome{state: void, objection: kith.Errorf(kith.BadPeer, "event %d names a message of another conversation", ev.Seq)}, nil
	}
	before := e.Message
	if err := t.s.rules.Fold(&e.Message, ev); err != nil {
		return outcome{state: void, objection: err}, nil
	}
	return outcome{state: applied}, t.saveMessage(p, &e, &before)
}

// saveMessage writes a message back that was before.
func (t *Tx) saveMessage(p place, e *entry, before *kith.Message) error {
	reactions, err := packReactions(e.Reactions)
	if err != nil {
		return err
	}
	mentions, err := packMentions(e.Mentions)
	if err != nil {
		return err
	}
	body, err := packBody(&e.Message)
	if err != nil {
		return err
	}
	mentionsMe := t.s.isMentioned(e.Mentions)
	err = t.c.Exec("update message", e.row, e.Text, packStamp(e.Edited), e.Deleted, reactions, mentions, mentionsMe, body)
	if err != nil || e.Hidden {
		return err
	}
	t.change(p.name).touched(e.ID)
	if e.Text != before.Text || e.Deleted != before.Deleted {
		err = t.c.Exec("queue changed", e.row)
		t.unindexed = true
	}
	if e.Mine || e.Seq <= e.read {
		return err
	}
	unread, mentioned := 0, 0
	if e.Deleted && !before.Deleted {
		unread = -1
	}
	if t.s.isMentioned(before.Mentions) {
		mentioned--
	}
	if mentionsMe {
		mentioned++
	}
	if unread != 0 || mentioned != 0 {
		err = errors.Join(err, t.c.Exec("add unread", p.row, unread, mentioned))
	}
	return err
}

// isMentioned tells whether this account is among those mentioned.
func (s *Store) isMentioned(list []kith.Mention) bool {
	own := s.Account()
	return slices.ContainsFunc(list, func(m kith.Mention) bool { return m.Account == own })
}

// refold makes a message again from its events, after some got new numbers.
func (t *Tx) refold(p place, id kith.EventID) error {
	var e entry
	if found, err := t.c.One("message", func(r *row) { e = t.s.scanEntry(r) }, id); err != nil || !found {
		return err
	}
	texts, _, err := t.collect("event by row", e.row)
	if err != nil {
		return err
	}
	events, stored, err := t.collect("events about", id, p.row)
	if err != nil {
		return err
	}
	before := e.Message
	e.Message = kith.Message{}
	for i := range texts {
		if err := t.s.rules.Fold(&e.Message, &texts[i]); err != nil {
			return err
		}
	}
	e.Hidden = before.Hidden
	for i := range events {
		if stored[i].state == applied {
			// It was allowed when it was folded first.
			if err := t.s.rules.Fold(&e.Message, &events[i]); err != nil {
				return err
			}
		}
	}
	return t.saveMessage(p, &e, &before)
}

func packID(id kith.EventID) any {
	if id.IsZero() {
		return nil
	}
	return id
}

func packStamp(s kith.Stamp) any {
	if s == (kith.Stamp{}) {
		return nil
	}
	b := binary.BigEndian.AppendUint64(nil, s.Order)
	return append(b, s.ID[:]...)
}

func unpackStamp(b []byte) (s kith.Stamp) {
	if len(b) == 8+len(s.ID) {
		s.Order = binary.BigEndian.Uint64(b)
		copy(s.ID[:], b[8:])
	}
	return s
}

func packMentions(list []kith.Mention) (any, error) {
	if len(list) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(list)
	return string(b), err
}

func packReactions(list []kith.AccountReaction) (any, error) {
	if len(list) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(list)
	return string(b), err
}
