package node

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"kith"
	"kith/store"
	"kith/wire"
)

// spheres are the spheres that this account is in, was in, or is invited to.
type spheres struct {
	r *run

	mu   sync.RWMutex // guards the rest
	byID map[kith.ConversationID]*sphere
	// invites are those given to contacts who have not answered.
	invites map[invite]bool
	coming  map[kith.AccountID]int // who is being let in, and how often at a time

	mesh mesh
}

// An invite asks a contact into a sphere.
type invite struct {
	sphere  kith.ConversationID
	account kith.AccountID
}

// maxInvitesHere bounds the invitations of others that wait for an answer.
const maxInvitesHere = 500

// loadSpheres takes the spheres from the store.
func loadSpheres(ctx context.Context, r *run) (*spheres, error) {
	ss := &spheres{r: r, byID: map[kith.ConversationID]*sphere{}, invites: map[invite]bool{}, coming: map[kith.AccountID]int{}, mesh: mesh{failed: map[kith.AccountID]time.Time{}}}
	stored, err := r.store.Spheres(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range stored {
		s := newSphere(r, one)
		if err := s.load(ctx); err != nil {
			return nil, fmt.Errorf("reading the sphere %q: %w", one.Name, err)
		}
		s.presume()
		ss.byID[one.ID] = s
	}
	invites, err := r.store.SphereInvites(ctx)
	if err != nil {
		return nil, err
	}
	for _, inv := range invites {
		ss.invites[invite{inv.Sphere, inv.Account}] = true
	}
	return ss, nil
}

// start brings all that depends on the rosters up to date, as after a crash
// between a record and what follows from it.
func (ss *spheres) start(ctx context.Context) error {
	for _, s := range ss.all() {
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
	return ss.settleFellows(ctx)
}

// get finds a sphere.
func (ss *spheres) get(id kith.ConversationID) (*sphere, bool) {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	s, ok := ss.byID[id]
	return s, ok
}

func (ss *spheres) put(s *sphere) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.byID[s.id] = s
}

func (ss *spheres) drop(id kith.ConversationID) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.byID, id)
}

// all lists the spheres by name.
func (ss *spheres) all() []*sphere {
	ss.mu.RLock()
	list := slices.Collect(maps.Values(ss.byID))
	ss.mu.RUnlock()
	slices.SortFunc(list, func(a, b *sphere) int {
		return cmp.Or(cmp.Compare(a.name(), b.name()), slices.Compare(a.id[:], b.id[:]))
	})
	return list
}

// with lists the spheres that this account and another may talk of: both are
// or were members, or this one joins through the other.
func (ss *spheres) with(account kith.AccountID) []*sphere {
	var list []*sphere
	for _, s := range ss.all() {
		if s.common(account) {
			list = append(list, s)
		}
	}
	return list
}

// find resolves what a person typed to name a sphere: its name (upper and lower
// case are the same), its ID or at least six characters of its start. Of several
// those count in which this account is, or may come.
func (ss *spheres) find(ref string) (*sphere, error) {
	ref = strings.TrimSpace(ref)
	matchers := []func(*sphere) bool{
		func(s *sphere) bool { return s.id.String() == strings.ToLower(ref) },
		func(s *sphere) bool { return s.name() == ref },
		func(s *sphere) bool { return strings.EqualFold(s.name(), ref) },
		func(s *sphere) bool { return len(ref) >= 6 && strings.HasPrefix(s.id.String(), strings.ToLower(ref)) },
	}
	all := ss.all()
	for _, matches := range matchers {
		found := slices.DeleteFunc(slices.Clone(all), func(s *sphere) bool { return !matches(s) })
		if open := slices.DeleteFunc(slices.Clone(found), (*sphere).over); len(open) > 0 {
			found = open
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0], nil
		}
		var ids []string
		for _, s := range found {
			ids = append(ids, s.id.String()[:8])
		}
		return nil, kith.Errorf(kith.Conflict, "%q could be %d spheres; name one by the start of its ID: %s", ref, len(found), strings.Join(ids, ", "))
	}
	return nil, kith.Errorf(kith.NotFound, "there is no sphere %q", ref)
}

// invitesFor lists the spheres to which a contact is invited by us.
func (ss *spheres) invitesFor(account kith.AccountID) []kith.ConversationID {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	var list []kith.ConversationID
	for inv := range ss.invites {
		if inv.account == account {
			list = append(list, inv.sphere)
		}
	}
	return list
}

