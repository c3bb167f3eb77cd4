package node

import (
	"bytes"
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"

	"kith"
	"kith/convo"
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

// expect keeps a place in the directory for somebody who is being let in, until
// the function that it returns is called.
func (ss *spheres) expect(account kith.AccountID) (end func()) {
	ss.mu.Lock()
	ss.coming[account]++
	ss.mu.Unlock()
	return func() {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		if ss.coming[account]--; ss.coming[account] == 0 {
			delete(ss.coming, account)
		}
	}
}

func (ss *spheres) expects(account kith.AccountID) bool {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	return ss.coming[account] > 0
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

// A briefing is what the other end of a link was told of members.
type briefing struct {
	mu   sync.Mutex
	told map[kith.AccountID]whereabouts // guarded by mu
}

type whereabouts struct {
	version   uint64 // of the card
	addresses []netip.AddrPort
}

// news reports whether this was not told yet, and notes that it is.
func (b *briefing) news(c *kith.Contact) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	told, ok := b.told[c.Account]
	if ok && told.version == c.Card.Version && slices.Equal(told.addresses, c.Addresses) {
		return false
	}
	if b.told == nil {
		b.told = map[kith.AccountID]whereabouts{}
	}
	b.told[c.Account] = whereabouts{c.Card.Version, c.Addresses}
	return true
}

// tellFellows tells a member who was linked, or came in, where the others of
// the common spheres were last: first those to whom it seeks links, then those
// who are or were here last.
func (ss *spheres) tellFellows(l *live) {
	to := l.Peer().Account
	linked := map[kith.AccountID]bool{}
	for _, other := range ss.r.links.of(kith.AccountID{}) {
		linked[other.Peer().Account] = true
	}
	for _, s := range ss.with(to) {
		if !s.Shared(to) {
			continue
		}
		var known []kith.Contact
		for account := range s.state().Members {
			if c, ok := ss.r.people.get(account); ok && account != to && tellable(&c) {
				known = append(known, c)
			}
		}
		sought := map[kith.AccountID]bool{}
		for _, account := range s.ring().Neighbours(to, anybody) {
			sought[account] = true
		}
		rank := func(c *kith.Contact) int {
			switch {
			case sought[c.Account]:
				return 0
			case linked[c.Account]:
				return 1
			}
			return 2
		}
		slices.SortFunc(known, func(a, b kith.Contact) int {
			return cmp.Or(rank(&a)-rank(&b), b.LastSeen.Compare(a.LastSeen))
		})
		l.tell(s.id, known)
	}
}

func tellable(c *kith.Contact) bool { return len(c.Signed) > 0 && len(c.Addresses) > 0 }

// tell says where members of a sphere are, as far as that is news: of so many
// the first as fit into a frame.
func (l *live) tell(sphere kith.ConversationID, members []kith.Contact) {
	frame := wire.Fellows{Conversation: sphere}
	for i := range members {
		if len(frame.Fellows) < wire.MaxFellows && l.briefing.news(&members[i]) {
			frame.Fellows = append(frame.Fellows, wire.Fellow{Card: members[i].Signed, Addresses: members[i].Addresses})
		}
	}
	if len(frame.Fellows) > 0 {
		l.talk.Say(frame)
	}
}

// introduce tells everybody who is linked where these members are, who came in
// or told something new of themselves; and to them, where the others are. What
// others told is not passed on so: of each member their own neighbours tell.
func (ss *spheres) introduce(accounts ...kith.AccountID) {
	var news []kith.Contact
	for _, account := range accounts {
		if c, ok := ss.r.people.get(account); ok && tellable(&c) {
			news = append(news, c)
		}
	}
	for _, l := range ss.r.links.of(kith.AccountID{}) {
		to := l.Peer().Account
		if slices.Contains(accounts, to) {
			ss.tellFellows(l)
		}
		for _, s := range ss.with(to) {
			if s.Shared(to) {
				l.tell(s.id, slices.DeleteFunc(slices.Clone(news), func(c kith.Contact) bool {
					return c.Account == to || !s.isMember(c.Account)
				}))
			}
		}
	}
}

// newcomers are whom records bring in.
func newcomers(records []*kith.Record) []kith.AccountID {
	var accounts []kith.AccountID
	for _, rec := range records {
		if addition, ok := rec.Change.(kith.Addition); ok {
			accounts = append(accounts, addition.Account)
		}
	}
	return accounts
}

// onFellows takes a member's word on where others of a common sphere are. Only
// what their own cards say of them is believed; addresses are tried, no more.
func (ss *spheres) onFellows(ctx context.Context, from kith.AccountID, frame wire.Fellows) error {
	s, ok := ss.get(frame.Conversation)
	switch {
	case ok && s.Shared(from):
	case ok && s.common(from):
		s.mu.Lock()
		s.early = &earlyFellows{from, frame} // until the roster has come
		s.mu.Unlock()
		return nil
	default:
		ss.r.dropped.add("members of a sphere that is not common")
		return nil
	}
	cards := make([]kith.Card, len(frame.Fellows))
	for i, fellow := range frame.Fellows {
		card, err := ss.r.openCard(fellow.Card)
		if err != nil {
			return err
		}
		cards[i] = card
	}
	return ss.r.people.change(ctx, func(next *draft) error {
		for i, fellow := range frame.Fellows {
			c, ok := ss.r.people.get(cards[i].Account)
			if ok && s.isMember(c.Account) && ss.hear(&c, cards[i], fellow) {
				next.contacts = append(next.contacts, c)
			}
		}
		return nil
	})
}

// hear takes what was told of a member into their contact, and reports whether
// that is news.
func (ss *spheres) hear(c *kith.Contact, card kith.Card, fellow wire.Fellow) (news bool) {
	if people.TakeCard(c, card, fellow.Card) {
		news = true
		if pair, err := ss.r.id.fellowSecret(card); err == nil && c.Relation == kith.Fellow {
			c.Pair = pair
		}
	}
	// What was heard of others comes after what one knows oneself.
	if merged := mergeAddresses(c.Addresses, fellow.Addresses); !slices.Equal(merged, c.Addresses) {
		c.Addresses, news = merged, true
	}
	return news
}

// earlyFellows is what was told before the roster that says who is a member.
type earlyFellows struct {
	from  kith.AccountID
	frame wire.Fellows
}

// hearEarly takes in what came before its roster did.
func (s *sphere) hearEarly(ctx context.Context) error {
	s.mu.Lock()
	early := s.early
	s.early = nil
	s.mu.Unlock()
	if early == nil {
		return nil
	}
	return s.r.spheres.onFellows(ctx, early.from, early.frame)
}

// openCard opens a card, and believes one that was verified before: in a big
// sphere most of what one is told is known.
func (r *run) openCard(signed []byte) (kith.Card, error) {
	if card, _, _, err := wire.ParseSignedCard(signed); err == nil {
		if c, ok := r.people.get(card.Account); ok && bytes.Equal(c.Signed, signed) {
			return card, nil
		}
	}
	return seal.OpenCard(signed)
}
