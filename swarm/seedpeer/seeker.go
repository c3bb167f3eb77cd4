package seedpeer

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/hubapi"
	"kith/swarm"
)

// Times of looking.
const (
	lookEvery  = 3 * time.Second
	grace      = 3 * time.Second // for members to come first
	asksAtOnce = 4
	// trickle is a speed at which a transfer counts as stuck, in bytes a second.
	trickle = 1 << 10
)

// A Swarm is what carries the pieces.
type Swarm interface {
	Status(kith.Infohash) (swarm.Status, error)
	ConnectHelper(kith.Infohash, swarm.Helper) error
	Disconnect(kith.Infohash, kith.DeviceID)
}

// Config says what a Seeker works with.
type Config struct {
	Swarm Swarm
	HTTP  *http.Client // for all hubs
	Log   *slog.Logger
	Now   func() time.Time
}

// A Want is a share of which something is lacking, and the hubs that may have it.
type Want struct {
	File kith.Infohash
	Hubs []string // URLs
}

// A Seeker asks hubs about what is lacking, and connects to those that have it.
type Seeker struct {
	cfg  Config
	wake chan struct{}
	slot chan struct{} // one for each hub that is being asked

	mu    sync.Mutex // guards the rest
	wants []Want
	known map[place]*file
	stuck map[kith.Infohash]time.Time // since when nobody gives anything
}

// A place is one file at one hub.
type place struct {
	file kith.Infohash
	hub  string
}

// NewSeeker makes a Seeker that seeks nothing yet.
func NewSeeker(cfg Config) *Seeker {
	return &Seeker{
		cfg: cfg, wake: make(chan struct{}, 1), slot: make(chan struct{}, asksAtOnce),
		known: map[place]*file{}, stuck: map[kith.Infohash]time.Time{},
	}
}

// Want says what is lacking now, in place of what was said before.
func (s *Seeker) Want(wants []Want) {
	s.mu.Lock()
	s.wants = wants
	wanted := map[place]bool{}
	for _, w := range wants {
		for _, hub := range w.Hubs {
			wanted[place{w.File, hub}] = true
		}
	}
	var gone []place
	for p, f := range s.known {
		// What a hub said is remembered for its time: who wants something, does
		// not and does again asks no more often for it.
		if !wanted[p] {
			gone = append(gone, p)
			if f.due() {
				delete(s.known, p)
			}
		}
	}
	s.mu.Unlock()
	for _, p := range gone {
		s.cfg.Swarm.Disconnect(p.file, id(p.hub))
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run seeks until ctx ends. It rests while nothing is wanted.
func (s *Seeker) Run(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		s.mu.Lock()
		rests := len(s.wants) == 0
		s.mu.Unlock()
		if rests {
			tick.Stop()
		} else {
			tick.Reset(lookEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
		}
		for _, p := range s.look() {
			select {
			case s.slot <- struct{}{}:
			case <-ctx.Done():
				return
			}
			asking.Go(func() {
				defer func() { <-s.slot }()
				s.ask(ctx, p)
			})
		}
	}
}

// look finds out whom to ask about what.
func (s *Seeker) look() (asks []place) {
	s.mu.Lock()
	wants := s.wants
	s.mu.Unlock()
	now := s.cfg.Now()
	stuck := map[kith.Infohash]time.Time{}
	for _, w := range wants {
		st, err := s.cfg.Swarm.Status(w.File)
		if err != nil || !lacks(&st) {
			continue
		}
		s.mu.Lock()
		since, ok := s.stuck[w.File]
		if !ok {
			since = now
		}
		stuck[w.File] = since
		for _, hub := range w.Hubs {
			p := place{w.File, hub}
			f := s.known[p]
			if f == nil {
				f = newFile(s.cfg.HTTP, hub, w.File, s.cfg.Now)
				s.known[p] = f
			}
			if now.Sub(since) >= grace && f.due() {
				asks = append(asks, p)
			}
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	s.stuck = stuck
	s.mu.Unlock()
	return asks
}

// lacks reports whether a transfer waits for what nobody gives.
func lacks(st *swarm.Status) bool {
	return st.State == swarm.Waiting || st.State == swarm.Fetching && st.Down < trickle
}

// ask asks a hub about a file and connects to it if it has something.
func (s *Seeker) ask(ctx context.Context, p place) {
	s.mu.Lock()
	f := s.known[p]
	wanted := slices.ContainsFunc(s.wants, func(w Want) bool { return w.File == p.file && slices.Contains(w.Hubs, p.hub) })
	s.mu.Unlock()
	if f == nil || !wanted {
		return
	}
	if _, err := f.ask(ctx); err != nil {
		s.cfg.Swarm.Disconnect(p.file, id(p.hub))
		s.cfg.Log.Debug("a hub does not have what is wanted", "hub", hubapi.Host(p.hub), "reason", err)
		return
	}
	err := s.cfg.Swarm.ConnectHelper(p.file, swarm.Helper{
		ID: id(p.hub), Name: hubapi.Host(p.hub),
		Dial: func(ctx context.Context) (net.Conn, error) { return f.dial(ctx) },
	})
	if err != nil {
		s.cfg.Log.Debug("nothing is fetched from a hub", "hub", hubapi.Host(p.hub), "reason", err)
	}
}
