package shelf

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"time"

	"kith"
	"kith/folder"
	"kith/store"
	"kith/swarm"
)

var zeroTime time.Time

// changed is told by the swarm.
func (s *Shelf) changed(ih kith.Infohash) {
	s.mu.Lock()
	ids := append([]kith.EventID{}, s.byHash[ih]...)
	lacking := false
	for _, id := range ids {
		_, lacks := s.lacking[id]
		lacking = lacking || lacks
	}
	s.mu.Unlock()
	st, err := s.swarm.Status(ih)
	if err == nil && lacking && st.State == swarm.Seeding {
		s.mu.Lock()
		s.finished = append(s.finished, ih)
		s.mu.Unlock()
		select {
		case s.done <- struct{}{}:
		default:
		}
	}
	for _, id := range ids {
		if h, ok := s.holding(id); ok && err == nil && st.State != swarm.Seeding {
			s.note(h, st.State)
		}
		s.cfg.Host.Changed(id)
	}
}

// keepFinishing looks after what has become complete.
func (s *Shelf) keepFinishing() {
	daily := time.NewTicker(24 * time.Hour)
	defer daily.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.done:
		case <-daily.C:
			if err := s.expire(s.ctx); err != nil && s.ctx.Err() == nil {
				s.log.Warn("older versions of files were not removed", "error", err)
			}
		}
		s.mu.Lock()
		finished := s.finished
		s.finished = nil
		s.mu.Unlock()
		for _, ih := range finished {
			s.finish(ih)
		}
	}
}

// finish brings a newer version, now whole, to the place of the older one.
func (s *Shelf) finish(ih kith.Infohash) {
	s.mu.Lock()
	ids := append([]kith.EventID{}, s.byHash[ih]...)
	s.mu.Unlock()
	for _, id := range ids {
		h, ok := s.holding(id)
		if !ok {
			continue
		}
		s.note(h, swarm.Seeding)
		s.cfg.Host.Held()
		if h.State == store.Wanted && h.Source != "" && h.Link == "" {
			if err := s.promote(s.ctx, h); err != nil && s.ctx.Err() == nil {
				s.log.Warn("a newer version of a file stays where it was fetched to", "share", id, "error", err)
			}
		}
		s.cfg.Host.Changed(id)
	}
}

// promote moves the older version aside and the newer one to its place. Killed
// in between it goes on at the next start, for Source is the place until then.
func (s *Shelf) promote(ctx context.Context, h store.Holding) error {
	root, rel := s.root(h.Conversation), h.Source
	if old, ok := s.holding(h.Replaces); ok && old.State == store.Wanted && old.Path == rel && s.isIntact(old) {
		keep := path.Join(ours, "versions", old.Event.String(), path.Base(rel))
		if err := s.swarm.Relocate(old.Infohash, filepath.Join(root, filepath.FromSlash(keep))); err != nil {
			return err
		}
		old.Path, old.Kept = keep, s.cfg.Now()
		if err := s.put(ctx, old); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(filepath.Join(root, filepath.FromSlash(rel))); err == nil {
		// Something else lies there by now, such as an edit of the person's own.
		if rel, err = s.claim(h.Conversation, root, rel); err != nil {
			return err
		}
	}
	if err := s.swarm.Relocate(h.Infohash, filepath.Join(root, filepath.FromSlash(rel))); err != nil {
		return err
	}
	os.Remove(filepath.Join(root, ours, "new", h.Event.String()))
	h.Path, h.Source = rel, ""
	return s.put(ctx, h)
}

// isIntact reports whether all of a share lies as it was fetched. Of a folder
// its being there is enough.
func (s *Shelf) isIntact(h store.Holding) bool {
	name := s.local(h)
	info, err := os.Lstat(name)
	return err == nil && (info.IsDir() || s.swarm.Intact(h.Infohash, name))
}

// expire lets older versions go that were kept long enough.
func (s *Shelf) expire(ctx context.Context) error {
	s.mu.Lock()
	var old []store.Holding
	for _, h := range s.holdings {
		if !h.Kept.IsZero() && s.cfg.Now().Sub(h.Kept) > keepVersions {
			old = append(old, h)
		}
	}
	s.mu.Unlock()
	for _, h := range old {
		if err := s.drop(ctx, h, true); err != nil {
			return err
		}
		if dir := path.Dir(h.Path); path.Dir(dir) == path.Join(ours, "versions") && !s.used(h.Infohash, h.Event) {
			os.RemoveAll(filepath.Join(s.root(h.Conversation), filepath.FromSlash(dir))) // what was one's own is not deleted with its transfer
		}
	}
	return nil
}

// Newer is the version after a share.
func (s *Shelf) Newer(id kith.EventID) (kith.EventID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, ok := s.newer[id]
	return next, ok
}

// unlink takes away the name that an own share had in the folder. The original
// stays, and so does what the person put there themselves.
func (s *Shelf) unlink(h store.Holding) {
	root := s.root(h.Conversation)
	switch {
	case root == "" || h.Path == "" || h.Link == "":
		return
	case h.Link == linkStripped:
		os.RemoveAll(filepath.Dir(h.Source)) // named by rand.Text, made for this one
		return
	}
	was := folder.Linked{Kind: folder.LinkKind(h.Link), Original: h.Source}
	s.mu.Lock()
	seen := s.placeLocked(h.Conversation).glances[h.Path]
	s.mu.Unlock()
	was.Size, was.ModTime = seen.Size, seen.ModTime
	if err := folder.Unlink(root, h.Path, was); err != nil {
		s.log.Info("a file stays in the folder", "path", h.Path, "reason", err)
	}
}
