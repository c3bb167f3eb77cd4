package node

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"kith"
	"kith/convo"
	"kith/store"
	"kith/wire"
)

// sphereSettings is what the node keeps of a sphere as JSON.
type sphereSettings struct {
	// Unsettled is set with every record and cleared when all that follows
	// from it is done.
	Unsettled bool `json:"unsettled,omitempty"`
}

// record stores records, and that something follows from them.
func (s *sphere) record(ctx context.Context, records []*kith.Record) error {
	next := s.kept()
	next.Settings = mustJSON(sphereSettings{Unsettled: true})
	err := s.r.store.Update(ctx, func(tx *store.Tx) error {
		for _, rec := range records {
			if err := tx.PutRecord(*rec); err != nil {
				return err
			}
		}
		return tx.PutSphere(next)
	})
	if err == nil {
		s.mu.Lock()
		s.stored = next
		s.mu.Unlock()
	}
	return err
}

// settle does what follows from the roster as it is now: whether this account
// is in, who the members are, which events count, what the room shows of it.
// Doing it again changes nothing.
func (s *sphere) settle(ctx context.Context) error {
	kept, state := s.kept(), s.state()
	var settings sphereSettings
	if len(kept.Settings) > 0 {
		if err := json.Unmarshal(kept.Settings, &settings); err != nil {
			return kith.Errorf(kith.Damaged, "the settings of a sphere in the store are damaged: %w", err)
		}
	}
	if err := s.judge(ctx, state, settings.Unsettled); err != nil {
		return err
	}
	if !settings.Unsettled {
		return nil
	}
	own := s.r.id.peer.Account
	next := kept
	next.Settings = mustJSON(sphereSettings{})
	next.State = membership(kept.State, state, own)
	if next.State == store.SphereMember && next.Joined.IsZero() {
		next.Joined = s.r.opt.now()
	}
	var others []kith.AccountID
	for account := range state.Members {
		if account != own {
			others = append(others, account)
		}
	}
	err := s.r.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.PutMembers(s.id, others); err != nil {
			return err
		}
		if err := s.putNotes(tx, state); err != nil {
			return err
		}
		return tx.PutSphere(next)
	})
	if err != nil {
		return fmt.Errorf("settling who is in a sphere: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored = next
	s.shown = map[kith.RecordID]bool{}
	for _, rec := range s.roster.Missing(nil) {
		if state.Effective(rec.ID) {
			s.shown[rec.ID] = true
		}
	}
	return nil
}

// presume takes it that all was settled when the program ended last, but for
// what depends on the time.
func (s *sphere) presume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var settings sphereSettings
	if json.Unmarshal(s.stored.Settings, &settings) != nil || settings.Unsettled {
		return
	}
	state := s.roster.State()
	for account := range state.Members {
		if state.Members[account].MutedUntil.IsZero() {
			s.judged[account] = ""
		}
	}
	for account := range state.Former {
		if _, back := state.Members[account]; !back {
			s.judged[account] = standing(state, account, time.Time{})
		}
	}
}

// membership is what a roster makes of this account.
func membership(before store.SphereState, state *convo.State, own kith.AccountID) store.SphereState {
	if _, ok := state.Members[own]; ok {
		if before == store.SphereInvited {
			return before // brought in by somebody; the person has not said yes
		}
		return store.SphereMember
	}
	if former, ok := state.Former[own]; ok {
		if before == store.SphereInvited || before == store.SphereJoining {
			return before // on the way back in
		}
		if former.Left {
			return store.SphereLeft
		}
		return store.SphereRemoved
	}
	return before
}

// judge looks anew at the events of everybody whose standing changed; of all if
// it is not known how they were judged last.
func (s *sphere) judge(ctx context.Context, state *convo.State, all bool) error {
	accounts := map[kith.AccountID]bool{}
	for account := range state.Former {
		accounts[account] = true
	}
	for account := range state.Members {
		accounts[account] = true
	}
	now := s.r.opt.now()
	for account := range accounts {
		standing := standing(state, account, now)
		s.mu.RLock()
		before, judged := s.judged[account]
		s.mu.RUnlock()
		if judged && before == standing || !judged && !all && standing == "" {
			continue
		}
		if err := s.r.store.Judge(ctx, s.id, account, s.Counts); err != nil {
			return fmt.Errorf("sorting out what counts in a sphere: %w", err)
		}
		s.mu.Lock()
		s.judged[account] = standing
		s.mu.Unlock()
	}
	return nil
}

