package node

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/convo"
	"kith/meet"
	"kith/people"
	"kith/seal"
	"kith/store"
	"kith/wire"
)

// create begins a sphere of this account's.
func (ss *spheres) create(ctx context.Context, creation kith.Creation) (*sphere, error) {
	rec := kith.Record{Sent: ss.r.opt.now(), Change: creation}
	rec.Order = convo.NextOrder(rec.Sent, 0)
	if err := seal.SignRecord(ss.r.id.device, ss.r.id.peer.Account, ss.r.id.cert, &rec); err != nil {
		return nil, err
	}
	s := newSphere(ss.r, store.Sphere{ID: rec.Sphere, State: store.SphereMember, Name: creation.Profile.Name, Joined: rec.Sent})
	s.writing.Lock()
	defer s.writing.Unlock()
	ss.put(s)
	if err := s.enter(ctx, []*kith.Record{&rec}); err != nil {
		ss.drop(s.id)
		return nil, err
	}
	return s, nil
}

// letIn brings in somebody who came by an invitation line.
func (ss *spheres) letIn(ctx context.Context, id kith.ConversationID, account kith.AccountID) error {
	s, ok := ss.get(id)
	if !ok {
		return kith.Errorf(kith.NotFound, "the sphere of this invitation is gone")
	}
	return s.add(ctx, account)
}

// enterBy notes that this account was let into a sphere by a member.
func (ss *spheres) enterBy(ctx context.Context, id kith.ConversationID, by kith.AccountID) error {
	s, ok := ss.get(id)
	if !ok {
		return ss.begin(ctx, store.Sphere{ID: id, State: store.SphereJoining, Inviter: by})
	}
	if kept := s.kept(); kept.State == store.SphereMember || kept.State == store.SphereJoining {
		return nil
	}
	err := s.keep(ctx, func(k *store.Sphere) {
		k.State, k.Inviter = store.SphereJoining, by
		k.Settings = mustJSON(sphereSettings{Unsettled: true})
	})
	if err != nil {
		return err
	}
	return s.settleAlone(ctx)
}

// mayWrite tells whether this person may write in the room now, and if not, why.
func (s *sphere) mayWrite() error {
	switch s.kept().State {
	case store.SphereInvited:
		return kith.Errorf(kith.Conflict, "you are invited to %s; join first", s.name())
	case store.SphereJoining:
		return kith.Errorf(kith.Conflict, "you are not in %s yet: whoever invited you has to be connected once", s.name())
	}
	return s.state().MayWrite(s.r.id.peer.Account, s.r.opt.now())
}

// seek tries to reach those who pass on what is written in the room, if nobody
// is linked who does.
func (s *sphere) seek() {
	state, own := s.state(), s.r.id.peer.Account
	for account := range state.Members {
		if account != own && s.r.links.has(account) {
			return
		}
	}
	for account := range s.r.spheres.neighbours() {
		if _, ok := state.Members[account]; ok {
			s.r.pursuit.Now(account)
		}
	}
}

// A mesh remembers who could not be reached, so that others take their place.
type mesh struct {
	mu     sync.Mutex
	failed map[kith.AccountID]time.Time // guarded by mu
}

// missTime is how long somebody who could not be reached is passed over.
const missTime = 10 * time.Minute

// missed reports whether an account could not be reached lately.
func (ss *spheres) missed(account kith.AccountID) bool {
	if ss.r.links.has(account) {
		return false
	}
	ss.mesh.mu.Lock()
	defer ss.mesh.mu.Unlock()
	now := ss.r.opt.now()
	if at, ok := ss.mesh.failed[account]; ok && now.Sub(at) < missTime {
		return true
	}
	if ss.r.pursuit.State(account).Tries < 2 {
		delete(ss.mesh.failed, account)
		return false
	}
	ss.mesh.failed[account] = now
	return true
}

// neighbours are the members of all spheres to whom links are kept.
func (ss *spheres) neighbours() map[kith.AccountID]bool {
	own := ss.r.id.peer.Account
	near := map[kith.AccountID]bool{}
	for _, s := range ss.all() {
		state := s.state()
		members := make([]kith.AccountID, 0, len(state.Members))
		for account := range state.Members {
			members = append(members, account)
		}
		for _, account := range meet.Neighbours(s.id, own, members, func(a kith.AccountID) bool { return !ss.missed(a) }) {
			near[account] = true
		}
		if kept := s.kept(); kept.State == store.SphereJoining {
			near[kept.Inviter] = true
		}
	}
	return near
}

// partial reports whether some sphere is too big for a link to everybody.
func (ss *spheres) partial() bool {
	return slices.ContainsFunc(ss.all(), func(s *sphere) bool { return len(s.state().Members) > meet.MeshFull })
}

// tellFellows tells a member where the others of a common sphere were last.
func (ss *spheres) tellFellows(to kith.AccountID, say func(wire.Frame)) {
	for _, s := range ss.with(to) {
		if !s.Shared(to) {
			continue
		}
		var known []kith.Contact
		for account := range s.state().Members {
			c, ok := ss.r.people.get(account)
			if ok && account != to && len(c.Signed) > 0 && len(c.Addresses) > 0 {
				known = append(known, c)
			}
		}
		if len(known) == 0 {
			continue
		}
		slices.SortFunc(known, func(a, b kith.Contact) int { return b.LastSeen.Compare(a.LastSeen) })
		frame := wire.Fellows{Conversation: s.id}
		for _, c := range known[:min(len(known), wire.MaxFellows)] {
			frame.Fellows = append(frame.Fellows, wire.Fellow{Card: c.Signed, Addresses: c.Addresses})
		}
		say(frame)
	}
}

// introduce tells everybody who is linked where the others are, since a roster
// changed.
func (ss *spheres) introduce() {
	for _, l := range ss.r.links.of(kith.AccountID{}) {
		ss.tellFellows(l.Peer().Account, l.talk.Say)
	}
}

// onFellows takes a member's word on where others of a common sphere are. Only
// what their own cards say of them is believed; addresses are tried, no more.
func (ss *spheres) onFellows(ctx context.Context, from kith.AccountID, frame wire.Fellows) error {
	s, ok := ss.get(frame.Conversation)
	if !ok || !s.Shared(from) {
		ss.r.dropped.add("members of a sphere that is not common")
		return nil
	}
	for _, fellow := range frame.Fellows {
		card, err := seal.OpenCard(fellow.Card)
		if err != nil {
			return err
		}
		if card.Account == ss.r.id.peer.Account || !s.isMember(card.Account) {
			continue
		}
		_, err = ss.r.people.edit(ctx, card.Account, func(c *kith.Contact) (bool, error) {
			changed := people.TakeCard(c, card, fellow.Card)
			if c.Relation == kith.Fellow && changed {
				pair, err := ss.r.id.fellowSecret(card)
				if err != nil {
					return false, nil
				}
				c.Pair = pair
			}
			// What was heard of others comes after what one knows oneself.
			if merged := mergeAddresses(c.Addresses, fellow.Addresses); !slices.Equal(merged, c.Addresses) {
				c.Addresses, changed = merged, true
			}
			return changed, nil
		})
		if err != nil && kith.KindOf(err) != kith.NotFound {
			return fmt.Errorf("noting where a member is: %w", err)
		}
	}
	return nil
}
