package shelf

import (
	"context"
	"io"
	"path"
	"time"

	"kith"
	"kith/store"
	"kith/swarm"
)

// A Standing is how a share stands on this device.
type Standing struct {
	swarm.Status
	Held  bool   // something of it is here or wanted; Status says nothing otherwise
	Own   bool   // shared from here
	Local string // where it lies, or will; empty if nowhere
}

// Standing tells about one share.
func (s *Shelf) Standing(id kith.EventID) Standing {
	h, ok := s.holding(id)
	if !ok || h.State == store.Offered {
		return Standing{}
	}
	st := Standing{Held: true, Own: h.State == store.Own, Local: s.local(h)}
	if st.Own {
		st.Local, _ = s.Local(id)
	}
	var err error
	if s.isTorrent(id) {
		st.Status, err = s.plain.status(h.Infohash)
	} else {
		st.Status, err = s.swarm.Status(h.Infohash)
	}
	if err != nil {
		st.Status = swarm.Status{State: swarm.Failed, Reason: "It is not known to the program any more; fetch it again.", Left: -1}
		if s.isTorrent(id) {
			st.Status = swarm.Status{State: swarm.Paused, Reason: "Ordinary torrents are switched off.", Left: -1}
		}
	}
	return st
}

// Files lists the files of a share. Of a folder whose list has not come it asks
// for the list, and waits for it as long as ctx lasts.
func (s *Shelf) Files(ctx context.Context, id kith.EventID) ([]swarm.File, error) {
	entry, err := s.cfg.Store.Message(ctx, id)
	if err != nil {
		return nil, err
	}
	if entry.Torrent != nil {
		return s.torrentFiles(ctx, id)
	}
	if entry.File == nil {
		return nil, kith.Errorf(kith.Invalid, "message %s shares no file", id)
	}
	h, ok := s.holding(id)
	if !ok || h.State == store.Offered {
		if !entry.File.Folder {
			return []swarm.File{{Path: path.Base(entry.File.Path), Size: int64(entry.File.Size), Priority: swarm.Skip}}, nil
		}
		if err := s.peek(ctx, id, &entry); err != nil {
			return nil, err
		}
	}
	files, err := s.swarm.Files(entry.File.Infohash)
	if err != nil || files != nil {
		return files, err
	}
	r, _, _, err := s.swarm.Reader(ctx, entry.File.Infohash, 0) // it needs the list
	if err != nil {
		return nil, err
	}
	r.Close()
	return s.swarm.Files(entry.File.Infohash)
}

// peek begins to fetch a share of which nothing is wanted yet.
func (s *Shelf) peek(ctx context.Context, id kith.EventID, entry *store.Entry) error {
	if !s.cfg.Host.Active(entry.Conversation) {
		return kith.Errorf(kith.Conflict, "%q can't be fetched any more, for you are not in this conversation", path.Base(entry.File.Path))
	}
	h, ok := s.holding(id)
	if !ok {
		h = store.Holding{Event: id, Conversation: entry.Conversation, Infohash: entry.File.Infohash, Replaces: entry.Replaces}
	}
	return s.fetch(ctx, h, entry, swarm.None)
}

// Reader reads a file of a share, by its place in Files. What is not here is
// fetched as it is read; what was only offered is wanted from then on as far as
// it is read.
func (s *Shelf) Reader(ctx context.Context, id kith.EventID, number int) (r io.ReadSeekCloser, size int64, modified time.Time, err error) {
	entry, err := s.cfg.Store.Message(ctx, id)
	if err != nil {
		return nil, 0, zeroTime, err
	}
	if entry.File == nil {
		return nil, 0, zeroTime, kith.Errorf(kith.NotFound, "message %s shares no file", id)
	}
	if h, ok := s.holding(id); !ok || h.State == store.Offered {
		if err := s.peek(ctx, id, &entry); err != nil {
			return nil, 0, zeroTime, err
		}
	}
	return s.swarm.Reader(ctx, entry.File.Infohash, number)
}

// Active lists the shares that are being fetched or wait for it, in their
// order, and then those that are handed on right now.
func (s *Shelf) Active() []kith.EventID {
	all := sortStatuses(s.swarm.Statuses())
	var list []kith.EventID
	all = append(all, s.plain.statuses()...)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range all {
		for _, id := range s.byHash[st.Infohash] {
			if s.holdings[id].State != store.Offered {
				list = append(list, id)
				break
			}
		}
	}
	return list
}

// Speeds are those of all transfers together, in bytes a second.
func (s *Shelf) Speeds() (down, up float64) {
	for _, st := range append(s.swarm.Statuses(), s.plain.statuses()...) {
		down += st.Down
		up += st.Up
	}
	return down, up
}
