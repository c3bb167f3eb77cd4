package session

import (
	"io"
	"sync"

	"kith"
	"kith/link"
	"kith/link/stripe"
)

// stripeAfter is how many bytes a bulk stream writes, since it rested, until it
// uses lanes: requests and short answers are better off by themselves.
const stripeAfter = 64 << 10

// A bulkStream is a stream whose bytes go in chunks, over a stream of the link's
// own connection and over its lanes.
type bulkStream struct {
	lanes  *lanes
	number uint64
	main   *quicStream

	mu       sync.Mutex // guards all below; out and in don't change
	out      *stripe.Writer
	in       *stripe.Reader
	closed   bool           // this side's direction
	read     bool           // the other one, to its end
	known    uint64         // lanes.ever when lanes were taken last
	on       map[*lane]bool // lanes that are used for writing
	begun    uint64         // bytes written until it rested last
	progress uint64         // bytes written when it was looked last
	still    int            // how often there were no more since
}

var _ link.Stream = (*bulkStream)(nil)

func newBulkStream(s *lanes, main *quicStream, number uint64) *bulkStream {
	b := &bulkStream{lanes: s, number: number, main: main, on: make(map[*lane]bool)}
	b.mu.Lock() // until both are there: either may fail at once
	defer b.mu.Unlock()
	b.out = stripe.NewWriter(main, b.fail)
	b.in = stripe.NewReader(main, b.fail)
	return b
}

// Read gives what comes next.
func (b *bulkStream) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if err == io.EOF {
		b.end(&b.read)
	}
	return n, err
}

// Write hands p to the link, and to its lanes if there is much.
func (b *bulkStream) Write(p []byte) (int, error) {
	b.spread()
	n, err := b.out.Write(p)
	b.lanes.count(n)
	return n, err
}

// spread begins to use lanes that are new, if the stream is worth it.
func (b *bulkStream) spread() {
	ever := b.lanes.ever.Load()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == ever {
		return
	}
	if written, _ := b.out.Progress(); written-b.begun < stripeAfter {
		return
	}
	b.known = ever
	for _, l := range b.lanes.usable() {
		if b.on[l] {
			continue
		}
		if w := l.begin(b.number); w != nil {
			b.on[l] = true
			b.out.Add(w)
		}
	}
}

// rest leaves the lanes if nothing was written for a while. It is called at
// every pace.
func (b *bulkStream) rest() {
	b.mu.Lock()
	defer b.mu.Unlock()
	written, idle := b.out.Progress()
	if written != b.progress || !idle {
		b.progress, b.still = written, 0
		return
	}
	if b.still++; b.still == restPaces {
		b.out.Retire()
		clear(b.on)
		b.begun, b.known = written, 0
	}
}

// Close ends the own direction.
func (b *bulkStream) Close() error {
	err := b.out.Close()
	b.end(&b.closed)
	return err
}

// end notes that a direction has ended. With the second one the stream is over.
func (b *bulkStream) end(direction *bool) {
	b.mu.Lock()
	*direction = true
	over := b.read && b.closed
	b.mu.Unlock()
	if over {
		b.lanes.forget(b)
	}
}

// Cancel gives both directions up.
func (b *bulkStream) Cancel() {
	b.fail(kith.Errorf(kith.Unreachable, "the stream was cancelled"))
}

// fail ends both directions, if one fails: what was lost with a lane is not sent
// again. Each direction tells of its end, once, by calling it.
func (b *bulkStream) fail(err error) {
	b.mu.Lock()
	out, in := b.out, b.in
	b.mu.Unlock()
	out.Fail(err)
	in.Fail(err)
	b.lanes.forget(b)
}
