package store

import (
	"context"
	"time"

	"kith"
)

// A Correspondent is what is known of a device of somebody else for the sake of
// letters, which are left for it while it is away.
type Correspondent struct {
	kith.Peer
	// Sessions are the node's; empty if there is none. Store.Correspondents
	// leaves them out and tells by Begun whether there are any.
	Sessions []byte
	Begun    bool
	Drops    []byte // where letters may be left for it, as the node encodes that
	Told     []byte // what it was told of this device: the node's own
	Sent     uint64 // number of the last letter to it
	Seen     uint64 // highest number of its letters that came
	// Unanswered are the conversations of which it is owed word since Since.
	Unanswered []kith.ConversationID
	Since      time.Time
	Wants      uint64    // how many prekeys it asked for
	Wished     time.Time // when it was asked last for a new session
	Granted    time.Time // when it asked last for one and got it
}

// Correspondent gives what is known of a device; nothing but its name if nothing
// is.
func (t *Tx) Correspondent(peer kith.Peer) (Correspondent, error) { return t.c.correspondent(peer) }

// Correspondent is Tx.Correspondent on its own.
func (s *Store) Correspondent(ctx context.Context, peer kith.Peer) (c Correspondent, err error) {
	err = s.read(ctx, "read what is known of a device", func(db conn) error {
		c, err = db.correspondent(peer)
		return err
	})
	return c, err
}

func (c conn) correspondent(peer kith.Peer) (Correspondent, error) {
	known := Correspondent{Peer: peer}
	_, err := c.One("correspondent", func(r *row) {
		known.Sessions = r.Blob()
		known.Begun = len(known.Sessions) > 0
		known.scan(r)
	}, peer.Account, peer.Device)
	return known, err
}

// scan reads the columns after the sessions.
func (c *Correspondent) scan(r *row) {
	c.Drops, c.Told = r.Blob(), r.Blob()
	c.Sent, c.Seen = r.Uint(), r.Uint()
	ids := r.Blob()
	for ; len(ids) >= 32; ids = ids[32:] {
		c.Unanswered = append(c.Unanswered, kith.ConversationID(ids))
	}
	c.Since, c.Wants = r.Time(), r.Uint()
	c.Wished, c.Granted = r.Time(), r.Time()
}

// PutCorrespondent stores a device in place of what was known of it.
func (t *Tx) PutCorrespondent(c Correspondent) error {
	unanswered := []byte{}
	for _, id := range c.Unanswered {
		unanswered = append(unanswered, id[:]...)
	}
	return t.c.Exec("put correspondent", c.Account, c.Device, notNull(c.Sessions), notNull(c.Drops), notNull(c.Told),
		c.Sent, c.Seen, unanswered, c.Since, c.Wants, c.Wished, c.Granted)
}

// Correspondents gives all, without their sessions, in no particular order.
func (s *Store) Correspondents(ctx context.Context) ([]Correspondent, error) {
	return list(ctx, s, "correspondents", func(r *row) (Correspondent, error) {
		var c Correspondent
		r.Fill(c.Account[:])
		r.Fill(c.Device[:])
		c.Begun = r.Bool()
		c.scan(r)
		return c, nil
	})
}

// CorrespondentsOf lists the devices of an account of which something is known.
func (t *Tx) CorrespondentsOf(account kith.AccountID) (peers []kith.Peer, err error) {
	for r, err := range t.c.Rows("correspondents of", account) {
		if err != nil {
			return nil, err
		}
		peer := kith.Peer{Account: account}
		r.Fill(peer.Device[:])
		peers = append(peers, peer)
	}
	return peers, nil
}

// ForgetCorrespondent forgets a device and all that there is for it.
func (t *Tx) ForgetCorrespondent(peer kith.Peer) error {
	for _, name := range []string{"delete correspondent", "delete prekeys", "delete bundles", "delete mailed", "delete heard"} {
		if err := t.c.Exec(name, peer.Account, peer.Device); err != nil {
			return err
		}
	}
	return nil
}

