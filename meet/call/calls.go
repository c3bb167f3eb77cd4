// Package call makes links by sealed notes that couriers (see [meet.Courier])
// carry between devices that can't reach each other yet:
//
//	caller                           called
//	   │── offer ───────────────────────▶│
//	   │── more (candidates) ───────────▶│  as they are found
//	   │◀── answer ──────────────────────│
//	   │◀── more ────────────────────────│
//	   │◀═════ checks, then a link ═════▶│
//
// Of two who call each other at the same time the device with the lower key
// stays the caller. Over a courier that keeps only the last note an offer is
// whole, and stands until it is answered or too old.
//
// Two couriers are here: [Hub], and [Friends].
package call

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"kith"
	"kith/link"
	"kith/meet"
	"kith/seal"
	"kith/wire"
)

// Limits of calls.
const (
	callLimit      = 15 * time.Second // one call over a live courier
	standingLimit  = 5 * time.Minute  // an offer that waits to be looked for
	standingAnswer = 8 * time.Second  // until a call over such a courier counts as failed
	answerLimit    = 30 * time.Second // from an offer that came to its link
	maxAnswering   = 32               // offers that are being answered
	maxAnswerEach  = 4                // of one correspondent
	maxSeen        = 4096             // offers that are remembered, so that none is answered twice
	maxEarly       = 16               // offers of which more came before themselves
	glare          = 3 * time.Second  // two calls in this time crossed
	staleOffer     = 10 * time.Minute // of a courier that keeps notes
)

// Halves makes the halves of connections; it is package session's endpoint.
type Halves interface {
	// Offer makes the first half. With trickle it returns at once, and what is
	// found afterwards comes from Half.Trickle.
	Offer(ctx context.Context, way string, trickle bool) (Half, error)
	Answer(ctx context.Context, offer wire.Offer, way string, trickle bool) (Half, error)
}

// A Half is this side of a connection that is being made.
type Half interface {
	Local() wire.Offer
	// Trickle gives candidates that were found after Local; it is closed when
	// there are no more.
	Trickle() <-chan wire.Candidate
	// Add takes a candidate of the other side.
	Add(wire.Candidate)
	// Connect makes the link: with the answer if this is an offer, else nil.
	Connect(ctx context.Context, answer *wire.Offer) (link.Link, error)
	Close()
}

// CallOptions of Calls.
type CallOptions struct {
	Log *slog.Logger
	// Linked is given links that others called for, or that came when nobody
	// waited any more, from a goroutine of their own. account is zero for
	// whoever holds an invitation.
	Linked func(l link.Link, account kith.AccountID)
	// Present is told that an account waits at a courier.
	Present func(kith.AccountID)
	// Dropped counts bad notes.
	Dropped func(what string)
}

// Calls are the calls of one device. Methods may be called from any goroutine.
type Calls struct {
	own    kith.DeviceID
	halves Halves
	opt    CallOptions
	ctx    context.Context // ends with Run
	stop   context.CancelFunc
	work   sync.WaitGroup

	mu        sync.Mutex // guards the rest
	ended     bool
	calls     map[[8]byte]*call
	answering map[[8]byte]*answering
	seen      map[[8]byte]struct{}
	order     [][8]byte // of seen, oldest first
	early     []early   // oldest first
}

// An early is more of an offer that did not come yet.
type early struct {
	key  seal.MeetKey
	more wire.Offer
}

// A call is an offer of ours that waits for its answer.
type call struct {
	to     meet.Correspondent
	by     meet.Courier
	half   Half
	made   time.Time
	answer chan wire.Offer // holds one
	drop   context.CancelCauseFunc
	ctx    context.Context
}

// An answering is an offer of somebody else's that is being answered.
type answering struct {
	from meet.Correspondent
	by   meet.Courier
	half Half // nil until it is made
	more []wire.Candidate
}

// NewCalls makes the calls of a device. Close ends them.
func NewCalls(own kith.DeviceID, halves Halves, opt CallOptions) *Calls {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	c := &Calls{
		own: own, halves: halves, opt: opt,
		calls: map[[8]byte]*call{}, answering: map[[8]byte]*answering{}, seen: map[[8]byte]struct{}{},
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Close ends all calls and waits for their goroutines.
func (c *Calls) Close() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.stop()
	c.work.Wait()
}

// start runs f, unless the calls have ended.
func (c *Calls) start(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.work.Go(f)
	}
}

// errCrossed ends a call because the other side called at the same time.
var errCrossed = errors.New("they call at the same moment")

