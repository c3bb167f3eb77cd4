package stripe

import (
	"io"
	"sync"

	"kith"
	"kith/wire"
)

const (
	// chunkSize is short enough that a slow lane does not hold up the others for
	// long. With 4 KiB, lanes on a busy machine ran dry before the next chunk came,
	// and a sender that runs dry does not grow its congestion window.
	chunkSize = 16 << 10
	smallSize = 1 << 10 // up to this a chunk gets a buffer of its own size
)

// A WriteLane is a lane at the side of the writer. Write and Close are called by
// one goroutine, Cancel by any.
type WriteLane interface {
	// Close ends the lane after all that was written.
	io.WriteCloser
	// Cancel gives the lane up. A pending Write returns an error.
	Cancel()
}

// A Writer is the near end of a striped stream. Write may be used by one
// goroutine, everything else from any.
type Writer struct {
	failed func(error)

	mu      sync.Mutex // guards all below
	work    *sync.Cond // something is to be done by a lane
	room    *sync.Cond // a chunk was taken
	lanes   []*writing // the first lane is the first
	pending [][]byte   // chunks that no lane has taken, with their heads
	free    [][]byte   // buffers of chunkSize
	busy    int        // lanes that write a chunk
	offset  uint64     // where the next chunk begins
	closed  bool
	err     error // why the stream failed
}

// writing is a lane in use. Its fields are guarded by the Writer's mu.
type writing struct {
	WriteLane
	retired bool // it takes no more chunks
}

// NewWriter makes a stream that has one lane. failed is called when the
// stream fails, once; it may be nil.
func NewWriter(first WriteLane, failed func(error)) *Writer {
	w := &Writer{failed: failed}
	w.work, w.room = sync.NewCond(&w.mu), sync.NewCond(&w.mu)
	w.Add(first)
	return w
}

// Add gives the stream one more lane.
func (w *Writer) Add(l WriteLane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		l.Cancel()
		return
	case w.closed:
		l.Close() // nothing was lost with it
		return
	}
	lane := &writing{WriteLane: l}
	w.lanes = append(w.lanes, lane)
	go w.serve(lane, len(w.lanes) == 1)
}

// Retire ends all lanes but the first when they have written what they took.
func (w *Writer) Retire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.lanes[1:] {
		l.retired = true
	}
	w.free = nil
	w.work.Broadcast()
}

// Progress tells how many bytes were written, and whether the lanes have taken
// all of them.
func (w *Writer) Progress() (bytes uint64, idle bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.offset, w.busy == 0 && len(w.pending) == 0
}

// Write hands p to the lanes. It waits while each has a chunk to write and
// another one is ready for it.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	written := 0
	for written < len(p) {
		for w.err == nil && !w.closed && len(w.pending) >= len(w.lanes) {
			w.room.Wait()
		}
		if w.err != nil {
			return written, w.err
		}
		if w.closed {
			return written, kith.Errorf(kith.Internal, "write on a stream that was closed for writing")
		}
		n := min(len(p)-written, chunkSize)
		chunk := wire.AppendChunk(w.bufferLocked(n), wire.Chunk{Offset: w.offset, Length: n})
		w.pending = append(w.pending, append(chunk, p[written:written+n]...))
		w.offset += uint64(n)
		written += n
		w.work.Signal()
	}
	return written, nil
}

// bufferLocked gives room for a chunk of n bytes.
func (w *Writer) bufferLocked(n int) []byte {
	if n <= smallSize {
		return make([]byte, 0, wire.MaxChunkHead+n)
	}
	last := len(w.free) - 1
	if last < 0 {
		return make([]byte, 0, wire.MaxChunkHead+chunkSize)
	}
	b := w.free[last]
	w.free = w.free[:last]
	return b[:0]
}

// serve writes chunks to a lane until it is retired or the stream ends.
func (w *Writer) serve(l *writing, first bool) {
	for {
		chunk, end, ok := w.take(l)
		if !ok {
			if first {
				_, err := l.Write(wire.AppendChunk(nil, wire.Chunk{Offset: end}))
				if err != nil {
					w.Fail(err)
					return
				}
			}
			if err := l.Close(); err != nil {
				w.Fail(err)
			}
			return
		}
		if chunk == nil {
			return // the stream failed
		}
		if _, err := l.Write(chunk); err != nil {
			w.Fail(err)
			return
		}
		w.done(chunk)
	}
}

// take waits for a chunk. It is nil if the stream failed. ok is false if the
// lane is to end; end is where the stream does.
func (w *Writer) take(l *writing) (chunk []byte, end uint64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && !l.retired && len(w.pending) == 0 && !w.closed {
		w.work.Wait()
	}
	switch {
	case w.err != nil:
		return nil, 0, true
	case l.retired || len(w.pending) == 0:
		w.dropLocked(l)
		return nil, w.offset, false
	}
	chunk = w.pending[0]
	w.pending[0] = nil
	w.pending = w.pending[1:]
	w.busy++
	w.room.Signal()
	return chunk, 0, true
}

// dropLocked forgets a lane that ends by itself, but not the first.
func (w *Writer) dropLocked(l *writing) {
	for i := 1; i < len(w.lanes); i++ {
		if w.lanes[i] == l {
			w.lanes = append(w.lanes[:i:i], w.lanes[i+1:]...)
			return
		}
	}
}

// done takes the buffer of a written chunk back.
func (w *Writer) done(chunk []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy--
	if cap(chunk) >= chunkSize && len(w.free) < 2*len(w.lanes) {
		w.free = append(w.free, chunk)
	}
}

// Close ends the stream after all that was written. It does not wait for that.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.work.Broadcast()
	w.room.Broadcast()
	return w.err
}

// Fail gives all lanes up. Pending calls, and all that follow, return the error.
// Only the first call counts.
func (w *Writer) Fail(err error) {
	w.mu.Lock()
	if w.err != nil {
		w.mu.Unlock()
		return
	}
	w.err = err
	w.pending, w.free = nil, nil
	lanes := w.lanes
	w.work.Broadcast()
	w.room.Broadcast()
	w.mu.Unlock()
	for _, l := range lanes {
		l.Cancel()
	}
	if w.failed != nil {
		w.failed(err)
	}
}
