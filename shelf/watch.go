package shelf

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kith"
	"kith/folder"
	"kith/store"
	"kith/swarm"
)

// gather is how long after the last change of a folder what came is shared: a
// folder that is being copied in becomes one share then, not thousands.
const gather = 3 * time.Second

// watchAll begins to watch the folders that are made.
func (s *Shelf) watchAll() {
	s.mu.Lock()
	var made []kith.ConversationID
	for conv, p := range s.places {
		if p.Path != "" {
			made = append(made, conv)
		}
	}
	s.mu.Unlock()
	for _, conv := range made {
		s.watch(conv)
	}
}

// watch begins to watch a folder, if it is not watched already.
func (s *Shelf) watch(conv kith.ConversationID) {
	if s.watches(conv) || s.ctx.Err() != nil || !s.cfg.Host.Active(conv) {
		return
	}
	glances, err := s.cfg.Store.Glances(s.ctx, conv)
	if err != nil {
		s.trouble(conv, err.Error())
		return
	}
	var known []folder.Entry
	seen := map[string]store.Glance{}
	for _, g := range glances {
		known = append(known, folder.Entry(g))
		seen[g.Path] = g
	}
	s.mu.Lock()
	p := s.placeLocked(conv)
	if p.unwatch != nil {
		s.mu.Unlock()
		return
	}
	ctx, stop := context.WithCancel(s.ctx)
	p.unwatch, p.glances, p.problem = stop, seen, ""
	root := p.Path
	s.mu.Unlock()
	changes, err := folder.Watch(ctx, root, folder.Options{Known: known})
	if err != nil {
		s.unwatch(conv)
		s.trouble(conv, err.Error())
		return
	}
	s.work.Go(func() { s.follow(ctx, conv, changes) })
}

// watches reports whether a folder is watched already.
func (s *Shelf) watches(conv kith.ConversationID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.placeLocked(conv).unwatch != nil
}

func (s *Shelf) unwatch(conv kith.ConversationID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.placeLocked(conv)
	if p.unwatch != nil {
		p.unwatch()
	}
	p.unwatch = nil
}

// trouble notes why a folder can't be used; empty: it can.
func (s *Shelf) trouble(conv kith.ConversationID, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.placeLocked(conv).problem = why
}

// maxSkipped bounds what is remembered of files that are not shared.
const maxSkipped = 100

// skip notes why a file of the folder is not shared; empty: it is.
func (s *Shelf) skip(conv kith.ConversationID, rel, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	skipped := s.placeLocked(conv).skipped
	if why == "" {
		delete(skipped, rel)
	} else if len(skipped) < maxSkipped {
		skipped[rel] = why
	}
}

// follow acts on what happens in a folder.
func (s *Shelf) follow(ctx context.Context, conv kith.ConversationID, changes <-chan folder.Change) {
	var fresh []folder.Entry
	timer := time.NewTimer(gather)
	timer.Stop()
	for {
		select {
		case change, ok := <-changes:
			if !ok {
				return
			}
			switch change.Op {
			case folder.New, folder.Changed:
				if s.appeared(ctx, conv, change.Entry) {
					fresh = append(fresh, change.Entry)
				}
			case folder.Removed:
				fresh = slices.DeleteFunc(fresh, func(e folder.Entry) bool { return e.Path == change.Path })
				s.vanished(ctx, conv, change.Path)
			case folder.Renamed:
				s.renamed(ctx, conv, change.From, change.Entry)
			case folder.Ready:
				s.trouble(conv, "")
			case folder.Polling:
				s.trouble(conv, "The system does not tell of changes in it, so it is looked through every half minute.")
			case folder.Lost:
				s.trouble(conv, "It is not there: "+reason(change.Err)+". What it held comes back with it.")
			}
			if len(fresh) > 0 {
				timer.Reset(gather)
			}
		case <-timer.C:
			s.shareFresh(ctx, conv, fresh)
			fresh = nil
		}
	}
}

func reason(err error) string {
	if err == nil {
		return "its disk may not be mounted"
	}
	return err.Error()
}

