package node

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/link"
	"kith/meet"
	"kith/people"
	"kith/seal"
	"kith/session"
	"kith/store"
	talk "kith/sync"
	"kith/wire"
)

// joinPatience is how long a person who used an invitation waits for the answer
// before they are told that it may come later.
const joinPatience = 10 * time.Second

// joins lets those who used an invitation wait for what becomes of it.
type joins struct {
	mu      sync.Mutex
	waiting map[kith.AccountID][]chan error // guarded by mu
}

func newJoins() *joins { return &joins{waiting: map[kith.AccountID][]chan error{}} }

// await gives a channel that gets the answer of an account.
func (j *joins) await(account kith.AccountID) chan error {
	answer := make(chan error, 1)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting[account] = append(j.waiting[account], answer)
	return answer
}

// done ends a wait.
func (j *joins) done(account kith.AccountID, answer chan error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting[account] = slices.DeleteFunc(j.waiting[account], func(c chan error) bool { return c == answer })
	if len(j.waiting[account]) == 0 {
		delete(j.waiting, account)
	}
}

// answer hands an answer to all who wait: nil unless the request was refused.
func (j *joins) answer(account kith.AccountID, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.waiting[account] {
		select {
		case c <- err:
		default:
		}
	}
}

// request asks the giver of an invitation, at the other end of l, to become a
// contact, and notes the answer.
func (r *run) request(ctx context.Context, l link.Link, c *kith.Contact) error {
	stream, err := l.Open(ctx, link.Join)
	if err != nil {
		return fmt.Errorf("asking to become a contact: %w", err)
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, stream.Cancel)()
	r.mu.Lock()
	signed := r.signed
	r.mu.Unlock()
	err = wire.NewWriter(stream).Write(wire.JoinRequest{
		Version:   talk.Version,
		Proof:     seal.InvitationProof(c.Invitation, l.Binding(), r.id.peer.Account),
		Card:      signed,
		Half:      c.Half,
		Addresses: r.net.Addresses(),
	})
	if err != nil {
		return fmt.Errorf("asking to become a contact: %w", err)
	}
	frame, err := wire.NewReader(stream).Read()
	if err != nil {
		return fmt.Errorf("waiting for the answer to a request: %w", err)
	}
	reply, ok := frame.(wire.JoinReply)
	if !ok {
		return kith.Errorf(kith.BadPeer, "a %T came in answer to a request", frame)
	}
	if reply.Status != wire.JoinAccepted && reply.Status != wire.JoinWaiting {
		return r.refused(ctx, c.Account, reply.Status)
	}
	if err := r.agreed(ctx, l.Peer(), reply); err != nil {
		return err
	}
	r.joins.answer(c.Account, nil)
	return nil
}

// requestAgain asks over the links that there are already, by an invitation that
// a contact or a member of a common sphere gave. If that fails, the next link asks.
func (r *run) requestAgain(account kith.AccountID) {
	c, ok := r.people.get(account)
	if !ok || c.Invitation.IsZero() {
		return
	}
	for _, l := range r.links.of(account) {
		r.working.Go(func() {
			ctx, cancel := context.WithTimeout(r.ctx, introduceTimeout)
			defer cancel()
			if err := r.request(ctx, l, &c); err != nil {
				r.log.Info("an invitation was not answered over the link", "reason", err)
			}
		})
	}
}

