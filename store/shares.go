package store

import (
	"context"
	"math"

	"kith"
)

// A FilePage asks for a part of the shares and torrents: the newest, or the
// newest before one.
type FilePage struct {
	Before kith.EventID
	Limit  int  // zero means 50
	All    bool // of every conversation
}

// Files gives a page of the messages of a conversation that carry a file, a
// folder or a torrent, the newest first. Deleted and hidden ones are not among
// them.
func (s *Store) Files(ctx context.Context, conv kith.ConversationID, page FilePage) ([]Entry, error) {
	var list []Entry
	err := s.read(ctx, "read the list of files", func(c conn) error {
		list = nil
		before := kith.Stamp{Order: math.MaxInt64}
		if !page.Before.IsZero() {
			e, err := s.entry(c, page.Before)
			if err != nil {
				return err
			}
			if !page.All && e.Conversation != conv {
				return kith.Errorf(kith.NotFound, "message %s is in another conversation", page.Before)
			}
			before = e.stamp()
		}
		var p place
		name, args := "all files before", []any{before.Order, before.ID, limit(page.Limit)}
		if !page.All {
			var found bool
			var err error
			if p, found, err = c.find(conv); !found {
				return err
			}
			name, args = "files before", append([]any{p.row}, args...)
		}
		for r, err := range c.Rows(name, args...) {
			if err != nil {
				return err
			}
			list = append(list, s.scanEntry(r).Entry)
		}
		if page.All {
			return nil
		}
		return s.countHolders(c, p, list)
	})
	return list, err
}

// Preview gives the preview that a share came with; kith.NotFound if it has
// none, is hidden or was deleted.
func (s *Store) Preview(ctx context.Context, id kith.EventID) ([]byte, error) {
	var preview []byte
	err := s.read(ctx, "read a preview", func(c conn) error {
		e, err := s.entry(c, id)
		if err != nil {
			return err
		}
		if !e.HasPreview || e.Hidden {
			return kith.Errorf(kith.NotFound, "message %s has no preview", id)
		}
		var stored storedEvent
		if _, err := c.One("event by row", func(r *row) { stored = scanEvent(r) }, e.row); err != nil {
			return err
		}
		ev, err := s.parse(stored)
		if err != nil {
			return err
		}
		if share, ok := ev.Body.(kith.Share); ok {
			preview = share.File.Media.Preview
		}
		return nil
	})
	return preview, err
}
