package store

import (
	"context"
	"time"

	"kith"
)

// A Position is where a message stands in its conversation: how many come
// before it and after it. To count them takes time that grows with the
// conversation, some 20 ms for each 100,000 messages.
type Position struct {
	ID            kith.EventID
	Before, After int
}

// PositionOf finds where a message stands.
func (s *Store) PositionOf(ctx context.Context, conv kith.ConversationID, id kith.EventID) (Position, error) {
	return s.position(ctx, conv, func(c conn, _ int64) (kith.Stamp, error) { return s.stamp(c, conv, id) })
}

// PositionAt finds the message before which there are number others, or the
// newest if there are not so many.
func (s *Store) PositionAt(ctx context.Context, conv kith.ConversationID, number int) (Position, error) {
	return s.position(ctx, conv, func(c conn, p int64) (kith.Stamp, error) { return c.stampOf("message at", p, number) })
}

// PositionSince finds the first message from a time on, as the order of the
// conversation has it, or the newest if all are older.
func (s *Store) PositionSince(ctx context.Context, conv kith.ConversationID, t time.Time) (Position, error) {
	return s.position(ctx, conv, func(c conn, p int64) (kith.Stamp, error) { return c.stampOf("message since", p, t.UnixMilli()) })
}

// position finds a message and counts what is around it; kith.NotFound if
// nothing was said.
func (s *Store) position(ctx context.Context, conv kith.ConversationID, find func(c conn, p int64) (kith.Stamp, error)) (Position, error) {
	var pos Position
	err := s.read(ctx, "find a place in a conversation", func(c conn) error {
		var p int64
		if _, err := c.One("conversation", func(r *row) { p = r.Int() }, conv); err != nil {
			return err
		}
		at, err := find(c, p)
		if err == nil && at.ID.IsZero() {
			at, err = c.stampOf("newest message", p)
		}
		if err != nil {
			return err
		}
		if at.ID.IsZero() {
			return kith.Errorf(kith.NotFound, "there is no message in this conversation")
		}
		pos.ID = at.ID
		if _, err := c.One("count messages before", func(r *row) { pos.Before = int(r.Int()) }, p, at.Order, at.ID); err != nil {
			return err
		}
		_, err = c.One("count messages after", func(r *row) { pos.After = int(r.Int()) }, p, at.Order, at.ID)
		return err
	})
	return pos, err
}

// stampOf runs a query for the place of one message; zero if there is none.
func (c conn) stampOf(query string, args ...any) (at kith.Stamp, err error) {
	_, err = c.One(query, func(r *row) {
		at.Order = r.Uint()
		r.Fill(at.ID[:])
	}, args...)
	return at, err
}
