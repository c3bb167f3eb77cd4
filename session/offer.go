package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/stun/v4"
	"github.com/quic-go/quic-go"
	"golang.org/x/time/rate"

	"kith"
	"kith/seal"
	"kith/wire"
)

const (
	offerLife    = 10 * time.Minute
	maxOfferings = 256 // that are open at a time
)

// An Offering is one side of an attempt to link by an offer and its answer,
// which something else carries. It lives until it is connected or closed, or
// for 10 minutes. Its methods may be called from any goroutine.
type Offering struct {
	// Way is told in the link's path. It may be set until Connect is called.
	Way string

	endpoint   *Endpoint
	ice        ICEConfig
	servers    []server // of ice
	answer     bool
	direct     bool        // no relays
	offer      *wire.Offer // for an answer: the offer
	ufrag      string      // of the local half, as all else that checks need
	integrity  stun.MessageIntegrity
	tieBreaker [8]byte
	limiter    *rate.Limiter // of checks looked at
	tcp        *tcpPort      // may be nil
	ctx        context.Context
	expire     context.CancelCauseFunc
	timer      *time.Timer         // of expire, until there is a link
	trickle    chan wire.Candidate // has room for all
	gathered   chan struct{}       // closed when all servers have answered or had their time
	arrivals   chan arrival        // has room for the one
	due, ready chan struct{}       // something is to be checked, or can be used
	freed      sync.Once

	mu          sync.Mutex // guards all below
	started     bool       // Connect was called
	ended       bool
	taken       bool // a link has arrived
	told        bool // trickle is closed
	local       wire.Offer
	peer        credentials      // of the other side, once they are known
	remotes     []wire.Candidate // of the other side, at most maxRemote
	added       chan struct{}    // closed when there is one more
	legs        []*leg
	pairs       map[pairKey]*pair
	directSince time.Time // when a direct pair was added last
	seen        memory    // of checks that were answered
}

// credentials are the other side's, for checks.
type credentials struct {
	ufrag     string
	integrity stun.MessageIntegrity
}

// An arrival is a connection that the other side began.
type arrival struct {
	conn *quic.Conn
	leg  *leg // nil: the endpoint's port
}

// OfferNow makes an offer of what is known without asking anybody: the
// machine's addresses, mappings of its router, and how others saw it lately.
// What STUN and TURN servers add comes from Trickle. An error is of kind
// kith.Unreachable if there is nothing to offer and nobody to ask.
func (e *Endpoint) OfferNow(ctx context.Context) (*Offering, error) {
	return e.offer(ctx, false)
}

// OfferDirect is OfferNow for a link that must be better than a relayed one:
// neither side uses relays. An error is of kind kith.Conflict if this endpoint
// is to use nothing else.
func (e *Endpoint) OfferDirect(ctx context.Context) (*Offering, error) {
	return e.offer(ctx, true)
}

func (e *Endpoint) offer(ctx context.Context, direct bool) (*Offering, error) {
	local := wire.Offer{Device: seal.DeviceOf(e.cfg.Device), Created: time.Now()}
	rand.Read(local.ID[:])
	return e.open(ctx, local, nil, direct)
}

// AnswerNow makes the answer to somebody's offer of the same. An error is of
// kind kith.Invalid if it is no offer.
func (e *Endpoint) AnswerNow(ctx context.Context, remote wire.Offer) (*Offering, error) {
	return e.answer(ctx, remote, false)
}

// AnswerDirect makes the answer to what OfferDirect made.
func (e *Endpoint) AnswerDirect(ctx context.Context, remote wire.Offer) (*Offering, error) {
	return e.answer(ctx, remote, true)
}

func (e *Endpoint) answer(ctx context.Context, remote wire.Offer, direct bool) (*Offering, error) {
	if remote.Answer {
		return nil, kith.Errorf(kith.Invalid, "this is an answer, and an answer can't be answered: it belongs to whoever made the offer")
	}
	local := wire.Offer{Answer: true, ID: remote.ID, Device: seal.DeviceOf(e.cfg.Device), Created: time.Now()}
	return e.open(ctx, local, &remote, direct)
}

// Offer is OfferNow for an offer that travels as one line: it waits for the
// STUN and TURN servers, up to 2 seconds if there are any.
func (e *Endpoint) Offer(ctx context.Context) (*Offering, error) {
	return complete(ctx)(e.OfferNow(ctx))
}

// Answer is AnswerNow for an answer that travels as one line: it waits for the
// STUN and TURN servers, up to 2 seconds if there are any.
func (e *Endpoint) Answer(ctx context.Context, remote wire.Offer) (*Offering, error) {
	return complete(ctx)(e.AnswerNow(ctx, remote))
}

func complete(ctx context.Context) func(*Offering, error) (*Offering, error) {
	return func(o *Offering, err error) (*Offering, error) {
		if err != nil {
			return nil, err
		}
		if err := o.complete(ctx); err != nil {
			o.Close()
			return nil, err
		}
		return o, nil
	}
}

