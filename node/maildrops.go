package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/outbox"
	"kith/seal"
	"kith/store"
	"kith/wire"
)

// prekeysHeld is how many unused prekeys a device keeps of each other one.
const prekeysHeld = 3

// drawPrekey draws a prekey for one device, or, with a zero one, for whoever holds
// an invitation.
func (m *mail) drawPrekey(tx *store.Tx, peer kith.Peer) (bundle []byte, err error) {
	var random [8]byte
	rand.Read(random[:])
	id := binary.BigEndian.Uint64(random[:]) >> 1 // as SQLite has it
	bundle, secret := seal.NewPrekey(m.r.id.device, m.r.id.peer.Account, id)
	return bundle, tx.PutPrekey(store.Prekey{ID: id, For: peer, Secret: secret, Created: m.r.opt.now()})
}

// A mailBriefing is what the other end of a link was told for the sake of letters.
type mailBriefing struct {
	mu    sync.Mutex // guards the rest
	drops []byte     // a hash
	given int        // prekeys
}

// tell says over a link where letters for this device may be left by the account
// at its other end, and for how many prekeys there is room.
func (m *mail) tell(l *live) {
	office := m.office()
	var drops []wire.Drop
	if office != nil {
		drops = wireDrops(office.Drops(l.Peer().Account))
	}
	told := hashDrops(drops)
	if office == nil || !l.dropsTold(told) {
		return
	}
	holds, err := m.r.store.Bundles(m.r.ctx, l.Peer())
	if err != nil {
		return // the run is ending
	}
	l.talk.Say(wire.Drops{Drops: drops, Wants: uint8(max(0, prekeysHeld-holds))})
	m.noteTold(l.Peer(), told)
}

// dropsTold notes what was told over the link, and reports whether it is news.
func (l *live) dropsTold(told []byte) bool {
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	if bytes.Equal(l.mail.drops, told) {
		return false
	}
	l.mail.drops = told
	return true
}

// noteTold notes that a device knows where to leave letters, unless that is known.
func (m *mail) noteTold(peer kith.Peer, told []byte) {
	if known, err := m.r.store.Correspondent(m.r.ctx, peer); err != nil || bytes.Equal(known.Told, told) {
		return
	}
	err := m.r.store.Update(m.r.ctx, func(tx *store.Tx) error {
		known, err := tx.Correspondent(peer)
		if err != nil {
			return err
		}
		known.Told = told
		return tx.PutCorrespondent(known)
	})
	if err != nil && m.r.ctx.Err() == nil {
		m.r.log.Warn("could not note what a device knows", "device", peer.Device.Short(), "error", err)
	}
}

// onDrops takes a device's word on where letters for it may be left, and gives it
// the prekeys that it asks for.
func (m *mail) onDrops(ctx context.Context, l *live, frame wire.Drops) error {
	peer := l.Peer()
	var given [][]byte
	var changed bool
	err := m.r.store.Update(ctx, func(tx *store.Tx) error {
		given = nil
		known, err := tx.Correspondent(peer)
		if err != nil {
			return err
		}
		if changed, err = m.takeDrops(tx, &known, &frame); err != nil {
			return err
		}
		for range min(known.Wants, uint64(l.prekeysLeft())) {
			bundle, err := m.drawPrekey(tx, peer)
			if err != nil {
				return err
			}
			given = append(given, bundle)
		}
		known.Wants = 0
		return tx.PutCorrespondent(known)
	})
	if err != nil {
		return err
	}
	m.learn(peer, frame.Drops, changed)
	if len(given) > 0 {
		l.prekeysGiven(len(given))
		var drops []wire.Drop
		if office := m.office(); office != nil {
			drops = wireDrops(office.Drops(peer.Account))
		}
		l.talk.Say(wire.Drops{Drops: drops, Prekeys: given})
	}
	return nil
}

// maxGiven bounds the prekeys that one link may ask for.
const maxGiven = 4 * prekeysHeld

