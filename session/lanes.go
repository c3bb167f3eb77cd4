package session

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"kith/link"
)

const (
	laneCount = 5                      // that this side wants; see the package comment
	maxLanes  = 5                      // that it lets the other side have
	laneAfter = 512 << 10              // bytes of bulk after which lanes are worth their handshakes
	laneStep  = 400 * time.Millisecond // between one and the next
	laneRetry = 30 * time.Second       // after one that could not be had

	// lanePace is how often lanes are looked after. A bulk stream that moved
	// nothing for restPaces leaves them. Nobody begins to use one that rested
	// for usePaces, and then who made it closes it, after closePaces: what is
	// on its way has the difference to arrive.
	lanePace   = 5 * time.Second
	restPaces  = 2
	usePaces   = 3
	closePaces = 6
)

// lanes are the further connections of a link, and the bulk streams that they
// carry.
type lanes struct {
	link  *quicLink
	over  *quic.Transport // carries the link; may be nil at the side that does not make lanes
	pace  time.Duration   // lanePace, more in tests
	eager bool            // lanes are opened without losses, in tests

	ever atomic.Uint64 // how many there were

	mu      sync.Mutex // guards all below
	ended   bool
	all     []*lane
	tended  bool                   // tend runs
	bulk    map[uint64]*bulkStream // by the number of their own stream
	more    chan struct{}          // closed when there is one more of bulk
	wrote   int64                  // bytes of bulk streams since they rested
	wroteAt time.Time
	lost    uint64    // packets of the link's connection, until then or until the last lane
	opening bool      // one more is being made
	retry   time.Time // when the next one may be
}

// carry makes a bulk stream of a stream, if it is for bulk.
func (s *lanes) carry(main *quicStream) link.Stream {
	if main.purpose != link.Swarm {
		return main
	}
	number := uint64(main.StreamID())
	b := newBulkStream(s, main, number)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bulk[number] = b
	close(s.more)
	s.more = make(chan struct{})
	return b
}

// forget drops a bulk stream that is over.
func (s *lanes) forget(b *bulkStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.bulk, b.number)
}

// count counts what bulk streams write. If that is much, and packets of the
// link's connection get lost, it is time for one more lane.
func (s *lanes) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.wroteAt) > restPaces*s.pace {
		s.wrote, s.lost = 0, s.link.conn.ConnectionStats().PacketsLost
	}
	s.wrote, s.wroteAt = s.wrote+int64(n), now
	if s.wrote < laneAfter || !s.eager && s.link.conn.ConnectionStats().PacketsLost == s.lost {
		return
	}
	if s.beginLocked(now) {
		go s.want()
	}
}

// beginLocked reports whether to get one more lane now. If so, the caller does,
// and calls done.
func (s *lanes) beginLocked(now time.Time) bool {
	if s.ended || s.opening || now.Before(s.retry) || len(s.usableLocked()) >= laneCount {
		return false
	}
	s.opening = true
	return true
}

// done ends an attempt to get a lane.
func (s *lanes) done(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening, s.lost = false, s.link.conn.ConnectionStats().PacketsLost
	switch {
	case err != nil:
		s.link.endpoint.log.Debug("no lane for a link", "peer", s.link.peer.Account, "err", err)
		s.retry = time.Now().Add(laneRetry)
	case !s.eager:
		s.retry = time.Now().Add(laneStep)
	}
}

// usable are the lanes that a bulk stream may begin to use.
func (s *lanes) usable() []*lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usableLocked()
}

func (s *lanes) usableLocked() (found []*lane) {
	s.pruneLocked()
	for _, l := range s.all {
		if l.open.Load() > 0 || l.rested() < usePaces*s.pace {
			found = append(found, l)
		}
	}
	return found
}

// attach takes a lane into use. It reports false if there are enough.
func (s *lanes) attach(l *lane) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruneLocked()
	if s.ended || len(s.all) >= maxLanes {
		return false
	}
	s.all = append(s.all, l)
	s.ever.Add(1)
	go l.accept(s.take)
	if !s.tended {
		s.tended = true
		go s.tend()
	}
	return true
}

// take gives a stream of a lane to the bulk stream to which it belongs. That
// may be on its way by the link's own connection.
func (s *lanes) take(number uint64, r *laneReader) {
	late := time.NewTimer(purposeTimeout)
	defer late.Stop()
	for {
		s.mu.Lock()
		b, more := s.bulk[number], s.more
		s.mu.Unlock()
		if b != nil {
			b.in.Add(r)
			return
		}
		select {
		case <-more:
		case <-late.C:
			r.Cancel()
			return
		case <-r.lane.conn.Context().Done():
			r.Cancel()
			return
		}
	}
}

// tend looks after lanes as long as there are any.
func (s *lanes) tend() {
	ticker := time.NewTicker(s.pace)
	defer ticker.Stop()
	for {
		select {
		case <-s.link.done:
			return
		case <-ticker.C:
			if !s.look() {
				return
			}
		}
	}
}

// look makes bulk streams that rest leave the lanes, keeps those alive that have
// streams, and closes others. It reports whether there are any.
func (s *lanes) look() bool {
	s.mu.Lock()
	s.pruneLocked()
	s.tended = len(s.all) > 0
	all := slices.Clone(s.all)
	for _, b := range s.bulk {
		b.rest()
	}
	s.mu.Unlock()
	for _, l := range all {
		l.look(s.link.initiator)
	}
	return len(all) > 0
}

// look keeps a lane alive while it has streams. Who made it closes it when it
// had none for a while and nothing was heard.
func (l *lane) look(made bool) {
	received := l.conn.ConnectionStats().PacketsReceived
	still := received == l.heard
	l.heard = received
	switch {
	case l.open.Load() > 0:
		l.quiet = 0
		if still {
			l.beat()
		}
	case !still:
		l.quiet = 0
	default:
		if l.quiet++; made && l.quiet >= closePaces {
			closeConn(l.conn, link.Goodbye)
		}
	}
}

// pruneLocked forgets lanes that have ended.
func (s *lanes) pruneLocked() {
	s.all = slices.DeleteFunc(s.all, func(l *lane) bool { return l.conn.Context().Err() != nil })
}

// live are the lanes.
func (s *lanes) live() []*lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruneLocked()
	return slices.Clone(s.all)
}

// end closes all lanes, for the link has ended.
func (s *lanes) end(reason link.Reason) {
	s.mu.Lock()
	s.ended = true
	all := s.all
	s.all = nil
	s.mu.Unlock()
	for _, l := range all {
		closeConn(l.conn, reason)
	}
}
