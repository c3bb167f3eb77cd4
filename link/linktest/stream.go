package linktest

import (
	"io"
	"time"

	"kith"
	"kith/link"
)

// A Stream is one end of a stream of a pair.
type Stream struct {
	link    *Link
	purpose link.Purpose
	in, out *half
	slots   chan struct{} // of the side that opened it
	open    *int          // halves that are not over yet, shared by both ends; guarded by wire.mu
	other   *Stream
	shown   *bool // whether the other side was told of the stream; guarded by wire.mu

	canceled bool // by this end; guarded by wire.mu
}

var _ link.Stream = (*Stream)(nil)

// A half is one direction of a stream. All of it is guarded by wire.mu.
type half struct {
	segments []sent
	size     int       // bytes in segments
	last     time.Time // when the latest segment arrives; later ones not earlier
	closed   bool      // the writer said that nothing follows
	canceled bool      // by either end, and both know
	over     bool      // read to the end, or cancelled
	// changed is closed, and made anew, when any of the above changes.
	changed chan struct{}
}

// sent is what was written at once; an empty one is the end.
type sent struct {
	data    []byte
	arrives time.Time
}

func (h *half) wakeLocked() {
	close(h.changed)
	h.changed = make(chan struct{})
}

func newStream(l *Link, purpose link.Purpose) *Stream {
	forth := &half{changed: make(chan struct{})}
	back := &half{changed: make(chan struct{})}
	open, shown := new(int), new(bool)
	*open = 2
	s := &Stream{link: l, purpose: purpose, in: back, out: forth, slots: l.slots, open: open, shown: shown}
	s.other = &Stream{link: l.other, purpose: purpose, in: forth, out: back, slots: l.slots, open: open, shown: shown, other: s}
	return s
}

// Write hands p to the line. It waits while 256 KiB are unread.
func (s *Stream) Write(p []byte) (int, error) {
	w := s.link.wire
	written := 0
	for len(p) > 0 {
		w.mu.Lock()
		if err := s.brokenLocked(s.out); err != nil {
			w.mu.Unlock()
			return written, err
		}
		if s.out.closed {
			w.mu.Unlock()
			return written, kith.Errorf(kith.Internal, "write on a stream that was closed for writing")
		}
		room := min(window-s.out.size, segment, len(p))
		if room > 0 {
			s.sendLocked(append([]byte(nil), p[:room]...))
			p, written = p[room:], written+room
		}
		changed := s.out.changed
		w.mu.Unlock()
		if room <= 0 {
			select {
			case <-changed:
			case <-s.link.done:
			}
		}
	}
	return written, nil
}

// sendLocked puts data, or the end if there is none, on the line.
func (s *Stream) sendLocked(data []byte) {
	w, h := s.link.wire, s.out
	arrives := w.departLocked(s.link, len(data)+1).Add(w.travelLocked(len(data) + 1))
	if arrives.Before(h.last) {
		arrives = h.last
	}
	h.last = arrives
	h.segments = append(h.segments, sent{data, arrives})
	h.size += len(data)
	h.wakeLocked()
	if !*s.shown {
		*s.shown = true
		w.afterLocked(time.Until(arrives), func() {
			s.link.other.arriveLocked(s.other)
		})
	}
}

// Read gives what has arrived, waiting for the first byte.
func (s *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	w, h := s.link.wire, s.in
	for {
		w.mu.Lock()
		if err := s.brokenLocked(h); err != nil {
			w.mu.Unlock()
			return 0, err
		}
		if h.over {
			w.mu.Unlock()
			return 0, io.EOF
		}
		var wait time.Duration = -1
		if len(h.segments) > 0 {
			head := &h.segments[0]
			if wait = time.Until(head.arrives); wait <= 0 {
				n := copy(p, head.data)
				head.data = head.data[n:]
				h.size -= n
				end := n == 0
				if len(head.data) == 0 {
					h.segments[0] = sent{}
					h.segments = h.segments[1:]
				}
				if end {
					s.overLocked(h)
				}
				h.wakeLocked()
				w.mu.Unlock()
				if end {
					return 0, io.EOF
				}
				return n, nil
			}
		}
		changed := h.changed
		w.mu.Unlock()
		s.await(changed, wait)
	}
}

// await waits for a change, the end of the link, or d if it is not negative.
func (s *Stream) await(changed <-chan struct{}, d time.Duration) {
	var timeout <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-changed:
	case <-s.link.done:
	case <-timeout:
	}
}

// Close ends the own direction.
func (s *Stream) Close() error {
	w := s.link.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := s.brokenLocked(s.out); err != nil {
		return err
	}
	if !s.out.closed {
		s.out.closed = true
		s.sendLocked(nil)
	}
	return nil
}

// Cancel gives both directions up: here at once, there when the news arrives.
func (s *Stream) Cancel() {
	w := s.link.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.canceled {
		return
	}
	s.canceled = true
	s.in.wakeLocked()
	s.out.wakeLocked()
	w.afterLocked(w.travelLocked(1), func() {
		for _, h := range []*half{s.in, s.out} {
			h.canceled = true
			h.segments, h.size = nil, 0
			s.overLocked(h)
			h.wakeLocked()
		}
	})
}

// brokenLocked is why no call on the half can succeed any more.
func (s *Stream) brokenLocked(h *half) error {
	select {
	case <-s.link.done:
		return kith.Errorf(kith.Unreachable, "the link has ended: %v", s.link.reason)
	default:
	}
	if h.canceled || s.canceled {
		return kith.Errorf(kith.Unreachable, "the stream was cancelled")
	}
	return nil
}

// overLocked counts the half as over; when both are, another stream may open.
func (s *Stream) overLocked(h *half) {
	if h.over {
		return
	}
	h.over = true
	if *s.open--; *s.open == 0 {
		<-s.slots
	}
}
