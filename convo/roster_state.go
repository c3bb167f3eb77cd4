package convo

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"kith"
)

// A Role is what a member is in a sphere.
type Role string

// The roles.
const (
	Creator Role = "creator"
	Admin   Role = "admin"
	Simple  Role = "member"
)

// A Rank is how senior somebody is.
type Rank struct {
	Role Role
	// Path is, of an admin, the stamps of the promotions from the creator down
	// to this admin. A former creator's is one zero stamp.
	Path []kith.Stamp
}

// Compare is negative if a is senior to b. All who are simple members are equal.
func (a Rank) Compare(b Rank) int {
	if c := cmp.Compare(a.Role.level(), b.Role.level()); c != 0 {
		return c
	}
	return slices.CompareFunc(a.Path, b.Path, kith.Stamp.Compare)
}

func (r Role) level() int {
	switch r {
	case Creator:
		return 0
	case Admin:
		return 1
	}
	return 2
}

// A Member is an account that is in a sphere.
type Member struct {
	Account kith.AccountID
	Rank    Rank
	Card    []byte    // signed; as it was when they came
	Since   kith.Cut  // what they do not get; see kith.Addition
	Added   time.Time // by the clock of who added them
	// MutedUntil is until when they can't write, also if it is over; zero if
	// they can, or the muting was taken back.
	MutedUntil time.Time

	additions []int // that brought them in
	promotion int   // that made them an admin; 0, the creation, if none did
}

// A Former is an account that was in a sphere.
type Former struct {
	Account kith.AccountID
	Left    bool           // by themselves
	By      kith.AccountID // who removed them, or they themselves
	When    time.Time      // by that one's clock
	Accepts kith.Cut       // what counts of what they wrote

	rank Rank  // that they had
	outs []int // the removals or departures that put them out
}

// A State tells who is in a sphere and what they may do. It must not be changed.
type State struct {
	Profile kith.Profile
	Creator kith.AccountID // zero if the last one left
	Members map[kith.AccountID]Member
	Former  map[kith.AccountID]Former

	outs        map[kith.AccountID][]int // all removals and departures of an account
	demotions   map[kith.AccountID][]int
	mutings     map[kith.AccountID][]muting
	ineffective map[kith.RecordID]bool
}

// A muting keeps out what was sent before until and has a number above accepts.
type muting struct {
	until   time.Time
	accepts kith.Cut
}

func newState() *State {
	return &State{
		Members:     map[kith.AccountID]Member{},
		Former:      map[kith.AccountID]Former{},
		outs:        map[kith.AccountID][]int{},
		demotions:   map[kith.AccountID][]int{},
		mutings:     map[kith.AccountID][]muting{},
		ineffective: map[kith.RecordID]bool{},
	}
}

// clone copies the maps. What they hold is replaced, never changed.
func (s *State) clone() *State {
	c := *s
	c.Members, c.Former = maps.Clone(s.Members), maps.Clone(s.Former)
	c.outs, c.demotions = maps.Clone(s.outs), maps.Clone(s.demotions)
	c.mutings, c.ineffective = maps.Clone(s.mutings), maps.Clone(s.ineffective)
	return &c
}

// Listing gives the members: the creator, the admins by seniority, the others
// as they came.
func (s *State) Listing() []Member {
	list := slices.Collect(maps.Values(s.Members))
	slices.SortFunc(list, func(a, b Member) int {
		return cmp.Or(a.Rank.Compare(b.Rank), a.Added.Compare(b.Added), bytes.Compare(a.Account[:], b.Account[:]))
	})
	return list
}

// rankOf gives a member's rank, the lowest for anybody else.
func (s *State) rankOf(account kith.AccountID) Rank {
	if m, ok := s.Members[account]; ok {
		return m.Rank
	}
	return Rank{Role: Simple}
}

// Counts tells whether an event counts: its author was in the sphere, had not
// been put out and was not muted when it was written. seq is its number and
// sent its author's clock.
func (s *State) Counts(author kith.Peer, seq uint64, sent time.Time) bool {
	if _, in := s.Members[author.Account]; !in {
		f, was := s.Former[author.Account]
		if !was || seq > f.Accepts[author.Device] {
			return false
		}
	}
	for _, m := range s.mutings[author.Account] {
		if seq > m.accepts[author.Device] && sent.Before(m.until) {
			return false
		}
	}
	return true
}

// Since gives what a member is not sent: of each author device the events up to
// a number. It is nil for somebody who gets all; who is not a member gets
// nothing, whatever Since says.
func (s *State) Since(account kith.AccountID) kith.Cut { return s.Members[account].Since }

// Effective tells whether a record that the roster has did what it says. One
// that did not is not shown.
func (s *State) Effective(id kith.RecordID) bool { return !s.ineffective[id] }

// lowest is what two cuts both let through. A device that is not in one of them
// has no number there.
func lowest(a, b kith.Cut) kith.Cut {
	var c kith.Cut
	for device, seq := range a {
		if other, ok := b[device]; ok {
			if c == nil {
				c = kith.Cut{}
			}
			c[device] = min(seq, other)
		}
	}
	return c
}
