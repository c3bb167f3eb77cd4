// Package exchange is a hub's meeting point without its sockets: who listens
// under which tag, and who hears what is said there. Nothing is kept.
//
// [Exchange] is the interface. [Local] serves the devices of one process, package
// exchange/nats those of several side by side; exchange/exchangetest is the suite
// that both pass. So nothing here assumes that who listens under a tag is in
// reach, and what the others do is told by calls, not by results.
package exchange

import (
	"context"
	"sync"

	"kith"
	"kith/hubapi"
)

// A Listener is told what happens under a tag. Its methods must not block and
// must not call the exchange.
type Listener interface {
	// Present says that somebody else listens under the tag, too.
	Present(tag hubapi.Tag)
	// Note is something that somebody else said under the tag.
	Note(tag hubapi.Tag, body []byte)
}

// An Exchange brings those together who listen under the same tag. Its methods
// may be called from any goroutine.
type Exchange interface {
	// Join makes a listener hear what is said under a tag. It and those who
	// listen there already are told that they are not alone. A listener who
	// does listen there hears of the others anew. The error is of kind
	// kith.Full if there are too many.
	Join(tag hubapi.Tag, l Listener) error
	// Leave undoes Join.
	Leave(tag hubapi.Tag, l Listener)
	// Say tells all listeners under a tag but from, and how many they were.
	Say(ctx context.Context, tag hubapi.Tag, from Listener, body []byte) (heard int, err error)
	// Tags is how many tags are listened under in this process.
	Tags() int
}

// shards is how many locks there are, so that devices seldom wait for others.
const shards = 64

// Local is the exchange of one process.
type Local struct {
	most   int // listeners under one tag
	shards [shards]shard
}

type shard struct {
	mu   sync.Mutex
	tags map[hubapi.Tag]*seat // guarded by mu
}

// A seat is one listener under a tag, and the way to the others: most tags have
// one or two.
type seat struct {
	l    Listener
	next *seat
}

// NewLocal makes an exchange at which at most so many listen under one tag.
func NewLocal(most int) *Local {
	e := &Local{most: most}
	for i := range e.shards {
		e.shards[i].tags = make(map[hubapi.Tag]*seat)
	}
	return e
}

// shard finds the lock of a tag. Tags look random; one that was made not to
// only slows those down who use the same lock.
func (e *Local) shard(tag hubapi.Tag) *shard { return &e.shards[tag[0]%shards] }

// Join implements Exchange.
func (e *Local) Join(tag hubapi.Tag, l Listener) error {
	s := e.shard(tag)
	s.mu.Lock()
	defer s.mu.Unlock()
	others, here := 0, false
	for at := s.tags[tag]; at != nil; at = at.next {
		if at.l == l {
			here = true
		} else {
			others++
		}
	}
	if !here {
		if others >= e.most {
			return kith.Errorf(kith.Full, "%d devices listen under this tag already, as many as this hub allows", others)
		}
		for at := s.tags[tag]; at != nil; at = at.next {
			at.l.Present(tag)
		}
		s.tags[tag] = &seat{l, s.tags[tag]}
	}
	if others > 0 {
		l.Present(tag)
	}
	return nil
}

// Leave implements Exchange.
func (e *Local) Leave(tag hubapi.Tag, l Listener) {
	s := e.shard(tag)
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.tags[tag]
	for at := &first; *at != nil; at = &(*at).next {
		if (*at).l == l {
			*at = (*at).next
			break
		}
	}
	if first == nil {
		delete(s.tags, tag)
	} else {
		s.tags[tag] = first
	}
}

// Say implements Exchange.
func (e *Local) Say(_ context.Context, tag hubapi.Tag, from Listener, body []byte) (heard int, err error) {
	s := e.shard(tag)
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := s.tags[tag]; at != nil; at = at.next {
		if at.l != from {
			at.l.Note(tag, body)
			heard++
		}
	}
	return heard, nil
}

// Tags implements Exchange.
func (e *Local) Tags() int {
	n := 0
	for i := range e.shards {
		s := &e.shards[i]
		s.mu.Lock()
		n += len(s.tags)
		s.mu.Unlock()
	}
	return n
}
