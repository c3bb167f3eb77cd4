package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"kith"
	"kith/hubapi"
	"kith/seal"
	"kith/store"
	talk "kith/sync"
	"kith/wire"
)

// mailCame takes an envelope that lay at a hub in the box of an account; zero: in
// one of an invitation. It may be taken out of the box if there is no error, or
// one of kind kith.BadPeer; else it has to come again.
func (r *run) mailCame(ctx context.Context, from kith.AccountID, hub string, envelope []byte) error {
	return r.mailsCame(ctx, from, hub, [][]byte{envelope})[0]
}

// maxMails bounds the envelopes of one write: it must not keep others waiting.
const maxMails = 64

// mailsCame takes several envelopes of one box, in the order in which they lay
// there. They share a write, so it is much faster than one after another.
func (r *run) mailsCame(ctx context.Context, from kith.AccountID, hub string, envelopes [][]byte) []error {
	results := make([]error, 0, len(envelopes))
	for len(envelopes) > 0 {
		n := min(len(envelopes), maxMails)
		results = append(results, r.mail.take(ctx, from, hub, envelopes[:n])...)
		envelopes = envelopes[n:]
	}
	return results
}

// take takes envelopes in one write, or in several if something has to be done
// between them.
func (m *mail) take(ctx context.Context, from kith.AccountID, hub string, envelopes [][]byte) []error {
	results := make([]error, len(envelopes))
	var c *kith.Contact
	if !from.IsZero() {
		known, ok := m.r.people.get(from)
		_, blocked := m.r.people.block(from)
		if !ok || blocked || known.Relation == kith.Removed {
			for i := range results {
				results[i] = kith.Errorf(kith.BadPeer, "an envelope lay in the box of account %s, which is no contact or blocked", from.Short())
			}
			return results
		}
		c = &known
	}
	prepared := -1 // the envelope for which all was done that has to be done before
	for at := 0; at < len(envelopes); {
		batch := &takings{m: m, contact: c, now: m.r.opt.now()}
		begin := at
		err := m.r.store.Update(ctx, func(tx *store.Tx) error {
			batch.reset()
			for at = begin; at < len(envelopes); at++ {
				results[at] = tx.Attempt(func() error { return batch.open(tx, envelopes[at], at == prepared) })
				if batch.before != nil || !dropped(results[at]) && results[at] != nil {
					break // what was done so far is stored
				}
			}
			return nil
		})
		switch {
		case err != nil:
			for i := begin; i < len(envelopes); i++ {
				results[i] = err
			}
			return results
		case batch.before != nil:
			if err := m.prepare(ctx, batch.before); err != nil {
				for i := at; i < len(envelopes); i++ {
					results[i] = err
				}
				m.taken(batch, hub)
				return results
			}
			prepared = at
		case at < len(envelopes): // a fault of ours: they stay where they are
			for i := at + 1; i < len(envelopes); i++ {
				results[i] = results[at]
			}
			at = len(envelopes)
		}
		m.taken(batch, hub)
	}
	for i, err := range results {
		results[i] = m.settle(ctx, c, envelopes[i], err)
	}
	return results
}

// dropped reports whether an error means that an envelope is of no use.
func dropped(err error) bool {
	return errors.Is(err, seal.ErrOutOfStep) || errors.Is(err, errResets) || kith.KindOf(err) == kith.BadPeer
}

// errResets is what takings.open gives for an envelope that asks for a session.
var errResets = errors.New("an envelope that asks for a new session")

// settle does what follows from an envelope that is no letter, or does not open.
func (m *mail) settle(ctx context.Context, c *kith.Contact, envelope []byte, err error) error {
	switch {
	case errors.Is(err, seal.ErrReplayed):
		return nil // it is on disk
	case errors.Is(err, errResets) && c != nil:
		if err = m.grant(ctx, c, envelope); errors.Is(err, seal.ErrReplayed) {
			return nil
		}
		if !errors.Is(err, seal.ErrOutOfStep) {
			return err
		}
	case errors.Is(err, seal.ErrOutOfStep) && c != nil:
		if failed := m.wish(ctx, c); failed != nil {
			return failed
		}
	}
	if dropped(err) {
		return kith.Errorf(kith.BadPeer, "an envelope does not open: %w", err)
	}
	return err
}

