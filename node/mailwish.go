package node

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"kith"
	"kith/seal"
	"kith/store"
)

// wishPause is how long no other new session is asked for, grantPause how long
// none is granted.
const (
	wishPause  = 10 * time.Minute
	grantPause = 5 * time.Minute
)

// lately reports whether something was less than a pause ago.
func lately(at, now time.Time, pause time.Duration) bool {
	gone := now.Sub(at)
	return !at.IsZero() && gone >= 0 && gone < pause
}

// wish asks the devices of an account for new sessions, since an envelope that
// lay in its box belongs to none: one side lost its state, or has an older one.
func (m *mail) wish(ctx context.Context, c *kith.Contact) error {
	for _, device := range c.Card.Devices {
		peer := kith.Peer{Account: c.Account, Device: device}
		m.mu.Lock()
		known := m.known[peer] != nil
		m.mu.Unlock()
		if !known {
			continue // there is nowhere to leave it
		}
		envelope, err := m.askAnew(ctx, c, peer)
		if err != nil {
			return err
		}
		if envelope == nil {
			continue
		}
		now := time.Now()
		m.mu.Lock()
		if c := m.known[peer]; c != nil {
			c.wish, c.failures = envelope, 0
			c.touch(now, now)
		}
		m.mu.Unlock()
		m.signal()
	}
	return nil
}

// askAnew makes the envelope that asks for a new session; nil if one was asked for
// lately.
func (m *mail) askAnew(ctx context.Context, c *kith.Contact, peer kith.Peer) (envelope []byte, err error) {
	now := m.r.opt.now()
	err = m.r.store.Update(ctx, func(tx *store.Tx) error {
		envelope = nil
		known, err := tx.Correspondent(peer)
		if err != nil || lately(known.Wished, now, wishPause) {
			return err
		}
		bundle, err := m.drawPrekey(tx, peer)
		if err != nil {
			return err
		}
		known.Wished = now
		made, err := m.sessions(&known).Reset(bundle, c.Pair)
		if err != nil {
			return err
		}
		envelope = made
		return tx.PutCorrespondent(known)
	})
	return envelope, err
}

// leaveWish leaves the envelope that asks for a new session, if there is one.
func (m *mail) leaveWish(ctx context.Context, office post, peer kith.Peer) error {
	m.mu.Lock()
	c := m.known[peer]
	var wish []byte
	if c != nil {
		wish = c.wish
	}
	m.mu.Unlock()
	if wish == nil {
		return nil
	}
	if _, _, err := m.leave(ctx, office, peer, wish); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if bytes.Equal(c.wish, wish) {
		c.wish = nil
	}
	return nil
}

// grant does what an envelope asks for: a new session, in which all is left again
// that is not receipted. It is never an answer to such a wish to ask for one.
func (m *mail) grant(ctx context.Context, c *kith.Contact, envelope []byte) error {
	now := m.r.opt.now()
	var granted kith.Peer
	err := m.r.store.Update(ctx, func(tx *store.Tx) error {
		failed := error(seal.ErrOutOfStep)
		for _, device := range c.Card.Devices {
			known, err := tx.Correspondent(kith.Peer{Account: c.Account, Device: device})
			if err != nil {
				return err
			}
			for _, secret := range m.secrets(c) {
				next, err := m.sessions(&known).Answer(envelope, secret)
				if err != nil {
					if failed = err; errors.Is(err, seal.ErrReplayed) {
						return err
					}
					continue
				}
				if lately(known.Granted, now, grantPause) {
					return kith.Errorf(kith.BadPeer, "the device %s asks for new sessions all the time", device.Short())
				}
				known.Granted = now
				if known.Sessions, err = next.MarshalBinary(); err != nil {
					return err
				}
				granted = known.Peer
				return errors.Join(tx.DropMailed(granted), tx.PutCorrespondent(known))
			}
		}
		return failed
	})
	if err != nil {
		return err
	}
	m.setUnsent(granted, nil) // it is in a session that the other does not have
	m.mu.Lock()
	defer m.signal()
	defer m.mu.Unlock()
	if c := m.known[granted]; c != nil {
		now := time.Now()
		c.failures = 0
		c.touch(now, now)
	}
	return nil
}

// secrets are with which the devices of a contact may begin sessions: that of the
// pair, and that which all fellow members share, if one of the two sides has not
// heard that they are more than that, or no longer.
func (m *mail) secrets(c *kith.Contact) (list []kith.Secret) {
	if !c.Pair.IsZero() {
		list = append(list, c.Pair)
	}
	if fellow, err := m.r.id.fellowSecret(c.Card); err == nil && !slices.Contains(list, fellow) {
		list = append(list, fellow)
	}
	return list
}