// invited lists whom we invited to a sphere and who did not answer.
func (ss *spheres) invited(id kith.ConversationID) []kith.AccountID {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	var list []kith.AccountID
	for inv := range ss.invites {
		if inv.sphere == id {
			list = append(list, inv.account)
		}
	}
	return list
}

// setInvite notes that a contact is invited, or no longer.
func (ss *spheres) setInvite(ctx context.Context, inv invite, open bool) error {
	err := ss.r.store.Update(ctx, func(tx *store.Tx) error {
		if open {
			return tx.PutSphereInvite(inv.sphere, inv.account, ss.r.opt.now())
		}
		return tx.DeleteSphereInvite(inv.sphere, inv.account)
	})
	if err != nil {
		return err
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if open {
		ss.invites[inv] = true
	} else {
		delete(ss.invites, inv)
	}
	return nil
}

// tellInvites tells a contact, over a new link, to what they are invited, and
// says yes again to what we were invited to and joined.
func (ss *spheres) tellInvites(account kith.AccountID, say func(wire.Frame)) {
	for _, id := range ss.invitesFor(account) {
		if s, ok := ss.get(id); ok {
			say(s.inviteFrame())
		}
	}
	for _, s := range ss.all() {
		if kept := s.kept(); kept.State == store.SphereJoining && kept.Inviter == account {
			say(wire.SphereAnswer{Conversation: s.id, Accept: true})
		}
	}
}

// onInvite takes a contact's word that this account is invited to a sphere.
func (ss *spheres) onInvite(ctx context.Context, from kith.AccountID, frame wire.SphereInvite) error {
	s, known := ss.get(frame.Conversation)
	if frame.Revoked {
		if known && s.kept().State == store.SphereInvited && s.kept().Inviter == from {
			return ss.forget(ctx, s)
		}
		return nil
	}
	if known {
		switch kept := s.kept(); kept.State {
		case store.SphereLeft, store.SphereRemoved, store.SphereInvited:
			return s.keep(ctx, func(k *store.Sphere) { k.State, k.Inviter = store.SphereInvited, from })
		case store.SphereJoining:
			ss.r.links.say(from, wire.SphereAnswer{Conversation: s.id, Accept: true})
		}
		return nil
	}
	waiting := 0
	for _, s := range ss.all() {
		if s.kept().State == store.SphereInvited {
			waiting++
		}
	}
	if waiting >= maxInvitesHere {
		ss.r.dropped.add("an invitation to a sphere, beyond those that wait already")
		return nil
	}
	return ss.begin(ctx, store.Sphere{ID: frame.Conversation, State: store.SphereInvited, Inviter: from, Name: frame.Name})
}

// onAnswer takes a contact's answer to an invitation of ours.
func (ss *spheres) onAnswer(ctx context.Context, from kith.Peer, frame wire.SphereAnswer) error {
	inv := invite{frame.Conversation, from.Account}
	ss.mu.RLock()
	open := ss.invites[inv]
	ss.mu.RUnlock()
	s, ok := ss.get(frame.Conversation)
	if !open || !ok {
		return nil // repeated after a crash, or never invited: nothing to do
	}
	if frame.Accept {
		if err := s.add(ctx, from.Account); err != nil {
			return err
		}
	}
	err := ss.setInvite(ctx, inv, false)
	s.publish()
	return err
}

// begin makes a sphere known that has no roster here yet.
func (ss *spheres) begin(ctx context.Context, kept store.Sphere) error {
	if err := ss.r.store.Update(ctx, func(tx *store.Tx) error { return tx.PutSphere(kept) }); err != nil {
		return err
	}
	s := newSphere(ss.r, kept)
	ss.put(s)
	ss.r.links.spheresChanged()
	s.publish()
	return nil
}

// forget drops a sphere of which nothing is here but an invitation.
func (ss *spheres) forget(ctx context.Context, s *sphere) error {
	if err := ss.r.store.Update(ctx, func(tx *store.Tx) error { return tx.DeleteSphere(s.id) }); err != nil {
		return err
	}
	ss.drop(s.id)
	ss.r.notices.publish(Notice{Type: "conversation", Conversation: &s.id})
	return nil
}
