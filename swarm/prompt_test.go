package swarm

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"kith"
	"kith/link"
	"kith/link/linktest"
)

// A slow stream keeps the answer to the last request to itself until there is
// another one, as if the line were so long that it can't come any sooner.
type slow struct {
	link.Stream
	all int // how many requests will come

	mu      sync.Mutex // guards all below
	changed sync.Cond
	in, out follower
	asked   int
	left    int
	ended   bool
}

func (s *slow) Write(b []byte) (int, error) {
	s.mu.Lock()
	n := s.out.follow(b)
	s.asked += n
	s.left += n
	s.changed.Broadcast()
	s.mu.Unlock()
	return s.Stream.Write(b)
}

func (s *slow) Read(b []byte) (int, error) {
	s.mu.Lock()
	for s.in.between() && s.left == 1 && 8 < s.asked && s.asked < s.all && !s.ended {
		s.changed.Wait()
	}
	most := len(s.in.head) - s.in.got // never into the next message
	if !s.in.begun {
		most = handshakeSize
	} else if s.in.skip > 0 {
		most = s.in.skip
	}
	s.mu.Unlock()
	n, err := s.Stream.Read(b[:min(len(b), most)])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left += s.in.follow(b[:n])
	return n, err
}

func (s *slow) Cancel() {
	s.mu.Lock()
	s.ended = true
	s.changed.Broadcast()
	s.mu.Unlock()
	s.Stream.Cancel()
}

// More is asked for before all has come that was asked for.
func TestALongLineIsNeverIdle(t *testing.T) {
	const size = 8 << 20 // less than may be on its way at once
	ann, ben := newPerson(), newPerson()
	a := open(t, ann, func(c *Config) { c.Listen = "" })
	dial := linked(t, ben, ann, func() *Swarm { return a }, linktest.Conditions{})
	b := open(t, ben, func(c *Config) {
		c.Listen = ""
		c.Dial = func(ctx context.Context, d kith.DeviceID) (link.Stream, error) {
			stream, err := dial(ctx, d)
			s := &slow{Stream: stream, all: size / chunkSize}
			s.changed.L = &s.mu
			return s, err
		}
	})
	name := filepath.Join(t.TempDir(), "film.mkv")
	want := noise(t, name, size, 1)
	ref := share(t, a, name)
	dest := filepath.Join(t.TempDir(), "film.mkv")
	fetch(t, b, ref, dest)
	connect(t, b, ref, ann, nil)
	awaitState(t, b, ref, Seeding)
	same(t, dest, want)
}

// However the stream is cut, a suggestion comes where a message has ended, whenever
// only a third is left of what there was.
func TestASuggestionComesBetweenMessages(t *testing.T) {
	say := func(kind byte, length int) []byte {
		m := make([]byte, 4+length)
		binary.BigEndian.PutUint32(m, uint32(length))
		m[4] = kind
		return m
	}
	for _, step := range []int{1, 7, 1000} {
		var p prompter
		p.wrote(make([]byte, handshakeSize))
		p.read(make([]byte, handshakeSize))
		for range 30 {
			p.wrote(say(6, 13))
		}
		said := make([]byte, 4) // nothing, to stay in touch
		var want, at []int
		for i := range 30 {
			said = append(append(said, say(4, 5)...), say(7, 2009)...)
			if left := 29 - i; left == 10 || left == 3 || left == 1 {
				want = append(want, len(said))
			}
		}
		for done := 0; done < len(said); {
			n := p.limit(min(step, len(said)-done))
			if p.read(said[done : done+n]) {
				at = append(at, done+n)
			}
			done += n
		}
		if !slices.Equal(at, want) {
			t.Errorf("in steps of %d: suggested at %v, not at %v", step, at, want)
		}
	}
}
