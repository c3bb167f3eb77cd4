package store

import (
	"context"
	"time"

	"kith"
)

// A SphereState tells how far this account is into a sphere.
type SphereState string

// The states.
const (
	SphereInvited SphereState = "invited" // by Inviter; no word of it was said yes to
	SphereJoining SphereState = "joining" // yes was said, and the roster has to come
	SphereMember  SphereState = "member"
	SphereLeft    SphereState = "left"
	SphereRemoved SphereState = "removed" // by an admin
)

// A Sphere is what the store keeps of one beside its records and its
// conversation.
type Sphere struct {
	ID       kith.ConversationID
	State    SphereState
	Inviter  kith.AccountID // zero if this account made it
	Name     string         // as the invitation told; the roster's profile counts more
	Joined   time.Time      // zero before
	Settings []byte         // the node's own
}

// PutSphere stores a sphere in place of what was known of it. Its conversation
// is listed from then on, before anything was said.
func (t *Tx) PutSphere(s Sphere) error {
	p, err := t.sphere(s.ID)
	if err != nil {
		return err
	}
	t.change(s.ID).Arranged = true
	return t.c.Exec("put sphere", p.row, string(s.State), s.Inviter, s.Name, s.Joined, notNull(s.Settings))
}

// sphere finds the conversation of a sphere or makes it.
func (t *Tx) sphere(id kith.ConversationID) (place, error) {
	p, err := t.place(id, t.s.Account())
	if err != nil || p.sphere {
		return p, err
	}
	p.sphere = true
	return p, t.c.Exec("make sphere", p.row)
}

// Spheres gives all spheres, in no particular order.
func (s *Store) Spheres(ctx context.Context) ([]Sphere, error) {
	return list(ctx, s, "spheres", func(r *row) (Sphere, error) {
		var sphere Sphere
		r.Fill(sphere.ID[:])
		sphere.State = SphereState(r.Text())
		r.Fill(sphere.Inviter[:])
		sphere.Name = r.Text()
		sphere.Joined, sphere.Settings = r.Time(), r.Blob()
		return sphere, nil
	})
}

// DeleteSphere forgets a sphere: its roster, members, notes and invitations. If
// nothing was ever said in it, its conversation goes too; else what was said
// stays.
func (t *Tx) DeleteSphere(id kith.ConversationID) error {
	p, found, err := t.c.find(id)
	if err != nil || !found {
		return err
	}
	if err := t.DropNotes(id); err != nil {
		return err
	}
	for _, name := range []string{"delete sphere", "delete records", "delete members", "delete exemptions"} {
		if err := t.c.Exec(name, p.row); err != nil {
			return err
		}
	}
	if err := t.c.Exec("delete sphere invites", id); err != nil {
		return err
	}
	t.change(id).Arranged = true
	if said, err := t.c.One("any author", func(*row) {}, p.row); said || err != nil {
		return err
	}
	for _, name := range []string{"delete draft", "delete marks", "delete steps", "delete conversation"} {
		if err := t.c.Exec(name, p.row); err != nil {
			return err
		}
	}
	return nil
}

// PutRecord stores a record of a sphere's roster, after its parents. One that
// is here is left as it is.
func (t *Tx) PutRecord(rec kith.Record) error {
	id := rec.Sphere
	if id.IsZero() {
		id = kith.ConversationID(rec.ID) // a creation
	}
	p, err := t.sphere(id)
	if err != nil {
		return err
	}
	return t.c.Exec("put record", p.row, rec.ID[:], rec.Author.Account, rec.Author.Device,
		notNull(rec.Raw), notNull(rec.Proof), notNull(rec.Certificate))
}

// Records gives the roster of a sphere as it was put, parents first, at most
// kith.MaxRecords of it. Of each record ID, Sphere, Author, Raw, Proof and
// Certificate are set; the rest is in Raw.
func (s *Store) Records(ctx context.Context, sphere kith.ConversationID) ([]kith.Record, error) {
	var records []kith.Record
	err := s.read(ctx, "read the roster of a sphere", func(c conn) error {
		records = nil
		for r, err := range c.Rows("records", sphere, kith.MaxRecords) {
			if err != nil {
				return err
			}
			rec := kith.Record{Sphere: sphere}
			r.Fill(rec.ID[:])
			r.Fill(rec.Author.Account[:])
			r.Fill(rec.Author.Device[:])
			rec.Raw, rec.Proof, rec.Certificate = r.Blob(), r.Blob(), r.Blob()
			records = append(records, rec)
		}
		return nil
	})
	return records, err
}

// A SphereInvite is an invitation into a sphere that a contact got and has not
// answered.
type SphereInvite struct {
	Sphere  kith.ConversationID
	Account kith.AccountID
	At      time.Time
}

// PutSphereInvite notes that a contact was invited into a sphere.
func (t *Tx) PutSphereInvite(sphere kith.ConversationID, account kith.AccountID, at time.Time) error {
	return t.c.Exec("put sphere invite", sphere, account, at)
}

// DeleteSphereInvite forgets such an invitation.
func (t *Tx) DeleteSphereInvite(sphere kith.ConversationID, account kith.AccountID) error {
	return t.c.Exec("delete sphere invite", sphere, account)
}

// SphereInvites gives all invitations that wait for an answer, the oldest
// first.
func (s *Store) SphereInvites(ctx context.Context) ([]SphereInvite, error) {
	return list(ctx, s, "sphere invites", func(r *row) (SphereInvite, error) {
		var i SphereInvite
		r.Fill(i.Sphere[:])
		r.Fill(i.Account[:])
		i.At = r.Time()
		return i, nil
	})
}

// notNull gives an empty blob for nil, which SQLite would take for NULL.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
