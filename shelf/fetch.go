package shelf

import (
	"context"
	"path"
	"path/filepath"
	"strings"
	"time"

	"kith"
	"kith/store"
	"kith/swarm"
)

// Look asks for a look at shares that came, or were taken back.
func (s *Shelf) Look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Shelf) keepLooking() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		}
		if err := s.look(s.ctx); err != nil && s.ctx.Err() == nil {
			s.log.Error("could not look at what is shared", "error", err)
		}
	}
}

// look makes a holding of every share that has none, and ends those of shares
// that were taken back.
func (s *Shelf) look(ctx context.Context) error {
	s.keepRoots(ctx)
	s.evict()
	withdrawn, err := s.cfg.Store.Withdrawn(ctx)
	if err != nil {
		return err
	}
	for _, id := range withdrawn {
		if err := s.withdraw(ctx, id); err != nil {
			return err
		}
	}
	unheld, err := s.cfg.Store.Unheld(ctx)
	if err != nil {
		return err
	}
	for _, id := range unheld {
		if _, ok := s.holding(id); ok {
			continue // shared from here a moment ago
		}
		if err := s.consider(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// consider decides whether a share of somebody else's is fetched by itself.
func (s *Shelf) consider(ctx context.Context, id kith.EventID) error {
	entry, err := s.cfg.Store.Message(ctx, id)
	if err != nil {
		return err
	}
	if entry.Torrent != nil {
		return s.considerTorrent(ctx, &entry)
	}
	if entry.File == nil {
		return nil
	}
	if s.sharing(&entry) {
		return nil // its holding is on the way
	}
	h := store.Holding{
		Event: id, Conversation: entry.Conversation, Infohash: entry.File.Infohash,
		State: store.Offered, Replaces: entry.Replaces,
	}
	if before, ok := s.holding(id); ok {
		h = before
	}
	want, yes := s.wish(&entry, h)
	if err := s.put(ctx, h); err != nil {
		return err
	}
	news := !yes && s.isNews(&entry)
	if !yes && !news || !s.cfg.Host.Active(entry.Conversation) {
		return nil
	}
	if err := s.fetch(ctx, h, &entry, want); err != nil {
		// It stays on offer; a click tells the reason.
		s.log.Warn("a file is not fetched", "share", id, "error", err)
	} else if news {
		s.prepareToPlay(id)
	}
	return nil
}

// maxPeeks bounds what is made ready to be played at a time.
const maxPeeks = 4

// prepareToPlay connects to who has a film and gets the list of its pieces. If
// nobody plays it, all that ends again.
func (s *Shelf) prepareToPlay(id kith.EventID) {
	select {
	case s.peeks <- struct{}{}:
	default:
		return
	}
	s.work.Go(func() {
		defer func() { <-s.peeks }()
		ctx, stop := context.WithTimeout(s.ctx, newsAge)
		defer stop()
		h, ok := s.holding(id)
		if !ok || s.swarm.Peek(ctx, h.Infohash) != nil {
			return
		}
		<-ctx.Done()
		if st, err := s.swarm.Status(h.Infohash); err == nil && st.Done == 0 && s.ctx.Err() == nil {
			for _, near := range s.cfg.Host.Near(h.Conversation) {
				s.swarm.Disconnect(h.Infohash, near.Device)
			}
		}
	})
}

// newsAge is how old a share is that somebody may be about to play.
const newsAge = time.Minute

// isNews reports whether a share is a film or sound of a moment ago. Of that, a
// connection and the list of pieces are had before anybody clicks, so that it
// plays half a second sooner.
func (s *Shelf) isNews(entry *store.Entry) bool {
	kind, _, _ := strings.Cut(entry.File.Media.Type, "/")
	return (kind == "video" || kind == "audio") && s.cfg.Now().Sub(entry.Sent).Abs() < newsAge
}

// sharing reports whether a share is one of ours that is just being said.
func (s *Shelf) sharing(entry *store.Entry) bool {
	if !entry.Mine {
		return false
	}
	st, err := s.swarm.Status(entry.File.Infohash)
	return err == nil && st.Own
}

// wish is what of a share is fetched by itself.
func (s *Shelf) wish(entry *store.Entry, h store.Holding) (swarm.Selection, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.holdings[h.Replaces]; ok && before.State == store.Wanted && before.Conversation == h.Conversation {
		return swarm.Selection{}, true // whoever has a version gets the next
	}
	switch fetch, most := s.policyLocked(entry.Conversation); {
	case fetch == FetchAll:
		return swarm.Selection{}, true
	case fetch == FetchSmall && entry.File.Folder:
		return swarm.Selection{Most: most}, true
	case fetch == FetchSmall:
		return swarm.Selection{}, entry.File.Size <= most
	}
	return swarm.None, false
}

// fetch makes a place for a share and begins to fetch it.
func (s *Shelf) fetch(ctx context.Context, h store.Holding, entry *store.Entry, want swarm.Selection) error {
	if _, ok := s.elsewhere(h); ok {
		h.State = store.Wanted // what lies in the folder of another conversation is not fetched twice
		return s.put(ctx, h)
	}
	root, err := s.Root(ctx, h.Conversation)
	if err != nil {
		return err
	}
	h.State, h.Kept = store.Wanted, zeroTime
	if old, ok := s.version(h); ok {
		// The older version stays until the newer one is whole.
		h.Source = old.Path
		h.Path = path.Join(ours, "new", h.Event.String(), path.Base(old.Path))
	} else {
		h.Source = ""
		if h.Path, err = s.claim(h.Conversation, root, entry.File.Path); err != nil {
			return err
		}
	}
	if err := s.put(ctx, h); err != nil {
		s.release(h.Conversation, h.Path)
		return err
	}
	return s.begin(h, entry.File, want)
}

// version finds the holding that a newer one takes the place of.
func (s *Shelf) version(h store.Holding) (store.Holding, bool) {
	old, ok := s.holding(h.Replaces)
	return old, ok && old.Conversation == h.Conversation && old.State == store.Wanted && old.Path != "" && old.Kept.IsZero()
}

// elsewhere finds another share by which the same bytes are here.
func (s *Shelf) elsewhere(h store.Holding) (store.Holding, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.byHash[h.Infohash] {
		if other := s.holdings[id]; id != h.Event && other.State != store.Offered && (other.Path != "" || other.Source != "") {
			return other, true
		}
	}
	return store.Holding{}, false
}

// begin hands a share to the swarm, and names who may have it.
func (s *Shelf) begin(h store.Holding, ref *kith.FileRef, want swarm.Selection) error {
	if err := s.swarm.Fetch(*ref, s.local(h), want); err != nil {
		return err
	}
	if want.Default > swarm.Skip || len(want.Files) > 0 {
		s.note(h, swarm.Waiting)
	}
	s.connect(h)
	s.cfg.Host.Changed(h.Event)
	return nil
}

// fetchAgain begins a fetch that a crash kept from its begin.
func (s *Shelf) fetchAgain(ctx context.Context, h store.Holding) error {
	entry, err := s.cfg.Store.Message(ctx, h.Event)
	if err != nil || entry.File == nil || h.Path == "" {
		return err
	}
	want, _ := s.wish(&entry, h)
	if want.Default == swarm.Skip {
		want = swarm.Selection{} // somebody clicked on it
	}
	return s.begin(h, entry.File, want)
}

// Fetch fetches a share: all of it, or the named files of a folder besides
// those that were wanted already.
func (s *Shelf) Fetch(ctx context.Context, id kith.EventID, files []string) error {
	entry, err := s.cfg.Store.Message(ctx, id)
	if err != nil {
		return err
	}
	if entry.Torrent != nil {
		return s.fetchTorrent(ctx, &entry, files)
	}
	if entry.Deleted {
		return kith.Errorf(kith.Conflict, "it was taken back by who shared it")
	}
	if entry.File == nil {
		return kith.Errorf(kith.Invalid, "message %s shares no file", id)
	}
	h, ok := s.holding(id)
	if !ok {
		h = store.Holding{Event: id, Conversation: entry.Conversation, Infohash: entry.File.Infohash, Replaces: entry.Replaces}
	}
	var want swarm.Selection
	if len(files) > 0 {
		if !entry.File.Folder {
			return kith.Errorf(kith.Invalid, "message %s shares a single file; only of a folder can files be chosen", id)
		}
		want = swarm.None
		want.Files = map[string]swarm.Priority{}
		for _, f := range files {
			want.Files[f] = swarm.Normal
		}
	}
	switch {
	case h.State == store.Own:
		return kith.Errorf(kith.Conflict, "%q was shared from here; there is nothing to fetch", path.Base(entry.File.Path))
	case h.State == store.Wanted:
		return s.fetchMore(h, want)
	case !s.cfg.Host.Active(h.Conversation):
		return kith.Errorf(kith.Conflict, "%q can't be fetched any more, for you are not in this conversation", path.Base(entry.File.Path))
	}
	return s.fetch(ctx, h, &entry, want)
}

// fetchMore goes on with what is here in part.
func (s *Shelf) fetchMore(h store.Holding, want swarm.Selection) error {
	if want.Default == swarm.Skip {
		files, err := s.swarm.Files(h.Infohash)
		if err != nil {
			return err
		}
		for _, f := range files {
			if _, named := want.Files[f.Path]; !named && f.Priority > swarm.Skip {
				want.Files[f.Path] = f.Priority
			}
		}
	}
	if err := s.swarm.Select(h.Infohash, want); err != nil {
		return err
	}
	if err := s.swarm.Resume(h.Infohash); err != nil {
		return err
	}
	s.note(h, swarm.Waiting)
	s.connect(h)
	return nil
}

// Drop ends the wish for a share. What was fetched of it is deleted; an
// original never is.
func (s *Shelf) Drop(ctx context.Context, id kith.EventID) error {
	h, err := s.find(id)
	if err != nil {
		return err
	}
	if h.State == store.Own {
		return kith.Errorf(kith.Conflict, "this was shared from here; delete the message to take it back")
	}
	return s.drop(ctx, h, true)
}

// drop makes an offer of what was wanted.
func (s *Shelf) drop(ctx context.Context, h store.Holding, data bool) error {
	if h.State != store.Wanted {
		return nil
	}
	was := h
	kept, err := s.handOver(ctx, h)
	if err != nil {
		return err
	}
	h.State, h.Path, h.Source, h.Kept = store.Offered, "", "", zeroTime
	if h.Link != linkTorrent {
		h.Link = ""
	}
	if err := s.put(ctx, h); err != nil {
		return err
	}
	s.note(h, swarm.Paused)
	if !kept {
		if err := s.end(was, data); err != nil {
			return err
		}
	}
	s.cfg.Host.Changed(h.Event)
	return nil
}

// end ends a transfer unless another share holds the same bytes.
func (s *Shelf) end(was store.Holding, data bool) error {
	if s.isTorrent(was.Event) {
		return s.plain.remove(was.Infohash, data)
	}
	if s.used(was.Infohash, was.Event) {
		return nil
	}
	if err := s.swarm.Remove(was.Infohash, data); err != nil && kith.KindOf(err) != kith.NotFound {
		return err
	}
	return nil
}

// withdraw follows a share that was taken back: who has it keeps it, who waits
// for it waits no longer.
func (s *Shelf) withdraw(ctx context.Context, id kith.EventID) error {
	h, ok := s.holding(id)
	if !ok {
		return s.forget(ctx, id)
	}
	kept, err := s.handOver(ctx, h)
	switch {
	case err != nil:
		return err
	case kept:
	case h.State == store.Own:
		if err := s.end(h, false); err != nil {
			return err
		}
		s.unlink(h)
	case h.State == store.Wanted:
		st, err := s.swarm.Status(h.Infohash)
		if err := s.end(h, err == nil && st.State != swarm.Seeding); err != nil {
			return err
		}
	}
	return s.forget(ctx, id)
}

// Release ends all transfers of a conversation that this account left. The
// files stay.
func (s *Shelf) Release(ctx context.Context, conv kith.ConversationID) error {
	s.unwatch(conv)
	for _, h := range s.in(conv) {
		switch h.State {
		case store.Wanted:
			if err := s.drop(ctx, h, false); err != nil {
				return err
			}
		case store.Own:
			h.State, h.Source = store.Offered, ""
			if err := s.put(ctx, h); err != nil {
				return err
			}
			if err := s.letGo(h.Infohash); err != nil {
				return err
			}
		}
	}
	return nil
}

// Pause stops fetching a share.
func (s *Shelf) Pause(id kith.EventID) error { return s.act(id, s.swarm.Pause, s.plain.pause) }

// Resume goes on with it, and tries again what failed.
func (s *Shelf) Resume(id kith.EventID) error {
	err := s.act(id, s.swarm.Resume, s.plain.resume)
	if h, ok := s.holding(id); ok && err == nil && h.State == store.Wanted {
		s.note(h, swarm.Waiting)
		s.connect(h)
	}
	return err
}

// Verify hashes again what lies on the disk.
func (s *Shelf) Verify(id kith.EventID) error { return s.act(id, s.swarm.Verify, s.plain.verify) }

func (s *Shelf) act(id kith.EventID, sealed, plain func(kith.Infohash) error) error {
	h, err := s.find(id)
	if err != nil {
		return err
	}
	if h.State == store.Offered {
		return kith.Errorf(kith.Conflict, "nothing of it is here; fetch it first")
	}
	if s.isTorrent(id) {
		return plain(h.Infohash)
	}
	return sealed(h.Infohash)
}

// Move puts a share before another in the order of fetching; zero: last.
func (s *Shelf) Move(id, before kith.EventID) error {
	var next kith.Infohash
	if !before.IsZero() {
		h, err := s.find(before)
		if err != nil {
			return err
		}
		next = h.Infohash
	}
	return s.act(id, func(ih kith.Infohash) error { return s.swarm.Move(ih, next) }, func(kith.Infohash) error {
		return kith.Errorf(kith.Invalid, "ordinary torrents are fetched side by side, without an order")
	})
}

// Local is where a file of a share lies on this device.
func (s *Shelf) Local(id kith.EventID) (string, error) {
	h, err := s.find(id)
	if err != nil {
		return "", err
	}
	name := s.local(h)
	if h.State == store.Own && h.Path != "" { // in the folder there is a name of it
		name = filepath.Join(s.root(h.Conversation), filepath.FromSlash(h.Path))
	}
	if name == "" {
		return "", kith.Errorf(kith.Conflict, "nothing of it is here; fetch it first")
	}
	return name, nil
}
