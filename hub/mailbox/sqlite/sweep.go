package sqlite

import (
	"time"

	"github.com/ncruces/go-sqlite3"

	"kith/hubapi"
)

// A sweep removes what is too old, a batch at a time, so that nobody who leaves
// something waits for long.

// sweepSoon begins a sweep, if there is none, beside the writer.
func (s *Store) sweepSoon() {
	if !s.sweeping.CompareAndSwap(false, true) {
		return
	}
	s.sweepers.Go(func() {
		defer s.sweeping.Store(false)
		s.sweep()
	})
}

// sweep runs batches until none finds anything.
func (s *Store) sweep() {
	now := time.Now()
	for _, batch := range []func(*writer, time.Time) int{(*writer).sweepEnvelopes, (*writer).sweepBoxes, (*writer).sweepBundles} {
		for {
			n := 0
			err := s.write(s.background, "remove what is too old", func(w *writer) error { n = batch(w, now); return nil })
			if err != nil {
				if s.background.Err() == nil {
					s.log.Error("the mailbox can't remove what is too old", "error", err)
				}
				return
			}
			if n < sweepBatch {
				break
			}
		}
	}
}

// sweepEnvelopes relies on numbers that rise with time: it stops at the first
// envelope that is to be kept.
func (w *writer) sweepEnvelopes(now time.Time) int {
	type old struct{ id, size int64 }
	var olds []old
	for row, err := range w.c.rows("oldest", sweepBatch) {
		if err != nil {
			w.broken = err
			return 0
		}
		if row.ColumnInt64(2) > now.UnixMilli() {
			break
		}
		olds = append(olds, old{row.ColumnInt64(0), row.ColumnInt64(1)})
		var key hubapi.Key
		copy(key[:], row.ColumnRawBlob(3))
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
	for row, err := range w.c.rows("unused boxes", today(now.Add(-w.s.limits.Unused)), sweepBatch) {
		if err != nil {
			w.broken = err
			return 0
		}
		o := old{id: row.ColumnInt64(0)}
		copy(o.key[:], row.ColumnRawBlob(1))
		olds = append(olds, o)
	}
	for n, start := 0, w.now.envelopes; n < len(olds); n++ {
		o := olds[n]
		if start-w.now.envelopes > sweepBatch {
			return sweepBatch // the others wait for the next batch
		}
		w.one("box use", func(row *sqlite3.Stmt) {
			w.now.envelopes -= row.ColumnInt(0)
			w.now.bytes -= row.ColumnInt64(1)
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
	for row, err := range w.c.rows("old bundles", now.UnixMilli(), sweepBatch) {
		if err != nil {
			w.broken = err
			return 0
		}
		olds = append(olds, old{row.ColumnInt64(0), row.ColumnInt64(1)})
	}
	for _, o := range olds {
		w.exec("remove bundle", o.id)
		w.now.bytes -= o.size
	}
	return len(olds)
}
