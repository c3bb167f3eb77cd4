package convo

import (
	"errors"
	"fmt"

	"kith"
)

// MaxRecordsEach is how many records of an account count towards a sphere, those
// of all included whom it brought in or promoted, and so on: else one admin, or
// the members that they make up, could fill the roster for everybody. What the
// creator writes is not counted. A record counts once more for each full 16 KiB.
const MaxRecordsEach = 4000

const weighed = 16 << 10 // bytes

// ErrTooMany says that a record is not taken for now, since its author wrote too
// many. It is if somebody else, who did not, writes a record that follows it.
var ErrTooMany = errors.New("its author wrote too many")

// Who writes too many does so one after the other or beside each other.
//
// One after the other: then each record has the author's earlier ones in its own
// past, and the one that has MaxRecordsEach is refused by all rosters alike.
//
// Beside each other: no record tells of the others. Each roster takes as many as
// the quota holds, which may be others than elsewhere, and waives the rest until
// somebody within their own quota follows one of them. So two rosters agree on
// all that anybody but the flooder built upon, and on all once a senior has put
// the flooder out, which makes void what was beside it.
//
// A quota holds all records here whose authors have their place, over any number
// of additions and promotions, by the account that it is of.
type quotas struct {
	used   map[kith.AccountID]int
	own    map[kith.AccountID][]int // the author's own records, those as the creator aside
	waived map[kith.RecordID]*kith.Record
	size   int                    // bytes of what was waived
	ever   bool                   // something was waived
	pulled map[kith.AccountID]int // how many are here for the sake of those who followed them
	each   int                    // MaxRecordsEach, but in tests
}

// Bounds of what was waived, and may yet be followed.
const (
	maxWaived     = kith.MaxRecords
	maxWaivedSize = 32 << 20 // bytes
)

func newQuotas() quotas {
	return quotas{
		used:   map[kith.AccountID]int{},
		own:    map[kith.AccountID][]int{},
		waived: map[kith.RecordID]*kith.Record{},
		pulled: map[kith.AccountID]int{},
		each:   MaxRecordsEach,
	}
}

// sponsor finds the record that gave somebody their place: the promotion of an
// admin, else the first addition. It is nil for the creator, who came first.
func (r *Roster) sponsor(who kith.AccountID, s *State) *node {
	m, ok := s.Members[who]
	switch {
	case !ok || m.Rank.Role == Creator:
		return nil
	case m.promotion > 0:
		return r.nodes[m.promotion]
	case len(m.additions) > 0 && m.additions[0] > 0:
		return r.nodes[m.additions[0]]
	}
	return nil
}

// charged calls f with each account whose quota holds what an author writes who
// has this rank and this sponsor, until it gives false.
func charged(author kith.AccountID, rank Rank, sponsor *node, f func(kith.AccountID) bool) {
	for rank.Role != Creator {
		if !f(author) || sponsor == nil {
			return
		}
		author, rank, sponsor = sponsor.Author.Account, sponsor.rank, sponsor.sponsor
	}
}

// within reports whether an author has room for another record.
func (r *Roster) within(author kith.AccountID, rank Rank, sponsor *node) bool {
	room := true
	charged(author, rank, sponsor, func(account kith.AccountID) bool {
		room = r.quotas.used[account] < r.quotas.each
		return room
	})
	return room
}

// charge counts a node that was inserted.
func (r *Roster) charge(n *node) {
	if n.rank.Role == Creator || n.at == 0 {
		return
	}
	r.quotas.own[n.Author.Account] = append(r.quotas.own[n.Author.Account], n.at)
	charged(n.Author.Account, n.rank, n.sponsor, func(account kith.AccountID) bool {
		r.quotas.used[account] += 1 + len(n.Raw)/weighed
		return true
	})
}

// checkQuota holds a node to the quota of its author. pulled says that somebody
// else follows it.
func (r *Roster) checkQuota(n *node, pulled bool) error {
	before := 0
	for _, at := range r.quotas.own[n.Author.Account] {
		if n.past.has(at) {
			before++
		}
	}
	if before >= r.quotas.each && n.rank.Role != Creator {
		return kith.Errorf(kith.BadPeer, "a record of a sphere is refused: its author wrote %d before it", before)
	}
	if pulled || r.within(n.Author.Account, n.rank, n.sponsor) {
		return nil
	}
	return r.waive(n.Record)
}

// waive keeps a record for the case that somebody follows it.
func (r *Roster) waive(rec *kith.Record) error {
	q := &r.quotas
	q.ever = true
	if len(q.waived) >= maxWaived || q.size+len(rec.Raw) > maxWaivedSize {
		clear(q.waived) // they come again with the next link
		q.size = 0
	}
	if _, ok := q.waived[rec.ID]; !ok {
		q.waived[rec.ID] = rec
		q.size += len(rec.Raw)
	}
	return fmt.Errorf("a record of a sphere is not taken for now: %w", ErrTooMany)
}

// pull takes what was waived and comes before a record, if its author may have
// that: a member here who is within their own quota. It gives what was taken,
// none before one of its parents.
func (r *Roster) pull(rec *kith.Record) (taken []*kith.Record) {
	author := rec.Author.Account
	m, in := r.State().Members[author]
	if !in || !r.within(author, m.Rank, r.sponsor(author, r.State())) {
		return nil
	}
	var take func(id kith.RecordID)
	take = func(id kith.RecordID) {
		before, ok := r.quotas.waived[id]
		if !ok || m.Rank.Role != Creator && r.quotas.pulled[author] >= r.quotas.each {
			return
		}
		delete(r.quotas.waived, id)
		r.quotas.size -= len(before.Raw)
		for _, parent := range before.Parents {
			take(parent)
		}
		if ok, err := r.add(before, true); ok && err == nil {
			r.quotas.pulled[author]++
			taken = append(taken, before)
		}
	}
	for _, parent := range rec.Parents {
		take(parent)
	}
	return taken
}