// refused ends the request: whoever never was a contact is forgotten, and the
// history with one who was stays where it was.
func (r *run) refused(ctx context.Context, account kith.AccountID, status wire.JoinStatus) error {
	refusal := people.Refusal(status)
	err := r.people.change(ctx, func(next *draft) error {
		switch c, ok := r.people.get(account); {
		case ok && c.Relation == kith.Asked && len(c.Card.Devices) == 0:
			next.forget = append(next.forget, account)
		case ok:
			if c.Relation == kith.Asked {
				c.Relation = kith.Removed
			}
			c.Invitation = kith.InvitationSecret{}
			next.contacts = append(next.contacts, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.joins.answer(account, refusal)
	return refusal
}

// agreed notes a reply that is not a refusal.
func (r *run) agreed(ctx context.Context, from kith.Peer, reply wire.JoinReply) error {
	account := from.Account
	card, err := openPeerCard(from, reply.Card)
	if err != nil {
		return err
	}
	if reply.Half.IsZero() {
		return kith.Errorf(kith.BadPeer, "an answer to a request without a half of the pair secret")
	}
	defer r.spheres.expect(account)()
	_, err = r.people.edit(ctx, account, func(c *kith.Contact) (bool, error) {
		if c.Invitation.IsZero() {
			return false, nil
		}
		c.Invitation = kith.InvitationSecret{}
		c.Pair = r.pairWith(card, reply.Sphere, c.Half, reply.Half)
		c.Addresses = mergeAddresses(reply.Addresses, c.Addresses)
		r.introduceCard(c, card, reply.Card)
		switch {
		case !reply.Sphere.IsZero() && c.Relation == kith.Asked:
			c.Relation = kith.Fellow
		case reply.Sphere.IsZero() && reply.Status == wire.JoinAccepted:
			c.Relation = kith.Accepted
		}
		return true, nil
	})
	if err == nil && !reply.Sphere.IsZero() {
		err = r.spheres.enterBy(ctx, reply.Sphere, account)
	}
	return err
}

// answer takes the request of somebody who came by an invitation. After a
// refusal it waits until the other side has read it and ended the link.
func (r *run) answer(ctx context.Context, l link.Link, stream link.Stream) error {
	refusal, err := r.reply(ctx, l, stream)
	if err != nil || refusal == nil {
		return err
	}
	select {
	case <-l.Done():
	case <-ctx.Done():
	}
	return refusal
}

// reply decides about a request by the rules of package people, and answers when
// the decision is durable.
func (r *run) reply(ctx context.Context, l link.Link, stream link.Stream) (refusal, err error) {
	defer stream.Close()
	defer context.AfterFunc(ctx, stream.Cancel)()
	frame, err := wire.NewReader(stream).Read()
	if err != nil {
		return nil, err
	}
	request, ok := frame.(wire.JoinRequest)
	if !ok {
		return nil, kith.Errorf(kith.BadPeer, "a %T came instead of a request", frame)
	}
	secret, ok := r.invitedBy(l.Peer(), l.Binding(), request.Proof)
	if !ok {
		return nil, kith.Errorf(kith.BadPeer, "a request without proof of an invitation")
	}
	reply, err := r.decide(ctx, l.Peer(), secret, request)
	if err != nil {
		return nil, err
	}
	if err := wire.NewWriter(stream).Write(reply); err != nil {
		return nil, fmt.Errorf("answering a request: %w", err)
	}
	if reply.Card == nil {
		refusal = people.Refusal(reply.Status)
	}
	return refusal, nil
}

// invitedBy finds the invitation that a request proves to hold.
func (r *run) invitedBy(joiner kith.Peer, binding []byte, proof [32]byte) (kith.InvitationSecret, bool) {
	for _, inv := range r.people.invitationList() {
		if seal.CheckInvitationProof(proof, inv.Secret, binding, joiner.Account) {
			return inv.Secret, true
		}
	}
	return kith.InvitationSecret{}, false
}

// decide makes what a request comes to durable and gives the reply.
func (r *run) decide(ctx context.Context, from kith.Peer, secret kith.InvitationSecret, request wire.JoinRequest) (reply wire.JoinReply, err error) {
	joiner := from.Account
	card, err := openPeerCard(from, request.Card)
	if err != nil {
		return reply, err
	}
	defer r.spheres.expect(joiner)()
	err = r.people.change(ctx, func(next *draft) error {
		inv, ok := r.people.invitation(secret)
		if !ok {
			return kith.Errorf(kith.NotFound, "this invitation is gone")
		}
		var known *kith.Contact
		if c, ok := r.people.get(joiner); ok {
			known = &c
		}
		inv, contact, status := people.Answer(inv, known, joiner, r.opt.now())
		reply.Sphere = inv.Sphere
		reply.Status = status
		if contact == nil {
			return nil
		}
		if contact.Half.IsZero() {
			contact.Half = seal.NewHalf()
		}
		contact.Pair = r.pairWith(card, inv.Sphere, contact.Half, request.Half)
		contact.Addresses = mergeAddresses(request.Addresses, contact.Addresses)
		r.introduceCard(contact, card, request.Card)
		next.contacts = append(next.contacts, *contact)
		next.invitations = append(next.invitations, inv)
		if inv.Sphere.IsZero() {
			next.settle = r.ensureConversation(joiner)
		}
		reply.Half, reply.Addresses = contact.Half, r.net.Addresses()
		r.mu.Lock()
		reply.Card = r.signed
		r.mu.Unlock()
		return nil
	})
	if err == nil && reply.Card != nil && !reply.Sphere.IsZero() {
		err = r.spheres.letIn(ctx, reply.Sphere, joiner)
	}
	return reply, err
}

// pairWith is the secret of a new pair. With who comes into a sphere it is the
// one that all fellows have: if one side forgets them when they leave, and meets
// them again when they are back, both still open the same door.
func (r *run) pairWith(card kith.Card, sphere kith.ConversationID, own, theirs kith.Secret) kith.Secret {
	if !sphere.IsZero() {
		if pair, err := r.id.fellowSecret(card); err == nil {
			return pair
		}
	}
	return seal.PairSecret(r.id.peer.Account, card.Account, own, theirs)
}

// introduceCard takes the card of somebody who is becoming a contact, and
// warns if their name belongs to somebody else.
func (r *run) introduceCard(c *kith.Contact, card kith.Card, signed []byte) {
	if warning := people.NameWarning(r.people.all(), card); warning != "" && len(c.Card.Devices) == 0 {
		c.Warning = warning
	}
	people.TakeCard(c, card, signed)
}

// openPeerCard checks that a card belongs to the account and the device that
// shows it.
func openPeerCard(peer kith.Peer, signed []byte) (kith.Card, error) {
	card, err := seal.OpenCard(signed)
	if err != nil {
		return card, err
	}
	if card.Account != peer.Account || !slices.Contains(card.Devices, peer.Device) {
		return card, kith.Errorf(kith.BadPeer, "device %s shows a card that is not its own", peer.Device.Short())
	}
	return card, nil
}

// ensureConversation makes the conversation with an account, in the same
// transaction as the contact.
func (r *run) ensureConversation(account kith.AccountID) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		return tx.EnsureDirect(kith.DirectConversation(r.id.peer.Account, account), account)
	}
}

// invitationDoors gives the doors of the invitations that were given out, and
// by what notes of their holders are known.
func (r *run) invitationDoors() (doors []session.Door, known []acquaintance) {
	for _, inv := range r.people.invitationList() {
		if _, blocked := r.people.block(inv.UsedBy); blocked && !inv.Reusable {
			continue // it would show the blocked one that we are here
		}
		if r.opt.now().Before(inv.Expires.Add(invitationGrace)) {
			doors = append(doors, session.Door{Key: seal.InvitationDoor(inv.Secret)})
			known = append(known, acquaintance{Correspondent: meet.Correspondent{Key: seal.InvitationMeet(inv.Secret)}})
		}
	}
	return doors, known
}

// parseAddress reads an address and port; none if it is something else.
func parseAddress(text string) []netip.AddrPort {
	addr, err := netip.ParseAddrPort(text)
	if err != nil {
		return nil
	}
	return []netip.AddrPort{addr}
}