// open makes one side of an attempt and begins to gather.
func (e *Endpoint) open(ctx context.Context, local wire.Offer, offer *wire.Offer, direct bool) (*Offering, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o := &Offering{
		Way:      "offer",
		endpoint: e, answer: local.Answer, offer: offer, direct: direct,
		limiter:  rate.NewLimiter(checkRate, checkBurst),
		trickle:  make(chan wire.Candidate, wire.MaxCandidates),
		gathered: make(chan struct{}),
		arrivals: make(chan arrival, 1),
		due:      make(chan struct{}, 1),
		ready:    make(chan struct{}, 1),
		added:    make(chan struct{}),
		pairs:    make(map[pairKey]*pair),
	}
	local.Ufrag, local.Pwd = randomWord(6), randomWord(24)
	rand.Read(o.tieBreaker[:])
	o.local, o.ufrag = local, local.Ufrag
	o.integrity = stun.NewShortTermIntegrity(local.Pwd)
	o.ctx, o.expire = context.WithCancelCause(context.Background())
	e.mu.Lock()
	closed, busy, hidden := e.closed, len(e.offerings) >= maxOfferings, direct && e.ice.RelayOnly
	if !closed && !busy && !hidden {
		e.offerings[o] = struct{}{}
		o.ice = e.ice
	}
	e.mu.Unlock()
	switch {
	case closed:
		o.expire(errClosed())
		return nil, errClosed()
	case busy:
		err := kith.Errorf(kith.Conflict, "%d connection offers are open, which are too many: try again later", maxOfferings)
		o.expire(err)
		return nil, err
	case hidden:
		err := kith.Errorf(kith.Conflict, "links go through relays only, as the settings say")
		o.expire(err)
		return nil, err
	}
	o.servers, _ = o.ice.parse() // SetICE has checked it
	if direct {
		o.servers = withoutRelays(o.servers)
	}
	expired := kith.Errorf(kith.Unreachable, "the offer is older than %.0f minutes: make a new one", offerLife.Minutes())
	o.timer = time.AfterFunc(offerLife, func() { o.expire(expired) })
	o.gatherKnown()
	e.guard.register(o)
	context.AfterFunc(o.ctx, o.free)
	if len(o.local.Candidates) == 0 && len(o.servers) == 0 {
		o.Close()
		return nil, errNothingToOffer()
	}
	go o.gather()
	return o, nil
}

func errNothingToOffer() error {
	return kith.Errorf(kith.Unreachable, "this machine has no network address that could be offered")
}

// randomWord gives a credential of 8 bits of randomness for each of n bytes,
// in the characters that ICE allows.
func randomWord(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.RawStdEncoding.EncodeToString(b)
}

// Local is this side's half, with the candidates that are known by now.
func (o *Offering) Local() wire.Offer {
	o.mu.Lock()
	defer o.mu.Unlock()
	local := o.local
	local.Candidates = slices.Clone(local.Candidates)
	slices.SortStableFunc(local.Candidates, func(a, b wire.Candidate) int { return cmp.Compare(b.Priority, a.Priority) })
	return local
}

// Trickle gives the candidates that are found after OfferNow or AnswerNow has
// returned, for the other side's Add. It is closed when there will be no more.
func (o *Offering) Trickle() <-chan wire.Candidate { return o.trickle }

// Add takes a candidate of the other side that was found after its half was
// made, at any time before or during Connect. One that is known, that can't be
// used, or that is one too many, is dropped.
func (o *Offering) Add(c wire.Candidate) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	o.addRemoteLocked(c)
	close(o.added)
	o.added = make(chan struct{})
	signal(o.due)
}

// candidate makes one of this side's.
func (o *Offering) candidate(kind wire.CandidateType, addr, related netip.AddrPort) wire.Candidate {
	return wire.Candidate{Type: kind, Priority: priority(kind, wire.CandidateUDP, addr.Addr()), Addr: addr, Related: related}
}

// emit takes a candidate of this side into the local half, and tells it.
func (o *Offering) emit(c wire.Candidate) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.endpoint.usable(c.Addr.Addr()) || len(o.local.Candidates) >= wire.MaxCandidates {
		return
	}
	for _, other := range o.local.Candidates {
		if other.Addr == c.Addr && other.Transport == c.Transport {
			return
		}
	}
	o.local.Candidates = append(o.local.Candidates, c)
	if !o.told {
		o.trickle <- c // there is room: never more than the half holds
	}
}

// Close gives the attempt up. A link that was made of it is not touched.
func (o *Offering) Close() {
	o.expire(kith.Errorf(kith.Conflict, "the offer was given up"))
	o.free()
}

// free gives back what the attempt holds, except what a link uses. When it
// returns that is done, whoever began.
func (o *Offering) free() { o.freed.Do(o.giveBack) }

func (o *Offering) giveBack() {
	o.mu.Lock()
	o.ended = true
	legs := o.legs
	o.legs = nil
	var ids []stunID
	for _, p := range o.pairs {
		ids = append(ids, p.ids[:]...)
	}
	if !o.told {
		o.told = true
		close(o.trickle)
	}
	o.mu.Unlock()

	o.timer.Stop()
	o.endpoint.guard.unregister(o, ids)
	if o.tcp != nil {
		o.tcp.release()
	}
	for _, l := range legs {
		if l.close != nil {
			l.close()
		}
	}
	select {
	case a := <-o.arrivals:
		refuse(a.conn)
	default:
	}
	o.endpoint.mu.Lock()
	delete(o.endpoint.offerings, o)
	o.endpoint.mu.Unlock()
}
