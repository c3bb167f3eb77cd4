package store

import (
	"context"

	"kith"
)

// An Arrangement is a change of a conversation's place in the list; nil stays
// as it is.
type Arrangement struct {
	Pinned   *bool
	Archived *bool
}

// Arrange changes a direct conversation's place in the list. What goes into the
// archive is pinned no longer, and what is pinned comes out of it.
func (s *Store) Arrange(ctx context.Context, conv kith.ConversationID, with kith.AccountID, change Arrangement) error {
	return s.write(ctx, "arrange the conversations", func(t *Tx) error {
		p, err := t.place(conv, with)
		if err != nil {
			return err
		}
		var pinned, archived bool
		if _, err := t.c.One("arrangement", func(r *row) { pinned, archived = r.Bool(), r.Bool() }, p.row); err != nil {
			return err
		}
		before := [2]bool{pinned, archived}
		if change.Archived != nil {
			archived = *change.Archived
			pinned = pinned && !archived
		}
		if change.Pinned != nil {
			pinned = *change.Pinned
			archived = archived && !pinned
		}
		if before == [2]bool{pinned, archived} {
			return nil
		}
		t.change(conv).Arranged = true
		return t.c.Exec("arrange", p.row, pinned, archived)
	})
}

// unarchive takes a conversation with something new out of the archive.
func (t *Tx) unarchive(p place) error {
	if !p.archived {
		return nil
	}
	t.change(p.name).Arranged = true
	return t.c.Exec("arrange", p.row, false, false)
}

// A Draft is what a person wrote in a conversation and did not send.
type Draft struct {
	Text     string
	ReplyTo  kith.EventID
	Mentions []kith.Mention
}

// SetDraft keeps the draft of a direct conversation in place of the one before.
// One that has no text and answers nothing is none.
func (s *Store) SetDraft(ctx context.Context, conv kith.ConversationID, with kith.AccountID, draft Draft) error {
	mentions, err := packMentions(draft.Mentions)
	if err != nil {
		return err
	}
	return s.write(ctx, "keep a draft", func(t *Tx) error {
		p, err := t.place(conv, with)
		if err != nil {
			return err
		}
		if draft.Text == "" && draft.ReplyTo.IsZero() {
			if err := t.c.Exec("delete draft", p.row); err != nil {
				return err
			}
			if t.c.DB.Changes() > 0 {
				t.change(conv).Arranged = true
			}
			return nil
		}
		t.change(conv).Arranged = true
		return t.c.Exec("put draft", p.row, draft.Text, packID(draft.ReplyTo), mentions)
	})
}

// scanDraft reads the columns of a draft.
func (s *Store) scanDraft(r *row) *Draft {
	d := &Draft{Text: r.Text()}
	r.Fill(d.ReplyTo[:])
	d.Mentions = s.scanMentions(r)
	return d
}

// Count tells how many conversations there are, and how many messages that can
// be seen or were deleted.
func (s *Store) Count(ctx context.Context) (conversations, messages int, err error) {
	err = s.read(ctx, "count what is here", func(c conn) error {
		for name, n := range map[string]*int{"count conversations": &conversations, "count messages": &messages} {
			if _, err := c.One(name, func(r *row) { *n = int(r.Int()) }); err != nil {
				return err
			}
		}
		return nil
	})
	return conversations, messages, err
}