// Takings are what one write takes of envelopes, all of one box.
type takings struct {
	m       *mail
	contact *kith.Contact // nil: of an invitation
	now     time.Time

	before *preparation // what has to be done before the last one can be taken
	heard  []heard
	faults []string
}

// heard is what a letter told that is kept in memory, too.
type heard struct {
	from    kith.Peer
	drops   *wire.Drops
	changed bool
}

// A preparation is what has to be durable before the session moves on, but can't
// be done in the same write.
type preparation struct {
	from  kith.Peer
	rooms []wire.Room // of spheres, with records that are not here
	join  []byte
}

func (b *takings) reset() { b.before, b.heard, b.faults = nil, nil, nil }

// taken passes on what a write took.
func (m *mail) taken(b *takings, hub string) {
	for _, what := range b.faults {
		m.r.dropped.add(what)
	}
	for _, h := range b.heard {
		m.r.log.Debug("a letter came", "device", h.from.Device.Short(), "hub", hub)
		if h.drops != nil {
			m.learn(h.from, h.drops.Drops, h.changed)
		}
		m.answerLater(h.from)
		if joining := m.joiners(); joining != nil {
			joining.Taken(h.from)
		}
	}
}

func (m *mail) joiners() joining {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.joining
}

// answerLater sees to it that word of what came is given in a while, and that what
// turned out to be lost is left again.
func (m *mail) answerLater(peer kith.Peer) {
	now := time.Now()
	m.mu.Lock()
	if c := m.known[peer]; c != nil {
		c.touch(now, now) // to find out what is due when
	}
	m.mu.Unlock()
	m.signal()
}

// prepare does what a letter asks for that is a write of its own.
func (m *mail) prepare(ctx context.Context, p *preparation) error {
	for _, room := range p.rooms {
		s, ok := m.r.spheres.get(room.Conversation)
		if !ok {
			continue
		}
		if err := s.Take(ctx, room.Records); kith.KindOf(err) == kith.BadPeer {
			m.r.dropped.add("records in a letter that do not fit")
		} else if err != nil {
			return err
		}
	}
	if len(p.join) == 0 {
		return nil
	}
	joining := m.joiners()
	if joining == nil {
		m.r.dropped.add("a letter about an invitation")
		return nil
	}
	if err := joining.Joined(ctx, p.from, p.join); kith.KindOf(err) == kith.BadPeer {
		m.r.dropped.add("a letter about an invitation that does not fit")
	} else if err != nil {
		return err
	}
	return nil
}

// open opens one envelope and takes what is in it. prepared tells that what it
// asked for in batch.before was done.
func (b *takings) open(tx *store.Tx, envelope []byte, prepared bool) error {
	if len(envelope) > hubapi.MaxMail {
		return kith.Errorf(kith.BadPeer, "an envelope of %d bytes", len(envelope))
	}
	if seal.EnvelopeResets(envelope) {
		return errResets
	}
	known, next, text, err := b.unseal(tx, envelope)
	if err != nil {
		return err
	}
	letter, err := wire.ParseLetter(text)
	if err != nil {
		return err
	}
	if !prepared {
		if before := b.prepares(known.Peer, &letter); before != nil {
			b.before = before
			return errPrepare
		}
	}
	if known.Sessions, err = next.MarshalBinary(); err != nil {
		return err
	}
	h := heard{from: known.Peer, drops: letter.Drops}
	if letter.Drops != nil {
		wants := known.Wants
		if h.changed, err = b.m.takeDrops(tx, known, letter.Drops); err != nil {
			return err
		}
		known.Wants = max(known.Wants, wants)
	}
	for i := range letter.Rooms {
		owed, err := b.enter(tx, known.Peer, &letter.Rooms[i], letter.Seen)
		if err != nil {
			return err
		}
		if conv := letter.Rooms[i].Conversation; owed && len(known.Unanswered) < wire.MaxRooms {
			if !slices.Contains(known.Unanswered, conv) {
				known.Unanswered = append(known.Unanswered, conv)
			}
			known.Since = b.now
		}
	}
	known.Seen = max(known.Seen, letter.Number)
	b.heard = append(b.heard, h)
	return tx.PutCorrespondent(*known)
}

