package seedpeer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/hubapi"
	"kith/swarm"
)

// A still is a swarm in which nothing moves, and the hubs that are asked for it.
type still struct {
	mu      sync.Mutex // guards the rest
	status  swarm.Status
	helpers map[kith.DeviceID]bool
	answer  func() (*hubapi.Kept, error) // nil: it has nothing
	asked   map[string]int               // by host
}

func (s *still) Status(kith.Infohash) (swarm.Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status, nil
}

func (s *still) ConnectHelper(_ kith.Infohash, h swarm.Helper) error {
	s.set(func() { s.helpers[h.ID] = true })
	return nil
}

func (s *still) Disconnect(_ kith.Infohash, id kith.DeviceID) {
	s.set(func() { delete(s.helpers, id) })
}

func (s *still) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// RoundTrip answers for all hubs.
func (s *still) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/info") {
		return nil, errors.New("not now")
	}
	s.asked[r.URL.Host]++
	kept, err := s.answer()
	switch {
	case err != nil:
		return nil, err
	case kept == nil:
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, "{}")
	default:
		json.NewEncoder(w).Encode(kept)
	}
	return w.Result(), nil
}

func (s *still) times(host string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[host]
}

func TestAsksRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &still{status: swarm.Status{State: swarm.Waiting}, helpers: map[kith.DeviceID]bool{}, asked: map[string]int{}}
		s.answer = func() (*hubapi.Kept, error) { return nil, nil }
		seeker := NewSeeker(Config{Swarm: s, HTTP: &http.Client{Transport: s}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			seeker.Run(ctx)
		}()
		defer func() { stop(); <-done }()
		want := []Want{{File: kith.Infohash{1}, Hubs: []string{"https://a.example", "https://b.example"}}}

		seeker.Want(want)
		time.Sleep(time.Second)
		if n := s.times("a.example"); n != 0 {
			t.Errorf("it was asked before members could come: %d", n)
		}
		time.Sleep(time.Minute)
		if a, b := s.times("a.example"), s.times("b.example"); a != 1 || b != 1 {
			t.Errorf("asked %d and %d times within a minute", a, b)
		}
		// Whoever wants it no more, and again, asks no more often.
		for range 10 {
			seeker.Want(nil)
			time.Sleep(2 * time.Second)
			seeker.Want(want)
			time.Sleep(5 * time.Second)
		}
		if n := s.times("a.example"); n != 1 {
			t.Errorf("asked %d times", n)
		}
		time.Sleep(time.Hour)
		if n := s.times("a.example"); n < 10 || n > 13 {
			t.Errorf("asked %d times within an hour", n)
		}

		// A hub that does not answer is asked ever more rarely.
		s.set(func() { s.answer = func() (*hubapi.Kept, error) { return nil, errors.New("no route") } })
		before := s.times("b.example")
		time.Sleep(time.Hour)
		if n := s.times("b.example") - before; n > 16 {
			t.Errorf("a hub that is away was asked %d times within an hour", n)
		}

		// What comes from members is asked of nobody.
		s.set(func() { s.status = swarm.Status{State: swarm.Fetching, Down: 1e6} })
		before = s.times("a.example")
		time.Sleep(time.Hour)
		if n := s.times("a.example") - before; n != 0 {
			t.Errorf("asked %d times for what comes from others", n)
		}
		s.set(func() { s.status = swarm.Status{State: swarm.Paused} })
		time.Sleep(time.Hour)
		if n := s.times("a.example") - before; n != 0 {
			t.Errorf("asked %d times for what is paused", n)
		}
	})
}

// How much is asked for at once follows how fast the hub is.
func TestRunLength(t *testing.T) {
	f := newFile(nil, "", kith.Infohash{}, time.Now)
	for range 10 {
		f.tookRun(f.runLength(), 10*time.Millisecond)
	}
	if n := f.runLength(); n != mostRun {
		t.Errorf("of a fast hub %d bytes are asked for", n)
	}
	f.tookRun(f.runLength(), time.Second)
	if n := f.runLength(); n != mostRun {
		t.Errorf("after a second %d", n)
	}
	for range 10 {
		f.tookRun(f.runLength(), 5*time.Second)
	}
	if n := f.runLength(); n != leastRun {
		t.Errorf("of a slow hub %d bytes are asked for", n)
	}
	f.tookRun(leastRun/2, 10*time.Millisecond)
	if n := f.runLength(); n != leastRun {
		t.Errorf("a short range says little: %d", n)
	}
}
