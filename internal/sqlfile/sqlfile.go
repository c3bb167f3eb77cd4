// Package sqlfile keeps something in one SQLite file, durably.
//
// One goroutine owns the only writing connection. It takes as many waiting
// writes as there are into one transaction, so that they share one sync of the
// disk (write-ahead log, synchronous=FULL), and answers them after it. Reading
// goes through a few connections of its own and never waits for it.
//
// What the file holds is told by a folder of SQL: schema.N.sql leads from
// format N-1 to N, connection.sql is run on every connection, and all other
// files hold queries, each after a line "-- name: …". Queries are prepared once
// a connection and run by their names.
//
// The errors of SQLite come as the project's kinds: Full, Damaged, Conflict if a
// newer version of the program wrote the file, Invalid if another program did.
package sqlfile

import (
	"context"
	"errors"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"kith"
)

// Options say what a database is and how it is used.
type Options struct {
	Scripts     Scripts
	Application uint32 // PRAGMA application_id: whose file it is
	Words       Words

	VFS     string                    // and its parameters, as in a URI; empty: plain files
	Extend  func(*sqlite3.Conn) error // adds to a new connection; nil: nothing
	Pragmas string                    // of each connection, beside those that all have
	Log     int                       // pages in the log before they go into the file; a checkpoint syncs once more
	LogMost int64                     // bytes to which the log is cut back after a flood

	WriterCache int // KiB for pages
	ReaderCache int // KiB for pages, of each reading connection
	Readers     int // how many calls can read at a time
	Group       int // most writes in a transaction

	// Settled, if not nil, is called by the writer's goroutine at the end of
	// every transaction, before its writes are answered: lost is nil if it is
	// durable.
	Settled func(lost error)
}

// A DB is an open database. Its methods may be called from any goroutine.
type DB struct {
	path    string
	words   Words
	writer  *writer
	pool    chan *Conn // of reading connections that nobody uses
	readers int

	closing sync.Once
	closed  chan struct{}
}

// Open opens the database at path and makes it if there is none. The caller sees
// to it that one process at a time does. Errors of SQLite come as they are, for
// the caller may know better what they mean; see [Words.Explain].
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	w, err := Connect(ctx, path, o)
	if err != nil {
		return nil, err
	}
	db := &DB{
		path: path, words: o.Words, readers: o.Readers,
		pool:   make(chan *Conn, o.Readers),
		closed: make(chan struct{}),
	}
	for range o.Readers {
		c, err := connectReader(ctx, path, o)
		if err != nil {
			for len(db.pool) > 0 {
				err = errors.Join(err, (<-db.pool).Close())
			}
			return nil, errors.Join(err, w.Close())
		}
		db.pool <- c
	}
	db.writer = startWriter(w, o)
	return db, nil
}

func connectReader(ctx context.Context, path string, o Options) (*Conn, error) {
	c, err := connect(ctx, path, o, o.ReaderCache)
	if err != nil {
		return nil, err
	}
	if err := c.DB.Exec(o.Scripts.Connection); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Close waits for who reads, writes what waits to be written and closes the
// file. Calls that come later fail.
func (db *DB) Close() error {
	var err error
	db.closing.Do(func() {
		close(db.closed)
		for range db.readers {
			err = errors.Join(err, (<-db.pool).Close())
		}
		err = errors.Join(err, db.writer.stop()) // who closes last empties the log into the file
	})
	return db.words.Explain(context.Background(), db.path, "close "+db.path, err)
}

// Write has the writer's goroutine call run, and returns when what it wrote is
// durable. A write that has begun is finished even if ctx ends. what names it in
// errors.
//
// If run refuses, that is the answer to this write alone, and what it wrote
// before is written nevertheless (but see [Conn.Attempt]). If it says that the
// transaction is lost, all writes in it fail. committed, if not nil, is called
// by the writer's goroutine once the write is durable, in the order of writes;
// it must not block and must not call the database.
func (db *DB) Write(ctx context.Context, what string, run func(*Conn) (refused, lost error), committed func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{run: run, committed: committed, done: make(chan struct{})}
	select {
	case db.writer.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.closed:
		return db.shut()
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-j.done
	case <-db.writer.done:
		if j.taken.CompareAndSwap(false, true) {
			return db.shut()
		}
		<-j.done
	}
	return db.words.Explain(ctx, db.path, what, j.err)
}

// Read runs f in one read transaction: it sees one state of the database.
func (db *DB) Read(ctx context.Context, what string, f func(*Conn) error) error {
	return db.Borrow(ctx, what, func(c *Conn) error {
		if err := c.Exec("begin"); err != nil {
			return err
		}
		err := f(c)
		c.DB.SetInterrupt(context.Background()) // or the end would be refused
		if end := c.Exec("commit"); err == nil {
			err = end
		}
		return err
	})
}

// Borrow runs f with a reading connection, outside a transaction. The end of ctx
// interrupts it.
func (db *DB) Borrow(ctx context.Context, what string, f func(*Conn) error) error {
	select {
	case <-db.closed:
		return db.shut()
	default:
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-db.closed:
		return db.shut()
	case c := <-db.pool:
		c.DB.SetInterrupt(ctx)
		err := f(c)
		c.DB.SetInterrupt(context.Background())
		db.pool <- c
		return db.words.Explain(ctx, db.path, what, err)
	}
}

// shut is what calls give after Close.
func (db *DB) shut() error { return kith.Errorf(kith.Conflict, "%s", db.words.Closed) }
