package convo

import (
	"slices"

	"kith"
)

// keptStates is how many States of parts of the graph are kept for the next
// record that follows them.
const keptStates = 8

// An evaluated is the State of a set of nodes.
type evaluated struct {
	set   past
	state *State
}

// State tells who belongs to the sphere, by all records that are here. It does
// not change any more.
func (r *Roster) State() *State {
	r.evaluateAll()
	r.shared = true
	return r.state
}

func (r *Roster) evaluateAll() {
	if r.state == nil {
		r.state, r.shared = r.evaluate(past{all: len(r.nodes)}), false
	}
}

// before gives the State of a new node's past. It must not be changed.
func (r *Roster) before(n *node) *State {
	if n.past.all == len(r.nodes) {
		r.evaluateAll()
		return r.state
	}
	for _, e := range r.recent {
		if e.set.equal(n.past) {
			return e.state
		}
	}
	s := r.evaluate(n.past)
	r.keep(n.past, s)
	return s
}

// advance takes account of a node that was inserted; before is the State of its
// past. Nothing in its past is concurrent to it, so that nothing there becomes
// void by it, and it is the last to be replayed.
func (r *Roster) advance(n *node, before *State) {
	if before != r.state { // there is something beside it
		after := before.clone()
		after.replay(n)
		r.keep(pastOf([]*node{n}), after)
		r.state = nil
		return
	}
	if r.shared {
		r.state, r.shared = r.state.clone(), false
	}
	r.state.replay(n)
}

func (r *Roster) keep(set past, s *State) {
	if len(r.recent) == keptStates {
		r.recent = slices.Delete(r.recent, 0, 1)
	}
	r.recent = append(r.recent, evaluated{set, s})
}

// evaluate makes the State of a set of nodes.
func (r *Roster) evaluate(set past) *State {
	void := r.void(set)
	s := newState()
	for _, at := range r.byStamp { // a record's order is above that of its parents
		switch {
		case !set.has(at):
		case void[at]:
			s.ineffective[r.nodes[at].ID] = true
		default:
			s.replay(r.nodes[at])
		}
	}
	return s
}

// void finds the records of a set that a senior's removal or demotion of their
// author undoes. Only records of seniors bear on a record, so they go first.
func (r *Roster) void(set past) map[int]bool {
	void := map[int]bool{}
	against := map[kith.AccountID][]*node{} // removals and demotions that count
	fallen := map[kith.Stamp]bool{}         // promotions that do not

	undone := func(n *node) bool {
		if n.Change.Kind() == kith.ChangeDeparture {
			return false
		}
		for _, stamp := range n.rank.Path {
			if fallen[stamp] {
				return true
			}
		}
		return slices.ContainsFunc(against[n.Author.Account], func(q *node) bool {
			return q.rank.Compare(n.rank) < 0 && concurrent(q, n)
		})
	}
	for _, at := range r.strikes {
		n := r.nodes[at]
		if !set.has(at) {
			continue
		}
		promotion := n.Change.Kind() == kith.ChangePromotion
		switch {
		case undone(n):
			void[at] = true
			if promotion {
				fallen[n.Stamp()] = true
			}
		case !promotion:
			against[n.Change.Subject()] = append(against[n.Change.Subject()], n)
		}
	}
	if len(against) == 0 && len(fallen) == 0 {
		return void
	}
	for _, n := range r.nodes {
		if set.has(n.at) && !void[n.at] && undone(n) {
			void[n.at] = true
		}
	}
	return void
}
