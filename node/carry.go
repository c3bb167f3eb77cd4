package node

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"

	"kith"
	"kith/link"
	"kith/seal"
	"kith/shelf"
	"kith/store"
	"kith/swarm"
	"kith/wire"
)

// Where the state of transfers is in a home.
const (
	swarmFolder    = "swarm"
	torrentsFolder = "torrents"
)

// openShelf takes up what is shared. The network opens after it.
func (r *run) openShelf(ctx context.Context) error {
	if r.opt.noFiles {
		return nil
	}
	var err error
	r.shelf, err = shelf.Open(ctx, shelf.Config{
		Store:    r.store,
		Own:      r.id.peer.Account,
		Host:     shelfHost{r},
		Folders:  r.opt.Folders,
		Torrents: filepath.Join(r.opt.Home, torrentsFolder),
		Swarm:    r.openSwarm,
		Log:      r.log,
		Now:      r.opt.now,
	})
	return err
}

// openSwarm opens what carries the pieces: TCP at the number of the UDP port of
// the last run if that is free, and streams of links.
func (r *run) openSwarm(cfg swarm.Config) (*swarm.Swarm, error) {
	cfg.Dir = filepath.Join(r.opt.Home, swarmFolder)
	cfg.Dial = r.dialSwarm
	var err error
	if cfg.TLS, err = seal.TLSConfig(r.id.device, r.id.peer.Account, r.id.cert); err != nil {
		return nil, err
	}
	cfg.Listen = fmt.Sprintf(":%d", loadPort(r.ctx, r.store))
	s, err := swarm.Open(cfg)
	if err != nil && cfg.Listen != ":0" {
		cfg.Listen = ":0"
		s, err = swarm.Open(cfg)
	}
	return s, err
}

func (r *run) startShelf() {
	if r.shelf != nil {
		r.shelf.Start()
	}
}

func (r *run) closeShelf() error {
	if r.shelf == nil {
		return nil
	}
	return r.shelf.Close()
}

// lookAtFiles has shares looked at that came or were taken back, and who may
// have what.
func (r *run) lookAtFiles() {
	if r.shelf != nil {
		r.shelf.Look()
	}
}

// seeks names who shared what is being fetched.
func (r *run) seeks() map[kith.AccountID]bool {
	if r.shelf == nil {
		return nil
	}
	return r.shelf.Seeks()
}

// dialSwarm opens a stream for pieces over the link to a device.
func (r *run) dialSwarm(ctx context.Context, device kith.DeviceID) (link.Stream, error) {
	l := r.links.device(device)
	if l == nil {
		return nil, kith.Errorf(kith.Unreachable, "there is no link to device %s", device.Short())
	}
	return l.Open(ctx, link.Swarm)
}

// takeStreams takes the streams that the other side opens beside the talk:
// pieces of files, and requests by an invitation into a sphere.
func (r *run) takeStreams(ctx context.Context, l *live) {
	for {
		purpose, stream, err := l.Accept(ctx)
		if err != nil {
			return
		}
		switch {
		case purpose == link.Join:
			r.working.Go(func() {
				ctx, cancel := context.WithTimeout(ctx, introduceTimeout)
				defer cancel()
				if _, err := r.reply(ctx, l, stream); kith.KindOf(err) == kith.BadPeer {
					r.dropped.add("a request that proves no invitation")
				}
			})
		case purpose == link.Swarm && r.shelf != nil:
			// It waits for the first words.
			r.working.Go(func() { r.shelf.Swarm().ServeStream(stream, l.Peer()) })
		default:
			r.dropped.add("a stream of unknown purpose")
			stream.Cancel()
		}
	}
}

// tellSwarm tells where pieces can be had without the link, and fetches over
// the link what is lacking.
func (r *run) tellSwarm(l *live) {
	if r.shelf == nil {
		return
	}
	if addr := r.shelf.Swarm().Address(); addr.IsValid() {
		l.talk.Say(wire.SwarmPort{Port: addr.Port()})
	}
	r.shelf.Met(l.Peer().Account, nearOf(l))
}

// onSwarmPort takes the same from the other side.
func (r *run) onSwarmPort(l *live, f wire.SwarmPort) {
	l.swarmPort.Store(uint32(f.Port))
	if r.shelf != nil {
		r.shelf.Met(l.Peer().Account, nearOf(l))
	}
}

// nearOf tells how to fetch from a device. Only the address at which the link
// found it is tried: any other is just its word.
func nearOf(l *live) shelf.Near {
	near := shelf.Near{Device: l.Peer().Device}
	port, path := l.swarmPort.Load(), l.Path()
	if remote, err := netip.ParseAddrPort(path.Remote); err == nil && port != 0 && path.Kind == "direct" {
		near.Addresses = []netip.AddrPort{netip.AddrPortFrom(remote.Addr(), uint16(port))}
	}
	return near
}

// A shelfHost is the node as the shelf sees it.
type shelfHost struct{ r *run }

func (h shelfHost) Append(ctx context.Context, conv kith.ConversationID, body kith.Body) (kith.Event, error) {
	return h.r.write(ctx, conv, body)
}

func (h shelfHost) Name(conv kith.ConversationID) string {
	if s, ok := h.r.spheres.get(conv); ok {
		return s.name()
	}
	if c, ok := h.r.people.with(conv); ok {
		return h.r.people.name(c.Account)
	}
	return conv.String()[:8]
}

func (h shelfHost) Active(conv kith.ConversationID) bool {
	if s, ok := h.r.spheres.get(conv); ok {
		return s.kept().State == store.SphereMember
	}
	c, ok := h.r.people.with(conv)
	return ok && c.Relation == kith.Accepted
}

func (h shelfHost) Spheres() (list []kith.ConversationID) {
	for _, s := range h.r.spheres.all() {
		if s.kept().State == store.SphereMember {
			list = append(list, s.id)
		}
	}
	return list
}

func (h shelfHost) Account(device kith.DeviceID) (kith.AccountID, bool) {
	if l := h.r.links.device(device); l != nil {
		return l.Peer().Account, true
	}
	return kith.AccountID{}, false
}

func (h shelfHost) MayWrite(conv kith.ConversationID) error { return h.r.mayWrite(conv) }

func (h shelfHost) Shares(conv kith.ConversationID, account kith.AccountID) bool {
	if _, blocked := h.r.people.block(account); blocked {
		return false
	}
	if s, ok := h.r.spheres.get(conv); ok {
		return s.Shared(account)
	}
	c, ok := h.r.people.get(account)
	return ok && c.Relation == kith.Accepted && kith.DirectConversation(h.r.id.peer.Account, account) == conv
}

func (h shelfHost) Near(conv kith.ConversationID) (list []shelf.Near) {
	for _, l := range h.r.links.of(kith.AccountID{}) {
		if h.Shares(conv, l.Peer().Account) {
			list = append(list, nearOf(l))
		}
	}
	return list
}

func (h shelfHost) Changed(share kith.EventID) {
	if msg, err := h.r.message(h.r.ctx, share); err == nil {
		h.r.notices.publish(Notice{Type: "transfer", Message: &msg})
	}
}

func (h shelfHost) Sealing(s shelf.Sealing) {
	h.r.notices.publish(Notice{Type: "sealing", Sealing: &Sealing{
		Conversation: s.Conversation, Name: s.Name, Done: s.Done, Total: s.Total, Ended: s.Ended,
	}})
}

func (h shelfHost) Lacking() { h.r.refresh.soon() }

func (h shelfHost) Held() { h.r.wakeKeepers() }
