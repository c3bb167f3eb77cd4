package node

import (
	"context"
	"slices"
	"time"

	"kith"
	"kith/hubapi"
	"kith/shelf"
	"kith/shelf/keeping"
	"kith/store"
	"kith/swarm"
	"kith/swarm/seedpeer"
)

// KeepFiles says which files hubs keep.
type KeepFiles string

// What they keep.
const (
	KeepOwn KeepFiles = "own" // what is shared from here
	KeepAll KeepFiles = "all" // and what was fetched
	KeepOff KeepFiles = "off"
)

// HubSpace is how much a hub's seedbox keeps for this device.
type HubSpace struct {
	Quota int64 `json:"quota" doc:"Bytes, at most"`
	Used  int64 `json:"used" doc:"Bytes"`
}

func viewSpace(s hubapi.Space) *HubSpace {
	if s.Token == "" || s.Quota == 0 {
		return nil
	}
	return &HubSpace{Quota: int64(s.Quota), Used: int64(s.Used)}
}

// newKeeper makes what has a hub keep files; nil without files.
func (h *hub) newKeeper() *keeping.Keeper {
	if h.r.shelf == nil {
		return nil
	}
	return keeping.New(keeping.Config{
		Source: keepSource{h}, Box: seedbox{h}, Ledger: keepLedger{h},
		Changed: h.keptChanged, Log: h.r.log.With("hub", h.host), Now: h.r.opt.now,
	})
}

// spaceCame lets the keeper begin.
func (h *hub) spaceCame(s hubapi.Space) {
	if h.keeper == nil || s.Token == "" || s.Quota == 0 {
		return
	}
	h.beginKeeping()
	h.keeper.Opened(int64(s.Quota) - int64(s.Used))
}

// beginKeeping notes since when a hub is the person's own and has a seedbox.
func (h *hub) beginKeeping() {
	if h.keeper == nil || viewSpace(h.client.Space()) == nil || !slices.Contains(h.of.urls(), h.url) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.log.Keeps.IsZero() {
		h.log.Keeps = h.r.opt.now().Truncate(time.Millisecond) // as the times of messages
		h.save()
	}
}

// keptChanged shows how a share stands at the hub.
func (h *hub) keptChanged(file kith.Infohash) {
	for _, id := range h.r.shelf.With(file) {
		shelfHost{h.r}.Changed(id)
	}
}

// A keepSource gives what a hub is to keep. Of one that is not on the person's
// list, or no longer, that is nothing.
type keepSource struct{ h *hub }

func (k keepSource) Shares(ctx context.Context) ([]keeping.Share, error) {
	h := k.h
	h.mu.Lock()
	since := h.log.Keeps
	h.mu.Unlock()
	which := h.r.preferences().KeepFiles
	if since.IsZero() || which == KeepOff || !slices.Contains(h.of.urls(), h.url) {
		return nil, nil
	}
	whole, err := h.r.shelf.Whole(ctx, since)
	if err != nil {
		return nil, err
	}
	var list []keeping.Share
	for _, w := range whole {
		if w.Own || which == KeepAll {
			list = append(list, keeping.Share{File: w.Infohash, Shared: w.Sent})
		}
	}
	return list, nil
}

func (k keepSource) Describe(file kith.Infohash) (swarm.Description, error) {
	return k.h.r.shelf.Swarm().Describe(file)
}

func (k keepSource) Piece(file kith.Infohash, piece int, buf []byte) ([]byte, error) {
	return k.h.r.shelf.Swarm().Piece(file, piece, buf)
}

// A seedbox is that of a hub.
type seedbox struct{ h *hub }

func (s seedbox) token() string { return s.h.client.Space().Token }

func (s seedbox) Open() bool { return s.token() != "" }

func (s seedbox) Keep(ctx context.Context, file kith.Infohash, info []byte) (hubapi.Kept, error) {
	return hubapi.Keep(ctx, s.h.of.giving, s.h.url, s.token(), hubapi.InfoHash(file), info)
}