// Call calls somebody by a courier. It returns when ctx ends at the latest;
// end ctx when the caller waits no longer. Errors are for people.
func (c *Calls) Call(ctx context.Context, to meet.Correspondent, by meet.Courier) (link.Link, error) {
	if !by.Live() {
		return c.leaveWord(ctx, to, by)
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	one, err := c.offer(ctx, to, by)
	if err != nil {
		return nil, err
	}
	defer c.forget(one)
	return c.await(ctx, one)
}

// leaveWord calls by a courier that keeps notes: one offer stands for a while,
// and its link may come when nobody waits for it any more.
func (c *Calls) leaveWord(ctx context.Context, to meet.Correspondent, by meet.Courier) (link.Link, error) {
	by.Hasten(to)
	if c.standing(to, by) {
		return nil, kith.Errorf(kith.Unreachable, "word was left for them, and no answer came yet")
	}
	one, err := c.offer(ctx, to, by)
	if err != nil {
		return nil, err
	}
	got := make(chan link.Link)
	c.start(func() {
		defer c.forget(one)
		standing, cancel := context.WithTimeout(one.ctx, standingLimit)
		defer cancel()
		l, err := c.await(standing, one)
		if err != nil {
			return
		}
		select {
		case got <- l:
		case <-ctx.Done():
			c.opt.Linked(l, to.Account)
		}
	})
	wait, cancel := context.WithTimeout(ctx, standingAnswer)
	defer cancel()
	select {
	case l := <-got:
		return l, nil
	case <-wait.Done():
		return nil, kith.Errorf(kith.Unreachable, "word was left for them, and no answer came yet")
	}
}

// standing reports whether an offer to somebody stands.
func (c *Calls) standing(to meet.Correspondent, by meet.Courier) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.calls {
		if one.by == by && one.to.Key == to.Key {
			return true
		}
	}
	return false
}

// offer makes an offer and sends it.
func (c *Calls) offer(ctx context.Context, to meet.Correspondent, by meet.Courier) (*call, error) {
	half, err := c.halves.Offer(ctx, by.Name(), by.Live())
	if err != nil {
		return nil, err
	}
	one := &call{to: to, by: by, half: half, made: time.Now(), answer: make(chan wire.Offer, 1)}
	one.ctx, one.drop = context.WithCancelCause(c.ctx)
	local := half.Local()
	c.mu.Lock()
	answers := !by.Live() && c.answers(to, by)
	if !answers {
		c.calls[local.ID] = one
	}
	c.mu.Unlock()
	if answers { // ours would take the place of the answer
		one.drop(nil)
		half.Close()
		return nil, kith.Errorf(kith.Unreachable, "they called at this moment, and get an answer")
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(one.ctx, stop)() // their offer crossed it, and is answered instead
	heard, known, err := c.send(sending, by, to, wire.Note{Kind: wire.NoteOffer, Offer: local})
	if err == nil && known && heard == 0 {
		err = kith.Errorf(kith.Unreachable, "they are not there now")
	}
	if err != nil {
		c.forget(one)
		return nil, err
	}
	if by.Live() {
		c.start(func() { c.trickle(one.ctx, half, by, to, kith.DeviceID{}) })
	}
	return one, nil
}

// answers reports whether an offer of somebody is being answered by a courier.
// c.mu is held.
func (c *Calls) answers(to meet.Correspondent, by meet.Courier) bool {
	for _, a := range c.answering {
		if a.by == by && a.from.Key == to.Key {
			return true
		}
	}
	return false
}

func (c *Calls) forget(one *call) {
	one.drop(nil)
	one.half.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, one.half.Local().ID)
}

// await waits for the answer and connects.
func (c *Calls) await(ctx context.Context, one *call) (link.Link, error) {
	select {
	case answer := <-one.answer:
		l, err := one.half.Connect(ctx, &answer)
		if err != nil {
			return nil, err
		}
		if !one.to.Account.IsZero() && l.Peer().Account != one.to.Account {
			l.Close(link.Violation)
			return nil, kith.Errorf(kith.BadPeer, "somebody else answered")
		}
		return l, nil
	case <-one.ctx.Done():
		if cause := context.Cause(one.ctx); errors.Is(cause, errCrossed) {
			return nil, cause
		}
		return nil, kith.Errorf(kith.Unreachable, "this device stops looking for others")
	case <-ctx.Done():
		return nil, kith.Errorf(kith.Unreachable, "they were told, but no path came of it: %w", ctx.Err())
	}
}

// trickle tells candidates as they are found, those of a moment together.
func (c *Calls) trickle(ctx context.Context, half Half, by meet.Courier, to meet.Correspondent, device kith.DeviceID) {
	local := half.Local()
	found := half.Trickle()
	for {
		var batch []wire.Candidate
		select {
		case candidate, ok := <-found:
			if !ok {
				return
			}
			batch = append(batch, candidate)
		case <-ctx.Done():
			return
		}
		for more := true; more && len(batch) < wire.MaxCandidates; {
			select {
			case candidate, ok := <-found:
				if more = ok; ok {
					batch = append(batch, candidate)
				}
			default:
				more = false
			}
		}
		note := wire.Note{Kind: wire.NoteMore, To: device, Offer: wire.Offer{Device: c.own, ID: local.ID, Created: local.Created, Candidates: batch}}
		if _, _, err := c.send(ctx, by, to, note); err != nil {
			return
		}
	}
}

func (c *Calls) send(ctx context.Context, by meet.Courier, to meet.Correspondent, note wire.Note) (heard int, known bool, err error) {
	plain, err := wire.AppendNote(nil, note)
	if err != nil {
		return 0, false, err
	}
	return by.Send(ctx, to, to.Key.SealNote(plain))
}
