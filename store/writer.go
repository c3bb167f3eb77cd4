package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"kith"
)

// A writer is the goroutine that owns the writing connection. It repeats:
//
//	take a waiting write, BEGIN
//	  run it in a savepoint, take the next, until none waits or the group is full
//	COMMIT, which syncs the disk once for all of them
//	answer them, tell the observer
//
// When nothing waits for a while it indexes words.
type writer struct {
	s    *Store
	c    *conn
	jobs chan *job
	quit chan struct{}
	done chan struct{}
	err  error // of closing the connection; valid after done

	pending bool // there may be unindexed messages; owned by the goroutine
}

// A job is one write that waits.
type job struct {
	run   func(*Tx) error
	tx    Tx
	taken atomic.Bool // by the writer, or by its caller who gave up
	err   error       // valid after done
	done  chan struct{}
}

const (
	maxGroup     = 128                    // writes in a transaction
	maxGroupTime = 10 * time.Millisecond  // after which no further write is taken
	indexDelay   = 100 * time.Millisecond // without a write, before words are indexed
	indexBatch   = 100                    // messages, about 5 ms; a write may have to wait for it
)

func startWriter(s *Store, c *conn) *writer {
	w := &writer{
		s: s, c: c, pending: true,
		jobs: make(chan *job, maxGroup),
		quit: make(chan struct{}),
		done: make(chan struct{}),
	}
	go w.loop()
	return w
}

// stop ends the writer after what it is writing.
func (w *writer) stop() error {
	close(w.quit)
	<-w.done
	return w.err
}

func (w *writer) loop() {
	defer close(w.done)
	idle := time.NewTimer(0)
	for {
		select {
		case <-w.quit:
			w.err = w.c.close()
			return
		case j := <-w.jobs:
			w.group(j)
		case <-idle.C:
			if err := w.indexSome(); err != nil {
				w.s.log.Error("index messages for search", "error", err)
				w.pending = false // until the next write
			}
		}
		switch {
		case !w.pending:
			idle.Stop()
		case len(w.jobs) > 0:
		default:
			idle.Reset(indexDelay)
		}
	}
}

// indexSome indexes batches of messages until a write waits.
func (w *writer) indexSome() error {
	for w.pending && len(w.jobs) == 0 {
		select {
		case <-w.quit:
			return nil
		default:
		}
		n := 0
		if err := w.single(func(t *Tx) (err error) { n, err = t.index(indexBatch); return err }); err != nil {
			return err
		}
		w.pending = n == indexBatch
	}
	return nil
}

// single runs one write of the writer's own.
func (w *writer) single(run func(*Tx) error) error {
	j := &job{run: run, done: make(chan struct{})}
	w.group(j)
	return j.err
}

// group runs first and the writes that wait behind it in one transaction.
func (w *writer) group(first *job) {
	started := time.Now()
	if err := w.c.exec("begin writing"); err != nil {
		first.finish(err)
		return
	}
	var group []*job
	var broken error
	for j := first; j != nil; {
		if j.taken.CompareAndSwap(false, true) {
			group = append(group, j)
			if broken = w.attempt(j); broken != nil {
				break
			}
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
	if broken == nil {
		broken = w.c.exec("commit")
	}
	if broken != nil && !w.c.db.GetAutocommit() {
		w.c.exec("rollback") // all have failed already; nothing worse can come
	}
	for _, j := range group {
		if broken != nil && j.err == nil {
			j.err = broken
		}
		if j.err == nil {
			w.pending = w.pending || j.tx.unindexed
			w.tell(&j.tx)
		}
		close(j.done)
	}
}

// attempt runs one write of a group. A write that fails is undone alone; the
// result is an error if the whole transaction is lost.
func (w *writer) attempt(j *job) error {
	if err := w.c.exec("savepoint"); err != nil {
		return err
	}
	j.tx.c, j.tx.s = w.c, w.s
	if j.err = j.run(&j.tx); j.err == nil {
		return w.c.exec("release")
	}
	if w.c.db.GetAutocommit() { // SQLite rolled everything back: a full disk
		return j.err
	}
	return errors.Join(w.c.exec("undo"), w.c.exec("release"))
}

func (w *writer) tell(t *Tx) {
	if w.s.observe == nil {
		return
	}
	for _, change := range t.changes {
		w.s.observe(*change)
	}
}

func (j *job) finish(err error) {
	if j.taken.CompareAndSwap(false, true) {
		j.err = err
		close(j.done)
	}
}

// write runs f in the writer's goroutine and returns when what it wrote is
// durable. A write that has begun is finished even if ctx ends.
func (s *Store) write(ctx context.Context, what string, f func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{run: f, done: make(chan struct{})}
	select {
	case s.writer.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-j.done
	case <-s.writer.done:
		if j.taken.CompareAndSwap(false, true) {
			return errClosed
		}
		<-j.done
	}
	return fail(ctx, s.path, what, j.err)
}

// A Tx is one write. It is valid until the function it was given to returns.
type Tx struct {
	s         *Store
	c         *conn
	changes   []*Change
	unindexed bool // it left messages for the index of words
}

// Attempt does a part of a write that is undone alone if it fails. The error is
// that of do, unless the whole write is lost.
func (t *Tx) Attempt(do func() error) error {
	if err := t.c.exec("savepoint"); err != nil {
		return err
	}
	before, unindexed := len(t.changes), t.unindexed
	err := do()
	if err == nil {
		return t.c.exec("release")
	}
	if t.c.db.GetAutocommit() { // SQLite rolled everything back: a full disk
		return err
	}
	if broken := errors.Join(t.c.exec("undo"), t.c.exec("release")); broken != nil {
		return broken
	}
	t.changes, t.unindexed = t.changes[:before], unindexed
	return err
}

// change gives the record of what happens to a conversation.
func (t *Tx) change(conv kith.ConversationID) *Change {
	for _, change := range t.changes {
		if change.Conversation == conv {
			return change
		}
	}
	change := &Change{Conversation: conv}
	t.changes = append(t.changes, change)
	return change
}

// touched notes that a message is new or changed.
func (c *Change) touched(id kith.EventID) {
	if c.All {
		return
	}
	if len(c.Messages) == maxNamed {
		c.All, c.Messages = true, nil
		return
	}
	c.Messages = append(c.Messages, id)
}
