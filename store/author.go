package store

import (
	"math/rand/v2"

	"kith"
)

// A place is a conversation as a write sees it.
type place struct {
	row     int64
	name    kith.ConversationID
	highest uint64         // Order seen
	account kith.AccountID // the other one's, if direct

	archived bool
	sphere   bool
}

// find finds a conversation.
func (c conn) find(conv kith.ConversationID) (p place, found bool, err error) {
	p.name = conv
	found, err = c.One("conversation", func(r *row) {
		p.row, p.highest = r.Int(), r.Uint()
		r.Fill(p.account[:])
		p.archived, p.sphere = r.Bool(), r.Bool()
	}, conv)
	return p, found, err
}

// place finds a conversation or makes it. The two accounts of a direct one are
// told by its name, so the first event from the other makes it known.
func (t *Tx) place(conv kith.ConversationID, other kith.AccountID) (place, error) {
	p, found, err := t.c.find(conv)
	if err != nil {
		return p, err
	}
	if !found {
		if err := t.c.Exec("insert conversation", conv); err != nil {
			return p, err
		}
		p.row = t.c.DB.LastInsertRowID()
	}
	own := t.s.Account()
	if p.sphere {
		return p, nil
	}
	if p.account.IsZero() && other != own && kith.DirectConversation(own, other) == conv {
		p.account = other
		if err := t.c.Exec("set conversation account", p.row, other); err != nil {
			return p, err
		}
		return p, t.refreshDelivered(p)
	}
	return p, nil
}

// refreshDelivered works out how far others have what was written here.
func (t *Tx) refreshDelivered(p place) error {
	if p.sphere {
		return t.c.Exec("refresh delivered in sphere", p.row, t.s.Account())
	}
	return t.c.Exec("refresh delivered", p.row)
}

// An author is one device in one conversation.
type author struct {
	kith.Peer
	row  int64
	seq  uint64 // what is here
	read uint64
}

// author finds an author or makes one who has written nothing. A device is of
// one account for good.
func (t *Tx) author(p place, who kith.Peer) (author, error) {
	a := author{Peer: who}
	var account kith.AccountID
	found, err := t.c.One("author", func(r *row) {
		a.row = r.Int()
		r.Fill(account[:])
		a.seq, a.read = r.Uint(), r.Uint()
	}, p.row, who.Device)
	if err != nil {
		return a, err
	}
	if !found {
		if err := t.c.Exec("insert author", p.row, who.Device, who.Account); err != nil {
			return a, err
		}
		a.row = t.c.DB.LastInsertRowID()
		if p.sphere && who.Account != t.s.Account() {
			return a, nil
		}
		return a, t.refreshDelivered(p) // they may know more of it than we
	}
	if account != who.Account {
		return a, kith.Errorf(kith.BadPeer, "device %s writes for account %s and belongs to %s", who.Device.Short(), who.Account.Short(), account.Short())
	}
	return a, nil
}

// idSlots is how many events of one Order get IDs that sort among those of the
// next.
const idSlots = 512

// newID draws the row ID of an event: Order × 512 and what is free from there.
// So rows, and hits of the full-text index, sort by time, nearly; the exact
// order is that of Stamp. An Order that very many events claim spills over
// into ever wider random IDs, so that it costs its author's friends nothing.
func (t *Tx) newID(order uint64) (int64, error) {
	base := int64(order) * idSlots
	id := base
	if _, err := t.c.One("free id", func(r *row) { id = r.Int() }, base); err != nil {
		return 0, err
	}
	taken := id >= base+idSlots
	for span := int64(2 * idSlots); taken; span = min(2*span, 1<<60) {
		id = base + rand.Int64N(span)
		var err error
		if taken, err = t.c.One("id taken", func(*row) {}, id); err != nil {
			return 0, err
		}
	}
	return id, nil
}
