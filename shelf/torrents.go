package shelf

import (
	"context"
	"sync"

	"kith"
	"kith/store"
	"kith/swarm"
)

// plain is the ordinary BitTorrent client, which runs only while a person has
// switched it on.
type plain struct {
	mu sync.Mutex // guards the rest
	p  *swarm.Plain
}

// errOff is what asks for torrents while they are off.
var errOff = kith.Errorf(kith.Conflict, "ordinary torrents are switched off; whoever fetches one is seen by others on the internet, so switch them on in the settings, or with kith limits --torrents on")

// use calls f with the client.
func (o *plain) use(f func(*swarm.Plain) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.p == nil {
		return errOff
	}
	return f(o.p)
}

func (o *plain) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.p == nil {
		return nil
	}
	err := o.p.Close()
	o.p = nil
	return err
}

func (o *plain) limit(l Limits) {
	o.use(func(p *swarm.Plain) error { p.SetLimits(l.Up, l.Down); return nil })
}

func (o *plain) pause(ih kith.Infohash) error {
	return o.use(func(p *swarm.Plain) error { return p.Pause(ih) })
}

func (o *plain) resume(ih kith.Infohash) error {
	return o.use(func(p *swarm.Plain) error { return p.Resume(ih) })
}

func (o *plain) verify(ih kith.Infohash) error {
	return o.use(func(p *swarm.Plain) error { return p.Recheck(ih) })
}

func (o *plain) remove(ih kith.Infohash, data bool) error {
	err := o.use(func(p *swarm.Plain) error { return p.Remove(ih, data) })
	if kith.KindOf(err) == kith.NotFound {
		return nil
	}
	return err
}

func (o *plain) status(ih kith.Infohash) (st swarm.Status, err error) {
	err = o.use(func(p *swarm.Plain) error { st, err = p.Status(ih); return err })
	return st, err
}

func (o *plain) statuses() (all []swarm.Status) {
	o.use(func(p *swarm.Plain) error { all = p.Statuses(); return nil })
	return all
}

// switchPlain starts or ends the client, as the settings say.
func (s *Shelf) switchPlain(ctx context.Context) error {
	settings, limits := s.Settings()
	if !settings.Torrents {
		return s.plain.close()
	}
	s.plain.mu.Lock()
	defer s.plain.mu.Unlock()
	if s.plain.p != nil {
		return nil
	}
	p, err := swarm.OpenPlain(swarm.PlainConfig{
		Dir: s.cfg.Torrents, Up: limits.Up, Down: limits.Down, Log: s.log,
		Changed: s.torrentChanged,
	})
	if err != nil {
		return err
	}
	s.plain.p = p
	return s.resumeTorrents(ctx, p)
}

