// Package shelf keeps what conversations share on this device: for each share
// whether it is wanted, where it lies, and to whom it is handed on.
//
//	a path, a drop, a file put into the folder
//	  → prepare   a place in the conversation's folder, a link there to the original
//	  → swarm.Seal, swarm.Share
//	  → an event (kith.Share), and a holding of state own
//
//	an event of somebody else's
//	  → look      a holding: wanted, or offered until somebody clicks
//	  → folder.Place, swarm.Fetch, and Connect to every member within reach
//
// It joins packages swarm (pieces), folder (names on disk), preview (what a file
// is) and store (what is durable), and knows of conversations only what Host
// tells.
//
// # What is durable, and in which order
//
// A holding is written before swarm begins to fetch, and after swarm keeps what
// is shared; the event of a share comes last. So after a crash there may be a
// holding without a transfer (fetched again), or a transfer without a holding
// (forgotten), and [Shelf.reconcile] makes both right at the start. A file that
// was linked and not yet shared is found in the folder like one that the person
// put there, and shared.
//
// # In the folder
//
// Beside the files lies ".kith", which is ours:
//
//	.kith/new/EVENT/NAME        a newer version on its way
//	.kith/versions/EVENT/NAME   an older one, kept for 30 days
//	.kith/shared/ID/…           copies without places of photos, and names for them
//	.kith/uploads/BATCH/…       what the page is handing in
package shelf

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/folder"
	"kith/store"
	"kith/swarm"
)

// keepVersions is how long an older version that was replaced stays.
const keepVersions = 30 * 24 * time.Hour

// A Host is what a Shelf needs to know and do about conversations.
type Host interface {
	// Append writes an event of this account's, durably.
	Append(ctx context.Context, conv kith.ConversationID, body kith.Body) (kith.Event, error)
	// Name is how the conversation is shown.
	Name(conv kith.ConversationID) string
	// Active reports whether this account is in the conversation.
	Active(conv kith.ConversationID) bool
	// Spheres lists the spheres that this account is in.
	Spheres() []kith.ConversationID
	// Account tells whose device it is to which there is a link.
	Account(device kith.DeviceID) (kith.AccountID, bool)
	// MayWrite tells why this person can't write there at present, or nil.
	MayWrite(conv kith.ConversationID) error
	// Shares reports whether an account is in the conversation.
	Shares(conv kith.ConversationID, account kith.AccountID) bool
	// Near lists the devices in the conversation that there are links to.
	Near(conv kith.ConversationID) []Near
	// Changed tells that a share's transfer changed.
	Changed(share kith.EventID)
	// Sealing tells how far something to be shared was read.
	Sealing(Sealing)
	// Lacking tells that what Seeks and Lacks name may have changed.
	Lacking()
	// Held tells that what Whole lists may have changed.
	Held()
}

// Near is a device with a link.
type Near struct {
	Device    kith.DeviceID
	Addresses []netip.AddrPort // where it takes TCP connections; none if it does not
}

// Sealing tells how far something to be shared was read.
type Sealing struct {
	Conversation kith.ConversationID
	Name         string
	Done, Total  int64
	Ended        bool
}

// Config says what a Shelf works on.
type Config struct {
	Store *store.Store
	Own   kith.AccountID
	Host  Host
	// Folders is where the folder "Kith" with those of the conversations is made.
	Folders string
	// Swarm opens the swarm with what the shelf decides of its configuration.
	Swarm func(swarm.Config) (*swarm.Swarm, error)
	// Torrents is the folder of the state of ordinary torrents.
	Torrents string
	Log      *slog.Logger
	Now      func() time.Time
}

// A Shelf is all that conversations share on this device. Its methods may be
// called from any goroutine.
type Shelf struct {
	cfg   Config
	log   *slog.Logger
	swarm *swarm.Swarm
	plain plain

	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup
	wake chan struct{} // look has something to do
	done chan struct{} // finish has something to do

	peeks chan struct{} // one for each film that is made ready to be played

	placing sync.Mutex // held while a path is chosen and noted

	mu       sync.Mutex // guards the rest
	settings Settings
	holdings map[kith.EventID]store.Holding
	byHash   map[kith.Infohash][]kith.EventID
	newer    map[kith.EventID]kith.EventID   // by the version before
	lacking  map[kith.EventID]kith.AccountID // wanted and not complete, and who shared it
	finished []kith.Infohash                 // complete, not looked at yet
	places   map[kith.ConversationID]*place
}

