package convo

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"kith"
)

// A Roster holds the records of one sphere and says who belongs to it.
//
// Records form a graph by their parents, and any two devices that have the same
// records come to equal States, in whatever order the records came: State is a
// function of the set. It is made in three steps:
//
//  1. Of every record it is known, from its own past alone, whether its author
//     could do this then, and how senior the author was. A record that its
//     author had no right to is refused by Add, everywhere alike.
//  2. Where admins acted without knowing of each other, the senior one wins: a
//     record is void if a removal or demotion of its author by somebody senior,
//     which is not void itself, is neither before nor after it; or if the
//     promotion that made its author an admin is void. Nobody can keep a
//     departure from counting.
//  3. The others are replayed in the order of their stamps, each if its author
//     still may. So what depends on a void record falls with it. An addition or
//     promotion has no effect beside a removal that it does not know of.
//
// Seniority is the place in the tree of promotions: the creator comes first,
// then the admins whom they promoted in that order, each followed by those whom
// that admin promoted. Nobody removes, demotes or mutes a senior or an equal.
//
// A Roster is to be used by one goroutine at a time; a State that it gave does
// not change any more and may be used by all.
type Roster struct {
	sphere kith.ConversationID
	nodes  []*node // none before one of its parents
	byID   map[kith.RecordID]int
	heads  map[int]bool

	quotas  quotas
	byStamp []int // all, in the order of their stamps
	strikes []int // removals, demotions and promotions, senior authors first

	state  *State // of all nodes; nil if not evaluated yet
	shared bool   // State gave it away: it must not change any more
	recent []evaluated
}

// A node is a record in its graph.
type node struct {
	*kith.Record
	at   int  // its place among the nodes
	past past // what came before it
	rank Rank // of its author, in its past

	sponsor *node // what gave its author their place; see quotas
}

// ErrParents says that records which come before this one are missing here.
var ErrParents = errors.New("records that come before it are missing")

// lastSent bounds the time that a record may claim, and so its order: else one
// record could claim the highest order of all, and none could follow it.
var lastSent = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// NewRoster makes an empty roster.
func NewRoster(sphere kith.ConversationID) *Roster {
	return &Roster{sphere: sphere, byID: map[kith.RecordID]int{}, heads: map[int]bool{}, quotas: newQuotas()}
}

// Add takes a record whose proof was verified, and reports whether it was not
// here yet. The record must not change any more. An error that wraps ErrParents
// means that others have to come first, and one that wraps ErrTooMany that its
// author wrote too many. Any other is of kind kith.BadPeer: the record is
// malformed, or its author had no right to it, and no roster takes it.
func (r *Roster) Add(rec *kith.Record) (added bool, err error) {
	taken, err := r.Take(rec)
	return len(taken) > 0, err
}

// Take is Add, and gives what was taken: the record, after others that had been
// too many and are taken now because it follows them. They may be there even if
// there is an error.
func (r *Roster) Take(rec *kith.Record) (taken []*kith.Record, err error) {
	added, err := r.add(rec, false)
	if errors.Is(err, ErrParents) && r.quotas.ever {
		if taken = r.pull(rec); len(taken) > 0 {
			added, err = r.add(rec, false)
		}
		if errors.Is(err, ErrParents) {
			err = r.waive(rec)
		}
	}
	if added {
		taken = append(taken, rec)
	}
	return taken, err
}

// add is Add. pulled says that somebody else follows the record, so that it does
// not count how many its author wrote.
func (r *Roster) add(rec *kith.Record, pulled bool) (added bool, err error) {
	if r.Has(rec.ID) {
		return false, nil
	}
	parents, err := r.parents(rec)
	if err != nil {
		return false, err
	}
	if err := checkRecord(rec, parents); err != nil {
		return false, kith.Errorf(kith.BadPeer, "a record of a sphere is refused: %w", err)
	}
	n := &node{Record: rec, at: len(r.nodes), past: pastOf(parents)}
	before := r.before(n)
	n.rank = before.rankOf(rec.Author.Account)
	n.sponsor = r.sponsor(rec.Author.Account, before)
	if err := before.check(n, true); err != nil {
		return false, kith.Errorf(kith.BadPeer, "a record of a sphere is refused: %w", err)
	}
	if err := r.checkQuota(n, pulled); err != nil {
		return false, err
	}
	r.insert(n, parents)
	r.charge(n)
	r.advance(n, before)
	return true, nil
}

// parents finds the record's place in the graph.
func (r *Roster) parents(rec *kith.Record) ([]*node, error) {
	creation := rec.Change != nil && rec.Change.Kind() == kith.ChangeCreation
	switch {
	case rec.Change == nil || rec.Sphere != r.sphere || creation && kith.ConversationID(rec.ID) != r.sphere:
		return nil, kith.Errorf(kith.BadPeer, "a record of another sphere was sent as one of this")
	case creation != (len(rec.Parents) == 0) || len(rec.Parents) > kith.MaxParents:
		return nil, kith.Errorf(kith.BadPeer, "a record of a sphere names %d others that it follows", len(rec.Parents))
	case len(r.nodes) >= kith.MaxRecords:
		return nil, kith.Errorf(kith.BadPeer, "a sphere has more than %d records", kith.MaxRecords)
	}
	var parents []*node
	for _, id := range rec.Parents {
		at, ok := r.byID[id]
		if !ok {
			return nil, kith.Errorf(kith.BadPeer, "a record of a sphere came too early: %w", ErrParents)
		}
		parents = append(parents, r.nodes[at])
	}
	return parents, nil
}

