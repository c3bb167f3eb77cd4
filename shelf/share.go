package shelf

import (
	"context"
	"os"
	"path"
	"path/filepath"

	"kith"
	"kith/folder"
	"kith/preview"
	"kith/store"
	"kith/swarm"
)

// A Request says what to share, and how.
type Request struct {
	Path         string // absolute
	Caption      string
	ReplyTo      kith.EventID
	KeepLocation bool // leave in photos where they were taken
}

// Share shares a file or folder. It lies in the conversation's folder then,
// as a link if it lies elsewhere. What was shared before, and is another one now,
// becomes its newer version. When Share returns the message is durable.
func (s *Shelf) Share(ctx context.Context, conv kith.ConversationID, req Request) (kith.EventID, error) {
	root, err := s.Root(ctx, conv)
	if err != nil {
		return kith.EventID{}, err
	}
	name, err := filepath.Abs(req.Path)
	if err != nil {
		return kith.EventID{}, kith.Errorf(kith.Invalid, "share %q: %w", req.Path, err)
	}
	if rel, ok := s.below(conv, name); ok {
		if folder.Ignored(rel) {
			return kith.EventID{}, kith.Errorf(kith.Invalid, "%q is hidden or a temporary file; give it another name to share it", rel)
		}
		if h, exact, busy, claimed := s.claimant(conv, rel); claimed && exact {
			if busy {
				return kith.EventID{}, kith.Errorf(kith.Conflict, "%q is being shared already", rel)
			}
			if s.unchanged(h, name) {
				return kith.EventID{}, kith.Errorf(kith.Conflict, "%q is shared already", rel)
			}
			return s.renew(ctx, h, req)
		}
		s.hold(conv, rel)
		return s.shareInside(ctx, conv, root, rel, req, kith.EventID{})
	}
	if h, ok := s.sharedFrom(conv, name); ok {
		return s.renewOriginal(ctx, h, req)
	}
	return s.shareOutside(ctx, conv, name, req, kith.EventID{})
}

// shareOutside shares what lies elsewhere, by a link in the folder.
func (s *Shelf) shareOutside(ctx context.Context, conv kith.ConversationID, name string, req Request, replaces kith.EventID) (kith.EventID, error) {
	root := s.root(conv)
	rel, err := s.claim(conv, root, filepath.Base(name))
	if err != nil {
		return kith.EventID{}, err
	}
	made, err := s.prepare(root, rel, name, req.KeepLocation)
	if err != nil {
		s.release(conv, rel)
		return kith.EventID{}, err
	}
	return s.offer(ctx, conv, made, req, replaces)
}

// shareInside shares what lies in the folder already; rel is held.
func (s *Shelf) shareInside(ctx context.Context, conv kith.ConversationID, root, rel string, req Request, replaces kith.EventID) (kith.EventID, error) {
	made := prepared{rel: rel, source: filepath.Join(root, filepath.FromSlash(rel))}
	if !req.KeepLocation {
		stripped, err := strip(root, made.source, path.Base(rel))
		if err != nil {
			s.release(conv, rel)
			return kith.EventID{}, err
		}
		if stripped != "" {
			made.source, made.original, made.link = stripped, stripped, linkStripped
		}
	}
	return s.offer(ctx, conv, made, req, replaces)
}

// A prepared file or folder can be sealed.
type prepared struct {
	rel      string // in the folder
	source   string // absolute: whose bytes are shared
	original string // absolute: of what rel is a link or copy; empty if of nothing
	link     string // how
	undo     func()
}

// prepare gives what lies outside of the folder a name in it.
func (s *Shelf) prepare(root, rel, original string, keepLocation bool) (prepared, error) {
	inside := filepath.Join(root, filepath.FromSlash(rel))
	if _, err := os.Stat(original); err != nil {
		return prepared{}, kith.Errorf(kith.NotFound, "share %q: %w", original, err)
	}
	if !keepLocation {
		stripped, err := strip(root, original, path.Base(rel))
		if err != nil {
			return prepared{}, err
		}
		if stripped != "" {
			// What is shared is a copy of ours, and that lies in the folder.
			if err := os.MkdirAll(filepath.Dir(inside), 0o700); err != nil {
				return prepared{}, kith.Errorf(kith.Internal, "share %q: %w", original, err)
			}
			if err := os.Rename(stripped, inside); err != nil {
				return prepared{}, kith.Errorf(kith.Internal, "share %q: %w", original, err)
			}
			os.Remove(filepath.Dir(stripped))
			return prepared{rel: rel, source: inside, original: original, link: linkCopy, undo: func() { os.RemoveAll(inside) }}, nil
		}
	}
	linked, err := folder.Link(root, rel, original)
	if err != nil {
		return prepared{}, err
	}
	p := prepared{rel: rel, source: inside, original: linked.Original, link: string(linked.Kind), undo: func() { folder.Unlink(root, rel, linked) }}
	if linked.Kind == folder.SymLink {
		p.source = linked.Original
	}
	return p, nil
}

