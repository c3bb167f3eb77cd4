// Package store is the durable record of one node: one SQLite file, all SQL of
// the node, and the search over everything that was said.
//
// Events come in, each one durable before the call returns: written here
// ([Store.Append]) or received ([Store.Apply]). Every author device numbers
// its events in a conversation 1, 2, 3…, and the store keeps them without a
// hole. Messages, what people see, are kept folded beside the events, by rules
// that are handed in ([Rules]).
//
// # Tables
//
//	conversations   names, and what a list of them shows
//	authors         one device in one conversation: how far its events are here, read, delivered
//	events          as they came, byte by byte
//	messages        folds of events; id is that of the event that began it. A change of a roster is one too
//	marks, steps    what the devices of others have and have read, and since when
//	words           the full-text index; unindexed tells what it lacks
//	drafts          what was written and not sent
//	settings, contacts, invitations, blocks
//	spheres, records, members, sphere_invites
//	folders, holdings, glances   where shared files lie, and what lay in the folders last
//	exempt          what a member who came late need not get for it to be delivered
//	correspondents, prekeys, bundles, heard   the devices that letters are exchanged with
//	mailed          what lies sealed with hubs, for whom and until when
//	early           events that overtook others in letters
//
// The schema is in sql/schema.N.sql, one file a version, and the queries by
// name in the files beside it.
//
// # Concurrency
//
// One goroutine writes, and many writes share one sync of the disk (package
// sqlfile). Each has a savepoint, so that one that fails does not fail the
// others. The index of words is brought up to date when no message has come for
// a while, or when somebody searches.
//
// # Encryption
//
// With a key, every page of the file and of its log goes through Adiantum
// (Crowley and Biggers 2018). It hides what is stored from whoever has the
// disk; it does not show that somebody changed it.
package store

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"kith"
	"kith/internal/sqlfile"
)

// Rules is what the store must know about events and may not import. The
// functions are pure; they are called in the writer's transaction and must not
// call the store.
type Rules struct {
	// Parse decodes Raw into ID, Seq, Order, Sent and Body (package wire).
	Parse func(raw []byte, ev *kith.Event) error
	// Fold applies one event to a message (package convo). For one that begins
	// a message, msg is the zero Message. An error means that the event has no
	// effect.
	Fold func(msg *kith.Message, ev *kith.Event) error
}

// Options of a store.
type Options struct {
	Key     *[32]byte // of the file; nil if it is plain
	Account kith.AccountID
	Rules   Rules
	Log     *slog.Logger // nil: none
	// Observe is told of every change after it is durable, in order, by the
	// writer's goroutine. It must not block and must not call the store.
	Observe func(Change)
}

// A Change tells what one durable write did to one conversation.
type Change struct {
	Conversation kith.ConversationID
	Messages     []kith.EventID // new or changed
	All          bool           // too many to name them; Messages is empty
	Events       bool           // there are new events to pass on, and Have rose
	Marks        bool           // what others have or have read: delivery states
	Read         bool           // this person read on: Have and unread counts
	Arranged     bool           // it was pinned, archived or given a draft, or the reverse
}

// maxNamed bounds Change.Messages.
const maxNamed = 256

// readers is how many calls can read at a time. Each costs about 3 MiB.
const readers = 3

// A Store is an open database. Its methods may be called from any goroutine.
type Store struct {
	rules   Rules
	log     *slog.Logger
	observe func(Change)
	vfs     string

	account atomic.Pointer[kith.AccountID]

	db *sqlfile.DB

	unindexed  chan struct{}   // holds one if there are new messages for the index of words
	background context.Context // of the indexer
	stop       context.CancelFunc
	indexer    sync.WaitGroup
}

// Open opens the database at path and makes it if there is none. The caller
// sees to it that one process at a time does.
//
// The error is kith.Invalid if the key does not fit, kith.Damaged if the file
// is no database or a broken one, kith.Conflict if a newer version of the
// program wrote it, kith.Full if the disk is.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	scripts, err := sqlfile.ReadScripts(sqlFiles)
	if err != nil {
		return nil, err
	}
	return openScripts(ctx, path, o, scripts)
}

// openScripts opens a database whose schema is what the scripts lead to.
func openScripts(ctx context.Context, path string, o Options, scripts sqlfile.Scripts) (*Store, error) {
	s := &Store{
		rules: o.Rules, log: o.Log, observe: o.Observe, vfs: vfs(o.Key),
		unindexed: make(chan struct{}, 1),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.account.Store(&o.Account)
	if err := s.open(ctx, path, o.Key, scripts); err != nil {
		return nil, wording.Explain(ctx, path, "open "+path, err)
	}
	s.background, s.stop = context.WithCancel(context.Background())
	s.indexer.Go(s.indexWhenIdle)
	return s, nil
}

func (s *Store) open(ctx context.Context, path string, key *[32]byte, scripts sqlfile.Scripts) error {
	if err := checkKind(path, key); err != nil {
		return err
	}
	sweep(path, key)
	db, err := sqlfile.Open(ctx, path, options(key, scripts))
	s.db = db
	return wrongKey(path, key, err)
}

// Close finishes what was begun and closes the file. Calls that come later fail.
func (s *Store) Close() error {
	s.stop()
	s.indexer.Wait()
	return s.db.Close()
}

// Account is this person's, or zero if it was not set.
func (s *Store) Account() kith.AccountID { return *s.account.Load() }

// SetAccount tells whose store this is. The key of the account is kept in the
// settings of this very store, so it can come after Open, and must come before
// anything that touches events.
func (s *Store) SetAccount(account kith.AccountID) { s.account.Store(&account) }

// read runs f in one read transaction: it sees one state of the database.
func (s *Store) read(ctx context.Context, what string, f func(conn) error) error {
	return s.db.Read(ctx, what, func(c *sqlfile.Conn) error { return f(conn{c}) })
}
