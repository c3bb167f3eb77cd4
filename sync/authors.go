package sync

import (
	"context"
	"fmt"

	"kith"
	"kith/wire"
)

// mayAuthor refuses events that a peer has no business to hand on.
func (t *Talk) mayAuthor(ctx context.Context, lane *lane, frame wire.Events) error {
	author, most := frame.Author, maxAuthors
	switch {
	case lane.sphere != nil:
		most = maxSphereAuthors
		if err := t.mayAuthorInSphere(lane, frame); err != nil {
			return err
		}
	case author.Account != t.peer.Account && author.Account != t.Own.Account:
		// In a direct conversation it speaks for its own account, and gives
		// ours back.
		return kith.Errorf(kith.BadPeer, "events of account %s, which is not in the conversation", author.Account.Short())
	}
	if author.Device == t.Own.Device && author.Account != t.Own.Account {
		return kith.Errorf(kith.BadPeer, "events under the name of this device")
	}
	known, err := t.Store.Devices(ctx, frame.Conversation)
	if err != nil {
		return fmt.Errorf("looking up the devices of the conversation: %w", err)
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
func (t *Talk) mayAuthorInSphere(lane *lane, frame wire.Events) error {
	author := frame.Author
	if !lane.sphere.Known(author.Account) {
		return kith.Errorf(kith.BadPeer, "events of account %s, which never was a member", author.Account.Short())
	}
	if lane.certified[author] {
		return nil
	}
	if err := t.Proofs.Device(author.Account, author.Device, frame.Certificate); err != nil {
		return err
	}
	lane.certified[author] = true
	return nil
}

// parse decodes the events of a frame and checks their numbers, their IDs and
// what proves them.
func (t *Talk) parse(lane *lane, frame wire.Events) ([]kith.Event, error) {
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
		if err := t.prove(lane, ev); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// prove checks a signature in a sphere, and in a direct conversation the tag of
// what claims to be our own.
func (t *Talk) prove(lane *lane, ev *kith.Event) error {
	if lane.sphere != nil {
		return t.Proofs.Event(ev.Author, ev.Conversation, ev.Raw, ev.Proof)
	}
	if ev.Author.Account == t.Own.Account && !t.Proofs.Tag(t.SelfKey, ev.Conversation, ev.Author.Device, ev.Raw, ev.Proof) {
		return kith.Errorf(kith.BadPeer, "an event that claims to be ours but is not")
	}
	return nil
}
