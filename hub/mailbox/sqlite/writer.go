package sqlite

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"kith/hubapi"
)

// A writer is the goroutine that owns the writing connection. It repeats:
//
//	take a waiting write, BEGIN
//	  run it, take the next, until none waits or the group is full
//	COMMIT, which syncs the disk once for all of them
//	answer them, wake who watches
//
// A write that is refused changes nothing, for it looks before it writes. One
// that fails inside SQLite fails its whole group.
type writer struct {
	s    *Store
	c    *conn
	jobs chan *job
	quit chan struct{}
	done chan struct{}
	err  error // of closing the connection; valid after done

	// Owned by the goroutine.
	broken    error // what SQLite said in this group
	filled    []hubapi.Key
	boxes     map[hubapi.Key]*box // some of them
	now       totals              // with what this group changes
	committed totals
}

// totals are what the store holds in all.
type totals struct {
	boxes, envelopes int
	bytes            int64
}

// A job is one write that waits.
type job struct {
	run   func(*writer) error
	taken atomic.Bool // by the writer, or by its caller who gave up
	err   error       // valid after done
	done  chan struct{}
}

const (
	maxGroup     = 512                   // writes in a transaction
	maxGroupTime = 10 * time.Millisecond // after which no further write is taken
	sweepEvery   = 10 * time.Minute
	sweepBatch   = 500 // envelopes in one write of the sweep, about 5 ms
)

func startWriter(s *Store, c *conn) (*writer, error) {
	w := &writer{
		s: s, c: c,
		jobs:  make(chan *job, maxGroup),
		quit:  make(chan struct{}),
		done:  make(chan struct{}),
		boxes: make(map[hubapi.Key]*box),
	}
	_, err := c.one("totals", func(row *sqlite3.Stmt) {
		w.now = totals{row.ColumnInt(0), row.ColumnInt(1), row.ColumnInt64(2)}
	})
	if err != nil {
		return nil, err
	}
	w.committed = w.now
	s.publish(w.now)
	go w.loop()
	return w, nil
}

// stop ends the writer after what waits.
func (w *writer) stop() error {
	close(w.quit)
	<-w.done
	return w.err
}

func (w *writer) loop() {
	defer close(w.done)
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-w.quit:
			w.finish()
			return
		case j := <-w.jobs:
			w.group(j)
		case <-sweep.C:
			w.s.sweepSoon()
		}
	}
}

// finish writes what waits still, and closes.
func (w *writer) finish() {
	for {
		select {
		case j := <-w.jobs:
			w.group(j)
		default:
			w.err = w.c.close()
			return
		}
	}
}

// group runs first and the writes that wait behind it in one transaction.
func (w *writer) group(first *job) {
	started := time.Now()
	w.broken = w.c.exec("begin")
	var group []*job
	for j := first; j != nil && w.broken == nil; {
		if j.taken.CompareAndSwap(false, true) {
			group = append(group, j)
			j.err = j.run(w)
		}
		if len(group) >= maxGroup || time.Since(started) > maxGroupTime {
			break
		}
		select {
		case j = <-w.jobs:
		default:
			j = nil
		}
	}
	if len(group) == 0 && first.taken.CompareAndSwap(false, true) {
		group = append(group, first) // even the beginning failed
	}
	if w.broken == nil {
		w.broken = w.c.exec("commit")
	}
	w.settle()
	for _, j := range group {
		if w.broken != nil && j.err == nil {
			j.err = w.broken
		}
		close(j.done)
	}
	if w.broken == nil {
		w.s.wake(w.filled)
	}
	w.filled = w.filled[:0]
}

// settle makes memory agree with the disk after a group.
func (w *writer) settle() {
	if w.broken == nil {
		w.committed = w.now
		w.s.publish(w.now)
		return
	}
	if !w.c.db.GetAutocommit() {
		w.broken = errors.Join(w.broken, w.c.exec("rollback"))
	}
	clear(w.boxes)
	w.now = w.committed
}

// exec runs a query; if it fails, so does the group.
func (w *writer) exec(name string, args ...any) {
	if w.broken == nil {
		w.broken = w.c.exec(name, args...)
	}
}

// one runs a query for its first row; if it fails, so does the group.
func (w *writer) one(name string, read func(*sqlite3.Stmt), args ...any) bool {
	if w.broken != nil {
		return false
	}
	found, err := w.c.one(name, read, args...)
	w.broken = err
	return found
}
