package node

import (
	"context"
	"time"

	"kith"
	"kith/store"
	"kith/wire"
)

// joining is what invitations need of letters.
type joining interface {
	// Secrets are with which a device may begin a session by a prekey that was
	// published, beside those that this account shares with its own.
	Secrets(from kith.Peer) []kith.Secret
	// Joined takes what a letter holds about an invitation. It may come more than
	// once. The letter is taken out of its box when it returned nil, or an error
	// of kind kith.BadPeer; else it comes again.
	Joined(ctx context.Context, from kith.Peer, join []byte) error
	// Taken tells that a letter of a device, and the session with it, is on disk.
	Taken(from kith.Peer)
}

// publish draws a prekey for whoever holds an invitation. Its secret is durable
// when it returns.
func (m *mail) publish(ctx context.Context) (bundle []byte, err error) {
	err = m.r.store.Update(ctx, func(tx *store.Tx) error {
		bundle, err = m.drawPrekey(tx, kith.Peer{})
		return err
	})
	return bundle, err
}

// sealFor seals a letter to a device, whoever it is of, and begins the session
// with this bundle and secret if there is none. If the device gets to know where
// to leave letters by it, Drops of the letter say so.
func (m *mail) sealFor(ctx context.Context, peer kith.Peer, secret kith.Secret, bundle []byte, letter wire.Letter) (envelope []byte, err error) {
	err = m.r.store.Update(ctx, func(tx *store.Tx) error {
		known, err := tx.Correspondent(peer)
		if err != nil {
			return err
		}
		envelope, err = m.sealIn(tx, &known, secret, bundle, &letter)
		return err
	})
	return envelope, err
}

// leaveFor leaves an envelope for a device whose places are known.
func (m *mail) leaveFor(ctx context.Context, peer kith.Peer, envelope []byte) (host string, until time.Time, err error) {
	office := m.office()
	if office == nil {
		return "", time.Time{}, kith.Errorf(kith.Unreachable, "no hub is in use: add one by kith hubs add")
	}
	return m.leave(ctx, office, peer, envelope)
}
