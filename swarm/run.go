package swarm

import (
	"cmp"
	"slices"
	"time"

	"github.com/anacrolix/torrent"
)

const highest = torrent.PiecePriorityHigh

// Times of run.
const (
	beat  = time.Second
	lapse = 30 * time.Second // an idle torrent is put to sleep after that
)

// run wakes and puts to sleep what has to be. It rests while nothing is awake.
func (s *Swarm) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
		if s.survey() {
			timer.Reset(beat)
		} else {
			s.pool.empty()
		}
	}
}

// survey looks at every transfer and reports whether any is awake.
func (s *Swarm) survey() bool {
	s.mu.Lock()
	all := s.allLocked()
	s.mu.Unlock()
	now := s.cfg.Now()
	var wanting []*transfer
	awake := false
	for _, t := range all {
		t.mu.Lock()
		if t.blocked != nil && !now.Before(t.retry) {
			t.blocked = nil
			if tt := t.t; tt != nil {
				defer func() { allow(tt); t.prioritise() }()
			}
		}
		waits := t.blocked != nil
		wants := t.wantingLocked()
		up := t.t != nil
		idle := up && !wants && t.readers == 0 && t.checking == 0 && now.Sub(t.busy) > lapse
		t.mu.Unlock()
		if wants {
			wanting = append(wanting, t)
		}
		if up && idle && s.liveConns(t) == 0 {
			t.op.Lock()
			if err := t.deactivate(); err != nil {
				s.log.Warn("the state of a transfer was not noted", "error", err)
			}
			t.op.Unlock()
			up = false
			t.changed()
		}
		if up {
			t.measure(now)
		}
		awake = awake || up || waits
	}
	slices.SortFunc(wanting, func(a, b *transfer) int { return cmp.Compare(a.order(), b.order()) })
	for i, t := range wanting {
		if i >= s.cfg.Active {
			t.mu.Lock()
			reads := t.readers > 0
			t.mu.Unlock()
			if !reads {
				t.queue(true)
				continue
			}
		}
		t.queue(false)
		t.op.Lock()
		if s.ctx.Err() == nil {
			if err := t.activate(); err != nil {
				t.stumble(err)
			}
		}
		t.op.Unlock()
		t.dial()
		awake = true
	}
	return awake
}

func (t *transfer) order() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rec.Order
}

func (s *Swarm) liveConns(t *transfer) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.transfer == t {
			n++
		}
	}
	return n
}

// queue says whether the transfer waits for its turn. One that has begun and is
// overtaken stops fetching, and goes on serving.
func (t *transfer) queue(waits bool) {
	t.mu.Lock()
	was := t.speed.queued
	t.speed.queued = waits
	tt := t.t
	t.mu.Unlock()
	if was == waits {
		return
	}
	if tt != nil {
		if waits {
			tt.DisallowDataDownload()
		} else {
			allow(tt)
		}
	}
	t.changed()
}

// A speed is measured once a beat.
type speed struct {
	at          time.Time
	read, wrote int64
	down, up    float64 // bytes a second, smoothed over some seconds
	queued      bool
}

func (t *transfer) measure(now time.Time) {
	t.mu.Lock()
	tt := t.t
	t.mu.Unlock()
	if tt == nil {
		return
	}
	stats := tt.Stats()
	read, wrote := stats.BytesReadUsefulData.Int64(), stats.BytesWrittenData.Int64()
	t.mu.Lock()
	moved := t.speed.measure(now, read, wrote)
	if moved {
		t.busy = now
	}
	t.mu.Unlock()
	if moved {
		t.changed()
	}
}

// measure takes the counters of now, and reports whether they moved.
func (v *speed) measure(now time.Time, read, wrote int64) bool {
	dt := now.Sub(v.at).Seconds()
	if !v.at.IsZero() && dt >= 0 && dt <= 0.2 {
		return false // asked too early: a short span says little
	}
	moved := read != v.read || wrote != v.wrote
	if !v.at.IsZero() && dt > 0 && read >= v.read && wrote >= v.wrote {
		const weight = 0.4
		v.down += weight * (float64(read-v.read)/dt - v.down)
		v.up += weight * (float64(wrote-v.wrote)/dt - v.up)
	}
	v.at, v.read, v.wrote = now, read, wrote
	return moved
}