// Open takes up what the store and the disk hold, and begins to hand on and to
// fetch. It does not call the Host before it returns.
func Open(ctx context.Context, cfg Config) (*Shelf, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Shelf{
		cfg: cfg, log: cfg.Log,
		wake: make(chan struct{}, 1), done: make(chan struct{}, 1), peeks: make(chan struct{}, maxPeeks),
		holdings: map[kith.EventID]store.Holding{}, byHash: map[kith.Infohash][]kith.EventID{},
		newer: map[kith.EventID]kith.EventID{}, lacking: map[kith.EventID]kith.AccountID{},
		places: map[kith.ConversationID]*place{},
	}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	limits := s.settings.at(cfg.Now())
	var err error
	s.swarm, err = cfg.Swarm(swarm.Config{
		Allowed: s.allowed, Changed: s.changed, Place: placeInside,
		Up: limits.Up, Down: limits.Down, Log: cfg.Log, Now: cfg.Now,
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// load takes everything from the store.
func (s *Shelf) load(ctx context.Context) error {
	if err := s.loadSettings(ctx); err != nil {
		return err
	}
	holdings, err := s.cfg.Store.Holdings(ctx)
	if err != nil {
		return err
	}
	folders, err := s.cfg.Store.Folders(ctx)
	if err != nil {
		return err
	}
	for _, f := range folders {
		s.places[f.Conversation] = newPlace(f)
	}
	for _, h := range holdings {
		s.enterLocked(h)
	}
	return nil
}

// Start begins all that calls the Host.
func (s *Shelf) Start() {
	s.work.Go(func() {
		if err := s.reconcile(s.ctx); err != nil && s.ctx.Err() == nil {
			s.log.Error("could not compare what is shared with what is on the disk", "error", err)
		}
		s.work.Go(s.keepLooking)
		s.work.Go(s.keepFinishing)
		s.work.Go(s.keepHours)
		s.dropUploads()
		s.watchAll()
		s.work.Go(s.followOriginals)
		if err := s.switchPlain(s.ctx); err != nil {
			s.log.Error("ordinary torrents can't be fetched", "error", err)
		}
		s.Look()
	})
}

// Close ends everything.
func (s *Shelf) Close() error {
	s.stop()
	s.work.Wait()
	return errors.Join(s.swarm.Close(), s.plain.close())
}

// Swarm is what carries the pieces.
func (s *Shelf) Swarm() *swarm.Swarm { return s.swarm }

// enterLocked puts a holding into the maps.
func (s *Shelf) enterLocked(h store.Holding) {
	s.leaveLocked(h.Event)
	s.holdings[h.Event] = h
	s.byHash[h.Infohash] = append(s.byHash[h.Infohash], h.Event)
	if !h.Replaces.IsZero() {
		s.newer[h.Replaces] = h.Event
	}
	if h.Path != "" {
		s.placeLocked(h.Conversation).claims[folder.Fold(h.Path)] = h.Event
	}
}

// leaveLocked takes a holding out of the maps.
func (s *Shelf) leaveLocked(id kith.EventID) {
	h, ok := s.holdings[id]
	if !ok {
		return
	}
	delete(s.holdings, id)
	s.byHash[h.Infohash] = slices.DeleteFunc(s.byHash[h.Infohash], func(e kith.EventID) bool { return e == id })
	if len(s.byHash[h.Infohash]) == 0 {
		delete(s.byHash, h.Infohash)
	}
	if s.newer[h.Replaces] == id {
		delete(s.newer, h.Replaces)
	}
	if claims := s.placeLocked(h.Conversation).claims; h.Path != "" && claims[folder.Fold(h.Path)] == id {
		delete(claims, folder.Fold(h.Path))
	}
}

// put makes a holding durable and enters it.
func (s *Shelf) put(ctx context.Context, h store.Holding) error {
	if err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.PutHolding(h) }); err != nil {
		return err
	}
	s.mu.Lock()
	s.enterLocked(h)
	s.mu.Unlock()
	s.cfg.Host.Held()
	return nil
}

// forget drops a holding.
func (s *Shelf) forget(ctx context.Context, id kith.EventID) error {
	if err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.DeleteHolding(id) }); err != nil {
		return err
	}
	s.mu.Lock()
	s.leaveLocked(id)
	delete(s.lacking, id)
	s.mu.Unlock()
	s.cfg.Host.Held()
	return nil
}

// holding gives what is known of a share.
func (s *Shelf) holding(id kith.EventID) (store.Holding, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.holdings[id]
	return h, ok
}

// Kinds of what an own share has in the folder, beside those of package folder.
const (
	linkCopy     = "copy"     // of a photo, without its place; the original is Source
	linkStripped = "stripped" // the person's own file; a copy without places, at Source, is shared instead
)

