package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"kith"
	"kith/convo"
	"kith/seal"
	"kith/store"
	"kith/wire"
)

// A sphere is one sphere as this node knows it. A record is durable before it
// shows; what follows from it (members, what counts, who is a fellow) is settled
// after, and again at every start.
type sphere struct {
	r  *run
	id kith.ConversationID

	writing sync.Mutex // held over a whole change: decide, store, show, settle

	mu     sync.RWMutex // guards the rest
	stored store.Sphere
	roster *convo.Roster
	judged map[kith.AccountID]string // by what an account's events were judged last
	shown  map[kith.RecordID]bool    // the records that the room tells of; nil if not known
	early  *earlyFellows             // nil if nothing waits for the roster
	mesh   meshed
}

func newSphere(r *run, stored store.Sphere) *sphere {
	return &sphere{r: r, id: stored.ID, stored: stored, roster: convo.NewRoster(stored.ID), judged: map[kith.AccountID]string{}}
}

// load takes the records from the store.
func (s *sphere) load(ctx context.Context) error {
	records, err := s.r.store.Records(ctx, s.id)
	if err != nil {
		return err
	}
	roster := convo.NewRoster(s.id)
	for _, raw := range records {
		rec, err := wire.ParseRecord(raw.Author, raw.Raw)
		if err != nil {
			return kith.Errorf(kith.Damaged, "a record of the sphere in the store can't be read: %w", err)
		}
		rec.Proof, rec.Certificate = raw.Proof, raw.Certificate
		if _, err := roster.Add(rec); err != nil && !errors.Is(err, convo.ErrTooMany) {
			return kith.Errorf(kith.Damaged, "a record of the sphere in the store does not fit: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roster = roster
	return nil
}

// state is who belongs to the sphere, at this moment.
func (s *sphere) state() *convo.State {
	s.mu.Lock() // State caches
	defer s.mu.Unlock()
	return s.roster.State()
}

// kept is what the store holds beside the roster.
func (s *sphere) kept() store.Sphere {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.stored
}

// keep changes what the store holds beside the roster.
func (s *sphere) keep(ctx context.Context, change func(*store.Sphere)) error {
	s.mu.RLock()
	next := s.stored
	s.mu.RUnlock()
	change(&next)
	if err := s.r.store.Update(ctx, func(tx *store.Tx) error { return tx.PutSphere(next) }); err != nil {
		return err
	}
	s.mu.Lock()
	s.stored = next
	s.mu.Unlock()
	s.publish()
	return nil
}

// name is how the sphere is shown.
func (s *sphere) name() string {
	if name := s.state().Profile.Name; name != "" {
		return name
	}
	return s.kept().Name
}

// isMember reports whether an account is in the sphere at present.
func (s *sphere) isMember(account kith.AccountID) bool {
	_, ok := s.state().Members[account]
	return ok
}

// over reports whether this account was in the sphere and is no longer.
func (s *sphere) over() bool {
	state := s.kept().State
	return state == store.SphereLeft || state == store.SphereRemoved
}

// change writes a record of this account's. decide gives it, in view of the
// present state, and of the time that the record will bear: others compare it
// with times in the change. It runs while no other change does.
func (s *sphere) change(ctx context.Context, decide func(*convo.State, time.Time) (kith.Change, error)) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	now := s.r.opt.now().Truncate(time.Millisecond) // as on the wire
	change, err := decide(s.state(), now)
	if err != nil || change == nil {
		return err
	}
	rec := kith.Record{Sphere: s.id, Sent: now, Change: change}
	s.mu.RLock()
	rec.Parents, rec.Order = s.roster.Next(rec.Sent)
	s.mu.RUnlock()
	if err := seal.SignRecord(s.r.id.device, s.r.id.peer.Account, s.r.id.cert, &rec); err != nil {
		return err
	}
	return s.enter(ctx, []*kith.Record{&rec})
}

// Take verifies and stores records that a peer handed on.
func (s *sphere) Take(ctx context.Context, sealed []wire.SealedRecord) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var records []*kith.Record
	for _, one := range sealed {
		rec, err := wire.ParseRecord(one.Author, one.Raw)
		if err != nil {
			return err
		}
		s.mu.RLock()
		known := s.roster.Has(rec.ID)
		s.mu.RUnlock()
		if known {
			continue
		}
		rec.Proof, rec.Certificate = one.Proof, one.Certificate
		if err := seal.VerifyRecord(rec); err != nil {
			return err
		}
		records = append(records, rec)
	}
	if len(records) == 0 {
		return nil
	}
	return s.enter(ctx, records)
}

// enter adds records to the roster, durably, and settles what follows. The
// caller holds writing.
func (s *sphere) enter(ctx context.Context, records []*kith.Record) error {
	s.mu.Lock()
	var bad error
	var fresh []*kith.Record
	for _, rec := range records {
		taken, err := s.roster.Take(rec)
		fresh = append(fresh, taken...)
		if errors.Is(err, convo.ErrTooMany) {
			s.r.dropped.add("a record of a sphere by somebody who wrote too many")
			continue
		}
		if err != nil {
			bad = err
			break
		}
	}
	s.mu.Unlock()
	if len(fresh) > 0 {
		if err := s.record(ctx, fresh); err != nil {
			// What is in memory is ahead of the disk: go back to what is there.
			return errors.Join(err, s.load(context.WithoutCancel(ctx)))
		}
		if err := s.settle(ctx); err != nil {
			return err
		}
		if err := s.r.spheres.settleFellows(ctx); err != nil {
			return err
		}
		s.r.links.spheresChanged()
		s.r.spheres.introduce(newcomers(fresh)...)
		if err := s.hearEarly(ctx); err != nil {
			return err
		}
		s.r.refresh.soon()
		s.publish()
	}
	return bad
}

// add brings an account in whose card is known here, unless it is a member.
func (s *sphere) add(ctx context.Context, account kith.AccountID) error {
	c, ok := s.r.people.get(account)
	if !ok || len(c.Signed) == 0 {
		return kith.Errorf(kith.NotFound, "account %s is not known here yet; they can be brought in once they were connected", account.Short())
	}
	return s.change(ctx, func(state *convo.State, _ time.Time) (kith.Change, error) {
		if _, ok := state.Members[account]; ok {
			return nil, nil
		}
		if err := state.MayAdd(s.r.id.peer.Account, account); err != nil {
			return nil, err
		}
		addition := kith.Addition{Account: account, Card: c.Signed}
		if !state.Profile.FullHistory {
			cut, err := s.cut(ctx, kith.AccountID{})
			if err != nil {
				return nil, err
			}
			addition.Since = cut
		}
		return addition, nil
	})
}

// cut is how far the events of an account's devices are here; of all if it is
// zero.
func (s *sphere) cut(ctx context.Context, account kith.AccountID) (kith.Cut, error) {
	have, err := s.r.store.Have(ctx, s.id)
	if err != nil {
		return nil, err
	}
	devices, err := s.r.store.Devices(ctx, s.id)
	if err != nil {
		return nil, err
	}
	cut := kith.Cut{}
	for device, mark := range have {
		if mark.Seq > 0 && (account.IsZero() || devices[device] == account) {
			cut[device] = mark.Seq
		}
	}
	return cut, nil
}

// ID, Heads, Lacks, Shared, Known, Since and Counts are the sphere as a talk
// sees it; see sync.Sphere.
func (s *sphere) ID() kith.ConversationID { return s.id }

func (s *sphere) Heads() []kith.RecordID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.roster.Heads()
}

