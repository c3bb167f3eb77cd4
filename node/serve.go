package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/link"
	"kith/people"
	"kith/seal"
	talk "kith/sync"
	"kith/wire"
)

// serve leads a link from its begin to its end.
func (r *run) serve(l link.Link) {
	defer l.Close(link.Goodbye)
	account := l.Peer().Account
	r.pursuit.Linked(account, true) // from the begin: who joins over this link need not be dialled
	defer func() {
		if !r.links.has(account) {
			r.pursuit.Linked(account, false)
		}
	}()
	log := r.log.With("device", l.Peer().Device.Short(), "way", l.Path().Way)
	if _, blocked := r.people.block(account); blocked || !r.isVisible() {
		return // to them it looks as if this device had just gone offline
	}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close(link.Goodbye) })
	defer stop()
	stream, err := r.introduce(ctx, l)
	if err != nil {
		log.Info("no talk", "reason", err)
		l.Close(reasonFor(err))
		return
	}
	served := newLive(l)
	self := &host{run: r, link: served}
	served.talk = talk.New(talk.Config{
		Link:          l,
		Stream:        stream,
		Store:         r.store,
		Own:           r.id.peer,
		Certificate:   r.id.cert,
		SelfKey:       r.id.self,
		Proofs:        proofs,
		Conversations: []kith.ConversationID{kith.DirectConversation(r.id.peer.Account, account)},
		Host:          self,
		Now:           r.opt.now,
	})
	if !r.links.add(served) {
		return
	}
	r.pursuit.Linked(account, true) // again, for another link may have ended meanwhile
	r.linkChanged(account)
	r.working.Go(func() { r.takeStreams(ctx, served) })
	if r.better != nil {
		r.working.Go(func() { r.better.run(ctx, served) })
	}
	log.Debug("linked", "remote", l.Path().Remote)
	err = served.talk.Run(ctx)
	switch {
	case errors.Is(err, talk.ErrRolledBack):
		r.rolledBack()
	case kith.KindOf(err) == kith.BadPeer:
		r.dropped.add("a link that broke the protocol")
		log.Warn("the other side broke the protocol", "error", err)
	}
	l.Close(reasonFor(err))
	<-l.Done()
	r.links.remove(served)
	r.friendDown(l.Peer().Device)
	log.Debug("link ended", "reason", l.Reason(), "error", err)
	if l.Reason() == link.Lost && r.hubs != nil {
		r.hubs.networkChanged() // what led to them may lead to no hub either
	}
	r.typing.gone(account)
	if r.ctx.Err() != nil {
		return
	}
	r.noteSeen(account)
	r.mail.parted(l.Peer(), time.Since(served.since))
	r.linkChanged(account)
	if l.Reason() == link.Replaced && !r.links.has(account) {
		// The other side keeps an older link, which must be one of a former
		// life of this program: ours is taken for its twin no longer than that.
		time.AfterFunc(tieWindow, func() { r.pursuit.Now(account) })
	}
}

// proofs are the checks of what others wrote.
var proofs = talk.Proofs{Tag: seal.CheckSelfTag, Event: seal.VerifyEvent, Device: seal.VerifyDevice}

// reasonFor is what to tell the other side when err ended what we did.
func reasonFor(err error) link.Reason {
	switch kith.KindOf(err) {
	case kith.BadPeer:
		return link.Violation
	case kith.NotFound, kith.Forbidden:
		return link.Unwanted
	}
	return link.Goodbye
}

// noteSeen remembers when a contact was linked last.
func (r *run) noteSeen(account kith.AccountID) {
	_, err := r.people.edit(r.ctx, account, func(c *kith.Contact) (bool, error) {
		c.LastSeen = r.opt.now()
		return true, nil
	})
	if err != nil && kith.KindOf(err) != kith.NotFound && r.ctx.Err() == nil {
		r.log.Warn("could not note when a contact was seen", "error", err)
	}
}

// introduceTimeout bounds the time from a link to the begin of the talk.
const introduceTimeout = 15 * time.Second

// introduce sees to it that both ends of a link know each other, over an
// invitation if need be, and gives the stream in which they talk. What comes
// first is what the initiator wants.
func (r *run) introduce(ctx context.Context, l link.Link) (link.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, introduceTimeout)
	defer cancel()
	account := l.Peer().Account
	if account == r.id.peer.Account {
		return nil, kith.Errorf(kith.Forbidden, "a link of an account with itself")
	}
	if l.Initiator() {
		if c, ok := r.people.get(account); ok && !c.Invitation.IsZero() {
			if err := r.request(ctx, l, &c); err != nil {
				return nil, err
			}
		}
		if err := r.knows(account); err != nil {
			return nil, err
		}
		return l.Open(ctx, link.Talk)
	}
	for {
		purpose, stream, err := l.Accept(ctx)
		if err != nil {
			return nil, fmt.Errorf("waiting for what the other side wants: %w", err)
		}
		switch purpose {
		case link.Join:
			if err := r.answer(ctx, l, stream); err != nil {
				return nil, err
			}
		case link.Talk:
			return stream, r.knows(account)
		default:
			r.dropped.add("a stream of unknown purpose")
			stream.Cancel()
		}
	}
}

// knows refuses whoever is not a contact, nor about to become one.
func (r *run) knows(account kith.AccountID) error {
	if c, ok := r.people.get(account); !ok || c.Relation == kith.Removed || c.Pair.IsZero() {
		return kith.Errorf(kith.NotFound, "account %s is not a contact", account.Short())
	}
	return nil
}

