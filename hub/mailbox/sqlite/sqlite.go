// Package sqlite keeps a hub's mailbox in one SQLite file.
//
// Many writes share one transaction and one sync of the disk (package sqlfile).
// An answer comes after that sync: 64 senders get 20,000 durable answers a second
// from a disk that syncs 500 times.
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
	"embed"
	"errors"
	"log/slog"
	"sync"
	"time"

	"kith"
	"kith/hub/mailbox"
	"kith/hubapi"
	"kith/internal/sqlfile"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// applicationID marks the file as a mailbox: "kmbx".
const applicationID = 0x6b6d6278

// wording tells what happened to the file.
var wording = sqlfile.Words{
	Closed:  "the mailbox is closed",
	Full:    "the disk of the mailbox is full; nothing was stored",
	Damaged: "the file of the mailbox is damaged; move it away, and a new one is made. Nothing is lost for good, for senders still owe what was not received",
}

// readers is how many calls can read at a time. Each costs about 2 MiB.
const readers = 2

// A Store is an open mailbox; see mailbox.Store for its methods.
type Store struct {
	limits mailbox.Limits
	log    *slog.Logger
	db     *sqlfile.DB
	writer *writer

	mu       sync.Mutex
	watchers map[hubapi.Key][]*watcher // guarded by mu
	totals   totals                    // guarded by mu: as of the last commit

	background context.Context // of the sweep
	stop       context.CancelFunc
	sweeper    sync.WaitGroup
}

var _ mailbox.Store = (*Store)(nil)

// A watcher waits for new envelopes in a box.
type watcher struct{ wake func() }

// Open opens the mailbox at path and makes it if there is none. The caller sees
// to it that one process at a time does. A nil log is none.
func Open(path string, limits mailbox.Limits, log *slog.Logger) (*Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{limits: limits, log: log, watchers: make(map[hubapi.Key][]*watcher)}
	s.writer = &writer{s: s, boxes: make(map[hubapi.Key]*box)}
	ctx := context.Background()
	if err := s.open(ctx, path); err != nil {
		return nil, wording.Explain(ctx, path, "open the mailbox "+path, err)
	}
	s.background, s.stop = context.WithCancel(ctx)
	s.sweeper.Go(s.sweep)
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	scripts, err := sqlfile.ReadScripts(sqlFiles)
	if err != nil {
		return err
	}
	s.db, err = sqlfile.Open(ctx, path, options(scripts, s.writer.settle))
	if err != nil {
		return err
	}
	var now totals
	err = s.db.Borrow(ctx, "count what is in the mailbox", func(c *sqlfile.Conn) error {
		_, err := c.One("totals", func(r *sqlfile.Row) { now = totals{int(r.Int()), int(r.Int()), r.Int()} })
		return err
	})
	if err != nil {
		return errors.Join(err, s.db.Close())
	}
	s.writer.now, s.writer.committed = now, now
	s.publish(now)
	return nil
}

func options(scripts sqlfile.Scripts, settled func(lost error)) sqlfile.Options {
	return sqlfile.Options{
		Scripts: scripts, Application: applicationID, Words: wording,
		// What was taken is overwritten where that costs no further writing.
		Pragmas: "PRAGMA secure_delete = fast;",
		// A checkpoint syncs the file once more, so it comes rarely; the log is
		// cut back to 32 MiB when a flood is over.
		Log: 8000, LogMost: 32 << 20,
		// The writer's holds the inner pages of the indexes of 100,000 boxes.
		WriterCache: 8 << 10, ReaderCache: 1 << 10,
		Readers: readers, Group: 512, Settled: settled,
	}
}

// Close finishes what is being written and closes the file.
func (s *Store) Close() error {
	s.stop()
	s.sweeper.Wait()
	return s.db.Close()
}

// write runs f in the writer's goroutine and returns when what it wrote is
// durable. A write that has begun is finished even if ctx ends.
func (s *Store) write(ctx context.Context, what string, f func(*writer) error) error {
	return s.db.Write(ctx, what, func(c *sqlfile.Conn) (refused, lost error) {
		s.writer.c = c
		refused = f(s.writer)
		return refused, s.writer.broken
	}, nil)
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
	err = s.db.Borrow(ctx, "fetch envelopes", func(c *sqlfile.Conn) error {
		total := 0
		for r, err := range c.Rows("fetch", box[:], after, n) {
			if err != nil {
				return err
			}
			e := mailbox.Envelope{ID: r.Uint(), Body: r.Blob()}
			mail = append(mail, e)
			if total += len(e.Body); total >= size {
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
	err = s.db.Borrow(ctx, "fetch a bundle", func(c *sqlfile.Conn) error {
		found, err := c.One("read bundle", func(r *sqlfile.Row) { body = r.Blob() }, name[:], time.Now())
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
