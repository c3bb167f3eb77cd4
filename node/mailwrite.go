package node

import (
	"bytes"
	"context"
	"slices"
	"time"

	"kith"
	"kith/outbox"
	"kith/seal"
	"kith/store"
	"kith/wire"
)

// compose writes the next letter to a device; nil if there is nothing to say now,
// and then how long that is so.
func (m *mail) compose(ctx context.Context, office post, c *kith.Contact, peer kith.Peer) (draft *draftLetter, rest time.Duration, err error) {
	known, err := m.r.store.Correspondent(ctx, peer)
	if err != nil {
		return nil, never, err
	}
	now := m.r.opt.now()
	w := &letterWriter{m: m, contact: c, to: peer, now: now, room: wire.LetterSize - wire.LetterOverhead, rest: never}
	if err := w.draws(ctx, &known, office); err != nil {
		return nil, never, err
	}
	if w.held, err = m.r.store.MailedTo(ctx, peer); err != nil {
		return nil, never, err
	}
	for _, conv := range m.common(c) {
		if err := w.events(ctx, conv); err != nil {
			return nil, never, err
		}
	}
	if !known.Since.IsZero() {
		if wait := known.Since.Add(outbox.Quiet).Sub(now); len(w.draft.rows) > 0 || wait <= 0 || wait > outbox.Quiet {
			if err := w.receipts(ctx, &known); err != nil {
				return nil, never, err
			}
		} else {
			w.rest = min(w.rest, wait)
		}
	}
	if len(w.draft.rows) == 0 && w.draft.answered.IsZero() {
		return nil, w.rest, nil
	}
	return &w.draft, 0, nil
}

// common are the conversations of which letters to a contact may tell: the direct
// one, and those of the spheres of both. What becomes of a big sphere's words is
// a matter of its mesh, of which this device knows its neighbours.
func (m *mail) common(c *kith.Contact) (convs []kith.ConversationID) {
	if c.Relation == kith.Accepted {
		convs = append(convs, kith.DirectConversation(m.r.id.peer.Account, c.Account))
	}
	var near map[kith.AccountID]bool
	for _, s := range m.r.spheres.all() {
		if !s.Shared(c.Account) {
			continue
		}
		if len(s.state().Members) > mailedMembers {
			if near == nil {
				near = m.r.spheres.neighbours()
			}
			if !near[c.Account] {
				continue
			}
		}
		convs = append(convs, s.id)
	}
	return convs
}

// mailedMembers is up to how many members of a sphere each leaves letters for all
// others.
const mailedMembers = 64

// A letterWriter fills one letter.
type letterWriter struct {
	m       *mail
	contact *kith.Contact
	to      kith.Peer
	now     time.Time
	held    []store.Mailed
	room    int // bytes that are left
	rest    time.Duration
	draft   draftLetter
}

// draws puts in where this device looks for letters, if the other does not know
// that, and prekeys, if it asked for some.
func (w *letterWriter) draws(ctx context.Context, known *store.Correspondent, office post) error {
	drops := wireDrops(office.Drops(w.to.Account))
	told := hashDrops(drops)
	if known.Wants == 0 && bytes.Equal(told, known.Told) {
		return nil
	}
	holds, err := w.m.r.store.Bundles(ctx, w.to)
	if err != nil {
		return err
	}
	w.draft.letter.Drops = &wire.Drops{Drops: drops, Wants: uint8(max(0, prekeysHeld-holds))}
	w.draft.told = told
	w.room -= len(drops)*(wire.MaxHubURL+80) + prekeysHeld*(seal.PrekeySize+3)
	return nil
}

// place finds the room of a conversation in the letter, or makes it.
func (w *letterWriter) place(conv kith.ConversationID) *wire.Room {
	rooms := w.draft.letter.Rooms
	if i := slices.IndexFunc(rooms, func(r wire.Room) bool { return r.Conversation == conv }); i >= 0 {
		return &rooms[i]
	}
	w.draft.letter.Rooms = append(rooms, wire.Room{Conversation: conv})
	w.room -= wire.RoomOverhead
	return &w.draft.letter.Rooms[len(rooms)]
}

// events puts in what is owed of a conversation and lies nowhere, as much as
// there is room for.
func (w *letterWriter) events(ctx context.Context, conv kith.ConversationID) error {
	if len(w.draft.letter.Rooms) >= wire.MaxRooms {
		return nil
	}
	spans, err := w.unsent(ctx, conv)
	if err != nil || len(spans) == 0 {
		return err
	}
	if fits, err := w.roster(ctx, conv); err != nil || !fits {
		return err
	}
	for _, span := range spans {
		if full, err := w.run(ctx, conv, span); err != nil || full {
			return err
		}
	}
	return nil
}

// unsent finds what is owed of a conversation and lies nowhere.
func (w *letterWriter) unsent(ctx context.Context, conv kith.ConversationID) (spans []outbox.Span, err error) {
	debts, err := w.m.r.store.Owed(ctx, conv, w.to)
	if err != nil {
		return nil, err
	}
	var since kith.Cut
	if s, ok := w.m.r.spheres.get(conv); ok {
		since = s.Since(w.to.Account)
	}
	var held []outbox.Held
	for _, h := range w.held {
		if h.Conversation == conv {
			held = append(held, outbox.Held{Span: outbox.Span{Author: h.Author, First: h.First, Last: h.Last}, Until: h.Until})
		}
	}
	for _, d := range debts {
		there := max(d.There, since[d.Author])
		for _, h := range held {
			if left := h.Until.Sub(w.now); h.Author == d.Author && h.Last > there && left > 0 {
				w.rest = min(w.rest, left, lookAgain)
			}
		}
		spans = append(spans, outbox.Unsent(d.Author, d.Here, there, held, w.now)...)
	}
	return spans, nil
}

