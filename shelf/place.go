package shelf

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"kith"
	"kith/folder"
	"kith/store"
)

// What is fetched by itself.
const (
	FetchAll   = "all"
	FetchSmall = "small" // what is not larger than Most
	FetchClick = "click"
)

// ours is the folder in each folder that is this program's.
const ours = ".kith"

// A place is a conversation's folder. Its fields are guarded by Shelf.mu.
type place struct {
	store.Folder
	claims  map[string]kith.EventID // by folder.Fold of the path; zero while it is being shared
	glances map[string]store.Glance // what lay there last; nil while it is not watched
	skipped map[string]string       // what lies there and is not shared, and why
	problem string
	unwatch context.CancelFunc
}

func newPlace(f store.Folder) *place {
	return &place{Folder: f, claims: map[string]kith.EventID{}, skipped: map[string]string{}}
}

func (s *Shelf) placeLocked(conv kith.ConversationID) *place {
	p := s.places[conv]
	if p == nil {
		p = newPlace(store.Folder{Conversation: conv})
		s.places[conv] = p
	}
	return p
}

// root is the folder of a conversation, empty if it is not made.
func (s *Shelf) root(conv kith.ConversationID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.placeLocked(conv).Path
}

// Root makes the folder of a conversation if need be.
func (s *Shelf) Root(ctx context.Context, conv kith.ConversationID) (string, error) {
	if root := s.root(conv); root != "" {
		if err := folder.Make(root); err != nil {
			return "", err
		}
		return root, nil
	}
	s.placing.Lock()
	defer s.placing.Unlock()
	if root := s.root(conv); root != "" {
		return root, nil
	}
	root, err := folder.Default(s.cfg.Folders, s.cfg.Host.Name(conv))
	if err != nil {
		return "", err
	}
	return root, s.settle(ctx, conv, root)
}

// settle makes a folder that of a conversation and begins to watch it.
func (s *Shelf) settle(ctx context.Context, conv kith.ConversationID, root string) error {
	if err := folder.Make(root); err != nil {
		return err
	}
	s.mu.Lock()
	f := s.placeLocked(conv).Folder
	s.mu.Unlock()
	f.Path = root
	err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.PutFolder(f) })
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.placeLocked(conv).Folder = f
	s.mu.Unlock()
	s.watch(conv)
	return nil
}

// below gives the path of a file in the folder of a conversation.
func (s *Shelf) below(conv kith.ConversationID, name string) (rel string, ok bool) {
	root := s.root(conv)
	if root == "" {
		return "", false
	}
	rel, err := filepath.Rel(root, name)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// claim chooses a free path in a folder and keeps it until it is entered or
// given back by release.
func (s *Shelf) claim(conv kith.ConversationID, root, shared string) (string, error) {
	s.placing.Lock()
	defer s.placing.Unlock()
	rel, err := folder.Place(root, func(folded string) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, taken := s.placeLocked(conv).claims[folded]
		return taken
	}, shared)
	if err != nil {
		return "", err
	}
	s.hold(conv, rel)
	return rel, nil
}

// hold keeps a path from being shared or given away by others.
func (s *Shelf) hold(conv kith.ConversationID, rel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.placeLocked(conv).claims[folder.Fold(rel)] = kith.EventID{}
}

// release gives a path back that was claimed and is nobody's.
func (s *Shelf) release(conv kith.ConversationID, rel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	claims := s.placeLocked(conv).claims
	if id, ok := claims[folder.Fold(rel)]; ok && id.IsZero() {
		delete(claims, folder.Fold(rel))
	}
}

// claimant finds whose a path is: a share's, or a share's in whose folder it
// lies. busy means that it is being shared right now.
func (s *Shelf) claimant(conv kith.ConversationID, rel string) (h store.Holding, exact, busy, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	claims := s.placeLocked(conv).claims
	for at := rel; at != "."; at = path.Dir(at) {
		if id, claimed := claims[folder.Fold(at)]; claimed {
			return s.holdings[id], at == rel, id.IsZero(), true
		}
	}
	return store.Holding{}, false, false, false
}

// placeInside is where a file of somebody's folder goes below it.
func placeInside(shared string, used func(string) bool) string {
	clean := folder.Clean(shared)
	rel := clean
	for n := 2; used(rel); n++ {
		ext := path.Ext(clean)
		rel = strings.TrimSuffix(clean, ext) + " (" + strconv.Itoa(n) + ")" + ext
	}
	return rel
}

// A Folder is what a person sees of a conversation's folder.
type Folder struct {
	Path    string
	Made    bool
	Fetch   string
	Most    uint64
	Problem string
	Skipped map[string]string // path below the folder, reason
}

// Folder tells where a conversation's files lie.
func (s *Shelf) Folder(conv kith.ConversationID) (Folder, error) {
	s.mu.Lock()
	p := s.placeLocked(conv)
	f := Folder{Path: p.Path, Made: p.Path != "", Problem: p.problem, Skipped: map[string]string{}}
	f.Fetch, f.Most = s.policyLocked(conv)
	for rel, why := range p.skipped {
		f.Skipped[rel] = why
	}
	s.mu.Unlock()
	if !f.Made {
		var err error
		if f.Path, err = folder.Default(s.cfg.Folders, s.cfg.Host.Name(conv)); err != nil {
			return f, err
		}
	}
	return f, nil
}

