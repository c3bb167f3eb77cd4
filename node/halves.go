package node

import (
	"context"
	"slices"

	"kith"
	"kith/link"
	"kith/meet"
	"kith/meet/call"
	"kith/seal"
	"kith/session"
	"kith/wire"
)

// halves makes the halves of connections by package session.
type halves struct{ net network }

// A half is one of them.
type half struct{ *session.Offering }

func (h halves) Offer(ctx context.Context, way string, trickle bool) (call.Half, error) {
	make := h.net.Offer
	switch {
	case way == meet.WayLink:
		make = h.net.OfferDirect
	case trickle:
		make = h.net.OfferNow
	}
	o, err := make(ctx)
	if err != nil {
		return nil, err
	}
	o.Way = way
	return half{o}, nil
}

func (h halves) Answer(ctx context.Context, offer wire.Offer, way string, trickle bool) (call.Half, error) {
	make := h.net.Answer
	switch {
	case way == meet.WayLink:
		make = h.net.AnswerDirect
	case trickle:
		make = h.net.AnswerNow
	}
	o, err := make(ctx, offer)
	if err != nil {
		return nil, err
	}
	o.Way = way
	return half{o}, nil
}

// startCouriers begins to call, and to be called, by those who carry notes.
func (r *run) startCouriers(ctx context.Context) error {
	r.calls = call.NewCalls(r.id.peer.Device, halves{r.net}, call.CallOptions{
		Log: r.log,
		Linked: func(l link.Link, account kith.AccountID) {
			r.working.Go(func() { r.serveOffered(l, account) })
		},
		Present: r.pursuit.Hope,
		Dropped: r.dropped.add,
	})
	r.friends = call.NewFriends(r.tell)
	r.better = newBetter(r)
	r.working.Go(func() { r.friends.Run(r.ctx, r.calls) })
	var err error
	if r.hubs, err = loadHubs(ctx, r); err != nil {
		return err
	}
	r.startSeeking()
	r.joinMail = newJoinMail(r)
	r.mail.joins(r.joinMail)
	r.mail.use(r.hubs)
	return r.openOutside(ctx)
}

// tell says a frame to a device over its link, if there is one.
func (r *run) tell(device kith.DeviceID, frame wire.Frame) {
	if l := r.links.device(device); l != nil {
		l.talk.Say(frame)
	}
}

// couriers lists who carries notes now.
func (r *run) couriers() []meet.Courier {
	list := []meet.Courier{r.friends, r.dht}
	for _, h := range r.hubs.list() {
		list = append(list, h.courier)
	}
	return list
}

// callers lets the pursuit call by all couriers that work, or may.
func (r *run) callers() []meet.Caller {
	if r.calls == nil {
		return nil
	}
	var list []meet.Caller
	for _, c := range r.couriers() {
		if s := c.State(); s.Working || s.Unknown {
			list = append(list, caller{r.calls, c})
		}
	}
	return list
}

// A caller calls by one courier.
type caller struct {
	calls   *call.Calls
	courier meet.Courier
}

func (c caller) Name() string { return c.courier.Name() }

func (c caller) Call(ctx context.Context, t meet.Target) (link.Link, error) {
	return c.calls.Call(ctx, meet.Correspondent{Account: t.Account, Key: t.Meet, Joining: t.Joining}, c.courier)
}

// meetOf is how notes for a contact are sealed: as doorOf.
func meetOf(c *kith.Contact) (key seal.MeetKey, joining bool) {
	switch {
	case !c.Invitation.IsZero():
		return seal.InvitationMeet(c.Invitation), true
	case !c.Pair.IsZero():
		return seal.PairMeet(c.Pair), false
	}
	return seal.MeetKey{}, false
}

// relaysChanged tells the network which STUN and TURN servers there are now.
func (r *run) relaysChanged() {
	var servers []ICEServer
	if err := loadJSON(r.ctx, r.store, setICE, &servers); err != nil {
		if r.ctx.Err() == nil {
			r.log.Error("the list of STUN and TURN servers can't be read", "error", err)
		}
		return
	}
	cfg := sessionServers(servers)
	if err := r.net.SetICE(cfg); err != nil {
		r.log.Warn("the configured STUN and TURN servers can't be used", "error", err)
		cfg.Servers = nil
	}
	for _, h := range r.hubs.list() {
		relay, with := h.client.Relay(), cfg
		with.Servers = slices.Clone(cfg.Servers)
		for _, url := range relay.URLs {
			with.Servers = append(with.Servers, session.ICEServer{URL: url, Username: relay.Username, Password: relay.Password})
		}
		if err := r.net.SetICE(with); err != nil {
			r.log.Warn("the relay of a hub can't be used", "hub", h.host, "error", err)
			continue
		}
		cfg = with
	}
}

// hubsOf are where a contact can be met, as their card or invitation says.
func hubsOf(c *kith.Contact) []string {
	if len(c.Card.Hubs) == 0 && c.Hub != "" {
		return []string{c.Hub}
	}
	return c.Card.Hubs
}

// correspond has all couriers carry notes between us and these.
func (r *run) correspond(visible bool, known []acquaintance) {
	if r.calls == nil {
		return
	}
	r.hubs.set(visible, known)
	var unlinked []meet.Correspondent // who is linked needs nobody in between
	for _, a := range known {
		if !r.links.has(a.Account) {
			unlinked = append(unlinked, a.Correspondent)
		}
	}
	r.friends.SetCorrespondents(unlinked)
	r.dht.SetCorrespondents(unlinked)
}

// friendUp tells that somebody linked can bring others together.
func (r *run) friendUp(peer kith.Peer) {
	if r.friends != nil {
		r.friends.Up(peer.Device, peer.Account)
	}
}

// friendDown tells that they are gone.
func (r *run) friendDown(device kith.DeviceID) {
	if r.friends != nil && r.links.device(device) == nil {
		r.friends.Down(device)
	}
}

// bring takes a frame by which those who are linked bring others together, or
// themselves on a better path.
func (r *run) bring(l *live, frame wire.Frame) {
	if r.friends == nil {
		return
	}
	device := l.Peer().Device
	switch f := frame.(type) {
	case wire.Seek:
		r.friends.OnSeek(device, f)
	case wire.Sought:
		r.friends.OnSought(device, f)
	case wire.Pass:
		if f.Tag == wire.PassSelf {
			r.better.note(l, f.Note)
			return
		}
		r.friends.OnPass(device, f)
	}
}
