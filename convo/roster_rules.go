package convo

import (
	"slices"

	"kith"
)

// What the kinds of change do, and when they may. The same checks hold in the
// record's own past and in the replay, where things have happened that the
// author did not know: a subject may have been added, promoted or put out
// beside the record.

// A rule is what one kind of change asks and does.
type rule struct {
	may func(*State, *node) error
	do  func(*State, *node)
}

var rules = map[kith.ChangeKind]rule{
	kith.ChangeCreation:    {mayCreate, create},
	kith.ChangeAddition:    {mayAdd, add},
	kith.ChangeRemoval:     {mayRemove, remove},
	kith.ChangeDeparture:   {mayDepart, depart},
	kith.ChangePromotion:   {mayPromote, promote},
	kith.ChangeDemotion:    {mayDemote, demote},
	kith.ChangeHandover:    {mayHandOver, handOver},
	kith.ChangeMuting:      {mayMute, mute},
	kith.ChangeDescription: {mayDescribe, describe},
}

// replay lets a record have its effect if its author may still do it.
func (s *State) replay(n *node) {
	if s.check(n, false) != nil {
		s.ineffective[n.ID] = true
		return
	}
	if rule, ok := rules[n.Change.Kind()]; ok {
		rule.do(s, n)
	}
}

// check tells whether a record's author may do what it says. own says that s is
// the State of the record's own past.
func (s *State) check(n *node, own bool) error {
	kind := n.Change.Kind()
	if _, ok := s.Members[n.Author.Account]; !ok && kind != kith.ChangeCreation {
		return errNotIn
	}
	if own && kind == kith.ChangeDeparture {
		return s.MayLeave(n.Author.Account)
	}
	if rule, ok := rules[kind]; ok {
		return rule.may(s, n)
	}
	return nil // of a later version: kept, passed on, no effect
}

func mayCreate(s *State, n *node) error {
	if n.at != 0 || len(s.Members) > 0 {
		return errCreated
	}
	return nil
}

func create(s *State, n *node) {
	c := n.Change.(kith.Creation)
	s.Profile, s.Creator = c.Profile, n.Author.Account
	s.Members[s.Creator] = Member{Account: s.Creator, Rank: Rank{Role: Creator}, Card: c.Card, Added: n.Sent, additions: []int{n.at}}
}

// anew reports that one of these records was not known to n's author.
func anew(records []int, n *node) bool {
	return slices.ContainsFunc(records, func(at int) bool { return !n.past.has(at) })
}

func mayAdd(s *State, n *node) error {
	a := n.Change.(kith.Addition)
	if anew(s.outs[a.Account], n) {
		return errOut
	}
	if m, in := s.Members[a.Account]; in && slices.ContainsFunc(m.additions, n.past.has) {
		return errIn
	} else if in { // added twice at once
		return s.MayInvite(n.Author.Account)
	}
	return s.MayAdd(n.Author.Account, a.Account)
}

func add(s *State, n *node) {
	a := n.Change.(kith.Addition)
	m, in := s.Members[a.Account]
	if in {
		m.Since = lowest(m.Since, a.Since)
		m.additions = append(slices.Clip(m.additions), n.at)
	} else {
		m = Member{Account: a.Account, Rank: Rank{Role: Simple}, Card: a.Card, Since: a.Since, Added: n.Sent, additions: []int{n.at}}
	}
	s.Members[a.Account] = m
	delete(s.Former, a.Account)
}

func mayRemove(s *State, n *node) error {
	who := n.Change.Subject()
	if f, ok := s.Former[who]; ok && anew(f.outs, n) { // put out twice at once
		return s.mayDirect(n.Author.Account, f.rank)
	}
	return s.MayRemove(n.Author.Account, who)
}

func remove(s *State, n *node) {
	r := n.Change.(kith.Removal)
	s.putOut(n, r.Account, r.Accepts)
}

func mayDepart(*State, *node) error { return nil }

func depart(s *State, n *node) { s.putOut(n, n.Author.Account, n.Change.(kith.Departure).Accepts) }