// A host is the node as one talk sees it.
type host struct {
	*run
	link    *live
	greeted sync.Once
}

// Hello is what this node says of itself to the peer.
func (h *host) Hello() wire.Hello {
	c, _ := h.people.get(h.link.Peer().Account)
	h.mu.Lock()
	signed := h.signed
	h.mu.Unlock()
	return wire.Hello{
		Version:   talk.Version,
		Accepted:  c.Relation == kith.Accepted || c.Relation == kith.Asked,
		Card:      signed,
		Holds:     c.Signed,
		Addresses: h.net.Addresses(),
		Now:       h.opt.now(),
	}
}

// Greeted takes what the peer says of itself.
func (h *host) Greeted(ctx context.Context, hello wire.Hello) (open talk.Open, err error) {
	peer := h.link.Peer()
	card, err := seal.OpenCard(hello.Card)
	if err != nil {
		return open, err
	}
	if card.Account != peer.Account {
		return open, kith.Errorf(kith.BadPeer, "device %s shows the card of another account", peer.Device.Short())
	}
	if err := h.outdated(ctx, hello.Holds); err != nil {
		return open, err
	}
	addresses := hello.Addresses
	if path := h.link.Path(); h.link.Initiator() && path.Kind == link.Direct {
		addresses = mergeAddresses(parseAddress(path.Remote), addresses)
	}
	var became, news bool
	c, err := h.people.edit(ctx, peer.Account, func(c *kith.Contact) (bool, error) {
		changed := people.TakeCard(c, card, hello.Card)
		if merged := mergeAddresses(addresses, c.Addresses); !slices.Equal(merged, c.Addresses) {
			c.Addresses, changed = merged, true
		}
		if hello.Accepted && (c.Relation == kith.Asked || !c.Invitation.IsZero()) {
			c.Relation, c.Invitation, became, changed = kith.Accepted, kith.InvitationSecret{}, true, true
		}
		if hello.Accepted && c.Relation == kith.Fellow {
			c.Relation, changed = kith.Asking, true
		}
		news = changed
		return changed, nil
	})
	if err != nil {
		return open, fmt.Errorf("noting what device %s says of itself: %w", peer.Device.Short(), err)
	}
	if became {
		h.joins.answer(peer.Account, nil)
	}
	if !slices.Contains(c.Card.Devices, peer.Device) {
		h.log.Info("a device that is not on its account's card", "device", peer.Device.Short())
		return open, nil
	}
	h.greeted.Do(func() {
		h.spheres.tellInvites(peer.Account, h.link.talk.Say)
		h.spheres.tellFellows(h.link)
		h.tellSwarm(h.link)
		h.mail.tell(h.link)
		h.friendUp(peer)
	})
	if news {
		h.spheres.introduce(peer.Account)
	}
	return talk.Open{Direct: c.Relation == kith.Accepted && hello.Accepted, Spheres: true}, nil
}

// Spheres are those that may be talked of with the peer.
func (h *host) Spheres() []talk.Sphere {
	var list []talk.Sphere
	for _, s := range h.spheres.with(h.link.Peer().Account) {
		list = append(list, s)
	}
	return list
}

// Said takes what is about something else than conversations.
func (h *host) Said(ctx context.Context, frame wire.Frame) error {
	peer := h.link.Peer()
	switch f := frame.(type) {
	case wire.SphereInvite:
		if c, ok := h.people.get(peer.Account); !ok || c.Relation != kith.Accepted {
			h.dropped.add("an invitation to a sphere by somebody who is no contact")
			return nil
		}
		return h.spheres.onInvite(ctx, peer.Account, f)
	case wire.SphereAnswer:
		return h.spheres.onAnswer(ctx, peer, f)
	case wire.SwarmPort:
		h.onSwarmPort(h.link, f)
		return nil
	case wire.Fellows:
		return h.spheres.onFellows(ctx, peer.Account, f)
	case wire.Drops:
		return h.mail.onDrops(ctx, h.link, f)
	case wire.Seek, wire.Sought, wire.Pass:
		h.bring(h.link, f)
		return nil
	}
	h.dropped.add("a frame that does not belong into a talk")
	return nil
}

// outdated signs the own card anew if the peer holds a later one, which this
// account signed before its store was restored.
func (h *host) outdated(ctx context.Context, held []byte) error {
	if len(held) == 0 {
		return nil
	}
	card, err := seal.OpenCard(held)
	if err != nil || card.Account != h.id.peer.Account {
		return kith.Errorf(kith.BadPeer, "device %s shows a card of ours that we did not sign", h.link.Peer().Device.Short())
	}
	if card.Version <= h.card().Version {
		return nil
	}
	if err := h.signCard(ctx, card.Version, func(*kith.Card) {}); err != nil {
		return err
	}
	h.links.greet(kith.AccountID{})
	return nil
}

// Hidden reports whether an event was written while its author was blocked.
func (h *host) Hidden(ev *kith.Event, ahead time.Duration) bool {
	return h.people.hidden(ev.Author.Account, ev.Sent.Add(-ahead))
}

// TellsRead reports whether others may know what this person has read.
func (h *host) TellsRead() bool { return h.preferences().ReadMarks }

// Typing notes that the peer's person writes.
func (h *host) Typing(conv kith.ConversationID, active bool) {
	h.typing.set(conv, h.link.Peer().Account, active)
}

// Dropped counts bad input.
func (h *host) Dropped(what string) { h.dropped.add(what) }
