package shelf

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"kith"
	"kith/folder"
	"kith/store"
)

// originalsPause is how often the originals of what is shared are looked at. The
// system tells of changes in the conversations' folders; a link there hears
// nothing of what is done to the original by its own name.
const originalsPause = time.Minute

// Looks tell how originals were found that are others than what was shared.
type Looks map[kith.EventID]look

type look struct {
	size int64
	time time.Time
}

// followOriginals shares newer versions of files that lie elsewhere.
func (s *Shelf) followOriginals() {
	ticker := time.NewTicker(originalsPause)
	defer ticker.Stop()
	var seen Looks
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
			seen = s.LookAtOriginals(s.ctx, seen)
		}
	}
}

// LookAtOriginals shares anew each file whose original is another one than what
// was shared, and looks as it did the last time, so that nobody is writing it.
// It gives what it found, for the next time. A folder is left to the person, who
// may be working in it.
func (s *Shelf) LookAtOriginals(ctx context.Context, before Looks) Looks {
	s.mu.Lock()
	own := make([]store.Holding, 0, len(s.holdings))
	for _, h := range s.holdings {
		if isLinked(h) && h.Link != linkCopy {
			own = append(own, h)
		}
	}
	s.mu.Unlock()
	found := Looks{}
	for _, h := range own {
		info, err := os.Stat(h.Source)
		if err != nil || !info.Mode().IsRegular() || s.isAsShared(h, info) || !s.cfg.Host.Active(h.Conversation) {
			continue
		}
		now := look{info.Size(), info.ModTime()}
		if before[h.Event] != now {
			found[h.Event] = now
			continue
		}
		if _, err := s.renewOriginal(ctx, h, Request{Path: h.Source}); err != nil && ctx.Err() == nil {
			s.log.Info("a newer version of a file was not shared", "path", h.Source, "reason", err)
		}
	}
	return found
}

// isLinked reports whether an own share is of something outside of the folder,
// and has a name in it.
func isLinked(h store.Holding) bool {
	kinds := []string{string(folder.Clone), string(folder.HardLink), string(folder.SymLink), linkCopy}
	return h.State == store.Own && h.Source != "" && slices.Contains(kinds, h.Link)
}

// isAsShared reports whether an original has the size and time with which it was
// shared. It never has if what is shared is a copy, or a folder.
func (s *Shelf) isAsShared(h store.Holding, info os.FileInfo) bool {
	was, ok := s.swarm.Lies(h.Infohash)[filepath.Clean(s.local(h))]
	return ok && info.Size() == was.Size && info.ModTime().UnixNano() == was.Modified
}

// sharedFrom finds the share of something that lies outside of the folder.
func (s *Shelf) sharedFrom(conv kith.ConversationID, name string) (store.Holding, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.holdings {
		if h.Conversation == conv && h.Source == name && isLinked(h) {
			return h, true
		}
	}
	return store.Holding{}, false
}

// renewOriginal shares what lies outside of the folder anew, as the newer version
// of a share.
func (s *Shelf) renewOriginal(ctx context.Context, h store.Holding, req Request) (kith.EventID, error) {
	info, err := os.Stat(h.Source)
	if err != nil {
		return kith.EventID{}, kith.Errorf(kith.NotFound, "share %q: %w", h.Source, err)
	}
	if s.isAsShared(h, info) {
		return kith.EventID{}, kith.Errorf(kith.Conflict, "%q is shared already", h.Source)
	}
	if err := s.cfg.Host.MayWrite(h.Conversation); err != nil {
		return kith.EventID{}, err
	}
	if err := s.stepAside(ctx, h, info); err != nil {
		return kith.EventID{}, err
	}
	return s.shareOutside(ctx, h.Conversation, h.Source, req, h.Event)
}

// stepAside frees the name of an older version in the folder. Its bytes are kept
// and handed on if they are not those of the original, which is another one now.
func (s *Shelf) stepAside(ctx context.Context, h store.Holding, original os.FileInfo) error {
	old := h
	old.State, old.Path, old.Source, old.Link = store.Offered, "", "", ""
	info, err := os.Lstat(s.local(h))
	if err == nil && info.Mode().IsRegular() && !os.SameFile(info, original) && s.swarm.Intact(h.Infohash, s.local(h)) {
		old.State, old.Kept = store.Wanted, s.cfg.Now()
		old.Path = path.Join(ours, "versions", h.Event.String(), path.Base(h.Path))
		if err := s.moveLink(h, old.Path); err != nil {
			return err
		}
	} else {
		s.unlink(h)
	}
	if err := s.put(ctx, old); err != nil || old.State == store.Wanted {
		return err
	}
	return s.letGo(h.Infohash)
}

// moveLink gives what an own share has in the folder another name there.
func (s *Shelf) moveLink(h store.Holding, to string) error {
	root, err := os.OpenRoot(s.root(h.Conversation))
	if err != nil {
		return kith.Errorf(kith.Internal, "keep the older version: %w", err)
	}
	defer root.Close()
	if err := root.MkdirAll(path.Dir(to), 0o700); err != nil {
		return kith.Errorf(kith.Internal, "keep the older version: %w", err)
	}
	if err := root.Rename(h.Path, to); err != nil {
		return kith.Errorf(kith.Internal, "keep the older version: %w", err)
	}
	return s.swarm.Relocate(h.Infohash, filepath.Join(root.Name(), filepath.FromSlash(to)))
}
