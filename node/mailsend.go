package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"kith"
	"kith/hubapi"
	"kith/outbox"
	"kith/seal"
	"kith/store"
	"kith/wire"
)

// A draftLetter is a letter before it is sealed, and what follows from leaving
// it.
type draftLetter struct {
	letter   wire.Letter
	rows     []store.Mailed
	answered time.Time // it gives word of what came until then; zero: of nothing
	told     []byte    // what the device knows of drops with it; nil: as before
}

// A sealed letter waits to be left.
type sealed struct {
	draftLetter
	envelope []byte
	given    uint64    // prekeys that are in it
	granted  time.Time // when the device got its last session by asking for it
}

// errNoSession says why nothing can be left for somebody who was never linked.
var errNoSession = kith.Errorf(kith.Conflict, "no key of this device is here yet, so nothing can be sealed for it: it has to be connected once")

// attend leaves what is owed to a device that is away, and tells how long it
// need not be looked at. An error says why a hub did not take it.
func (m *mail) attend(ctx context.Context, peer kith.Peer) (rest time.Duration, err error) {
	office := m.office()
	c, ok := m.r.people.get(peer.Account)
	block, blocked := m.r.people.block(peer.Account)
	switch {
	case office == nil || !m.r.isVisible():
		return never, errPut
	case blocked && !block.Until.IsZero():
		return min(lookAgain, block.Until.Sub(m.r.opt.now())+time.Second), nil
	case !ok || blocked || c.Relation == kith.Removed || c.Pair.IsZero():
		return never, nil
	case !slices.Contains(c.Card.Devices, peer.Device):
		return never, m.forget(ctx, peer)
	}
	if err := m.leaveWish(ctx, office, peer); err != nil {
		return never, err
	}
	for {
		if m.r.links.device(peer.Device) != nil {
			m.setUnsent(peer, nil)
			return never, nil // the link brings it; its end comes here again
		}
		next := m.unsent(peer)
		if next == nil {
			draft, rest, err := m.compose(ctx, office, &c, peer)
			if err != nil || draft == nil {
				return rest, err
			}
			if next, err = m.seal(ctx, &c, peer, draft); err != nil {
				return never, err
			}
			m.setUnsent(peer, next)
		}
		host, until, err := m.leave(ctx, office, peer, next.envelope)
		if err != nil {
			return never, err
		}
		if err := m.note(ctx, peer, next, host, until); err != nil {
			return never, err
		}
		m.setUnsent(peer, nil)
	}
}

func (m *mail) unsent(peer kith.Peer) *sealed {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.known[peer]; c != nil {
		return c.unsent
	}
	return nil
}

func (m *mail) setUnsent(peer kith.Peer, s *sealed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.known[peer]; c != nil {
		c.unsent = s
	}
}

// leave leaves an envelope at the first hub that takes it.
func (m *mail) leave(ctx context.Context, office post, peer kith.Peer, envelope []byte) (host string, until time.Time, err error) {
	m.mu.Lock()
	var drops []outbox.Drop
	if c := m.known[peer]; c != nil {
		drops = m.ranking.Order(c.drops)
	}
	m.mu.Unlock()
	err = kith.Errorf(kith.Unreachable, "no hub is known where this device looks for letters")
	for _, d := range drops {
		host = hubapi.Host(d.Hub)
		until, failed := m.try(ctx, office, d, envelope)
		m.mu.Lock()
		m.ranking.Note(d.Hub, failed == nil)
		m.mu.Unlock()
		if failed == nil {
			return host, outbox.Until(until, m.r.opt.now()), nil
		}
		err = failed // it says which hub
	}
	return "", time.Time{}, err
}

func (m *mail) try(ctx context.Context, office post, d outbox.Drop, envelope []byte) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, letterTimeout)
	defer cancel()
	return office.Leave(ctx, d, envelope)
}

// note stores what lies with a hub since a letter was left there.
func (m *mail) note(ctx context.Context, peer kith.Peer, s *sealed, host string, until time.Time) error {
	return m.r.store.Update(ctx, func(tx *store.Tx) error {
		known, err := tx.Correspondent(peer)
		if err != nil {
			return err
		}
		if !known.Granted.Equal(s.granted) {
			return nil // it was sealed in a session that the device does not have
		}
		for _, row := range s.rows {
			row.Letter, row.Hub, row.Until = s.letter.Number, host, until
			if err := tx.PutMailed(row); err != nil {
				return err
			}
		}
		if !s.answered.IsZero() && known.Since.Equal(s.answered) {
			known.Since, known.Unanswered = time.Time{}, nil
		}
		if s.told != nil {
			known.Told = s.told
			known.Wants -= min(known.Wants, s.given)
		}
		return tx.PutCorrespondent(known)
	})
}

// seal makes the envelope of a letter. Session and number are durable when it
// returns.
func (m *mail) seal(ctx context.Context, c *kith.Contact, peer kith.Peer, draft *draftLetter) (*sealed, error) {
	s := &sealed{draftLetter: *draft}
	err := m.r.store.Update(ctx, func(tx *store.Tx) error {
		known, err := tx.Correspondent(peer)
		if err != nil {
			return err
		}
		s.given, s.granted = 0, known.Granted
		if s.letter.Drops != nil {
			drops := *s.letter.Drops
			drops.Prekeys = nil
			for range min(known.Wants, prekeysHeld) {
				bundle, err := m.drawPrekey(tx, peer)
				if err != nil {
					return err
				}
				drops.Prekeys = append(drops.Prekeys, bundle)
			}
			s.letter.Drops, s.given = &drops, uint64(len(drops.Prekeys))
		}
		s.envelope, err = m.sealIn(tx, &known, c.Pair, nil, &s.letter)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// sealIn seals a letter in the session with a device, and begins one with a
// prekey of it if there is none: this bundle, or one that it gave.
func (m *mail) sealIn(tx *store.Tx, known *store.Correspondent, secret kith.Secret, bundle []byte, letter *wire.Letter) ([]byte, error) {
	sessions := m.sessions(known)
	for sessions.Empty() {
		if bundle == nil {
			var err error
			if bundle, err = tx.TakeBundle(known.Peer); err != nil {
				return nil, err
			}
		}
		if bundle == nil {
			return nil, errNoSession
		}
		prekey, err := seal.OpenPrekey(bundle, known.Peer)
		if err != nil {
			return nil, err // it was opened before it was stored
		}
		if sessions, err = sessions.Begin(prekey, secret); err != nil {
			return nil, err
		}
	}
	letter.Number, letter.Seen = known.Sent+1, known.Seen
	text, err := wire.AppendLetter(nil, *letter)
	if err != nil {
		return nil, err
	}
	next, envelope, err := sessions.Seal(text)
	if err != nil {
		return nil, err
	}
	known.Sent = letter.Number
	known.Sessions, err = next.MarshalBinary()
	return envelope, errors.Join(err, tx.PutCorrespondent(*known))
}

// sessions gives those with a device. Damaged ones are begun anew.
func (m *mail) sessions(known *store.Correspondent) *seal.Sessions {
	sessions := seal.NewSessions(m.r.id.peer, known.Peer)
	if len(known.Sessions) == 0 {
		return sessions
	}
	if err := sessions.UnmarshalBinary(known.Sessions); err != nil {
		m.r.log.Error("the sessions with a device can't be read", "device", known.Device.Short(), "error", err)
	}
	return sessions
}