func (s *sphere) Lacks(account kith.AccountID, heads []kith.RecordID) []*kith.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.roster.State()
	own := s.r.id.peer.Account
	if _, ok := state.Members[own]; !ok {
		// Nothing of what came after, but the others must hear that we left.
		if _, ok := state.Members[account]; ok {
			return s.roster.UpTo(own)
		}
		return nil
	}
	if _, ok := state.Members[account]; ok {
		return s.roster.Missing(heads)
	}
	return s.roster.UpTo(account)
}

func (s *sphere) Shared(account kith.AccountID) bool {
	state := s.state()
	_, own := state.Members[s.r.id.peer.Account]
	_, theirs := state.Members[account]
	return own && theirs
}

func (s *sphere) Known(account kith.AccountID) bool {
	state := s.state()
	_, member := state.Members[account]
	_, former := state.Former[account]
	return member || former
}

func (s *sphere) Since(account kith.AccountID) kith.Cut { return s.state().Since(account) }

// Counts reports whether what an event says is to be shown. Somebody muted can't
// get around it by a clock that is ahead: such words show when the time has come.
func (s *sphere) Counts(ev *kith.Event) bool {
	state := s.state()
	if !state.Counts(ev.Author, ev.Seq, ev.Sent) {
		return false
	}
	member, ok := state.Members[ev.Author.Account]
	return !ok || !s.r.opt.now().Before(member.MutedUntil) || ev.Sent.Before(member.MutedUntil)
}

// common reports whether the sphere may be talked of with an account.
func (s *sphere) common(account kith.AccountID) bool {
	kept := s.kept()
	if kept.State == store.SphereJoining && kept.Inviter == account {
		return true
	}
	return s.Known(s.r.id.peer.Account) && s.Known(account)
}

// nextMuteEnd is when the next muting ends; zero if none does.
func (s *sphere) nextMuteEnd(now time.Time) (next time.Time) {
	for _, m := range s.state().Members {
		if m.MutedUntil.After(now) && (next.IsZero() || m.MutedUntil.Before(next)) {
			next = m.MutedUntil
		}
	}
	return next
}