// policyLocked is what of a conversation is fetched by itself.
func (s *Shelf) policyLocked(conv kith.ConversationID) (string, uint64) {
	if f := s.placeLocked(conv).Folder; f.Fetch != "" {
		return f.Fetch, f.Most
	}
	return s.settings.Fetch, s.settings.Most
}

// putPolicy stores it. The folder's own place may be settled at the same moment,
// and neither may undo the other.
func (s *Shelf) putPolicy(ctx context.Context, conv kith.ConversationID, fetch string, most uint64) error {
	s.placing.Lock()
	defer s.placing.Unlock()
	s.mu.Lock()
	f := s.placeLocked(conv).Folder
	s.mu.Unlock()
	f.Fetch, f.Most = fetch, most
	if err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.PutFolder(f) }); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.placeLocked(conv).Folder = f
	return nil
}

// SetPolicy says what of a conversation is fetched by itself. What is here
// stays, and what was offered and now fits is fetched.
func (s *Shelf) SetPolicy(ctx context.Context, conv kith.ConversationID, fetch string, most uint64) error {
	if fetch != FetchAll && fetch != FetchSmall && fetch != FetchClick {
		return kith.Errorf(kith.Invalid, "%q is not something that can be fetched by itself: say all, small or click", fetch)
	}
	if err := s.putPolicy(ctx, conv, fetch, most); err != nil {
		return err
	}
	s.mu.Lock()
	var offered []kith.EventID
	for _, h := range s.holdings {
		if h.Conversation == conv && h.State == store.Offered {
			offered = append(offered, h.Event)
		}
	}
	s.mu.Unlock()
	for _, id := range offered {
		if err := s.consider(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// SetRoot makes another folder that of a conversation. What was there is moved;
// if it can't be, because it is another disk, it fails with kind Conflict and
// nothing has changed.
func (s *Shelf) SetRoot(ctx context.Context, conv kith.ConversationID, root string) error {
	if !filepath.IsAbs(root) {
		return kith.Errorf(kith.Invalid, "%q is no absolute path: write all of it, as in /home/ann/Films", root)
	}
	root = filepath.Clean(root)
	old := s.root(conv)
	if old == root {
		return nil
	}
	if other, ok := s.owner(root); ok && other != conv {
		return kith.Errorf(kith.Conflict, "%q is the folder of %s already, or lies within it; choose another", root, s.cfg.Host.Name(other))
	}
	if old == "" {
		s.placing.Lock()
		defer s.placing.Unlock()
		return s.settle(ctx, conv, root)
	}
	if _, err := os.Lstat(old); err == nil {
		if err := vacate(old, root); err != nil {
			return err
		}
	} // else the person moved it, or a crash came between
	return s.moved(ctx, conv, root)
}

// vacate moves a folder with all that is in it.
func vacate(old, root string) error {
	entries, err := os.ReadDir(root)
	if err != nil && !os.IsNotExist(err) {
		return kith.Errorf(kith.Invalid, "the folder %q can't be used: %w", root, err)
	}
	if len(entries) > 0 {
		return kith.Errorf(kith.Conflict, "%q is not empty; choose a new or an empty folder, for all files move there", root)
	}
	os.Remove(root)
	if err := os.MkdirAll(filepath.Dir(root), 0o700); err != nil {
		return kith.Errorf(kith.Invalid, "the folder %q can't be made: %w", filepath.Dir(root), err)
	}
	if err := os.Rename(old, root); err != nil {
		return kith.Errorf(kith.Conflict, "the files can't be moved from %q to %q, perhaps because that is another disk; move the folder yourself, and say then where it is: %w", old, root, err)
	}
	return nil
}

// moved notes that a conversation's folder lies elsewhere now.
func (s *Shelf) moved(ctx context.Context, conv kith.ConversationID, root string) error {
	s.placing.Lock()
	defer s.placing.Unlock()
	s.unwatch(conv)
	if err := s.settle(ctx, conv, root); err != nil {
		return err
	}
	for _, h := range s.in(conv) {
		if h.State == store.Offered || h.Path == "" || h.Source != "" {
			continue
		}
		if err := s.swarm.Relocate(h.Infohash, s.local(h)); err != nil {
			s.log.Warn("a file of a moved folder was not found again", "share", h.Event, "error", err)
		}
	}
	return nil
}

// in lists the holdings of a conversation.
func (s *Shelf) in(conv kith.ConversationID) (list []store.Holding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.holdings {
		if h.Conversation == conv {
			list = append(list, h)
		}
	}
	return list
}

// owner finds the conversation in whose folder, or above whose folder, a path lies.
func (s *Shelf) owner(root string) (kith.ConversationID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conv, p := range s.places {
		if p.Path == "" {
			continue
		}
		for _, pair := range [][2]string{{p.Path, root}, {root, p.Path}} {
			if rel, err := filepath.Rel(pair[0], pair[1]); err == nil && filepath.IsLocal(rel) {
				return conv, true
			}
		}
	}
	return kith.ConversationID{}, false
}
