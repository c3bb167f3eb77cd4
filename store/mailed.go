package store

import (
	"context"
	"time"

	"kith"
)

// A Mailed says that some of this account's events lie sealed with a hub, for
// one device of somebody.
type Mailed struct {
	Conversation kith.ConversationID
	Author       kith.DeviceID // whose numbers these are
	To           kith.Peer
	First, Last  uint64
	Letter       uint64 // the letter that they are in
	Hub          string // its host
	Until        time.Time
}

// PutMailed notes what lies with a hub.
func (t *Tx) PutMailed(m Mailed) error {
	t.change(m.Conversation).Marks = true
	return t.c.Exec("put mailed", m.Conversation, m.Author, m.To.Account, m.To.Device, m.First, m.Last, m.Letter, m.Hub, m.Until)
}

// MailedTo gives what lies with hubs for a device, by conversation, author and
// number.
func (s *Store) MailedTo(ctx context.Context, to kith.Peer) ([]Mailed, error) {
	return s.mailed(ctx, "mailed to", to.Account, to.Device)
}

// HeldFor tells with which hubs an event lies, and for whom.
func (s *Store) HeldFor(ctx context.Context, conv kith.ConversationID, author kith.DeviceID, seq uint64) ([]Mailed, error) {
	return s.mailed(ctx, "held for", conv, author, seq)
}

func (s *Store) mailed(ctx context.Context, query string, args ...any) ([]Mailed, error) {
	var all []Mailed
	err := s.read(ctx, "read what lies with hubs", func(c conn) error {
		all = nil
		for r, err := range c.Rows(query, args...) {
			if err != nil {
				return err
			}
			var m Mailed
			r.Fill(m.Conversation[:])
			r.Fill(m.Author[:])
			r.Fill(m.To.Account[:])
			r.Fill(m.To.Device[:])
			m.First, m.Last, m.Letter = r.Uint(), r.Uint(), r.Uint()
			m.Hub, m.Until = r.Text(), r.Time()
			all = append(all, m)
		}
		return nil
	})
	return all, err
}

// DropMailed takes it that what lies with hubs for a device is of no use to it,
// so that it is owed again.
func (t *Tx) DropMailed(to kith.Peer) error {
	return t.c.Exec("delete mailed", to.Account, to.Device)
}

// DropMailedIn does so with one conversation, of the letters up to a number: the
// device has those, and told what it made of them.
func (t *Tx) DropMailedIn(to kith.Peer, conv kith.ConversationID, letter uint64) error {
	err := t.c.Exec("delete mailed in letters", to.Account, to.Device, conv, letter)
	if t.c.DB.Changes() > 0 {
		t.change(conv).Marks = true
	}
	return err
}

// met forgets what lies with hubs for a device of a conversation, since a link
// tells what it has and brings the rest.
func (t *Tx) met(peer kith.Peer, conv kith.ConversationID) error {
	some, err := t.c.One("mailed in", func(*row) {}, peer.Account, peer.Device, conv)
	if err != nil || !some {
		return err
	}
	t.change(conv).Marks = true
	return t.c.Exec("delete mailed in", peer.Account, peer.Device, conv)
}

// A Debt is what a device may lack of one author: what is here, and what the
// device said that it has.
type Debt struct {
	Author kith.DeviceID
	Here   uint64
	There  uint64
}

// Owed tells, of this account's own authorship in a conversation, what is here
// and what a device has.
func (s *Store) Owed(ctx context.Context, conv kith.ConversationID, to kith.Peer) ([]Debt, error) {
	var all []Debt
	err := s.read(ctx, "read what is owed", func(c conn) error {
		all = nil
		for r, err := range c.Rows("owed", conv, s.Account(), to.Account, to.Device) {
			if err != nil {
				return err
			}
			var d Debt
			r.Fill(d.Author[:])
			d.Here, d.There = r.Uint(), r.Uint()
			all = append(all, d)
		}
		return nil
	})
	return all, err
}

// MergeMarks takes what a letter of a device says that it has. It may be late,
// so a mark never goes down by it, and those that it does not name stay.
func (t *Tx) MergeMarks(peer kith.Peer, conv kith.ConversationID, marks kith.Vector, now time.Time) error {
	p, err := t.place(conv, peer.Account)
	if err != nil {
		return err
	}
	before, err := t.marksOf(p, peer)
	if err != nil {
		return err
	}
	changed := false
	for device, mark := range marks {
		old := before[device]
		if err := t.c.Exec("delete mailed up to", conv, device, peer.Account, peer.Device, mark.Seq); err != nil {
			return err
		}
		if mark.Seq < old.Seq || mark.Seq == old.Seq && mark.Read <= old.Read {
			continue
		}
		mark.Read = max(mark.Read, old.Read)
		if _, err := t.putMark(p, peer, device, old, mark, now); err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	t.change(conv).Marks = true
	return t.refreshDelivered(p)
}

// EventAt is Store.EventAt within a write.
func (t *Tx) EventAt(conv kith.ConversationID, device kith.DeviceID, seq uint64) (id kith.EventID, found bool, err error) {
	found, err = t.c.One("event at", func(r *row) { r.Fill(id[:]) }, conv, device, seq)
	return id, found, err
}

// Devices is Store.Devices within a write.
func (t *Tx) Devices(conv kith.ConversationID) (map[kith.DeviceID]kith.AccountID, error) {
	devices := make(map[kith.DeviceID]kith.AccountID)
	err := t.c.authors(conv, func(device kith.DeviceID, account kith.AccountID, _ kith.Mark) {
		devices[device] = account
	})
	return devices, err
}
