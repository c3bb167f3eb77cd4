package stripe

import (
	"bufio"
	"io"
	"slices"
	"sync"

	"kith"
	"kith/wire"
)

// headRoom is the buffer of a lane, for the heads of chunks. Longer reads go
// past it.
const headRoom = 1 << 10

// A ReadLane is a lane at the side of the reader. Read is called by one
// goroutine at a time, Cancel by any.
type ReadLane interface {
	io.Reader
	// Cancel gives the lane up. A pending Read returns an error.
	Cancel()
}

// A Reader is the far end of a striped stream. Read may be used by one
// goroutine, everything else from any.
type Reader struct {
	failed func(error)

	mu      sync.Mutex // guards all below
	changed *sync.Cond
	lanes   []*reading
	next    uint64 // of the stream's bytes
	end     uint64 // of the stream, if it is told
	told    bool
	err     error // why the stream failed
}

// reading is a lane in use. in belongs to Read while left is above zero, and to
// the lane's own goroutine otherwise; all else is guarded by the Reader's mu.
type reading struct {
	ReadLane
	in     *bufio.Reader
	offset uint64 // of the next byte, or at least that
	left   int    // of the chunk whose head was read
}

// NewReader makes a stream that has one lane. failed is called when the
// stream fails, once; it may be nil.
func NewReader(first ReadLane, failed func(error)) *Reader {
	r := &Reader{failed: failed}
	r.changed = sync.NewCond(&r.mu)
	r.add(first, true)
	return r
}

// Add gives the stream one more lane.
func (r *Reader) Add(l ReadLane) { r.add(l, false) }

func (r *Reader) add(l ReadLane, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		l.Cancel()
		return
	}
	lane := &reading{ReadLane: l, in: bufio.NewReaderSize(l, headRoom)}
	r.lanes = append(r.lanes, lane)
	go func() {
		if err := r.serve(lane, first); err != nil {
			r.Fail(err)
		}
	}()
}

// serve reads the heads of a lane's chunks, each when the one before was read,
// until the lane ends or the stream fails.
func (r *Reader) serve(l *reading, first bool) error {
	for {
		c, err := wire.ReadChunk(l.in)
		switch {
		case err == io.EOF && first:
			return kith.Errorf(kith.BadPeer, "the first lane of a stream ends without telling where the stream does")
		case err == io.EOF:
			r.drop(l)
			return nil
		case err != nil:
			return err
		case c.Length == 0:
			return r.finish(l, first, c.Offset)
		}
		if err := r.show(l, c); err != nil {
			return err
		}
	}
}

// show puts a chunk where Read sees it, and waits until it was read.
func (r *Reader) show(l *reading, c wire.Chunk) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.Offset < l.offset || c.Offset < r.next {
		return errOverlap
	}
	l.offset, l.left = c.Offset, c.Length
	if err := r.checkLocked(); err != nil {
		return err
	}
	r.changed.Broadcast()
	for l.left > 0 && r.err == nil {
		r.changed.Wait()
	}
	return r.err
}

var (
	errOverlap = kith.Errorf(kith.BadPeer, "chunks of a stream overlap or go back")
	errBeyond  = kith.Errorf(kith.BadPeer, "a chunk is beyond the end of its stream")
)

// checkLocked holds that what is shown is ahead, and not beyond the end.
func (r *Reader) checkLocked() error {
	for _, l := range r.lanes {
		if l.left > 0 && l.offset < r.next {
			return errOverlap
		}
		if r.told && l.offset+uint64(l.left) > r.end {
			return errBeyond
		}
	}
	return nil
}

// finish takes the end of the stream, with which the first lane ends.
func (r *Reader) finish(l *reading, first bool, end uint64) error {
	if !first {
		return kith.Errorf(kith.BadPeer, "another lane than the first tells where a stream ends")
	}
	r.mu.Lock()
	r.end, r.told = end, true
	err := r.checkLocked()
	if err == nil && (end < l.offset || end < r.next) {
		err = errBeyond
	}
	r.changed.Broadcast()
	r.mu.Unlock()
	if err != nil {
		return err
	}
	switch _, err := l.in.ReadByte(); err {
	case nil:
		return kith.Errorf(kith.BadPeer, "something follows the end of a stream")
	case io.EOF:
		return nil
	default:
		return err
	}
}

func (r *Reader) drop(l *reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lanes = slices.DeleteFunc(r.lanes, func(other *reading) bool { return other == l })
}

// Read gives what comes next, waiting for the first byte. It is io.EOF after
// the last.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		l, left, err := r.await()
		if err != nil {
			return 0, err
		}
		n, err := l.in.Read(p[:min(len(p), left)])
		r.took(l, n)
		if err == io.EOF && n < left {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && err != io.EOF {
			r.Fail(err)
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

// await waits for the lane that has the next byte.
func (r *Reader) await() (l *reading, left int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if r.told && r.next == r.end {
			return nil, 0, io.EOF
		}
		if r.err != nil {
			return nil, 0, r.err
		}
		for _, l := range r.lanes {
			if l.left > 0 && l.offset == r.next {
				return l, l.left, nil
			}
		}
		r.changed.Wait()
	}
}

// took counts what was read of a lane's chunk.
func (r *Reader) took(l *reading, n int) {
	r.mu.Lock()
	l.offset += uint64(n)
	l.left -= n
	r.next += uint64(n)
	if l.left == 0 {
		r.changed.Broadcast()
	}
	err := r.checkLocked()
	r.mu.Unlock()
	if err != nil {
		r.Fail(err)
	}
}

// Fail gives all lanes up. Pending calls, and all that follow, return the error.
// Only the first call counts.
func (r *Reader) Fail(err error) {
	r.mu.Lock()
	if r.err != nil {
		r.mu.Unlock()
		return
	}
	r.err = err
	lanes := r.lanes
	r.lanes = nil
	r.changed.Broadcast()
	r.mu.Unlock()
	for _, l := range lanes {
		l.Cancel()
	}
	if r.failed != nil {
		r.failed(err)
	}
}
