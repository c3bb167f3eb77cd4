package store

import (
	"context"
	"math/rand/v2"
	"time"

	"kith"
)

// maxSteps is how many changes of marks are kept of each conversation, for
// Receipts.
const maxSteps = 10_000

// thinEvery is after how many steps of a conversation they are thinned, on
// average.
const thinEvery = 256

// Have gives this device's have vector in a conversation: what to tell to
// others.
func (s *Store) Have(ctx context.Context, conv kith.ConversationID) (kith.Vector, error) {
	have := make(kith.Vector)
	err := s.authors(ctx, conv, func(device kith.DeviceID, _ kith.AccountID, mark kith.Mark) {
		have[device] = mark
	})
	return have, err
}

// Devices tells the account of every author device of a conversation.
func (s *Store) Devices(ctx context.Context, conv kith.ConversationID) (map[kith.DeviceID]kith.AccountID, error) {
	devices := make(map[kith.DeviceID]kith.AccountID)
	err := s.authors(ctx, conv, func(device kith.DeviceID, account kith.AccountID, _ kith.Mark) {
		devices[device] = account
	})
	return devices, err
}

// DevicesOf gives all devices of an account that are authors anywhere.
func (s *Store) DevicesOf(ctx context.Context, account kith.AccountID) ([]kith.DeviceID, error) {
	var devices []kith.DeviceID
	err := s.read(ctx, "read the devices of an account", func(c conn) error {
		for r, err := range c.Rows("devices of account", account) {
			if err != nil {
				return err
			}
			var device kith.DeviceID
			r.Fill(device[:])
			devices = append(devices, device)
		}
		return nil
	})
	return devices, err
}

func (s *Store) authors(ctx context.Context, conv kith.ConversationID, visit func(kith.DeviceID, kith.AccountID, kith.Mark)) error {
	return s.read(ctx, "read what is here", func(c conn) error { return c.authors(conv, visit) })
}

func (c conn) authors(conv kith.ConversationID, visit func(kith.DeviceID, kith.AccountID, kith.Mark)) error {
	var p int64
	if found, err := c.One("conversation", func(r *row) { p = r.Int() }, conv); !found {
		return err
	}
	for r, err := range c.Rows("authors", p) {
		if err != nil {
			return err
		}
		var device kith.DeviceID
		var account kith.AccountID
		r.Fill(device[:])
		r.Fill(account[:])
		visit(device, account, scanMark(r))
	}
	return nil
}

func scanMark(r *row) (m kith.Mark) {
	m.Seq = r.Uint()
	r.Fill(m.ID[:])
	m.Read = r.Uint()
	return m
}

// PutMarks replaces what a device told over a link that it has and has read in a
// conversation. Marks may go down: the device may have been restored from an old
// backup. What lies with hubs for it in this conversation is forgotten, since the
// link brings it. It tells whether a mark changed.
func (s *Store) PutMarks(ctx context.Context, peer kith.Peer, conv kith.ConversationID, marks kith.Vector, now time.Time) (changed bool, err error) {
	err = s.write(ctx, "store what a device has", func(t *Tx) error {
		changed = false
		var ofOwn bool // some change is of what this account wrote
		p, err := t.place(conv, peer.Account)
		if err != nil {
			return err
		}
		before, err := t.marksOf(p, peer)
		if err != nil {
			return err
		}
		if err := t.met(peer, conv); err != nil {
			return err
		}
		for device, mark := range marks {
			if old, ok := before[device]; ok && old == mark {
				continue
			}
			own, err := t.putMark(p, peer, device, before[device], mark, now)
			if err != nil {
				return err
			}
			changed, ofOwn = true, ofOwn || own
		}
		for device := range before {
			if _, ok := marks[device]; !ok {
				changed, ofOwn = true, true // perhaps
				if err := t.c.Exec("delete mark", p.row, peer.Account, peer.Device, device); err != nil {
					return err
				}
			}
		}
		if !changed {
			return nil
		}
		t.change(conv).Marks = true
		if p.sphere && !ofOwn {
			return nil
		}
		return t.refreshDelivered(p)
	})
	return changed, err
}

// marksOf gives what a device told last.
func (t *Tx) marksOf(p place, peer kith.Peer) (kith.Vector, error) {
	marks := make(kith.Vector)
	for r, err := range t.c.Rows("marks of peer", p.row, peer.Account, peer.Device) {
		if err != nil {
			return nil, err
		}
		var device kith.DeviceID
		r.Fill(device[:])
		marks[device] = scanMark(r)
	}
	return marks, nil
}

// putMark stores one mark, and tells whether it is on what this account wrote.
func (t *Tx) putMark(p place, peer kith.Peer, device kith.DeviceID, old, mark kith.Mark, now time.Time) (own bool, err error) {
	if err := t.c.Exec("put mark", p.row, peer.Account, peer.Device, device, mark.Seq, mark.ID, mark.Read, now); err != nil {
		return false, err
	}
	own, err = t.c.One("is author of", func(*row) {}, p.row, device, t.s.Account())
	// Receipts are of interest for own events only.
	if err != nil || !own || mark.Seq <= old.Seq && mark.Read <= old.Read {
		return own, err
	}
	if err := t.c.Exec("insert step", p.row, peer.Account, peer.Device, device, mark.Seq, mark.Read, now); err != nil {
		return own, err
	}
	if rand.IntN(thinEvery) == 0 {
		return own, t.c.Exec("thin steps", p.row, maxSteps)
	}
	return own, nil
}

// Marks gives what each device last told that it has in a conversation.
func (s *Store) Marks(ctx context.Context, conv kith.ConversationID) (map[kith.Peer]kith.Vector, error) {
	all := make(map[kith.Peer]kith.Vector)
	err := s.read(ctx, "read what others have", func(c conn) error {
		for r, err := range c.Rows("marks", conv) {
			if err != nil {
				return err
			}
			var peer kith.Peer
			var device kith.DeviceID
			r.Fill(peer.Account[:])
			r.Fill(peer.Device[:])
			r.Fill(device[:])
			if all[peer] == nil {
				all[peer] = make(kith.Vector)
			}
			all[peer][device] = scanMark(r)
		}
		return nil
	})
	return all, err
}

// Receipts tells which devices have, or have read, a message, and since when.
// The history of marks is bounded; of a message older than it the times are
// those of the oldest change that is kept.
func (s *Store) Receipts(ctx context.Context, id kith.EventID) ([]kith.Receipt, error) {
	var list []kith.Receipt
	err := s.read(ctx, "read receipts", func(c conn) error {
		e, err := s.entry(c, id)
		if err != nil {
			return err
		}
		var p int64
		if _, err := c.One("conversation", func(r *row) { p = r.Int() }, e.Conversation); err != nil {
			return err
		}
		for r, err := range c.Rows("receipts", p, e.Author.Device, e.Seq) {
			if err != nil {
				return err
			}
			var receipt kith.Receipt
			r.Fill(receipt.Peer.Account[:])
			r.Fill(receipt.Peer.Device[:])
			receipt.Delivered, receipt.Read = r.Time(), r.Time()
			list = append(list, receipt)
		}
		return nil
	})
	return list, err
}
