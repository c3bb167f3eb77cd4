package stripe

import (
	"errors"
	"io"
	"sync"
	"time"
)

var errCut = errors.New("the lane was cut")

// A pipe is a lane in memory that holds up to window bytes, each part of which
// takes its time. It is for bubbles of synctest.
type pipe struct {
	window int

	mu      sync.Mutex           // guards all below
	delay   func() time.Duration // nil: none
	changed *sync.Cond
	data    []byte
	closed  bool
	err     error
}

func newPipe(window int, delay func() time.Duration) *pipe {
	p := &pipe{window: window, delay: delay}
	p.changed = sync.NewCond(&p.mu)
	return p
}

// filled is a pipe that somebody wrote to and closed.
func filled(data []byte) *pipe {
	p := newPipe(len(data), nil)
	p.data, p.closed = data, true
	return p
}

func (p *pipe) Write(b []byte) (int, error) {
	written := 0
	for len(b) > 0 {
		<-time.After(p.pause())
		p.mu.Lock()
		for len(p.data) >= p.window && p.err == nil {
			p.changed.Wait()
		}
		if err := p.err; err != nil {
			p.mu.Unlock()
			return written, err
		}
		n := min(p.window-len(p.data), len(b), 1200)
		p.data = append(p.data, b[:n]...)
		b, written = b[n:], written+n
		p.changed.Broadcast()
		p.mu.Unlock()
	}
	return written, nil
}

func (p *pipe) pause() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.delay == nil {
		return 0
	}
	return p.delay()
}

func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.data) == 0 && !p.closed && p.err == nil {
		p.changed.Wait()
	}
	switch {
	case p.err != nil:
		return 0, p.err
	case len(p.data) == 0:
		return 0, io.EOF
	}
	n := copy(b, p.data)
	p.data = p.data[n:]
	p.changed.Broadcast()
	return n, nil
}

func (p *pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.changed.Broadcast()
	return p.err
}

func (p *pipe) Cancel() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = errCut
	p.changed.Broadcast()
}
