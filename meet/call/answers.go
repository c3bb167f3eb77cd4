package call

import (
	"context"
	"slices"
	"time"

	"kith/link"
	"kith/meet"
	"kith/wire"
)

// Present is told by a courier that somebody waits there.
func (c *Calls) Present(who meet.Correspondent, _ meet.Courier) {
	if !who.Account.IsZero() {
		c.opt.Present(who.Account)
	}
}

// Note takes what a courier brings. It returns at once.
func (c *Calls) Note(from meet.Correspondent, by meet.Courier, sealed []byte) {
	plain, err := from.Key.OpenNote(sealed)
	if err != nil {
		c.opt.Dropped("a note that does not open")
		return
	}
	note, err := wire.ParseNote(plain)
	if err != nil {
		c.opt.Dropped("a note that can't be read")
		return
	}
	if note.Offer.Device == c.own || !note.To.IsZero() && note.To != c.own {
		return // our own, or for another device
	}
	switch note.Kind {
	case wire.NoteOffer:
		c.onOffer(from, by, note.Offer)
	case wire.NoteAnswer:
		c.onAnswer(from, note.Offer)
	case wire.NoteMore:
		c.onMore(from, note.Offer)
	}
}

func (c *Calls) onAnswer(from meet.Correspondent, answer wire.Offer) {
	c.mu.Lock()
	one := c.calls[answer.ID]
	c.mu.Unlock()
	if one == nil || one.to.Key != from.Key {
		return // too late
	}
	select {
	case one.answer <- answer:
	default: // another device answered before
	}
}

func (c *Calls) onMore(from meet.Correspondent, more wire.Offer) {
	c.mu.Lock()
	var half Half
	if one := c.calls[more.ID]; one != nil && one.to.Key == from.Key {
		half = one.half
	} else if a := c.answering[more.ID]; a != nil && a.from.Key == from.Key {
		if half = a.half; half == nil && len(a.more)+len(more.Candidates) <= wire.MaxCandidates {
			a.more = append(a.more, more.Candidates...)
		}
	} else if _, late := c.seen[more.ID]; !late && !from.Joining {
		c.early = append(c.early[max(0, len(c.early)+1-maxEarly):], early{from.Key, more})
	}
	c.mu.Unlock()
	if half != nil {
		for _, candidate := range more.Candidates {
			half.Add(candidate)
		}
	}
}

// onOffer decides whether to answer somebody who calls, and does.
func (c *Calls) onOffer(from meet.Correspondent, by meet.Courier, offer wire.Offer) {
	if from.Joining {
		return // others hold the invitation, too
	}
	if age := time.Since(offer.Created); !by.Live() && (age > staleOffer || age < -staleOffer) {
		return
	}
	c.mu.Lock()
	if _, seen := c.seen[offer.ID]; seen || c.ended {
		c.mu.Unlock()
		return
	}
	if own := c.crossing(from, by); own != nil {
		if string(c.own[:]) < string(offer.Device[:]) {
			c.mu.Unlock()
			return // they answer ours
		}
		own.drop(errCrossed)
	}
	if !c.room(from) {
		c.mu.Unlock()
		// Nothing is wrong with it: they call again, and after a restart all do
		// at once.
		c.opt.Log.Debug("too busy to answer an offer", "way", by.Name())
		return
	}
	c.remember(offer.ID)
	a := &answering{from: from, by: by}
	c.early = slices.DeleteFunc(c.early, func(e early) bool {
		mine := e.key == from.Key && e.more.ID == offer.ID
		if mine {
			a.more = append(a.more, e.more.Candidates...)
		}
		return mine
	})
	c.answering[offer.ID] = a
	c.work.Go(func() { c.answerOffer(a, by, offer) })
	c.mu.Unlock()
}

// crossing is the call of ours that an offer crosses, or nil. c.mu is held.
func (c *Calls) crossing(from meet.Correspondent, by meet.Courier) *call {
	for _, one := range c.calls {
		if one.to.Key == from.Key && one.by == by && (!by.Live() || time.Since(one.made) < glare) {
			return one
		}
	}
	return nil
}

// room reports whether one more offer of somebody can be answered. c.mu is
// held.
func (c *Calls) room(from meet.Correspondent) bool {
	theirs := 0
	for _, a := range c.answering {
		if a.from.Key == from.Key {
			theirs++
		}
	}
	return len(c.answering) < maxAnswering && theirs < maxAnswerEach
}

// remember notes an offer, so that it is not answered twice. c.mu is held.
func (c *Calls) remember(id [8]byte) {
	c.seen[id] = struct{}{}
	c.order = append(c.order, id)
	if len(c.order) > maxSeen {
		delete(c.seen, c.order[0])
		c.order = c.order[1:]
	}
}

func (c *Calls) answerOffer(a *answering, by meet.Courier, offer wire.Offer) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.answering, offer.ID)
	}()
	limit := answerLimit
	if !by.Live() {
		limit = standingLimit // our answer may be found late
	}
	ctx, cancel := context.WithTimeout(c.ctx, limit)
	defer cancel()
	half, err := c.halves.Answer(ctx, offer, by.Name(), by.Live())
	if err != nil {
		c.opt.Log.Debug("an offer can't be answered", "way", by.Name(), "err", err)
		return
	}
	defer half.Close()
	c.mu.Lock()
	a.half = half
	more := a.more
	c.mu.Unlock()
	for _, candidate := range more {
		half.Add(candidate)
	}
	note := wire.Note{Kind: wire.NoteAnswer, To: offer.Device, Offer: half.Local()}
	if _, _, err := c.send(ctx, by, a.from, note); err != nil {
		c.opt.Log.Debug("an answer can't be sent", "way", by.Name(), "err", err)
		return
	}
	if by.Live() {
		c.work.Go(func() { c.trickle(ctx, half, by, a.from, offer.Device) })
	}
	l, err := half.Connect(ctx, nil)
	if err != nil {
		c.opt.Log.Debug("an offer came to no link", "way", by.Name(), "err", err)
		return
	}
	if account := a.from.Account; !account.IsZero() && l.Peer().Account != account {
		c.opt.Dropped("another account than the offer was of")
		l.Close(link.Violation)
		return
	}
	c.opt.Linked(l, a.from.Account)
}

var _ meet.Mail = (*Calls)(nil)
