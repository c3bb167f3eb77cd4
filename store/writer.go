package store

import (
	"context"

	"kith"
	"kith/internal/sqlfile"
)

// A conn is a connection with what several of its queries make together.
type conn struct{ *sqlfile.Conn }

// A row hands out its columns from left to right.
type row = sqlfile.Row

// write runs f in the writer's goroutine and returns when what it wrote is
// durable. A write that has begun is finished even if ctx ends.
func (s *Store) write(ctx context.Context, what string, f func(*Tx) error) error {
	t := &Tx{s: s}
	return s.db.Write(ctx, what, func(c *sqlfile.Conn) (refused, lost error) {
		t.c = conn{c}
		return c.Attempt(func() error { return f(t) })
	}, t.committed)
}

// A Tx is one write. It is valid until the function it was given to returns.
type Tx struct {
	s         *Store
	c         conn
	changes   []*Change
	unindexed bool // it left messages for the index of words
}

// Attempt does a part of a write that is undone alone if it fails. The error is
// that of do, unless the whole write is lost.
func (t *Tx) Attempt(do func() error) error {
	before, unindexed := len(t.changes), t.unindexed
	failed, lost := t.c.Attempt(do)
	if lost != nil {
		return lost
	}
	if failed != nil {
		t.changes, t.unindexed = t.changes[:before], unindexed
	}
	return failed
}

// committed tells what a durable write did.
func (t *Tx) committed() {
	if t.unindexed {
		select {
		case t.s.unindexed <- struct{}{}:
		default: // the indexer will see to it
		}
	}
	if t.s.observe == nil {
		return
	}
	for _, change := range t.changes {
		t.s.observe(*change)
	}
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