// linkElsewhere marks a holding whose bytes lie at Source, because of a share of
// them that is gone.
const linkElsewhere = "elsewhere"

// find gives a holding, or an error that a person understands.
func (s *Shelf) find(id kith.EventID) (store.Holding, error) {
	if h, ok := s.holding(id); ok {
		return h, nil
	}
	return store.Holding{}, kith.Errorf(kith.NotFound, "message %s shares no file that is known here", id)
}

// local is where a holding lies on this device; empty if nowhere.
func (s *Shelf) local(h store.Holding) string {
	if h.Link == string(folder.SymLink) || h.Link == linkStripped || h.Link == linkElsewhere {
		return h.Source
	}
	root := s.root(h.Conversation)
	if h.Path == "" || root == "" {
		if other, ok := s.elsewhere(h); ok {
			return s.local(other)
		}
		return ""
	}
	return filepath.Join(root, filepath.FromSlash(h.Path))
}

// reconcile makes holdings and transfers agree after a crash.
func (s *Shelf) reconcile(ctx context.Context) error {
	transfers := map[kith.Infohash]swarm.Status{}
	for _, st := range s.swarm.Statuses() {
		transfers[st.Infohash] = st
	}
	s.mu.Lock()
	holdings := make([]store.Holding, 0, len(s.holdings))
	for _, h := range s.holdings {
		holdings = append(holdings, h)
	}
	s.mu.Unlock()
	held := map[kith.Infohash]bool{}
	for _, h := range holdings {
		if h.State == store.Offered || h.Link == linkTorrent {
			continue
		}
		held[h.Infohash] = true
		st, ok := transfers[h.Infohash]
		switch {
		case h.State == store.Wanted && !ok:
			if err := s.fetchAgain(ctx, h); err != nil {
				s.log.Warn("a file can't be fetched", "share", h.Event, "error", err)
			}
		case h.State == store.Wanted && h.Path != "" && st.Path != s.local(h):
			// Killed between the move of a file and the note of it.
			if rel, ok := s.below(h.Conversation, st.Path); ok {
				h.Path = rel
				if err := s.put(ctx, h); err != nil {
					return err
				}
			}
			fallthrough
		default:
			s.note(h, st.State)
		}
	}
	unheld, err := s.cfg.Store.Unheld(ctx)
	if err != nil {
		return err
	}
	for _, id := range unheld { // own ones may have been killed between event and holding
		if entry, err := s.cfg.Store.Message(ctx, id); err == nil && entry.File != nil {
			if st, ok := transfers[entry.File.Infohash]; ok && st.Own && entry.Mine {
				held[st.Infohash] = true
				if err := s.recover(ctx, &entry, st); err != nil {
					return err
				}
			}
		}
	}
	for ih := range transfers {
		if !held[ih] {
			if err := s.swarm.Remove(ih, false); err != nil {
				return err
			}
		}
	}
	return s.expire(ctx)
}

// recover makes the holding of an own share anew.
func (s *Shelf) recover(ctx context.Context, entry *store.Entry, st swarm.Status) error {
	h := store.Holding{
		Event: entry.ID, Conversation: entry.Conversation, Infohash: entry.File.Infohash,
		State: store.Own, Source: st.Path, Link: linkStripped, Replaces: entry.Replaces,
	}
	if rel, ok := s.below(entry.Conversation, st.Path); ok && !folder.Ignored(rel) {
		h.Path, h.Source, h.Link = rel, "", ""
	}
	return s.put(ctx, h)
}

// note remembers whether something of a holding is still to come.
func (s *Shelf) note(h store.Holding, state swarm.State) {
	incomplete := h.State == store.Wanted && state != swarm.Seeding && state != swarm.Partial && state != swarm.Paused
	s.mu.Lock()
	_, was := s.lacking[h.Event]
	s.mu.Unlock()
	if was == incomplete {
		return
	}
	var author kith.AccountID
	if incomplete {
		if entry, err := s.cfg.Store.Message(s.ctx, h.Event); err == nil {
			author = entry.Author.Account
		}
	}
	s.mu.Lock()
	if incomplete {
		s.lacking[h.Event] = author
	} else {
		delete(s.lacking, h.Event)
	}
	s.mu.Unlock()
	s.cfg.Host.Lacking()
}

// Seeks names who shared what is still being fetched, so that they are looked for.
func (s *Shelf) Seeks() map[kith.AccountID]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seeks := map[kith.AccountID]bool{}
	for _, author := range s.lacking {
		seeks[author] = true
	}
	return seeks
}