// errPrepare interrupts a write that needs a preparation.
var errPrepare = errors.New("something has to be done before")

// unseal opens an envelope by one of the sessions with the devices of the account,
// or takes up the one that it begins. The prekey of that is deleted.
func (b *takings) unseal(tx *store.Tx, envelope []byte) (*store.Correspondent, *seal.Sessions, []byte, error) {
	if b.contact != nil {
		// Not those on the card: of somebody asked by letter there is none yet.
		peers, err := tx.CorrespondentsOf(b.contact.Account)
		if err != nil {
			return nil, nil, nil, err
		}
		for _, peer := range peers {
			if devices := b.contact.Card.Devices; len(devices) > 0 && !slices.Contains(devices, peer.Device) {
				continue
			}
			known, err := tx.Correspondent(peer)
			if err != nil {
				return nil, nil, nil, err
			}
			if len(known.Sessions) == 0 {
				continue
			}
			next, text, err := b.m.sessions(&known).Open(envelope)
			if !errors.Is(err, seal.ErrOutOfStep) {
				return &known, next, text, err
			}
		}
	}
	id, begins := seal.EnvelopePrekey(envelope)
	if !begins || int64(id) < 0 {
		return nil, nil, nil, seal.ErrOutOfStep
	}
	prekey, found, err := tx.Prekey(id)
	if err != nil {
		return nil, nil, nil, err
	}
	if !found {
		return nil, nil, nil, seal.ErrOutOfStep
	}
	opening, err := seal.ReadOpening(b.m.r.id.peer, prekey.Secret, envelope)
	if err != nil {
		return nil, nil, nil, err
	}
	secrets, err := b.beginners(prekey, opening.From)
	if err != nil {
		return nil, nil, nil, err
	}
	known, err := tx.Correspondent(opening.From)
	if err != nil {
		return nil, nil, nil, err
	}
	failed := error(kith.Errorf(kith.BadPeer, "the device %s began a session without a secret in common", opening.From.Device.Short()))
	for _, secret := range secrets {
		next, text, err := b.m.sessions(&known).Accept(opening, secret)
		if err != nil {
			failed = err
			continue
		}
		return &known, next, text, tx.DeletePrekey(id)
	}
	return nil, nil, nil, failed
}

// beginners gives the secrets with which a device may begin a session by a prekey,
// if it may.
func (b *takings) beginners(prekey store.Prekey, from kith.Peer) ([]kith.Secret, error) {
	m := b.m
	if _, blocked := m.r.people.block(from.Account); blocked || from.Account == m.r.id.peer.Account {
		return nil, kith.Errorf(kith.BadPeer, "the account %s, which may not, began a session", from.Account.Short())
	}
	var secrets []kith.Secret
	switch published := prekey.For.Account.IsZero(); {
	case b.contact != nil && from.Account != b.contact.Account:
		return nil, kith.Errorf(kith.BadPeer, "the account %s used the box of another one", from.Account.Short())
	case !published && (prekey.For != from || b.contact == nil):
		return nil, kith.Errorf(kith.BadPeer, "the device %s used a prekey that was given to another one", from.Device.Short())
	case published:
		if joining := m.joiners(); joining != nil {
			secrets = joining.Secrets(from)
		}
	}
	if b.contact != nil {
		secrets = append(secrets, m.secrets(b.contact)...)
	}
	return secrets, nil
}

