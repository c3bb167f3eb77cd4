package dht

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/anacrolix/dht/v2/bep44"
)

// searchLimit bounds a lookup in time.
const searchLimit = 8 * time.Second

// errRefused is the answer of a node that lives and does not do what it is
// asked.
var errRefused = errors.New("a node of the DHT refuses")

// A transport asks single nodes, of one family of addresses.
type transport interface {
	ask(ctx context.Context, to netip.AddrPort, q question) (*answer, error)
	put(ctx context.Context, to netip.AddrPort, p bep44.Put, token string) error
	close()
	// failed is closed when the socket broke.
	failed() <-chan struct{}
}

// A question is for an item, or only for nodes.
type question struct {
	target id
	item   bool
	newer  *int64 // items with a higher seq only, if there is one
}

// An answer is what a node said; nothing of it is verified.
type answer struct {
	id    id
	token string // to put with; empty if it keeps no items
	named []node
	// The item, if there is one.
	key   [32]byte
	sig   [64]byte
	seq   *int64
	value []byte // bencoded
}

// A place is a node that can keep an item, and the token that it wants.
type place struct {
	node
	token string
	since time.Time
}

// A family is the DHT over IPv4, or that over IPv6. They have no nodes in
// common.
type family struct {
	transport
	six   bool
	nodes *pool
	pace
	manners
	// joined is told whether anybody answered when nodes were sought.
	joined func(bool)
	lost   chan struct{} // nobody answered a search; holds one

	life   context.Context // ends with the transport
	asking sync.WaitGroup  // questions that wait for answers
}

// search asks its way to the nodes nearest to the target of q, beginning with
// start. Every answer is handed to take, which is called from several
// goroutines, and for late answers even after search returned.
func (f *family) search(ctx context.Context, q question, start []node, take func(*answer)) (found []place, anybody bool) {
	l := newLookup(q.target, f.six)
	for _, n := range append(start, f.nodes.nearest(q.target, 2*replicas, time.Now())...) {
		l.begin(n, false)
	}
	return f.seek(ctx, l, q, take)
}

func (f *family) seek(ctx context.Context, l *lookup, q question, take func(*answer)) (found []place, anybody bool) {
	ctx, cancel := context.WithTimeout(ctx, searchLimit)
	defer cancel()
	s := seeking{family: f, lookup: l, q: q, see: take, replies: make(chan reply, maxAsked)}
	s.run(ctx)
	if !s.anybody {
		tell(f.lost)
	}
	now := time.Now()
	for _, c := range l.nearest() {
		found = append(found, place{c.node, c.token, now})
	}
	return found, s.anybody
}

type reply struct {
	from *candidate
	*answer
	err error
}

// A seeking is one search in progress. One goroutine runs it.
type seeking struct {
	*family
	*lookup
	q       question
	see     func(*answer) // or nil
	replies chan reply    // has room for all that may come
	running []asked       // in the order they were asked
	anybody bool          // is there
}

type asked struct {
	*candidate
	at time.Time
}

func (s *seeking) run(ctx context.Context) {
	late := time.NewTimer(patienceMost)
	defer late.Stop()
	for ctx.Err() == nil {
		for c := s.next(); c != nil; c = s.next() {
			s.askOne(c)
		}
		if s.finished() {
			return
		}
		patience := s.patience()
		for len(s.running) > 0 && s.running[0].stage != waiting {
			s.running = s.running[1:]
		}
		if len(s.running) > 0 {
			late.Reset(time.Until(s.running[0].at.Add(patience)))
		}
		select {
		case <-ctx.Done():
		case <-late.C:
			now := time.Now()
			for _, a := range s.running {
				if now.Sub(a.at) >= patience {
					s.late(a.candidate)
				}
			}
		case r := <-s.replies:
			s.take(r)
		}
	}
}

func (s *seeking) take(r reply) {
	if r.err != nil {
		s.failed(r.from)
		s.anybody = s.anybody || errors.Is(r.err, errBusy) || errors.Is(r.err, errRefused)
		return
	}
	s.anybody = true
	now := time.Now()
	for i := 0; i < len(r.named); i++ {
		if s.nodes.rests(r.named[i].addr, now) {
			r.named[i].addr = netip.AddrPort{} // no lookup asks it
		}
	}
	s.answered(r.from, r.answer)
}

// askOne asks a node beside the search.
func (s *seeking) askOne(c *candidate) {
	now := time.Now()
	s.running = append(s.running, asked{c, now})
	q := s.q
	if c.nameless {
		q.item, q.newer = false, nil // a router names nodes and knows no items
	}
	addr := c.addr
	s.asking.Go(func() {
		a, err := s.question(addr, q)
		if err == nil && s.see != nil {
			s.see(a)
		}
		s.replies <- reply{c, a, err}
	})
}

// question asks one node and remembers how it did.
func (f *family) question(addr netip.AddrPort, q question) (*answer, error) {
	if err := f.turn(f.life, addr); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(f.life, answerLimit)
	defer cancel()
	began := time.Now()
	a, err := f.ask(ctx, addr, q)
	now := time.Now()
	switch {
	case err == nil:
		f.heard(now.Sub(began))
		if q.item { // else it may be a router, which is for beginners
			f.nodes.answered(node{a.id, addr}, now)
		}
	case f.life.Err() == nil && !errors.Is(err, errRefused):
		f.nodes.silent(addr, began, now)
	}
	return a, err
}

// putAll leaves an item with nodes and reports how many took it. It does not wait
// for the slow ones once most took it; they are told all the same.
func (f *family) putAll(ctx context.Context, places []place, p bep44.Put) (taken int) {
	results := make(chan error, len(places))
	for _, to := range places {
		f.asking.Go(func() {
			err := f.turn(f.life, to.addr)
			if err == nil {
				ctx, cancel := context.WithTimeout(f.life, answerLimit)
				defer cancel()
				err = f.put(ctx, to.addr, p, to.token)
			}
			results <- err
		})
	}
	patience := time.NewTimer(f.patience())
	defer patience.Stop()
	slow := false
	for left := len(places); left > 0 && !(slow && 2*taken > len(places)); {
		select {
		case <-ctx.Done():
			return taken
		case <-patience.C:
			slow = true
		case err := <-results:
			left--
			if err == nil {
				taken++
			}
		}
	}
	return taken
}