// offer seals what was prepared, hands it on, and says so in the conversation.
func (s *Shelf) offer(ctx context.Context, conv kith.ConversationID, p prepared, req Request, replaces kith.EventID) (id kith.EventID, err error) {
	defer func() {
		if err != nil {
			s.release(conv, p.rel)
			if p.undo != nil {
				p.undo()
			}
		}
	}()
	if err := s.cfg.Host.MayWrite(conv); err != nil {
		return id, err
	}
	root := s.root(conv)
	before, lies := folder.Look(root, p.rel)
	sealed, err := s.seal(ctx, conv, p)
	if err != nil {
		return id, err
	}
	body := kith.Share{File: sealed.Ref, Caption: req.Caption, ReplyTo: req.ReplyTo, Replaces: replaces}
	body.File.Path = p.rel
	if !sealed.Ref.Folder {
		if body.File.Media, err = preview.Of(p.source); err != nil {
			return id, err
		}
	}
	if err := s.swarm.Share(sealed); err != nil {
		return id, err
	}
	ev, err := s.cfg.Host.Append(ctx, conv, body)
	if err != nil {
		s.swarm.Remove(sealed.Ref.Infohash, false)
		return id, err
	}
	p.undo = nil // it is said; what fails from here on is made good at the next start
	h := store.Holding{
		Event: ev.ID, Conversation: conv, Infohash: sealed.Ref.Infohash, State: store.Own,
		Path: p.rel, Source: p.original, Link: p.link, Replaces: replaces,
	}
	if err := s.put(ctx, h); err != nil {
		return id, err
	}
	if lies {
		s.remember(ctx, conv, before)
	}
	for _, skipped := range sealed.Skipped {
		s.skip(conv, path.Join(p.rel, skipped.Path), skipped.Reason)
	}
	s.cfg.Host.Changed(ev.ID)
	return ev.ID, nil
}

// seal reads and hashes, and tells how far it is.
func (s *Shelf) seal(ctx context.Context, conv kith.ConversationID, p prepared) (*swarm.Sealed, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(s.ctx, stop)()
	tell := newTeller(s.cfg.Now, func(done, total int64, ended bool) {
		s.cfg.Host.Sealing(Sealing{Conversation: conv, Name: path.Base(p.rel), Done: done, Total: total, Ended: ended})
	})
	defer tell.end()
	return swarm.Seal(ctx, p.source, tell.progress)
}

// Again shares in a conversation what a message shared in another one. Nothing
// is read or copied: the same sealed bytes are handed on to others too.
func (s *Shelf) Again(ctx context.Context, id kith.EventID, conv kith.ConversationID, caption string) (kith.EventID, error) {
	entry, err := s.cfg.Store.Message(ctx, id)
	if err != nil {
		return kith.EventID{}, err
	}
	if err := s.cfg.Host.MayWrite(conv); err != nil {
		return kith.EventID{}, err
	}
	if entry.Torrent != nil {
		return s.ShareTorrent(ctx, conv, *entry.Torrent)
	}
	h, ok := s.holding(id)
	if entry.File == nil || !ok || h.State == store.Offered {
		return kith.EventID{}, kith.Errorf(kith.Conflict, "nothing of it is here; fetch it first, to hand it on")
	}
	body := kith.Share{File: *entry.File, Caption: caption}
	body.File.Path = path.Base(body.File.Path)
	if entry.HasPreview {
		if body.File.Media.Preview, err = s.cfg.Store.Preview(ctx, id); err != nil {
			return kith.EventID{}, err
		}
		body.File.Media = preview.Check(body.File.Media)
	}
	ev, err := s.cfg.Host.Append(ctx, conv, body)
	if err != nil {
		return kith.EventID{}, err
	}
	return ev.ID, s.put(ctx, store.Holding{Event: ev.ID, Conversation: conv, Infohash: h.Infohash, State: store.Wanted})
}

// renew shares a file of the folder anew, as the newer version of a share.
func (s *Shelf) renew(ctx context.Context, h store.Holding, req Request) (kith.EventID, error) {
	root, rel := s.root(h.Conversation), h.Path
	if err := s.cfg.Host.MayWrite(h.Conversation); err != nil {
		return kith.EventID{}, err
	}
	// The bytes of the older version are gone from here: others may have them.
	h.State, h.Path, h.Source, h.Link = store.Offered, "", "", ""
	if err := s.put(ctx, h); err != nil {
		return kith.EventID{}, err
	}
	if err := s.letGo(h.Infohash); err != nil {
		return kith.EventID{}, err
	}
	s.hold(h.Conversation, rel)
	return s.shareInside(ctx, h.Conversation, root, rel, req, h.Event)
}

// letGo ends a transfer that nothing holds any more; what lies on the disk stays.
func (s *Shelf) letGo(ih kith.Infohash) error {
	if s.used(ih, kith.EventID{}) {
		return nil
	}
	if err := s.swarm.Remove(ih, false); err != nil && kith.KindOf(err) != kith.NotFound {
		return err
	}
	return nil
}

// used reports whether anything holds a transfer, besides a share that is let go.
func (s *Shelf) used(ih kith.Infohash, besides kith.EventID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.byHash[ih] {
		if id != besides && s.holdings[id].State != store.Offered {
			return true
		}
	}
	return false
}

// handOver leaves the place of a share that is let go to another one that holds
// the same bytes, if there is one.
func (s *Shelf) handOver(ctx context.Context, h store.Holding) (bool, error) {
	at := s.local(h)
	s.mu.Lock()
	var heir store.Holding
	for _, id := range s.byHash[h.Infohash] {
		if other := s.holdings[id]; id != h.Event && other.State != store.Offered {
			heir = other
		}
	}
	s.mu.Unlock()
	if heir.Event.IsZero() {
		return false, nil
	}
	if heir.Path == "" && heir.Source == "" {
		heir.Source, heir.Link = at, linkElsewhere
	}
	return true, s.put(ctx, heir)
}

// unchanged reports whether a file of a share is as it was shared or fetched.
func (s *Shelf) unchanged(h store.Holding, name string) bool {
	return s.swarm.Intact(h.Infohash, name)
}