func (l *live) prekeysLeft() int {
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	return maxGiven - l.mail.given
}

func (l *live) prekeysGiven(n int) {
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	l.mail.given += n
}

// takeDrops takes what a frame or a letter says of where letters may be left. The
// caller stores known, which now says how many prekeys are asked for.
func (m *mail) takeDrops(tx *store.Tx, known *store.Correspondent, told *wire.Drops) (changed bool, err error) {
	drops, err := wire.AppendDrops(nil, told.Drops)
	if err != nil {
		return false, err
	}
	for _, bundle := range told.Prekeys {
		prekey, err := seal.OpenPrekey(bundle, known.Peer)
		if err != nil {
			return false, err
		}
		if err := tx.PutBundle(known.Peer, prekey.ID>>1, bundle); err != nil {
			return false, err
		}
	}
	changed = !bytes.Equal(drops, known.Drops) || len(told.Prekeys) > 0
	known.Drops = drops
	known.Wants = uint64(min(told.Wants, prekeysHeld))
	return changed, nil
}

// learn keeps in memory where letters for a device may be left.
func (m *mail) learn(peer kith.Peer, told []wire.Drop, changed bool) {
	drops := make([]outbox.Drop, 0, len(told))
	for _, d := range told {
		drops = append(drops, outbox.Drop(d))
	}
	now := time.Now()
	m.mu.Lock()
	defer m.signal()
	defer m.mu.Unlock()
	c := m.known[peer]
	if c == nil {
		if len(drops) == 0 {
			return
		}
		c = &correspondence{}
		m.known[peer] = c
	}
	c.drops = drops
	if changed {
		c.failures = 0
		c.touch(now, now.Add(outbox.Pause))
	}
}

// storedDrops reads what takeDrops stored.
func storedDrops(data []byte) (drops []outbox.Drop) {
	if len(data) == 0 {
		return nil
	}
	told, err := wire.ParseDrops(data)
	if err != nil {
		return nil // of another version; it is told anew over the next link
	}
	for _, d := range told {
		drops = append(drops, outbox.Drop(d))
	}
	return drops
}

// answeredByLink takes it that a link gave word of all that came in letters.
func (m *mail) answeredByLink(peer kith.Peer) {
	known, err := m.r.store.Correspondent(m.r.ctx, peer)
	if err != nil || known.Since.IsZero() {
		return
	}
	err = m.r.store.Update(m.r.ctx, func(tx *store.Tx) error {
		known, err := tx.Correspondent(peer)
		if err != nil {
			return err
		}
		known.Since, known.Unanswered = time.Time{}, nil
		return tx.PutCorrespondent(known)
	})
	if err != nil && m.r.ctx.Err() == nil {
		m.r.log.Warn("could not note that letters were answered", "device", peer.Device.Short(), "error", err)
	}
}

// HasRoster notes up to where a device has the roster of a sphere, so that letters
// hold what it lacks.
func (h *host) HasRoster(ctx context.Context, sphere kith.ConversationID, heads []kith.RecordID) error {
	peer := h.link.Peer()
	known, err := h.store.Heard(ctx, peer, sphere)
	if err != nil || slices.Equal(known, heads) {
		return err
	}
	return h.store.Update(ctx, func(tx *store.Tx) error { return tx.PutHeard(peer, sphere, heads) })
}

func wireDrops(drops []outbox.Drop) []wire.Drop {
	list := make([]wire.Drop, 0, len(drops))
	for _, d := range drops {
		if len(list) < wire.MaxDrops {
			list = append(list, wire.Drop(d))
		}
	}
	return list
}

func hashDrops(drops []wire.Drop) []byte {
	h := sha256.New()
	for _, d := range drops {
		h.Write([]byte(d.Hub))
		h.Write(d.Box[:])
		h.Write(d.Token[:])
	}
	return h.Sum(nil)
}