func (s seedbox) KeepPiece(ctx context.Context, file kith.Infohash, piece int, data []byte) error {
	return hubapi.KeepPiece(ctx, s.h.of.giving, s.h.url, s.token(), hubapi.InfoHash(file), piece, data)
}

func (s seedbox) State(ctx context.Context, file kith.Infohash) (hubapi.Kept, error) {
	return hubapi.KeptState(ctx, s.h.of.http, s.h.url, hubapi.InfoHash(file))
}

func (s seedbox) Release(ctx context.Context, file kith.Infohash) error {
	return hubapi.Release(ctx, s.h.of.http, s.h.url, s.token(), hubapi.InfoHash(file))
}

// A keepLedger notes what a hub may have.
type keepLedger struct{ h *hub }

func (l keepLedger) Keepings(ctx context.Context) ([]store.Keeping, error) {
	return l.h.r.store.Keepings(ctx, l.h.host)
}

func (l keepLedger) PutKeeping(ctx context.Context, k store.Keeping) error {
	k.Hub = l.h.host
	return l.h.r.store.Update(ctx, func(tx *store.Tx) error { return tx.PutKeeping(k) })
}

func (l keepLedger) DeleteKeeping(ctx context.Context, file kith.Infohash) error {
	return l.h.r.store.Update(ctx, func(tx *store.Tx) error { return tx.DeleteKeeping(l.h.host, file) })
}

// wakeKeepers tells all hubs that what they are to keep may have changed.
func (r *run) wakeKeepers() {
	if !r.isReady() || r.hubs == nil {
		return
	}
	for _, h := range r.hubs.list() {
		if h.keeper != nil {
			h.keeper.Wake()
		}
	}
}

// keptAt tells how a share stands at hubs that keep it.
func (r *run) keptAt(file kith.Infohash) []Kept {
	list := []Kept{}
	if !r.isReady() || r.hubs == nil {
		return list
	}
	for _, h := range r.hubs.list() {
		if h.keeper == nil {
			continue
		}
		v, ok := h.keeper.View(file)
		if !ok {
			continue
		}
		if v.Full {
			v.Reason = "There is no room for it: " + v.Reason
		}
		list = append(list, Kept{Hub: h.host, Have: v.Have, Size: v.Size, Until: optional(v.Until), Reason: v.Reason})
	}
	return list
}

// startSeeking begins to ask hubs for what is lacking here.
func (r *run) startSeeking() {
	if r.shelf == nil {
		return
	}
	r.seeker = seedpeer.NewSeeker(seedpeer.Config{Swarm: r.shelf.Swarm(), HTTP: r.hubs.http, Log: r.log, Now: r.opt.now})
	r.working.Go(func() { r.seeker.Run(r.ctx) })
}

// seekKept says what is lacking, and which hubs may have it: those of this
// person and of all who are in its conversation.
func (r *run) seekKept(visible bool) {
	if r.seeker == nil {
		return
	}
	var wants []seedpeer.Want
	if visible {
		hubs := map[kith.ConversationID][]string{}
		for _, lack := range r.shelf.Lacks() {
			if _, ok := hubs[lack.Conversation]; !ok {
				hubs[lack.Conversation] = r.hubsOfPeople(lack)
			}
			wants = append(wants, seedpeer.Want{File: lack.Infohash, Hubs: hubs[lack.Conversation]})
		}
	}
	r.seeker.Want(wants)
}

// hubsOfPeople lists the own hubs and those of who is in a conversation.
func (r *run) hubsOfPeople(lack shelf.Lack) []string {
	list := r.hubs.urls()
	own := len(list)
	for _, c := range r.people.unsorted() {
		theirs := hubsOf(&c)
		if len(theirs) == 0 || !(shelfHost{r}).Shares(lack.Conversation, c.Account) {
			continue
		}
		for _, url := range theirs {
			if !slices.Contains(list, url) && r.hubs.mayUse(url) && len(list) < own+maxForeign {
				list = append(list, url)
			}
		}
	}
	return list
}
