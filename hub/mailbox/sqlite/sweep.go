package sqlite

import (
	"time"

	"kith/hubapi"
	"kith/internal/sqlfile"
)

const (
	sweepEvery = 10 * time.Minute
	sweepBatch = 500 // envelopes in one write of the sweep, about 5 ms
)

// sweep removes what is too old, at once and then again and again until the
// mailbox is closed.
func (s *Store) sweep() {
	again := time.NewTicker(sweepEvery)
	defer again.Stop()
	for {
		if err := s.sweepOnce(time.Now()); err != nil && s.background.Err() == nil {
			s.log.Error("the mailbox can't remove what is too old", "error", err)
		}
		select {
		case <-s.background.Done():
			return
		case <-again.C:
		}
	}
}

// sweepOnce runs batches until none finds anything, so that nobody who leaves
// something waits for long.
func (s *Store) sweepOnce(now time.Time) error {
	for _, batch := range []func(*writer, time.Time) int{(*writer).sweepEnvelopes, (*writer).sweepBoxes, (*writer).sweepBundles} {
		for n := sweepBatch; n >= sweepBatch; {
			err := s.write(s.background, "remove what is too old", func(w *writer) error { n = batch(w, now); return nil })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepEnvelopes relies on numbers that rise with time: it stops at the first
// envelope that is to be kept.
func (w *writer) sweepEnvelopes(now time.Time) int {
	type old struct{ id, size int64 }
	var olds []old
	for r, err := range w.c.Rows("oldest", sweepBatch) {
		if err != nil {
			w.broken = err
			return 0
		}
		o, until := old{r.Int(), r.Int()}, r.Time()
		if until.After(now) {
			break
		}
		olds = append(olds, o)
		var key hubapi.Key
		r.Fill(key[:])
		delete(w.boxes, key) // counted anew when it is needed
	}
	for _, o := range olds {
		w.exec("expire", o.id)
		w.now.envelopes--
		w.now.bytes -= o.size
	}
	return len(olds)
}

func (w *writer) sweepBoxes(now time.Time) int {
	if w.s.limits.Unused <= 0 {
		return 0
	}
	type old struct {
		id  int64
		key hubapi.Key
	}
	var olds []old
	for r, err := range w.c.Rows("unused boxes", today(now.Add(-w.s.limits.Unused)), sweepBatch) {
		if err != nil {
			w.broken = err
			return 0
		}
		o := old{id: r.Int()}
		r.Fill(o.key[:])
		olds = append(olds, o)
	}
	for n, start := 0, w.now.envelopes; n < len(olds); n++ {
		o := olds[n]
		if start-w.now.envelopes > sweepBatch {
			return sweepBatch // the others wait for the next batch
		}
		w.one("box use", func(r *sqlfile.Row) {
			w.now.envelopes -= int(r.Int())
			w.now.bytes -= r.Int()
		}, o.id)
		w.exec("empty box", o.id)
		w.exec("remove box", o.id)
		w.now.boxes--
		delete(w.boxes, o.key)
	}
	return len(olds)
}

func (w *writer) sweepBundles(now time.Time) int {
	type old struct{ id, size int64 }
	var olds []old
	for r, err := range w.c.Rows("old bundles", now.UnixMilli(), sweepBatch) {
		if err != nil {
			w.broken = err
			return 0
		}
		olds = append(olds, old{r.Int(), r.Int()})
	}
	for _, o := range olds {
		w.exec("remove bundle", o.id)
		w.now.bytes -= o.size
	}
	return len(olds)
}
