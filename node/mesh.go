package node

import (
	"maps"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/convo"
	"kith/link"
	"kith/meet"
	"kith/store"
)

// A mesh remembers who could not be reached, so that others take their place.
type mesh struct {
	mu     sync.Mutex
	failed map[kith.AccountID]time.Time // guarded by mu
}

// missTime is how long somebody who could not be reached is passed over.
const missTime = 10 * time.Minute

// missed reports whether an account without a link could not be reached lately.
func (ss *spheres) missed(account kith.AccountID) bool {
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

// neighbours are the members of all spheres to whom links are sought: those who
// stand at the right places of the ring, so that they are found should they come
// back, and who can be reached in place of those who can't.
func (ss *spheres) neighbours() map[kith.AccountID]bool {
	own := ss.r.id.peer.Account
	near := map[kith.AccountID]bool{}
	for _, s := range ss.all() {
		ring := s.ring()
		for _, reachable := range []func(kith.AccountID) bool{ss.reachable, anybody} {
			for _, account := range ring.Neighbours(own, reachable) {
				near[account] = true
			}
		}
		if kept := s.kept(); kept.State == store.SphereJoining {
			near[kept.Inviter] = true
		}
	}
	return near
}

// A meshed is the ring of a state.
type meshed struct {
	of   *convo.State
	ring *meet.Ring
}

// ring is the ring of the members, at this moment.
func (s *sphere) ring() *meet.Ring {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state := s.roster.State(); s.mesh.of != state {
		s.mesh = meshed{state, meet.NewRing(s.id, slices.Collect(maps.Keys(state.Members)))}
	}
	return s.mesh.ring
}

func anybody(kith.AccountID) bool { return true }

// reachable reports whether there is somewhere to look for an account, and it
// was not missed there lately.
func (ss *spheres) reachable(account kith.AccountID) bool {
	if ss.r.links.has(account) {
		return true
	}
	if c, ok := ss.r.people.get(account); ok && len(c.Addresses) > 0 || ss.r.pursuit.State(account).Phase != meet.Idle {
		return !ss.missed(account)
	}
	return false
}

// partial reports whether some sphere is too big for a link to everybody.
func (ss *spheres) partial() bool {
	return slices.ContainsFunc(ss.all(), func(s *sphere) bool { return len(s.state().Members) > meet.MeshFull })
}

// linkRest is how long a link is left alone that is no longer sought, lest links
// come and go while many join a sphere.
const linkRest = time.Minute

// prune ends the links to members to whom this device seeks none any more, since
// others came who stand closer. Of the two ends that one does it who asked for
// the link: if the other seeks it, it asks anew and keeps it then.
func (ss *spheres) prune(near map[kith.AccountID]bool) {
	for _, l := range ss.r.links.of(kith.AccountID{}) {
		account := l.Peer().Account
		if near[account] || !l.Initiator() || time.Since(l.since) < linkRest {
			continue
		}
		if c, ok := ss.r.people.get(account); ok && c.Relation == kith.Fellow {
			l.Close(link.Goodbye)
		}
	}
}