// resumeTorrents begins what a crash kept from its begin.
func (s *Shelf) resumeTorrents(ctx context.Context, p *swarm.Plain) error {
	s.mu.Lock()
	var wanted []store.Holding
	for _, h := range s.holdings {
		if h.Link == linkTorrent && h.State == store.Wanted {
			wanted = append(wanted, h)
		}
	}
	s.mu.Unlock()
	for _, h := range wanted {
		if _, err := p.Status(h.Infohash); err == nil {
			continue
		}
		entry, err := s.cfg.Store.Message(ctx, h.Event)
		if err != nil || entry.Torrent == nil {
			continue
		}
		if _, err := p.AddMagnet(entry.Torrent.Magnet, s.local(h), swarm.PlainOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shelf) torrentChanged(ih kith.Infohash) {
	s.mu.Lock()
	ids := append([]kith.EventID{}, s.byHash[ih]...)
	s.mu.Unlock()
	for _, id := range ids {
		s.cfg.Host.Changed(id)
	}
}

// isTorrent reports whether a holding is of an ordinary torrent.
func (s *Shelf) isTorrent(id kith.EventID) bool {
	h, ok := s.holding(id)
	return ok && h.Link == linkTorrent
}

// linkTorrent marks the holding of an ordinary torrent.
const linkTorrent = "torrent"

// considerTorrent notes a torrent that was passed on. It is never fetched by
// itself, for others would see it.
func (s *Shelf) considerTorrent(ctx context.Context, entry *store.Entry) error {
	if _, ok := s.holding(entry.ID); ok {
		return nil
	}
	_, ih, err := swarm.DescribeMagnet(entry.Torrent.Magnet)
	if err != nil {
		ih = kith.Infohash{} // shown, and never fetched
	}
	return s.put(ctx, store.Holding{Event: entry.ID, Conversation: entry.Conversation, Infohash: ih, State: store.Offered, Link: linkTorrent})
}

// ShareTorrent passes an ordinary torrent on, and fetches it if torrents are
// switched on.
func (s *Shelf) ShareTorrent(ctx context.Context, conv kith.ConversationID, t kith.Torrent) (kith.EventID, error) {
	if err := s.cfg.Host.MayWrite(conv); err != nil {
		return kith.EventID{}, err
	}
	ev, err := s.cfg.Host.Append(ctx, conv, t)
	if err != nil {
		return kith.EventID{}, err
	}
	entry, err := s.cfg.Store.Message(ctx, ev.ID)
	if err != nil {
		return ev.ID, err
	}
	if err := s.considerTorrent(ctx, &entry); err != nil {
		return ev.ID, err
	}
	if err := s.fetchTorrent(ctx, &entry, nil); err != nil && err != errOff {
		return ev.ID, err
	}
	return ev.ID, nil
}

// fetchTorrent begins to fetch a torrent into a folder of its own: all of it, or
// the named files besides those that were wanted already.
func (s *Shelf) fetchTorrent(ctx context.Context, entry *store.Entry, files []string) error {
	if err := s.considerTorrent(ctx, entry); err != nil {
		return err
	}
	h, err := s.find(entry.ID)
	if err != nil {
		return err
	}
	var named map[string]swarm.Priority
	for _, f := range files {
		if named == nil {
			named = map[string]swarm.Priority{}
		}
		named[f] = swarm.Normal
	}
	if h.State == store.Wanted {
		if err := s.plain.use(func(p *swarm.Plain) error { return choose(p, h.Infohash, named) }); err != nil {
			return err
		}
		return s.plain.resume(h.Infohash)
	}
	if h.Infohash == (kith.Infohash{}) {
		return kith.Errorf(kith.Invalid, "the magnet link that was passed on names no torrent that can be fetched")
	}
	return s.plain.use(func(p *swarm.Plain) error {
		root, err := s.Root(ctx, h.Conversation)
		if err != nil {
			return err
		}
		if h.Path, err = s.claim(h.Conversation, root, entry.Torrent.Name); err != nil {
			return err
		}
		h.State = store.Wanted
		if err := s.put(ctx, h); err != nil {
			s.release(h.Conversation, h.Path)
			return err
		}
		var o swarm.PlainOptions
		if named != nil { // its list of files is not known yet
			o.Priorities = swarm.None
			o.Priorities.Files = named
		}
		_, err = p.AddMagnet(entry.Torrent.Magnet, s.local(h), o)
		return err
	})
}

// TorrentOptions gives the options of a torrent; the usual ones if nothing of
// it is here.
func (s *Shelf) TorrentOptions(id kith.EventID) (o swarm.PlainOptions) {
	if h, ok := s.holding(id); ok {
		s.plain.use(func(p *swarm.Plain) (err error) { o, err = p.Options(h.Infohash); return err })
	}
	return o
}

// SetTorrentOptions changes them. Of the priorities only those of the files that
// o names change.
func (s *Shelf) SetTorrentOptions(id kith.EventID, o swarm.PlainOptions) error {
	h, err := s.find(id)
	if err != nil {
		return err
	}
	if h.Link != linkTorrent {
		return kith.Errorf(kith.Invalid, "message %s passes no ordinary torrent on", id)
	}
	return s.plain.use(func(p *swarm.Plain) error {
		if h.State != store.Wanted {
			return errNothing
		}
		before, err := p.Options(h.Infohash)
		if err != nil {
			return err
		}
		if o.Priorities, err = prioritised(p, h.Infohash, before.Priorities, o.Priorities.Files); err != nil {
			return err
		}
		return p.SetOptions(h.Infohash, o)
	})
}
