package store

import (
	"context"
	"net/netip"
	"strings"

	"kith"
)

// Update runs f in one durable transaction: all of what it puts, or, if it
// fails, nothing. It must not call the store.
func (s *Store) Update(ctx context.Context, f func(*Tx) error) error {
	return s.write(ctx, "store", f)
}

// PutSetting stores a value under a name; nil removes it.
func (t *Tx) PutSetting(name string, value []byte) error {
	if value == nil {
		return t.c.Exec("delete setting", name)
	}
	return t.c.Exec("put setting", name, value)
}

// Setting gives a stored value, or nil.
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := s.read(ctx, "read the setting "+name, func(c conn) error {
		_, err := c.One("setting", func(r *row) { value = append([]byte{}, r.Blob()...) }, name)
		return err
	})
	return value, err
}

// EnsureDirect makes the direct conversation with an account known, so that it
// is listed before anything was said.
func (t *Tx) EnsureDirect(conv kith.ConversationID, account kith.AccountID) error {
	p, err := t.place(conv, account)
	if err != nil || p.account == account {
		return err
	}
	if err := t.c.Exec("set conversation account", p.row, account); err != nil {
		return err
	}
	return t.refreshDelivered(p)
}

// EnsureDirect is Tx.EnsureDirect on its own.
func (s *Store) EnsureDirect(ctx context.Context, conv kith.ConversationID, account kith.AccountID) error {
	return s.Update(ctx, func(t *Tx) error { return t.EnsureDirect(conv, account) })
}

// PutContact stores a contact in place of what was known of the account.
func (t *Tx) PutContact(c kith.Contact) error {
	addresses := make([]string, len(c.Addresses))
	for i, a := range c.Addresses {
		addresses[i] = a.String()
	}
	var devices []byte
	for _, d := range c.Card.Devices {
		devices = append(devices, d[:]...)
	}
	return t.c.Exec("put contact", c.Account, string(c.Relation), c.Card.Version, c.Card.Name, devices,
		c.Signed, c.Petname, c.Verified, c.Warning, c.Pair[:], c.Half[:], c.Invitation[:],
		strings.Join(addresses, " "), c.Added, c.LastSeen, c.Hub)
}

// DeleteContact forgets a contact. What was said stays.
func (t *Tx) DeleteContact(account kith.AccountID) error {
	return t.c.Exec("delete contact", account)
}

// Contacts gives all contacts, the newest first.
func (s *Store) Contacts(ctx context.Context) ([]kith.Contact, error) {
	return list(ctx, s, "contacts", func(r *row) (kith.Contact, error) {
		var c kith.Contact
		r.Fill(c.Account[:])
		c.Card.Account = c.Account
		c.Relation = kith.Relation(r.Text())
		c.Card.Version, c.Card.Name = r.Uint(), r.Text()
		for devices := r.Blob(); len(devices) >= len(kith.DeviceID{}); devices = devices[len(kith.DeviceID{}):] {
			c.Card.Devices = append(c.Card.Devices, kith.DeviceID(devices[:len(kith.DeviceID{})]))
		}
		c.Signed, c.Petname, c.Verified, c.Warning = r.Blob(), r.Text(), r.Time(), r.Text()
		r.Fill(c.Pair[:])
		r.Fill(c.Half[:])
		r.Fill(c.Invitation[:])
		for _, text := range strings.Fields(r.Text()) {
			address, err := netip.ParseAddrPort(text)
			if err != nil {
				return c, kith.Errorf(kith.Damaged, "read contact %s: %w", c.Account.Short(), err)
			}
			c.Addresses = append(c.Addresses, address)
		}
		c.Added, c.LastSeen, c.Hub = r.Time(), r.Time(), r.Text()
		return c, nil
	})
}

// PutInvitation stores an invitation under its secret.
func (t *Tx) PutInvitation(i kith.Invitation) error {
	return t.c.Exec("put invitation", i.Secret[:], i.Created, i.Expires, i.Reusable, i.UsedBy, i.Revoked, packConversation(i.Sphere))
}

// packConversation gives no bytes for the zero ID.
func packConversation(id kith.ConversationID) []byte {
	if id.IsZero() {
		return []byte{}
	}
	return id[:]
}

// Invitations gives all invitations that this account gave out, the newest
// first.
func (s *Store) Invitations(ctx context.Context) ([]kith.Invitation, error) {
	return list(ctx, s, "invitations", func(r *row) (kith.Invitation, error) {
		var i kith.Invitation
		r.Fill(i.Secret[:])
		i.Created, i.Expires, i.Reusable = r.Time(), r.Time(), r.Bool()
		r.Fill(i.UsedBy[:])
		i.Revoked = r.Bool()
		r.Fill(i.Sphere[:])
		return i, nil
	})
}

// PutBlock stores a block under its account and its beginning.
func (t *Tx) PutBlock(b kith.Block) error {
	return t.c.Exec("put block", b.Account, b.From, b.Until, b.Lifted)
}

// Blocks gives all blocks that ever were, the newest first.
func (s *Store) Blocks(ctx context.Context) ([]kith.Block, error) {
	return list(ctx, s, "blocks", func(r *row) (kith.Block, error) {
		var b kith.Block
		r.Fill(b.Account[:])
		b.From, b.Until, b.Lifted = r.Time(), r.Time(), r.Time()
		return b, nil
	})
}

// list collects a query without arguments.
func list[T any](ctx context.Context, s *Store, name string, scan func(*row) (T, error)) ([]T, error) {
	var all []T
	err := s.read(ctx, "read the "+name, func(c conn) error {
		for r, err := range c.Rows(name) {
			if err != nil {
				return err
			}
			v, err := scan(r)
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return nil
	})
	return all, err
}
