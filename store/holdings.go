package store

import (
	"context"
	"time"

	"kith"
)

// A Folder is where a conversation's files lie on this device.
type Folder struct {
	Conversation kith.ConversationID
	Path         string // absolute; empty while it is not made
	Fetch        string // what is fetched by itself; the caller's word, empty: as is usual
	Most         uint64 // bytes
}

// PutFolder stores a folder in place of what was known of it.
func (t *Tx) PutFolder(f Folder) error {
	return t.c.Exec("put folder", f.Conversation, f.Path, f.Fetch, f.Most)
}

// Folders gives all folders, in no particular order.
func (s *Store) Folders(ctx context.Context) ([]Folder, error) {
	return list(ctx, s, "folders", func(r *row) (Folder, error) {
		var f Folder
		r.Fill(f.Conversation[:])
		f.Path, f.Fetch, f.Most = r.Text(), r.Text(), r.Uint()
		return f, nil
	})
}

// A HoldingState says what a share is on this device.
type HoldingState string

// The states.
const (
	Offered HoldingState = "offered" // not wanted here, or not yet
	Wanted  HoldingState = "wanted"  // fetched, or being fetched
	Own     HoldingState = "own"     // shared from here
)

// A Holding is how a share, or a torrent that was passed on, lies here.
type Holding struct {
	Event        kith.EventID
	Conversation kith.ConversationID
	Infohash     kith.Infohash
	State        HoldingState
	Path         string       // below the conversation's folder; empty if nowhere
	Source       string       // absolute: where the bytes of an own one lie if not at Path
	Replaces     kith.EventID // the older version
	Link         string       // kind of the link at Path to an original of an own one; the caller's word
	Kept         time.Time    // since when it is an older version; zero if it is none
}

// PutHolding stores a holding in place of what was known of it.
func (t *Tx) PutHolding(h Holding) error {
	replaces := []byte{}
	if !h.Replaces.IsZero() {
		replaces = h.Replaces[:]
	}
	return t.c.Exec("put holding", h.Event, h.Conversation, h.Infohash[:], string(h.State), h.Path, h.Source, replaces, h.Link, h.Kept)
}

// DeleteHolding forgets a holding.
func (t *Tx) DeleteHolding(event kith.EventID) error { return t.c.Exec("delete holding", event) }

// Holdings gives all holdings, in no particular order.
func (s *Store) Holdings(ctx context.Context) ([]Holding, error) {
	return list(ctx, s, "holdings", func(r *row) (Holding, error) {
		var h Holding
		r.Fill(h.Event[:])
		r.Fill(h.Conversation[:])
		r.Fill(h.Infohash[:])
		h.State = HoldingState(r.Text())
		h.Path, h.Source = r.Text(), r.Text()
		r.Fill(h.Replaces[:])
		h.Link, h.Kept = r.Text(), r.Time()
		return h, nil
	})
}

// Unheld names the shares and torrents that can be seen and have no holding,
// the oldest first.
func (s *Store) Unheld(ctx context.Context) ([]kith.EventID, error) {
	return list(ctx, s, "unheld", scanEventID)
}

// Withdrawn names the holdings whose message was deleted or is hidden.
func (s *Store) Withdrawn(ctx context.Context) ([]kith.EventID, error) {
	return list(ctx, s, "withdrawn", scanEventID)
}

func scanEventID(r *row) (id kith.EventID, err error) {
	r.Fill(id[:])
	return id, nil
}

// A Glance is what is remembered of a file in a folder, to know that it changed.
type Glance struct {
	Path    string // below the folder
	Size    int64
	ModTime time.Time
	Inode   uint64
	Link    bool
}

// PutGlance stores a glance under its path.
func (t *Tx) PutGlance(conv kith.ConversationID, g Glance) error {
	return t.c.Exec("put glance", conv, g.Path, g.Size, g.ModTime.UnixNano(), g.Inode, g.Link)
}

// DeleteGlance forgets a file.
func (t *Tx) DeleteGlance(conv kith.ConversationID, path string) error {
	return t.c.Exec("delete glance", conv, path)
}

// DeleteGlances forgets all files of a folder.
func (t *Tx) DeleteGlances(conv kith.ConversationID) error {
	return t.c.Exec("delete glances", conv)
}

// Glances gives what is remembered of a folder.
func (s *Store) Glances(ctx context.Context, conv kith.ConversationID) ([]Glance, error) {
	var glances []Glance
	err := s.read(ctx, "read what lay in a folder", func(c conn) error {
		glances = nil
		for r, err := range c.Rows("glances", conv) {
			if err != nil {
				return err
			}
			g := Glance{Path: r.Text(), Size: r.Int()}
			g.ModTime = time.Unix(0, r.Int())
			g.Inode, g.Link = r.Uint(), r.Bool()
			glances = append(glances, g)
		}
		return nil
	})
	return glances, err
}