// EndSessions forgets all that another device of this account, or an older copy
// of this one, may not go on with: sessions, prekeys, and what lies with hubs.
func (t *Tx) EndSessions() error {
	for _, name := range []string{"end all sessions", "delete all prekeys", "delete all bundles", "delete all mailed"} {
		if err := t.c.Exec(name); err != nil {
			return err
		}
	}
	return nil
}

// A Prekey is the secret half of one, by which somebody may begin a session.
type Prekey struct {
	ID      uint64    // below 2^63
	For     kith.Peer // to whom it was given; zero: to whoever holds an invitation
	Secret  kith.Secret
	Created time.Time
}

// maxPrekeys bounds the prekeys that are kept of those given to one device. For
// who begins by an invitation maxPublished are.
const (
	maxPrekeys   = 16
	maxPublished = 1000
	maxBundles   = 8
)

// PutPrekey stores a new prekey. Of too many for one device the oldest go.
func (t *Tx) PutPrekey(p Prekey) error {
	if err := t.c.Exec("put prekey", p.ID, p.For.Account, p.For.Device, p.Secret[:], p.Created); err != nil {
		return err
	}
	most := maxPrekeys
	if p.For.Account.IsZero() {
		most = maxPublished
	}
	return t.c.Exec("thin prekeys", p.For.Account, p.For.Device, most)
}

// Prekey finds one that was not used yet.
func (t *Tx) Prekey(id uint64) (p Prekey, found bool, err error) {
	p.ID = id
	found, err = t.c.One("prekey", func(r *row) {
		r.Fill(p.For.Account[:])
		r.Fill(p.For.Device[:])
		r.Fill(p.Secret[:])
		p.Created = r.Time()
	}, id)
	return p, found, err
}

// DeletePrekey forgets one that was used.
func (t *Tx) DeletePrekey(id uint64) error { return t.c.Exec("delete prekey", id) }

// PutBundle stores a prekey of another device, unless there are enough.
func (t *Tx) PutBundle(peer kith.Peer, id uint64, bundle []byte) error {
	n, err := t.c.bundles(peer)
	if err != nil || n >= maxBundles {
		return err
	}
	return t.c.Exec("put bundle", peer.Account, peer.Device, id, notNull(bundle))
}

// TakeBundle takes a prekey of another device out of the store; nil if there is
// none.
func (t *Tx) TakeBundle(peer kith.Peer) (bundle []byte, err error) {
	var id uint64
	found, err := t.c.One("bundle", func(r *row) { id, bundle = r.Uint(), r.Blob() }, peer.Account, peer.Device)
	if err != nil || !found {
		return nil, err
	}
	return bundle, t.c.Exec("delete bundle", peer.Account, peer.Device, id)
}

// Bundles counts the prekeys of another device.
func (t *Tx) Bundles(peer kith.Peer) (int, error) { return t.c.bundles(peer) }

// Bundles is Tx.Bundles on its own.
func (s *Store) Bundles(ctx context.Context, peer kith.Peer) (n int, err error) {
	err = s.read(ctx, "count the prekeys of a device", func(c conn) error {
		n, err = c.bundles(peer)
		return err
	})
	return n, err
}

func (c conn) bundles(peer kith.Peer) (n int, err error) {
	_, err = c.One("count bundles", func(r *row) { n = int(r.Int()) }, peer.Account, peer.Device)
	return n, err
}

// PutHeard notes up to where a device has the roster of a sphere.
func (t *Tx) PutHeard(peer kith.Peer, sphere kith.ConversationID, heads []kith.RecordID) error {
	packed := []byte{}
	for _, id := range heads {
		packed = append(packed, id[:]...)
	}
	return t.c.Exec("put heard", peer.Account, peer.Device, sphere, packed)
}

// Heard gives what PutHeard noted; nothing if it noted nothing.
func (s *Store) Heard(ctx context.Context, peer kith.Peer, sphere kith.ConversationID) (heads []kith.RecordID, err error) {
	err = s.read(ctx, "read what a device has of a roster", func(c conn) error {
		heads = nil
		_, err := c.One("heard", func(r *row) {
			for packed := r.Blob(); len(packed) >= 32; packed = packed[32:] {
				heads = append(heads, kith.RecordID(packed))
			}
		}, peer.Account, peer.Device, sphere)
		return err
	})
	return heads, err
}
