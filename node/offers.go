package node

import (
	"context"
	"sync"
	"time"

	"kith"
	"kith/link"
	"kith/people"
	"kith/seal"
	"kith/session"
	"kith/wire"
)

const (
	// offerLife is how long a pasted offer waits for its answer, and an answer
	// for the connection.
	offerLife = 10 * time.Minute
	// connectPatience bounds the wait after an answer was pasted.
	connectPatience = 30 * time.Second
)

// offers are the pasted offers made here that no answer came for yet.
type offers struct {
	mu   sync.Mutex
	open map[[8]byte]*session.Offering // guarded by mu
}

func newOffers() *offers { return &offers{open: map[[8]byte]*session.Offering{}} }

func (o *offers) put(id [8]byte, offer *session.Offering) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open[id] = offer
}

// take removes an offer, to use or to close it.
func (o *offers) take(id [8]byte) (*session.Offering, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	offer, ok := o.open[id]
	delete(o.open, id)
	return offer, ok
}

// Offer makes the line that a person sends to a contact, over any channel, to
// link their devices with nobody in between.
func (n *Node) Offer(ctx context.Context, ref string) (line string, err error) {
	r, c, leave, err := n.enterFor(ref)
	if err != nil {
		return "", err
	}
	defer leave()
	key, err := r.offerKey(&c)
	if err != nil {
		return "", err
	}
	offering, err := r.net.Offer(ctx)
	if err != nil {
		return "", err
	}
	local := offering.Local()
	line, err = r.pasted.Seal(key, local)
	if err != nil {
		offering.Close()
		return "", err
	}
	r.offers.put(local.ID, offering)
	r.working.Go(func() {
		timer := time.NewTimer(offerLife)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.ctx.Done():
		}
		if stale, ok := r.offers.take(local.ID); ok {
			stale.Close()
			r.pasted.Forget(local.ID)
		}
	})
	return line, nil
}

// offerKey is what lines between this person and a contact are sealed with.
func (r *run) offerKey(c *kith.Contact) (key seal.OfferKey, err error) {
	name := people.DisplayName(c)
	if !r.isVisible() {
		return key, kith.Errorf(kith.Conflict, "you are hidden; become visible to connect")
	}
	if _, blocked := r.people.block(c.Account); blocked {
		return key, kith.Errorf(kith.Conflict, "%s is blocked; unblock them first", name)
	}
	switch {
	case !c.Invitation.IsZero():
		return seal.InvitationOfferKey(c.Invitation), nil
	case !c.Pair.IsZero():
		return seal.PairOfferKey(c.Pair), nil
	}
	return key, kith.Errorf(kith.Conflict, "%s is not a contact; use an invitation of theirs first", name)
}

// AnswerOffer takes a line that somebody sent. For an offer it gives the line
// to send back, and the devices link when the other side pastes that. For an
// answer to an offer made here it links, and gives an empty line. With an empty
// ref the line itself tells whom it is from.
func (n *Node) AnswerOffer(ctx context.Context, ref, line string) (answer string, err error) {
	r, leave, err := n.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	sources, err := r.offerSources(ref)
	if err != nil {
		return "", err
	}
	keys := make([]seal.OfferKey, len(sources))
	for i, source := range sources {
		keys[i] = source.key
	}
	opened, err := r.pasted.Open(line, keys)
	if err != nil {
		return "", err
	}
	source := sources[opened.Key]
	if opened.Answer {
		return "", r.connect(ctx, source.account, opened.Offer)
	}
	return r.answerOffer(ctx, source, opened.Offer)
}

// An offerSource is somebody who may have made a line.
type offerSource struct {
	key     seal.OfferKey
	account kith.AccountID // zero: whoever holds the invitation
}

// offerSources lists whom a line can be from: the named contact, or everybody.
func (r *run) offerSources(ref string) ([]offerSource, error) {
	contacts := r.people.all()
	if ref != "" {
		c, err := r.contact(ref)
		if err != nil {
			return nil, err
		}
		contacts = []kith.Contact{c}
	}
	var sources []offerSource
	for _, c := range contacts {
		key, err := r.offerKey(&c)
		if err != nil {
			if ref != "" {
				return nil, err
			}
			continue
		}
		sources = append(sources, offerSource{key, c.Account})
	}
	for _, inv := range r.people.invitationList() {
		sources = append(sources, offerSource{key: seal.InvitationOfferKey(inv.Secret)})
	}
	return sources, nil
}

// answerOffer makes the answer to an offer and waits, in the background, for
// the other side to use it.
func (r *run) answerOffer(ctx context.Context, source offerSource, remote wire.Offer) (string, error) {
	offering, err := r.net.Answer(ctx, remote)
	if err != nil {
		return "", err
	}
	line, err := r.pasted.Seal(source.key, offering.Local())
	if err != nil {
		offering.Close()
		return "", err
	}
	r.working.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, offerLife)
		defer cancel()
		l, err := offering.Connect(ctx, nil)
		if err != nil {
			offering.Close()
			r.log.Info("nobody used the answer to a pasted offer", "error", err)
			return
		}
		r.serveOffered(l, source.account)
	})
	return line, nil
}

// connect uses an answer to link.
func (r *run) connect(ctx context.Context, account kith.AccountID, remote wire.Offer) error {
	offer, ok := r.offers.take(remote.ID)
	if !ok {
		return kith.Errorf(kith.Conflict, "the offer that this line answers is no longer open; make a new one")
	}
	r.pasted.Forget(remote.ID)
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	l, err := offer.Connect(ctx, &remote)
	if err != nil {
		offer.Close()
		return kith.Errorf(kith.Unreachable, "the devices could not reach each other, though both lines were right: %w", err)
	}
	r.working.Go(func() { r.serveOffered(l, account) })
	return nil
}

// serveOffered serves a link that came about by pasted lines, if it is to the
// account that the lines were for.
func (r *run) serveOffered(l link.Link, account kith.AccountID) {
	if !account.IsZero() && l.Peer().Account != account {
		r.dropped.add("another account than the pasted lines were for")
		l.Close(link.Violation)
		return
	}
	r.serve(l)
}
