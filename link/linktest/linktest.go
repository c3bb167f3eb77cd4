// Package linktest is the in-memory twin of a link across a network, and the
// conformance tests that every implementation of link.Link passes.
//
// A pair of links shares one wire. Each direction of the wire is a line with
// a delay, a jitter, a rate and a loss:
//
//	Write ─▶ ≤256 KiB a stream ─▶ leaves at the line's rate ─▶ delay + jitter ─▶ Read
//
// Streams are reliable, so a lost packet is not missing but late: it arrives
// after the extra time that a retransmission takes, and what follows in the
// same stream waits for it. Other streams don't.
//
// Nothing here waits but on channels and timers, so in a testing/synctest
// bubble hours of traffic take no real time.
package linktest

import (
	"context"
	"crypto/rand"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/link"
)

// Conditions say how a pair's line behaves, the same way in both directions.
// The zero value is a perfect line.
type Conditions struct {
	Delay  time.Duration // of one direction: half the round trip
	Jitter time.Duration // up to this is added to the delay, evenly spread
	Loss   float64       // probability that a packet is lost, 0 to below 1
	Rate   int           // bytes a second in each direction; 0: without limit
	Seed   uint64        // of the jitter and the loss
}

const (
	window     = 256 << 10 // bytes written but not read, a stream and direction
	maxStreams = 64        // open at the same time, a side
	packet     = 1200      // bytes; the unit of loss
	segment    = 16 << 10  // bytes that travel as one
)

// A Link is one end of a pair.
type Link struct {
	wire      *wire
	other     *Link
	peer      kith.Peer
	initiator bool
	binding   []byte
	path      link.Path

	slots chan struct{} // one token for each stream that this side has open
	done  chan struct{} // closed when this end knows that the link has ended

	// Guarded by wire.mu.
	reason  link.Reason
	waiting []*Stream     // what the other side opened and nobody accepted yet
	arrived chan struct{} // closed, and made anew, when waiting grows
}

var _ link.Link = (*Link)(nil)

// A wire is what the two ends share.
type wire struct {
	conditions Conditions
	mu         sync.Mutex          // guards all below and the state of every stream
	random     *mathrand.Rand      // of jitter and loss
	free       map[*Link]time.Time // when the line from this end has sent what it was given
}

// Pair links a, which asked for the link, with b. The first of the two is a's
// end.
func Pair(a, b kith.Peer, c Conditions) (*Link, *Link) {
	w := &wire{
		conditions: c,
		random:     mathrand.New(mathrand.NewPCG(c.Seed, 0)),
		free:       map[*Link]time.Time{},
	}
	binding := make([]byte, 32)
	rand.Read(binding)
	end := func(peer kith.Peer, initiator bool, local, remote string) *Link {
		return &Link{
			wire:      w,
			peer:      peer,
			initiator: initiator,
			binding:   binding,
			path:      link.Path{Way: "test", Kind: "direct", Local: local, Remote: remote},
			slots:     make(chan struct{}, maxStreams),
			done:      make(chan struct{}),
			arrived:   make(chan struct{}),
		}
	}
	la := end(b, true, "a", "b")
	lb := end(a, false, "b", "a")
	la.other, lb.other = lb, la
	return la, lb
}

// Peer is who is at the other end.
func (l *Link) Peer() kith.Peer { return l.peer }

// Initiator reports whether this is the first end of the pair.
func (l *Link) Initiator() bool { return l.initiator }

// Binding is 32 random bytes, the same at both ends.
func (l *Link) Binding() []byte { return l.binding }

// Path describes an imaginary direct path.
func (l *Link) Path() link.Path { return l.path }

// RTT is twice the delay.
func (l *Link) RTT() time.Duration { return 2 * l.wire.conditions.Delay }

// Done is closed when this end knows that the link has ended.
func (l *Link) Done() <-chan struct{} { return l.done }

// Reason says why the link ended, after Done.
func (l *Link) Reason() link.Reason {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	return l.reason
}

// Close ends this end now and the other one when the news has travelled. What
// was not read until then is gone.
func (l *Link) Close(reason link.Reason) {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	if l.endedLocked() {
		return
	}
	l.endLocked(reason)
	l.wire.afterLocked(l.wire.travelLocked(1), func() { l.other.endLocked(reason) })
}

// Cut takes the line away: both ends lose the link at once.
func (l *Link) Cut() {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	l.endLocked(link.Lost)
	l.other.endLocked(link.Lost)
}

func (l *Link) endLocked(reason link.Reason) {
	if !l.endedLocked() {
		l.reason = reason
		close(l.done)
	}
}

func (l *Link) endedLocked() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// ended is the error of calls on a link that has ended.
func (l *Link) ended() error {
	return kith.Errorf(kith.Unreachable, "the link has ended: %v", l.Reason())
}

// Open starts a stream. It waits while 64 of this side's streams are open.
func (l *Link) Open(ctx context.Context, purpose link.Purpose) (link.Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-l.done:
		return nil, l.ended()
	default:
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.done:
		return nil, l.ended()
	}
	return newStream(l, purpose), nil
}

// Accept waits for a stream that the other side opened.
func (l *Link) Accept(ctx context.Context) (link.Purpose, link.Stream, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, nil, err
		}
		l.wire.mu.Lock()
		ended, arrived := l.endedLocked(), l.arrived
		if !ended && len(l.waiting) > 0 {
			s := l.waiting[0]
			l.waiting = l.waiting[1:]
			l.wire.mu.Unlock()
			return s.purpose, s, nil
		}
		l.wire.mu.Unlock()
		if ended {
			return 0, nil, l.ended()
		}
		select {
		case <-arrived:
		case <-ctx.Done():
		case <-l.done:
		}
	}
}

// arriveLocked offers a stream to Accept. Cancelled ones make room, so no more
// wait than may be open.
func (l *Link) arriveLocked(s *Stream) {
	l.waiting = slices.DeleteFunc(l.waiting, func(s *Stream) bool { return s.in.canceled })
	l.waiting = append(l.waiting, s)
	close(l.arrived)
	l.arrived = make(chan struct{})
}

// travelLocked draws how long n bytes are on their way once they have left.
func (w *wire) travelLocked(n int) time.Duration {
	c := w.conditions
	d := c.Delay
	if c.Jitter > 0 {
		d += time.Duration(w.random.Int64N(int64(c.Jitter) + 1))
	}
	if c.Loss > 0 {
		packets := float64((n + packet - 1) / packet)
		any := 1 - math.Pow(1-min(c.Loss, 0.99), packets)
		// A loss is noticed after about a round trip, and sent again.
		for again := 2*c.Delay + 10*time.Millisecond; w.random.Float64() < any; again *= 2 {
			d += again
			any = c.Loss
		}
	}
	return d
}

// departLocked queues n bytes on the line from l and tells when the last of
// them has left.
func (w *wire) departLocked(l *Link, n int) time.Time {
	now := time.Now()
	if w.conditions.Rate <= 0 {
		return now
	}
	start := w.free[l]
	if start.Before(now) {
		start = now
	}
	w.free[l] = start.Add(time.Duration(float64(n) / float64(w.conditions.Rate) * float64(time.Second)))
	return w.free[l]
}

// afterLocked runs f, with the lock held, after d: at once if d is zero.
func (w *wire) afterLocked(d time.Duration, f func()) {
	if d <= 0 {
		f()
		return
	}
	time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		f()
	})
}