// prepares tells what a letter asks for that can't be done in this write.
func (b *takings) prepares(from kith.Peer, letter *wire.Letter) *preparation {
	p := &preparation{from: from, join: letter.Join}
	for _, room := range letter.Rooms {
		if s, ok := b.m.r.spheres.get(room.Conversation); ok && len(room.Records) > 0 && s.common(from.Account) && s.lacks(room.Heads) {
			p.rooms = append(p.rooms, room)
		}
	}
	if len(p.rooms) == 0 && len(p.join) == 0 {
		return nil
	}
	return p
}

// lacks reports whether some of these heads of a roster are not here.
func (s *sphere) lacks(heads []kith.RecordID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(heads, func(id kith.RecordID) bool { return !s.roster.Has(id) })
}

// enter takes what a letter says of one conversation, and reports whether its
// sender is owed word of it. What does not fit is counted, and the rest is taken.
func (b *takings) enter(tx *store.Tx, from kith.Peer, room *wire.Room, seen uint64) (owed bool, err error) {
	var s *sphere
	if room.Conversation != kith.DirectConversation(b.m.r.id.peer.Account, from.Account) {
		known, ok := b.m.r.spheres.get(room.Conversation)
		if !ok || !known.Shared(from.Account) {
			b.fault("a letter about a sphere that is not common")
			return false, nil
		}
		s = known
		if err := tx.PutHeard(from, s.id, room.Heads); err != nil {
			return false, err
		}
	} else if b.contact == nil || b.contact.Relation != kith.Accepted {
		b.fault("a letter of somebody who was not accepted")
		return false, nil
	}
	if err := b.receipts(tx, from, room, seen); err != nil {
		return false, err
	}
	if len(room.Events) == 0 {
		return false, nil
	}
	if s != nil && s.lacks(room.Heads) {
		b.fault("a letter of somebody who knows more of a sphere's roster")
		return true, nil // they hear what of it is here, and send the rest
	}
	d := &talk.Delivery{
		Own: b.m.r.id.peer, From: from, SelfKey: b.m.r.id.self, Proofs: proofs, Now: b.now,
		Hide: func(ev *kith.Event) bool { return b.m.r.people.hidden(ev.Author.Account, ev.Sent) },
	}
	if s != nil {
		d.Sphere = s
	}
	for _, events := range room.Events {
		err := tx.Attempt(func() error {
			applied, err := d.Apply(tx, events)
			for range applied.Void {
				b.fault("an event that its author may not write")
			}
			return err
		})
		if kith.KindOf(err) == kith.BadPeer {
			b.fault("events in a letter that do not fit")
			b.m.r.log.Info("events in a letter were dropped", "device", from.Device.Short(), "reason", err)
		} else if err != nil {
			return false, err
		}
	}
	return true, nil
}

func (b *takings) fault(what string) { b.faults = append(b.faults, what) }

// receipts takes what the sender of a letter has of this account's events. What
// it got in letters and does not have is owed again.
func (b *takings) receipts(tx *store.Tx, from kith.Peer, room *wire.Room, seen uint64) error {
	if len(room.Marks) == 0 {
		return nil
	}
	devices, err := tx.Devices(room.Conversation)
	if err != nil {
		return err
	}
	own := kith.Vector{}
	for device, mark := range room.Marks {
		if devices[device] != b.m.r.id.peer.Account {
			continue
		}
		if !mark.ID.IsZero() {
			id, found, err := tx.EventAt(room.Conversation, device, mark.Seq)
			if err != nil {
				return err
			}
			if !found || id != mark.ID {
				b.fault("a receipt in a letter that does not fit") // a link will tell whose history was set back
				continue
			}
		}
		own[device] = mark
	}
	if err := tx.MergeMarks(from, room.Conversation, own, b.now); err != nil {
		return err
	}
	return tx.DropMailedIn(from, room.Conversation, seen)
}