// remember stores glances at files.
func (s *Shelf) remember(ctx context.Context, conv kith.ConversationID, entries ...folder.Entry) {
	err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		for _, e := range entries {
			if err := tx.PutGlance(conv, store.Glance(e)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.log.Warn("could not note what lies in a folder", "error", err) // it is looked at again at the next start
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.placeLocked(conv); p.glances != nil {
		for _, e := range entries {
			p.glances[e.Path] = store.Glance(e)
		}
	}
}

func (s *Shelf) unremember(ctx context.Context, conv kith.ConversationID, rel string) {
	if err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.DeleteGlance(conv, rel) }); err != nil {
		s.log.Warn("could not note what lies in a folder", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.placeLocked(conv).glances, rel)
}

// appeared sorts out whose a new or changed file is. It reports whether it is
// one that the person put there, and that is no newer version of anything.
func (s *Shelf) appeared(ctx context.Context, conv kith.ConversationID, e folder.Entry) bool {
	s.mu.Lock()
	before, seen := s.placeLocked(conv).glances[e.Path]
	s.mu.Unlock()
	if seen && before.Size == e.Size && before.ModTime.Equal(e.ModTime) && before.Link == e.Link {
		return false
	}
	h, exact, busy, claimed := s.claimant(conv, e.Path)
	switch {
	case !claimed && e.Link:
		s.skip(conv, e.Path, "it is a symbolic link")
		return false
	case !claimed:
		return true
	case busy:
		return false // being shared right now; offer remembers it
	case e.Link || s.isTorrent(h.Event):
		s.remember(ctx, conv, e)
		return false
	case !exact || h.State == store.Offered:
		return true // below a folder that is shared: shareFresh tells whose it is
	case s.swarm.Intact(h.Infohash, s.local(h)):
		s.remember(ctx, conv, e)
		return false
	}
	if _, err := s.renew(ctx, h, Request{}); err != nil {
		s.skip(conv, e.Path, err.Error())
	}
	return false
}

// parts knows the files of shared folders, each read once.
type parts map[kith.Infohash]map[string]swarm.Lying

// has reports whether a file below a share lies there as it was shared or
// fetched.
func (p parts) has(s *Shelf, h store.Holding, e folder.Entry) bool {
	lies := p[h.Infohash]
	if lies == nil {
		lies = s.swarm.Lies(h.Infohash)
		p[h.Infohash] = lies
	}
	was, ok := lies[filepath.Join(s.local(h), filepath.FromSlash(strings.TrimPrefix(e.Path, h.Path+"/")))]
	if ok && h.Link == linkStripped {
		return true // the person's own, of which a copy without places is shared
	}
	return ok && was.Complete && was.Size == e.Size && was.Modified == e.ModTime.UnixNano()
}

// shareFresh shares what the person put into the folder: a new folder as one,
// files one by one.
func (s *Shelf) shareFresh(ctx context.Context, conv kith.ConversationID, fresh []folder.Entry) {
	var done []string
	var seen []folder.Entry
	defer func() {
		if len(seen) > 0 {
			s.remember(ctx, conv, seen...)
		}
	}()
	known := parts{}
	for _, e := range fresh {
		if slices.ContainsFunc(done, func(d string) bool { return strings.HasPrefix(e.Path, d+"/") }) {
			seen = append(seen, e)
			continue
		}
		if h, exact, _, claimed := s.claimant(conv, e.Path); claimed && !exact && known.has(s, h, e) {
			seen = append(seen, e)
			continue
		}
		rel := e.Path
		if top, _, nested := strings.Cut(e.Path, "/"); nested && !s.anyClaimBelow(conv, top) {
			rel = top
			done = append(done, top)
		}
		if _, _, _, claimed := s.claimant(conv, rel); claimed && rel != e.Path {
			continue
		}
		s.hold(conv, rel)
		_, err := s.shareInside(ctx, conv, s.root(conv), rel, Request{}, kith.EventID{})
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.skip(conv, rel, err.Error())
		default:
			s.skip(conv, rel, "")
			seen = append(seen, e)
		}
	}
}

// anyClaimBelow reports whether a folder, or something in it, belongs to a share.
func (s *Shelf) anyClaimBelow(conv kith.ConversationID, top string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	top = folder.Fold(top)
	for rel := range s.placeLocked(conv).claims {
		if rel == top || strings.HasPrefix(rel, top+"/") {
			return true
		}
	}
	return false
}

// vanished follows a file that the person removed: what was shared from here is
// taken back, what was fetched is offered again.
func (s *Shelf) vanished(ctx context.Context, conv kith.ConversationID, rel string) {
	s.unremember(ctx, conv, rel)
	s.skip(conv, rel, "")
	h, exact, busy, claimed := s.claimant(conv, rel)
	if !claimed || busy {
		return
	}
	if !exact {
		// Of a folder: gone if nothing of it is there.
		if _, err := filepath.EvalSymlinks(filepath.Join(s.root(conv), filepath.FromSlash(h.Path))); err == nil {
			return
		}
	}
	var err error
	switch {
	case h.State == store.Own:
		_, err = s.cfg.Host.Append(ctx, conv, kith.Deletion{Message: h.Event})
		s.Look()
	case h.Path == rel || !exact:
		err = s.drop(ctx, h, false)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("could not follow the removal of a file", "error", err)
	}
}

// renamed follows a file, or the folder that it lies in, to its new name.
func (s *Shelf) renamed(ctx context.Context, conv kith.ConversationID, from string, e folder.Entry) {
	s.unremember(ctx, conv, from)
	s.remember(ctx, conv, e)
	h, exact, busy, claimed := s.claimant(conv, from)
	if !claimed || busy || h.State == store.Offered || s.isTorrent(h.Event) {
		return
	}
	to := e.Path
	if !exact {
		inside := strings.TrimPrefix(from, h.Path)
		if !strings.HasSuffix(e.Path, inside) {
			return // moved out of the folder; the transfer tells that it is missing
		}
		to = strings.TrimSuffix(e.Path, inside)
	}
	if to == "" || path.Clean(to) != to {
		return
	}
	h.Path = to
	if name := s.local(h); h.Link != string(folder.SymLink) && h.Link != linkStripped {
		if err := s.swarm.Relocate(h.Infohash, name); err != nil {
			s.log.Info("a renamed file was not followed", "reason", err)
			return
		}
	}
	if err := s.put(ctx, h); err != nil && ctx.Err() == nil {
		s.log.Warn("could not note the new name of a file", "error", err)
	}
}
