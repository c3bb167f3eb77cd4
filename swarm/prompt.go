package swarm

import (
	"encoding/binary"
	"sync"
)

// The library asks a member for more when all that it asked for has come, so once
// for every such batch the line is idle for a round trip: on one of 100 Mbit/s at
// 50 ms, a twentieth of the time. But a member may suggest a piece whenever it
// likes (BEP 6), and then the library asks for as much as it may, whatever was
// suggested. So when a third of a batch is still to come, the connection suggests
// one in the member's place.
//
// The library asks for at most twice as much as it did the last time. So it must
// not be told at a half or earlier, or each batch would be smaller than the last.

// suggestion is what is said: length, kind, piece.
var suggestion = []byte{0, 0, 0, 5, 13, 0, 0, 0, 0}

// A prompter follows both directions of a connection. Each is followed by one
// goroutine.
type prompter struct {
	in, out follower

	mu   sync.Mutex
	left int // requests that are not answered
	most int // how many there were since the last suggestion
}

// wrote takes what the library has said.
func (p *prompter) wrote(b []byte) { p.count(p.out.follow(b)) }

// read takes what the member has said, and reports whether a suggestion is due
// now: between two messages.
func (p *prompter) read(b []byte) bool {
	p.count(p.in.follow(b))
	p.mu.Lock()
	defer p.mu.Unlock()
	due := p.in.between() && p.dueLocked()
	if due {
		p.most = p.left
	}
	return due
}

// limit is how many bytes may be read at once: if a suggestion is due, none beyond
// the message that has begun.
func (p *prompter) limit(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.in.skip > 0 && p.dueLocked() {
		return min(n, p.in.skip)
	}
	return n
}

func (p *prompter) dueLocked() bool { return 0 < p.left && p.left <= (p.most+1)/3 }

func (p *prompter) count(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left += n
	p.most = max(p.most, p.left)
}

// A follower finds the messages (BEP 3) in what one side of a connection says.
type follower struct {
	begun bool
	skip  int     // bytes of a message that has begun
	head  [5]byte // length:4 ‖ kind:1
	got   int
}

// follow takes what is said next, and gives by how much it changes the number of
// requests that are not answered.
func (f *follower) follow(b []byte) (change int) {
	if !f.begun && len(b) > 0 {
		f.begun, f.skip = true, handshakeSize
	}
	for len(b) > 0 {
		if n := min(f.skip, len(b)); n > 0 {
			f.skip -= n
			b = b[n:]
			continue
		}
		f.head[f.got] = b[0]
		f.got++
		b = b[1:]
		switch length := int(binary.BigEndian.Uint32(f.head[:])); {
		case f.got == 4 && length == 0: // only to be heard of
			f.got = 0
		case f.got == len(f.head):
			f.got, f.skip = 0, length-1
			change += changed(f.head[4])
		}
	}
	return change
}

// between reports whether a message has ended and none begun.
func (f *follower) between() bool { return f.begun && f.skip == 0 && f.got == 0 }

// changed is by how much a message changes the number of requests. One that is
// taken back is answered, too.
func changed(kind byte) int {
	switch kind {
	case 6: // a request
		return 1
	case 7, 16: // a piece, or that there will be none
		return -1
	}
	return 0
}
