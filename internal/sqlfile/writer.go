package sqlfile

import (
	"sync/atomic"
	"time"
)

// A writer is the goroutine that owns the writing connection. It repeats:
//
//	take a waiting write, BEGIN
//	  run it, take the next, until none waits or the group is full
//	COMMIT, which syncs the disk once for all of them
//	tell who wants to know, answer them
type writer struct {
	c       *Conn
	most    int // writes in a transaction
	settled func(lost error)
	jobs    chan *job
	quit    chan struct{}
	done    chan struct{}
	err     error // of closing the connection; valid after done
}

// A job is one write that waits.
type job struct {
	run       func(*Conn) (refused, lost error)
	committed func()
	taken     atomic.Bool // by the writer, or by its caller who gave up
	err       error       // valid after done
	done      chan struct{}
}

// maxGroupTime is after which no further write is taken into a transaction.
const maxGroupTime = 10 * time.Millisecond

func startWriter(c *Conn, o Options) *writer {
	w := &writer{
		c: c, most: o.Group, settled: o.Settled,
		jobs: make(chan *job, o.Group),
		quit: make(chan struct{}),
		done: make(chan struct{}),
	}
	go w.loop()
	return w
}

// stop ends the writer after what waits.
func (w *writer) stop() error {
	close(w.quit)
	<-w.done
	return w.err
}

func (w *writer) loop() {
	defer close(w.done)
	for {
		select {
		case <-w.quit:
			w.finish()
			return
		case j := <-w.jobs:
			w.group(j)
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
			w.err = w.c.Close()
			return
		}
	}
}

// group runs first and the writes that wait behind it in one transaction.
func (w *writer) group(first *job) {
	started := time.Now()
	lost := w.c.Exec("begin writing")
	var group []*job
	for j := first; j != nil; {
		if j.taken.CompareAndSwap(false, true) {
			group = append(group, j)
			if lost == nil {
				j.err, lost = j.run(w.c)
			}
		}
		if lost != nil || len(group) >= w.most || time.Since(started) > maxGroupTime {
			break
		}
		select {
		case j = <-w.jobs:
		default:
			j = nil
		}
	}
	if lost == nil {
		lost = w.c.Exec("commit")
	}
	if lost != nil && !w.c.DB.GetAutocommit() {
		w.c.Exec("rollback") // all have failed already; nothing worse can come
	}
	if w.settled != nil {
		w.settled(lost)
	}
	for _, j := range group {
		if j.err == nil {
			j.err = lost
		}
		if j.err == nil && j.committed != nil {
			j.committed()
		}
		close(j.done)
	}
}
