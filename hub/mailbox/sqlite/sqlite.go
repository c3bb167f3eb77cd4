// Package sqlite keeps a hub's mailbox in one SQLite file.
//
// One goroutine owns the only writing connection and takes as many waiting
// writes as there are into one transaction, so that they share one sync of the
// disk (write-ahead log, synchronous=FULL). An answer comes after that sync:
// 64 senders get 20,000 durable answers a second from a disk that syncs 500
// times. Reading goes through connections of its own.
//
//	boxes      a key, the hash of its token, the day of its last use
//	envelopes  their numbers rise over all boxes and are never given twice
//	bundles    a name, its owner, an end
//
// Nothing is kept in memory for each box; what the writer remembers of some is
// bounded.
package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"kith"
	"kith/hub/mailbox"
	"kith/hubapi"
)

// readers is how many calls can read at a time. Each costs about 2 MiB.
const readers = 2

// A Store is an open mailbox; see mailbox.Store for its methods.
type Store struct {
	path   string
	limits mailbox.Limits
	log    *slog.Logger

	writer  *writer
	readers chan *conn // that nobody uses

	mu       sync.Mutex
	watchers map[hubapi.Key][]*watcher // guarded by mu
	totals   totals                    // guarded by mu: as of the last commit

	background context.Context // of the sweep
	stop       context.CancelFunc
	sweepers   sync.WaitGroup
	sweeping   atomic.Bool
	closing    sync.Once
	closed     chan struct{}
}

var _ mailbox.Store = (*Store)(nil)

// A watcher waits for new envelopes in a box.
type watcher struct{ wake func() }

// Open opens the mailbox at path and makes it if there is none. The caller sees
// to it that one process at a time does. A nil log is none.
func Open(path string, limits mailbox.Limits, log *slog.Logger) (_ *Store, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		path: path, limits: limits, log: log,
		readers:  make(chan *conn, readers),
		watchers: make(map[hubapi.Key][]*watcher),
		closed:   make(chan struct{}),
	}
	s.background, s.stop = context.WithCancel(context.Background())
	if err := s.open(); err != nil {
		s.stop()
		for len(s.readers) > 0 {
			err = errors.Join(err, (<-s.readers).close())
		}
		return nil, s.fail(context.Background(), "open the mailbox "+path, err)
	}
	s.sweepSoon()
	return s, nil
}

func (s *Store) open() error {
	queries := readQueries()
	w, err := prepare(s.path, queries)
	if err != nil {
		return err
	}
	for range readers {
		c, err := connect(s.path, queries, readerCache)
		if err != nil {
			return errors.Join(err, w.close())
		}
		s.readers <- c
	}
	if s.writer, err = startWriter(s, w); err != nil {
		return errors.Join(err, w.close())
	}
	return nil
}

// Close finishes what is being written and closes the file.
func (s *Store) Close() error {
	var err error
	s.closing.Do(func() {
		s.stop()
		s.sweepers.Wait()
		close(s.closed)
		err = s.writer.stop()
		for range readers {
			err = errors.Join(err, (<-s.readers).close())
		}
	})
	return s.fail(context.Background(), "close the mailbox", err)
}

// write runs f in the writer's goroutine and returns when what it wrote is
// durable. A write that has begun is finished even if ctx ends.
func (s *Store) write(ctx context.Context, what string, f func(*writer) error) error {
	j := &job{run: f, done: make(chan struct{})}
	select {
	case <-s.closed:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	case s.writer.jobs <- j:
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
	return s.fail(ctx, what, j.err)
}

// Open makes a box or finds it.
func (s *Store) Open(ctx context.Context, box hubapi.Key, token hubapi.Hash, mayMake bool) (opened mailbox.Opened, err error) {
	err = s.write(ctx, "open a box", func(w *writer) (err error) {
		opened, err = w.open(box, token, mayMake, time.Now())
		return err
	})
	return opened, err
}

// Leave puts an envelope into a box.
func (s *Store) Leave(ctx context.Context, box hubapi.Key, token hubapi.Hash, body []byte) (until time.Time, err error) {
	if err := fits(body, hubapi.MaxMail, "an envelope"); err != nil {
		return time.Time{}, err
	}
	err = s.write(ctx, "leave an envelope", func(w *writer) (err error) {
		until, err = w.leave(box, token, body, time.Now())
		return err
	})
	return until, err
}

// Fetch gives envelopes.
func (s *Store) Fetch(ctx context.Context, box hubapi.Key, after uint64, n, size int) (mail []mailbox.Envelope, err error) {
	err = s.reader(ctx, "fetch envelopes", func(c *conn) error {
		total := 0
		for row, err := range c.rows("fetch", box[:], int64(after), n) {
			if err != nil {
				return err
			}
			body := row.ColumnBlob(1, nil)
			mail = append(mail, mailbox.Envelope{ID: uint64(row.ColumnInt64(0)), Body: body})
			if total += len(body); total >= size {
				break
			}
		}
		return nil
	})
	return mail, err
}

// Take removes envelopes.
func (s *Store) Take(ctx context.Context, box hubapi.Key, ids []uint64) error {
	return s.write(ctx, "take envelopes out", func(w *writer) error { return w.take(box, ids) })
}

// Publish keeps a bundle.
func (s *Store) Publish(ctx context.Context, owner hubapi.Key, name hubapi.Hash, body []byte, until time.Time) (end time.Time, err error) {
	if len(body) > 0 {
		if err := fits(body, hubapi.MaxBundle, "a bundle"); err != nil {
			return time.Time{}, err
		}
	}
	err = s.write(ctx, "publish a bundle", func(w *writer) (err error) {
		end, err = w.publishBundle(owner, name, body, until, time.Now())
		return err
	})
	return end, err
}

// Bundle gives a bundle.
func (s *Store) Bundle(ctx context.Context, name hubapi.Hash) (body []byte, err error) {
	err = s.reader(ctx, "fetch a bundle", func(c *conn) error {
		found, err := c.one("read bundle", func(row *sqlite3.Stmt) { body = row.ColumnBlob(0, nil) }, name[:], time.Now().UnixMilli())
		if err == nil && !found {
			return kith.Errorf(kith.NotFound, "nothing is published under this name, or not any more")
		}
		return err
	})
	return body, err
}

// Check reports whether the store can be written to.
func (s *Store) Check(ctx context.Context) error {
	return s.write(ctx, "write to the mailbox", func(w *writer) error { return nil })
}

// Stats tells how full it is, as of the last write.
func (s *Store) Stats(context.Context) (mailbox.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return mailbox.Stats{Boxes: s.totals.boxes, Envelopes: s.totals.envelopes, Bytes: s.totals.bytes}, nil
}

func (s *Store) publish(t totals) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.totals = t
}

func fits(body []byte, most int, what string) error {
	if len(body) == 0 || len(body) > most {
		return kith.Errorf(kith.Invalid, "%s has 1 to %d bytes, this one has %d", what, most, len(body))
	}
	return nil
}
