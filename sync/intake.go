package sync

import (
	"errors"
	"time"

	"kith"
	"kith/store"
	"kith/wire"
)

// An intake checks what a device hands on, whatever carried it.
type intake struct {
	own, from kith.Peer
	selfKey   kith.Secret
	proofs    Proofs
}

// mayAuthor refuses events that a peer has no business to hand on. known are the
// devices of the conversation, certified those whose certificate was seen.
func (in *intake) mayAuthor(sphere Sphere, known map[kith.DeviceID]kith.AccountID, certified map[kith.Peer]bool, frame wire.Events) error {
	author, most := frame.Author, maxAuthors
	switch {
	case sphere != nil:
		most = maxSphereAuthors
		if err := in.mayAuthorInSphere(sphere, certified, frame); err != nil {
			return err
		}
	case author.Account != in.from.Account && author.Account != in.own.Account:
		// In a direct conversation it speaks for its own account, and gives
		// ours back.
		return kith.Errorf(kith.BadPeer, "events of account %s, which is not in the conversation", author.Account.Short())
	}
	if author.Device == in.own.Device && author.Account != in.own.Account {
		return kith.Errorf(kith.BadPeer, "events under the name of this device")
	}
	account, ok := known[author.Device]
	if ok && account != author.Account {
		return kith.Errorf(kith.BadPeer, "device %s changed its account", author.Device.Short())
	}
	if !ok && len(known) >= most {
		return kith.Errorf(kith.BadPeer, "a conversation of more than %d devices", most)
	}
	return nil
}

// mayAuthorInSphere asks for a member's device. Since records come before
// events, a member whom we do not know is none.
func (in *intake) mayAuthorInSphere(sphere Sphere, certified map[kith.Peer]bool, frame wire.Events) error {
	author := frame.Author
	if !sphere.Known(author.Account) {
		return kith.Errorf(kith.BadPeer, "events of account %s, which never was a member", author.Account.Short())
	}
	if certified[author] {
		return nil
	}
	if err := in.proofs.Device(author.Account, author.Device, frame.Certificate); err != nil {
		return err
	}
	certified[author] = true
	return nil
}

// parse decodes the events of a frame and checks their numbers, their IDs and
// what proves them.
func (in *intake) parse(sphere Sphere, frame wire.Events) ([]kith.Event, error) {
	events := make([]kith.Event, len(frame.Events))
	for i, sealed := range frame.Events {
		ev := &events[i]
		if err := wire.ParseEvent(sealed.Raw, ev); err != nil {
			return nil, err
		}
		ev.Conversation, ev.Author, ev.Proof = frame.Conversation, frame.Author, sealed.Proof
		if ev.Seq != frame.First+uint64(i) {
			return nil, kith.Errorf(kith.BadPeer, "event number %d came in the place of number %d", ev.Seq, frame.First+uint64(i))
		}
		if !ev.ID.Of(ev.Conversation, ev.Author.Account) {
			return nil, kith.Errorf(kith.BadPeer, "event number %d has an ID that its author could not give it", ev.Seq)
		}
		if err := in.prove(sphere, ev); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// prove checks a signature in a sphere, and in a direct conversation the tag of
// what claims to be our own.
func (in *intake) prove(sphere Sphere, ev *kith.Event) error {
	if sphere != nil {
		return in.proofs.Event(ev.Author, ev.Conversation, ev.Raw, ev.Proof)
	}
	if ev.Author.Account == in.own.Account && !in.proofs.Tag(in.selfKey, ev.Conversation, ev.Author.Device, ev.Raw, ev.Proof) {
		return kith.Errorf(kith.BadPeer, "an event that claims to be ours but is not")
	}
	return nil
}

// options says how the store is to take the events of a frame.
func (in *intake) options(sphere Sphere, hide func(*kith.Event) bool, frame wire.Events) store.ApplyOptions {
	o := store.ApplyOptions{Hide: hide}
	if sphere != nil {
		o.Outcast = func(ev *kith.Event) bool { return !sphere.Counts(ev) }
		o.Base = sphere.Since(in.own.Account)[frame.Author.Device]
		o.Certificate = frame.Certificate
	}
	return o
}

// A Delivery takes events that a letter brought, by the rules of those that come
// over a link. In a letter a device sends what its own account wrote, no more. On a
// link the have vectors show first that a history was set back; here each run of
// events says what it follows.
type Delivery struct {
	Own     kith.Peer
	From    kith.Peer // the device that sent the letter
	SelfKey kith.Secret
	Proofs  Proofs
	Sphere  Sphere // nil in a direct conversation
	// Hide tells which events are kept out of sight, as their author was blocked.
	Hide func(*kith.Event) bool
	Now  time.Time
}

// Apply takes events within a write. They wait in the store if others of the
// author are missing before them. An error of kind kith.BadPeer means that they
// must not be taken; nothing of them was.
func (d *Delivery) Apply(tx *store.Tx, run wire.Run) (store.Applied, error) {
	frame := run.Events
	in := &intake{own: d.Own, from: d.From, selfKey: d.SelfKey, proofs: d.Proofs}
	if frame.Author.Account != d.From.Account {
		return store.Applied{}, kith.Errorf(kith.BadPeer, "a letter with events of account %s, which did not send it", frame.Author.Account.Short())
	}
	known, err := tx.Devices(frame.Conversation)
	if err != nil {
		return store.Applied{}, err
	}
	if err := in.mayAuthor(d.Sphere, known, map[kith.Peer]bool{}, frame); err != nil {
		return store.Applied{}, err
	}
	events, err := in.parse(d.Sphere, frame)
	if err != nil {
		return store.Applied{}, err
	}
	o := in.options(d.Sphere, d.Hide, frame)
	o.Chained, o.After = true, run.After
	applied, err := tx.Apply(frame.Conversation, frame.Author, frame.First, events, o)
	if errors.Is(err, store.ErrGap) {
		_, err = tx.Park(frame.Conversation, frame.Author, events, run.After, d.Now)
	}
	return applied, err
}
