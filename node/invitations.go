package node

import (
	"context"
	"crypto/rand"
	"net/netip"
	"time"

	"kith"
	"kith/hubapi"
	"kith/seal"
	"kith/wire"
)

// InviteOptions say what kind of invitation to give out.
type InviteOptions struct {
	Expires  time.Duration // zero means seven days; at most a year
	Reusable bool
}

const (
	defaultExpiry = 7 * 24 * time.Hour
	minExpiry     = time.Minute
	maxExpiry     = 366 * 24 * time.Hour
)

// Invite makes an invitation.
func (n *Node) Invite(ctx context.Context, o InviteOptions) (Invitation, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Invitation{}, err
	}
	defer leave()
	return r.invite(ctx, o, kith.ConversationID{})
}

// invite makes an invitation to become a contact, or into a sphere.
func (r *run) invite(ctx context.Context, o InviteOptions, sphere kith.ConversationID) (Invitation, error) {
	if o.Expires == 0 {
		o.Expires = defaultExpiry
	}
	if o.Expires < minExpiry || o.Expires > maxExpiry {
		return Invitation{}, kith.Errorf(kith.Invalid, "an invitation is valid for between a minute and a year")
	}
	now := r.opt.now()
	inv := kith.Invitation{Created: now, Expires: now.Add(o.Expires), Reusable: o.Reusable, Sphere: sphere}
	rand.Read(inv.Secret[:])
	err := r.people.change(ctx, func(next *draft) error {
		next.invitations = append(next.invitations, inv)
		return nil
	})
	if err != nil {
		return Invitation{}, err
	}
	r.refresh.now() // the line must work before it is given out
	return r.viewInvitation(&inv, r.net.Addresses()), nil
}

// Invitations lists those given out, newest first.
func (n *Node) Invitations(ctx context.Context) ([]Invitation, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	list := []Invitation{}
	addresses := r.net.Addresses()
	for _, inv := range r.people.invitationList() {
		list = append(list, r.viewInvitation(&inv, addresses))
	}
	return list, nil
}

// viewInvitation shows an invitation, with a line that names where this device
// is at present.
func (r *run) viewInvitation(inv *kith.Invitation, addresses []netip.AddrPort) Invitation {
	line := wire.Invitation{
		Account:   r.id.peer.Account,
		Secret:    inv.Secret,
		Expires:   inv.Expires,
		Name:      r.card().Name,
		Addresses: addresses,
		Hub:       r.meetingHub(),
	}
	sphere, into := r.spheres.get(inv.Sphere)
	if into {
		line.Sphere, line.Name = true, sphere.name()
	}
	view := Invitation{Line: line.Line(), Created: inv.Created, Expires: inv.Expires, Reusable: inv.Reusable, State: "open"}
	if into {
		view.Sphere = sphere.name()
	}
	switch {
	case inv.Revoked:
		view.State = "revoked"
	case !inv.UsedBy.IsZero():
		view.State = "used"
	case !r.opt.now().Before(inv.Expires):
		view.State = "expired"
	}
	return view
}

// Revoke takes an invitation of this account's back. Whoever became a contact
// by it stays one.
func (n *Node) Revoke(ctx context.Context, line string) error {
	r, leave, err := n.enter()
	if err != nil {
		return err
	}
	defer leave()
	parsed, err := wire.ParseInvitation(line)
	if err != nil {
		return err
	}
	return r.people.change(ctx, func(next *draft) error {
		inv, ok := r.people.invitation(parsed.Secret)
		if !ok {
			return kith.Errorf(kith.NotFound, "this invitation was not given out here")
		}
		inv.Revoked = true
		next.invitations = append(next.invitations, inv)
		return nil
	})
}

// Join uses an invitation of somebody else's. It waits a little for their
// answer: the contact is then accepted, or still asked if they could not be
// reached yet or have to decide.
func (n *Node) Join(ctx context.Context, line string) (Contact, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Contact{}, err
	}
	defer leave()
	inv, err := wire.ParseInvitation(line)
	if err != nil {
		return Contact{}, err
	}
	if inv.Account == r.id.peer.Account {
		return Contact{}, kith.Errorf(kith.Invalid, "this is an invitation of your own; send it to somebody else")
	}
	if !r.opt.now().Before(inv.Expires) {
		return Contact{}, kith.Errorf(kith.Conflict, "this invitation has expired, on %s by this device's clock; ask for a new one",
			inv.Expires.Local().Format("2 January 2006 at 15:04"))
	}
	answers := r.joins.await(inv.Account)
	defer r.joins.done(inv.Account, answers)
	if err := r.ask(ctx, inv); err != nil {
		return Contact{}, err
	}
	r.refresh.now()
	r.pursuit.Now(inv.Account)
	r.requestAgain(inv.Account)
	r.joinMail.askSoon()

	timeout := time.NewTimer(joinPatience)
	defer timeout.Stop()
	came := SphereAsked
	select {
	case err := <-answers:
		if err != nil {
			return Contact{}, err
		}
		came = SphereLetIn
	case <-timeout.C:
	case <-ctx.Done():
		return Contact{}, ctx.Err()
	}
	c, ok := r.people.get(inv.Account)
	if !ok {
		return Contact{}, kith.Errorf(kith.Conflict, "the request was taken back meanwhile")
	}
	view := r.viewContact(&c)
	if inv.Sphere {
		view.SphereLine = came
	}
	return view, nil
}

// ask notes, durably, that this account wants to become a contact of the giver
// of an invitation.
func (r *run) ask(ctx context.Context, inv wire.Invitation) error {
	return r.people.change(ctx, func(next *draft) error {
		c, known := r.people.get(inv.Account)
		if !known {
			c = kith.Contact{Account: inv.Account, Added: r.opt.now()}
			c.Card.Name = inv.Name
		}
		switch {
		case c.Relation == kith.Accepted && r.links.has(inv.Account) && !inv.Sphere:
			r.joins.answer(inv.Account, nil)
			return nil
		case c.Relation == kith.Asking:
			c.Relation = kith.Accepted // each used the other's invitation
		case c.Relation == kith.Fellow && inv.Sphere: // into one more sphere; they stay what they are
		case c.Relation != kith.Accepted:
			c.Relation = kith.Asked
			c.Pair, c.Half = kith.Secret{}, kith.Secret{}
		}
		if c.Half.IsZero() {
			c.Half = seal.NewHalf()
		}
		c.Invitation, c.Hub = inv.Secret, ""
		if hub, err := hubapi.ParseURL(inv.Hub); err == nil {
			c.Hub = hub
		}
		c.Addresses = mergeAddresses(inv.Addresses, c.Addresses)
		next.contacts = append(next.contacts, c)
		next.settle = r.ensureConversation(inv.Account)
		return nil
	})
}