// putOut makes a member a former one, or lowers what counts of one who is.
func (s *State) putOut(n *node, account kith.AccountID, accepts kith.Cut) {
	f, again := s.Former[account]
	if again {
		accepts = lowest(f.Accepts, accepts)
	}
	if !again || f.Left {
		f.Left, f.By, f.When = n.Author.Account == account, n.Author.Account, n.Sent
	}
	if m, in := s.Members[account]; in {
		f.rank = m.Rank
	}
	f.Account, f.Accepts = account, accepts
	if !slices.ContainsFunc(f.outs, n.past.has) {
		f.outs = append(slices.Clip(f.outs), n.at)
	}
	s.Former[account] = f
	s.outs[account] = append(slices.Clip(s.outs[account]), n.at)
	delete(s.Members, account)
	if account == s.Creator {
		s.succeed()
	}
}

// succeed finds a new creator when the old one left while being made the
// creator: the most senior of the others.
func (s *State) succeed() {
	s.Creator = kith.AccountID{}
	if list := s.Listing(); len(list) > 0 {
		s.setRank(list[0].Account, Rank{Role: Creator})
		s.Creator = list[0].Account
	}
}

func (s *State) setRank(account kith.AccountID, rank Rank) {
	m := s.Members[account]
	m.Rank, m.promotion = rank, 0
	s.Members[account] = m
}

func mayPromote(s *State, n *node) error {
	who := n.Change.Subject()
	if anew(s.outs[who], n) || anew(s.demotions[who], n) {
		return errOut
	}
	if m, ok := s.Members[who]; ok && m.Rank.Role == Admin && m.promotedBeside(n) {
		return s.mayAct(n.Author.Account)
	}
	return s.MayPromote(n.Author.Account, who)
}

// promotedBeside reports that the member's promotion is not in n's past.
func (m Member) promotedBeside(n *node) bool { return m.promotion > 0 && !n.past.has(m.promotion) }

// promote gives the author's path and one stamp more. Of two promotions at once
// the more senior one counts.
func promote(s *State, n *node) {
	who := n.Change.Subject()
	path := append(slices.Clone(s.Members[n.Author.Account].Rank.Path), n.Stamp())
	rank := Rank{Role: Admin, Path: path}
	m := s.Members[who]
	if m.Rank.Role == Admin && m.Rank.Compare(rank) < 0 {
		return
	}
	m.Rank, m.promotion = rank, n.at
	s.Members[who] = m
}

func mayDemote(s *State, n *node) error { return s.MayDemote(n.Author.Account, n.Change.Subject()) }

func demote(s *State, n *node) {
	who := n.Change.Subject()
	s.setRank(who, Rank{Role: Simple})
	s.demotions[who] = append(slices.Clip(s.demotions[who]), n.at)
}

func mayHandOver(s *State, n *node) error {
	return s.MayHandOver(n.Author.Account, n.Change.Subject())
}

func handOver(s *State, n *node) {
	s.setRank(s.Creator, Rank{Role: Admin, Path: []kith.Stamp{{}}})
	s.Creator = n.Change.Subject()
	s.setRank(s.Creator, Rank{Role: Creator})
}

func mayMute(s *State, n *node) error {
	return s.mayDirectMember(n.Author.Account, n.Change.Subject())
}

// mute replaces the mutings before it, which end when it was sent.
func mute(s *State, n *node) {
	c := n.Change.(kith.Muting)
	var list []muting
	for _, m := range s.mutings[c.Account] {
		if n.Sent.Before(m.until) {
			m.until = n.Sent
		}
		list = append(list, m)
	}
	if !c.Until.IsZero() {
		list = append(list, muting{c.Until, c.Accepts})
	}
	s.mutings[c.Account] = list
	m := s.Members[c.Account]
	m.MutedUntil = c.Until
	s.Members[c.Account] = m
}

func mayDescribe(s *State, n *node) error { return s.MayDescribe(n.Author.Account) }

func describe(s *State, n *node) { s.Profile = n.Change.(kith.Description).Profile }