// standing is all on which it depends which events of an account count; empty
// for a member like any other.
func standing(state *convo.State, account kith.AccountID, now time.Time) string {
	if former, ok := state.Former[account]; ok {
		if _, back := state.Members[account]; !back {
			return fmt.Sprint("out ", former.Accepts)
		}
	}
	if until := state.Members[account].MutedUntil; !until.IsZero() {
		return fmt.Sprint("muted ", until.UnixMilli(), now.Before(until))
	}
	return ""
}

// putNotes shows the roster's changes in the room. A member who came later sees
// those since, as of all that is said.
func (s *sphere) putNotes(tx *store.Tx, state *convo.State) error {
	from := time.Time{}
	if me, ok := state.Members[s.r.id.peer.Account]; ok && len(me.Since) > 0 {
		from = me.Added
	}
	s.mu.RLock()
	records, shown := s.roster.Missing(nil), s.shown
	s.mu.RUnlock()
	void := func(rec *kith.Record) bool { return shown[rec.ID] && !state.Effective(rec.ID) }
	if shown == nil || slices.ContainsFunc(records, void) {
		if err := tx.DropNotes(s.id); err != nil {
			return err
		}
		shown = nil
	}
	for _, rec := range records {
		if shown[rec.ID] || !state.Effective(rec.ID) || rec.Sent.Before(from) {
			continue
		}
		note := kith.Note{Change: rec.Change.Kind(), Subject: rec.Change.Subject()}
		switch change := rec.Change.(type) {
		case kith.Creation:
			note.Name = change.Profile.Name
		case kith.Description:
			note.Name = change.Profile.Name
		case kith.Muting:
			note.Until = change.Until
		}
		if err := tx.PutNote(s.id, *rec, note); err != nil {
			return err
		}
	}
	return nil
}

// muteEnded looks anew at what those wrote whose muting ran out.
func (ss *spheres) muteEnded(ctx context.Context) error {
	for _, s := range ss.all() {
		s.writing.Lock()
		err := s.judge(ctx, s.state(), false)
		s.writing.Unlock()
		if err != nil {
			return err
		}
		s.publish()
	}
	return nil
}

// nextMuteEnd is when the next muting of any sphere ends; zero if none does.
func (ss *spheres) nextMuteEnd() (next time.Time) {
	now := ss.r.opt.now()
	for _, s := range ss.all() {
		if end := s.nextMuteEnd(now); !end.IsZero() && (next.IsZero() || end.Before(next)) {
			next = end
		}
	}
	return next
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	return b
}

// settleFellows keeps a place in the directory for everybody with whom this
// account shares a sphere, and forgets those with whom it no longer does.
func (ss *spheres) settleFellows(ctx context.Context) error {
	return ss.r.people.change(ctx, func(next *draft) error {
		cards := ss.fellowCards() // as of now, while nobody else changes the directory
		for account, signed := range cards {
			if _, ok := ss.r.people.get(account); ok {
				continue
			}
			card, _, _, err := wire.ParseSignedCard(signed) // verified when the record came
			if err != nil {
				continue
			}
			pair, err := ss.r.id.fellowSecret(card)
			if err != nil {
				continue // they can still be met through others
			}
			next.contacts = append(next.contacts, kith.Contact{
				Account: account, Relation: kith.Fellow, Card: card, Signed: signed, Pair: pair, Added: ss.r.opt.now(),
			})
		}
		for _, c := range ss.r.people.unsorted() {
			if _, ok := cards[c.Account]; c.Relation == kith.Fellow && !ok && !ss.joinsThrough(c.Account) && !ss.expects(c.Account) {
				next.forget = append(next.forget, c.Account)
			}
		}
		return nil
	})
}

// fellowCards gives the cards of everybody with whom this account shares a
// sphere, or did until lately.
func (ss *spheres) fellowCards() map[kith.AccountID][]byte {
	own := ss.r.id.peer.Account
	cards := map[kith.AccountID][]byte{}
	for _, s := range ss.all() {
		kept, state := s.kept(), s.state()
		if kept.State == store.SphereInvited {
			continue
		}
		former, was := state.Former[own]
		_, in := state.Members[own]
		if !in && !(was && former.Left && ss.r.opt.now().Sub(former.When) < partingTime) {
			continue
		}
		for account, m := range state.Members {
			if account != own {
				cards[account] = m.Card
			}
		}
	}
	return cards
}

// partingTime is how long after leaving a sphere its members are kept in reach,
// so that they hear of it.
const partingTime = 14 * 24 * time.Hour

// joinsThrough reports whether this account waits to be let into a sphere by
// another.
func (ss *spheres) joinsThrough(account kith.AccountID) bool {
	for _, s := range ss.all() {
		if kept := s.kept(); kept.State == store.SphereJoining && kept.Inviter == account {
			return true
		}
	}
	return false
}