// checkRecord holds a record to what can be told without its sphere's State.
func checkRecord(rec *kith.Record, parents []*node) error {
	var highest uint64
	for i, p := range parents {
		highest = max(highest, p.Order)
		if i > 0 && bytes.Compare(parents[i-1].ID[:], p.ID[:]) >= 0 {
			return errors.New("it does not name what came before it in ascending order")
		}
	}
	sent := max(rec.Sent.UnixMilli(), 0)
	switch {
	case len(parents) > 0 && rec.Order <= highest:
		return errors.New("its order is not above that of what came before it")
	case rec.Sent.After(lastSent) || rec.Order > max(uint64(sent), highest+kith.MaxRecords):
		return errors.New("its time or its order is too high")
	}
	if m, ok := rec.Change.(kith.Muting); ok && !m.Until.IsZero() {
		if d := m.Until.Sub(rec.Sent); d < kith.MinMute || d > kith.MaxMute {
			return errors.New("it mutes for too short or too long")
		}
	}
	return nil
}

// insert puts a node into the graph.
func (r *Roster) insert(n *node, parents []*node) {
	r.nodes = append(r.nodes, n)
	r.byID[n.ID] = n.at
	r.heads[n.at] = true
	for _, p := range parents {
		delete(r.heads, p.at)
	}
	r.byStamp = r.place(r.byStamp, n, compareStamps)
	switch n.Change.(type) {
	case kith.Removal, kith.Demotion, kith.Promotion:
		r.strikes = r.place(r.strikes, n, func(a, b *node) int {
			if c := a.rank.Compare(b.rank); c != 0 {
				return c
			}
			return compareStamps(a, b)
		})
	}
}

func (r *Roster) place(list []int, n *node, compare func(a, b *node) int) []int {
	at, _ := slices.BinarySearchFunc(list, n, func(i int, n *node) int { return compare(r.nodes[i], n) })
	return slices.Insert(list, at, n.at)
}

// compareStamps also orders two records whose IDs begin alike.
func compareStamps(a, b *node) int {
	if c := a.Stamp().Compare(b.Stamp()); c != 0 {
		return c
	}
	return bytes.Compare(a.ID[:], b.ID[:])
}

// Len is how many records there are.
func (r *Roster) Len() int { return len(r.nodes) }

// Has reports whether the record is here.
func (r *Roster) Has(id kith.RecordID) bool {
	_, ok := r.byID[id]
	return ok
}

// Record gives a record, nil if it is not here.
func (r *Roster) Record(id kith.RecordID) *kith.Record {
	if at, ok := r.byID[id]; ok {
		return r.nodes[at].Record
	}
	return nil
}

// Heads gives the records that no other names, in ascending order.
func (r *Roster) Heads() []kith.RecordID {
	var heads []kith.RecordID
	for at := range r.heads {
		heads = append(heads, r.nodes[at].ID)
	}
	slices.SortFunc(heads, compareIDs)
	return heads
}

func compareIDs(a, b kith.RecordID) int { return bytes.Compare(a[:], b[:]) }

// Next gives the Parents and the Order of a record that is written at now.
func (r *Roster) Next(now time.Time) (parents []kith.RecordID, order uint64) {
	var heads []*node
	for at := range r.heads {
		heads = append(heads, r.nodes[at])
	}
	slices.SortFunc(heads, func(a, b *node) int { return compareStamps(b, a) })
	heads = heads[:min(len(heads), kith.MaxParents)]
	for _, n := range heads {
		parents = append(parents, n.ID)
		order = max(order, n.Order)
	}
	slices.SortFunc(parents, compareIDs)
	return parents, NextOrder(now, order)
}

// Missing gives what somebody lacks who has these heads and all before them,
// none before one of its parents. Heads that are not known here are ignored.
func (r *Roster) Missing(heads []kith.RecordID) []*kith.Record {
	var known []*node
	for _, id := range heads {
		if at, ok := r.byID[id]; ok {
			known = append(known, r.nodes[at])
		}
	}
	return r.records(pastOf(known), false)
}

// UpTo gives the records that an account may be sent, none before one of its
// parents: a member all, somebody who was put out or left what came before
// that, and the record that did it; anybody else none.
func (r *Roster) UpTo(account kith.AccountID) []*kith.Record {
	s := r.State()
	if _, ok := s.Members[account]; ok {
		return r.records(past{}, false)
	}
	f, ok := s.Former[account]
	if !ok {
		return nil
	}
	var last []*node
	for _, at := range f.outs {
		last = append(last, r.nodes[at])
	}
	return r.records(pastOf(last), true)
}

// records gives those that are in the set, or those that are not.
func (r *Roster) records(set past, in bool) []*kith.Record {
	var list []*kith.Record
	for _, n := range r.nodes {
		if set.has(n.at) == in {
			list = append(list, n.Record)
		}
	}
	return list
}
