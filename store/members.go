package store

import (
	"slices"

	"kith"
)

// PutMembers tells who is in a sphere at present, other than this account: they
// decide where own messages are. What everybody had when a member came stays
// delivered, though that member may never get it.
func (t *Tx) PutMembers(conv kith.ConversationID, members []kith.AccountID) error {
	p, err := t.sphere(conv)
	if err != nil {
		return err
	}
	own := t.s.Account()
	come := make(map[kith.AccountID]bool, len(members))
	for _, account := range members {
		come[account] = account != own
	}
	var gone []kith.AccountID
	for r, err := range t.c.Rows("members", p.row) {
		if err != nil {
			return err
		}
		var account kith.AccountID
		r.Fill(account[:])
		if !come[account] {
			gone = append(gone, account)
		}
		delete(come, account)
	}
	for _, account := range gone {
		for _, name := range []string{"delete member", "delete exemption"} {
			if err := t.c.Exec(name, p.row, account); err != nil {
				return err
			}
		}
	}
	if len(gone) > 0 {
		t.change(conv).Marks = true
		if err := t.refreshDelivered(p); err != nil {
			return err
		}
	}
	added := false
	for account, other := range come {
		if !other {
			continue
		}
		added = true
		if err := t.c.Exec("put member", p.row, account); err != nil {
			return err
		}
		if err := t.c.Exec("exempt member", p.row, account, own); err != nil {
			return err
		}
	}
	if !added {
		return nil
	}
	t.change(conv).Marks = true
	return t.refreshDelivered(p)
}

// countHolders fills in how many accounts have, and have read, the own messages
// among entries of one conversation.
func (s *Store) countHolders(c conn, p place, list []Entry) error {
	type holders struct{ has, read []uint64 } // how far each account has come, rising
	known := make(map[kith.DeviceID]*holders)
	for i := range list {
		e := &list[i]
		if !e.Mine || e.Note != nil {
			continue
		}
		if !p.sphere {
			if e.State == kith.Delivered || e.State == kith.Read {
				e.Has = 1
			}
			if e.State == kith.Read {
				e.HasRead = 1
			}
			continue
		}
		h := known[e.Author.Device]
		if h == nil {
			h = new(holders)
			known[e.Author.Device] = h
			for r, err := range c.Rows("members marks", p.row, e.Author.Device) {
				if err != nil {
					return err
				}
				h.has, h.read = append(h.has, r.Uint()), append(h.read, r.Uint())
			}
			slices.Sort(h.has)
			slices.Sort(h.read)
		}
		e.Has, e.HasRead = atLeast(h.has, e.Seq), atLeast(h.read, e.Seq)
	}
	return nil
}

// atLeast counts the numbers of a rising list that are n or more.
func atLeast(rising []uint64, n uint64) int {
	at, _ := slices.BinarySearch(rising, n)
	return len(rising) - at
}