// lookAgain is after how long it is looked whether a letter is gone: the clock may
// be set meanwhile.
const lookAgain = 6 * time.Hour

// roster puts in what a member may lack of a sphere's roster: whoever has an
// event has to have what its author knew. It reports whether there is room.
func (w *letterWriter) roster(ctx context.Context, conv kith.ConversationID) (fits bool, err error) {
	s, ok := w.m.r.spheres.get(conv)
	if !ok {
		return true, nil
	}
	heard, err := w.m.r.store.Heard(ctx, w.to, conv)
	if err != nil {
		return false, err
	}
	heads := s.Heads()
	cost := len(heads)*wire.HeadSize + wire.RecordsOverhead
	var records []wire.SealedRecord
	for _, rec := range s.Lacks(w.to.Account, heard) {
		records = append(records, wire.SealedRecord{Author: rec.Author, Raw: rec.Raw, Proof: rec.Proof, Certificate: rec.Certificate})
		cost += len(rec.Raw) + wire.SealedRecordOverhead
	}
	if cost > w.room || len(records) > wire.MaxRecordsInFrame {
		return false, nil // if it never fits, it takes a link
	}
	room := w.place(conv)
	room.Heads, room.Records = heads, records
	w.room -= cost
	return true, nil
}

// run puts in events of one author, and reports whether the letter is full.
func (w *letterWriter) run(ctx context.Context, conv kith.ConversationID, span outbox.Span) (full bool, err error) {
	left := w.room - wire.EventsOverhead
	if left <= 0 && len(w.draft.rows) > 0 {
		return true, nil
	}
	batch, err := w.m.r.store.EventsAfter(ctx, conv, span.Author, span.First-1, max(left, 1))
	if err != nil || len(batch) == 0 || batch[0].Seq != span.First {
		return false, err
	}
	events := wire.Events{Conversation: conv, Author: batch[0].Author, First: span.First}
	size := wire.EventsOverhead
	for _, ev := range batch {
		cost := len(ev.Raw) + len(ev.Proof) + wire.SealedOverhead
		room := w.room
		if len(w.draft.rows)+len(events.Events) == 0 {
			room += wire.MaxLetter - wire.LetterSize // a large event goes alone
		}
		if ev.Seq > span.Last || len(events.Events) == wire.MaxEventsInFrame || size+cost > room {
			break
		}
		events.Events = append(events.Events, wire.SealedEvent{Raw: ev.Raw, Proof: ev.Proof})
		size += cost
	}
	if len(events.Events) == 0 {
		return true, nil
	}
	if s, ok := w.m.r.spheres.get(conv); ok {
		if events.Certificate, err = w.m.certificate(ctx, s, span.Author); err != nil {
			return false, err
		}
	}
	after, _, err := w.m.r.store.EventAt(ctx, conv, span.Author, span.First-1)
	if err != nil {
		return false, err
	}
	room := w.place(conv)
	room.Events = append(room.Events, wire.Run{Events: events, After: after})
	w.room -= size
	last := span.First + uint64(len(events.Events)) - 1
	w.draft.rows = append(w.draft.rows, store.Mailed{Conversation: conv, Author: span.Author, To: w.to, First: span.First, Last: last})
	return last < span.Last, nil
}

func (m *mail) certificate(ctx context.Context, s *sphere, author kith.DeviceID) ([]byte, error) {
	if author == m.r.id.peer.Device {
		return m.r.id.cert, nil
	}
	return m.r.store.Certificate(ctx, s.id, author)
}

// receipts puts in what came of the device's account in the conversations of
// which it is owed word.
func (w *letterWriter) receipts(ctx context.Context, known *store.Correspondent) error {
	common := w.m.common(w.contact)
	w.draft.answered = known.Since
	for _, conv := range known.Unanswered {
		if !slices.Contains(common, conv) || w.room < wire.RoomOverhead+wire.MarkSize || len(w.draft.letter.Rooms) >= wire.MaxRooms {
			continue
		}
		have, err := w.m.r.store.Have(ctx, conv)
		if err != nil {
			return err
		}
		devices, err := w.m.r.store.Devices(ctx, conv)
		if err != nil {
			return err
		}
		room := w.place(conv)
		room.Marks = kith.Vector{}
		reads := w.m.r.preferences().ReadMarks
		for device, mark := range have {
			if devices[device] != w.to.Account || w.room < wire.MarkSize {
				continue
			}
			if !reads {
				mark.Read = 0
			}
			room.Marks[device] = mark
			w.room -= wire.MarkSize
		}
		if s, ok := w.m.r.spheres.get(conv); ok && len(room.Heads) == 0 {
			room.Heads = s.Heads()
			w.room -= len(room.Heads) * wire.HeadSize
		}
	}
	return nil
}
