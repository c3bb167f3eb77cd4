package node

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"kith"
	"kith/link"
	"kith/meet"
	"kith/seal"
	"kith/session"
	"kith/wire"
)

// A network is what a node needs of package session; tests have one in memory.
type network interface {
	// SetDoors says who may find us; nil: nobody.
	SetDoors([]session.Door)
	Dial(ctx context.Context, door session.Door, addrs []netip.AddrPort, way string) (link.Link, error)
	Accept(ctx context.Context) (session.Incoming, error)
	Addresses() []netip.AddrPort
	NetworkChanged()
	// SetMappings tells at which addresses outside a router maps our port.
	SetMappings([]netip.AddrPort)
	NAT(ctx context.Context, servers []string) (session.NATReport, error)
	SetICE(session.ICEConfig) error
	Offer(ctx context.Context) (*session.Offering, error)
	Answer(ctx context.Context, remote wire.Offer) (*session.Offering, error)
	OfferNow(ctx context.Context) (*session.Offering, error)
	AnswerNow(ctx context.Context, remote wire.Offer) (*session.Offering, error)
	OfferDirect(ctx context.Context) (*session.Offering, error)
	AnswerDirect(ctx context.Context, remote wire.Offer) (*session.Offering, error)
	Close(link.Reason) error
}

// A listenFunc opens the network. ways are those that search it.
type listenFunc func(cfg session.Config) (net network, ways bool, err error)

func listenSession(cfg session.Config) (network, bool, error) {
	endpoint, err := session.Listen(cfg)
	return endpoint, true, err
}

// startNetwork opens the port and begins to look for contacts and to be found.
func (r *run) startNetwork(ctx context.Context) error {
	cfg := session.Config{
		Device:   r.id.device,
		Account:  r.id.peer.Account,
		Cert:     r.id.cert,
		Port:     loadPort(ctx, r.store),
		Loopback: r.opt.Loopback,
		Log:      r.log,
	}
	net, ways, err := r.opt.listen(cfg)
	if err != nil && cfg.Port != 0 {
		cfg.Port = 0 // somebody else has our port; addresses told earlier are lost
		net, ways, err = r.opt.listen(cfg)
	}
	if err != nil {
		return kith.Errorf(kith.Internal, "opening a UDP port: %w", err)
	}
	r.net = net
	if addresses := net.Addresses(); len(addresses) > 0 {
		if err := savePort(ctx, r.store, int(addresses[0].Port())); err != nil {
			return errors.Join(err, net.Close(link.Goodbye))
		}
	}
	var servers []ICEServer
	if err := loadJSON(ctx, r.store, setICE, &servers); err != nil {
		return errors.Join(err, net.Close(link.Goodbye))
	}
	if err := net.SetICE(sessionServers(servers)); err != nil {
		r.log.Warn("the configured STUN and TURN servers can't be used", "error", err)
	}
	r.pursuit = meet.NewPursuit(dialer{r}, meet.Options{Log: r.log, Linked: r.dialled, Failed: r.linkChanged, Callers: r.callers})
	if ways {
		if err := r.startCouriers(ctx); err != nil {
			return errors.Join(err, net.Close(link.Goodbye))
		}
	}
	r.mu.Lock()
	r.ready = true
	r.mu.Unlock()

	r.working.Go(r.accept)
	r.working.Go(r.refresh.run)
	r.working.Go(func() { r.pursuit.Run(r.ctx) })
	if ways {
		r.startWays()
		r.startOutside()
		r.working.Go(r.joinMail.run)
	}
	r.refresh.now()
	return nil
}

// startWays begins to search the local network, and to watch for changes.
func (r *run) startWays() {
	r.direct = meet.NewDirect()
	r.lan = meet.NewLAN(port(r.net.Addresses()), r.tag, r.log)
	r.working.Go(r.searchLAN)
	r.working.Go(func() {
		meet.WatchNetwork(r.ctx, func() {
			r.log.Info("the network changed")
			r.net.NetworkChanged()
			r.direct.NetworkChanged()
			r.lan.NetworkChanged()
			r.hubs.networkChanged()
			r.dht.NetworkChanged()
			r.ports.NetworkChanged()
			r.pursuit.NetworkChanged()
			r.better.now(kith.AccountID{})
			r.links.greet(kith.AccountID{})
			r.refresh.soon()
		})
	})
}

// tag is the name of this device on the local network on a day.
func (r *run) tag(day uint32) [16]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return seal.DayTag(r.tagKey, day)
}

// part ends the links to somebody who shall no longer find us. They know the
// name of this device on the local network, and would see that it is still
// there: it takes another one.
func (r *run) part(account kith.AccountID) {
	r.links.close(account, link.Goodbye)
	r.mu.Lock()
	r.tagKey = seal.NewSelfKey()
	r.mu.Unlock()
	if r.lan != nil {
		r.lan.NetworkChanged()
	}
}

// searchLAN runs the LAN way while this person is visible.
func (r *run) searchLAN() {
	r.whileVisible(func(ctx context.Context) {
		if err := r.lan.Run(ctx, r.pursuit.Found); err != nil && ctx.Err() == nil {
			r.log.Warn("the search of the local network ended", "error", err)
		}
	})
}

// dialled takes a link that the pursuit made.
func (r *run) dialled(l link.Link) {
	r.pursuit.Linked(l.Peer().Account, true) // before serve gets to it, lest it be dialled twice
	r.working.Go(func() { r.serve(l) })
}

// accept serves those who found us.
func (r *run) accept() {
	for {
		in, err := r.net.Accept(r.ctx)
		if err != nil {
			return
		}
		r.working.Go(func() { r.serve(in.Link) })
	}
}

// A dialer lets the pursuit dial.
type dialer struct{ *run }

func (d dialer) Dial(ctx context.Context, t meet.Target, addrs []netip.AddrPort, way string) (link.Link, error) {
	return d.net.Dial(ctx, session.Door{Key: t.Door, Account: t.Account}, addrs, way)
}

// doorOf is where a contact is knocked at: by the secret of an invitation as
// long as they have not answered it, else by that of the pair.
func doorOf(c *kith.Contact) (key seal.DoorKey, ok bool) {
	switch {
	case !c.Invitation.IsZero():
		return seal.InvitationDoor(c.Invitation), true
	case !c.Pair.IsZero():
		return seal.PairDoor(c.Pair), true
	}
	return seal.DoorKey{}, false
}

// mergeAddresses puts newer addresses before older ones, each once.
func mergeAddresses(newer, older []netip.AddrPort) []netip.AddrPort {
	var merged []netip.AddrPort
	for _, addr := range slices.Concat(newer, older) {
		if addr.IsValid() && !slices.Contains(merged, addr) && len(merged) < kith.MaxAddresses {
			merged = append(merged, addr)
		}
	}
	return merged
}

// port is the port of the endpoint.
func port(addresses []netip.AddrPort) uint16 {
	if len(addresses) == 0 {
		return 0
	}
	return addresses[0].Port()
}
