package node

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"kith"
	"kith/convo"
	"kith/people"
	"kith/store"
	"kith/wire"
)

// A SphereProfile is what a sphere shows of itself; nil stays as it is.
type SphereProfile struct {
	Name        *string `json:"name,omitempty"`
	About       *string `json:"about,omitempty"`
	Picture     *[]byte `json:"picture,omitempty" doc:"JPEG, PNG or WebP of at most 32 KiB"`
	NoPicture   bool    `json:"no_picture,omitempty" doc:"Take the picture away"`
	Public      *bool   `json:"public,omitempty" doc:"Every member may invite"`
	FullHistory *bool   `json:"full_history,omitempty" doc:"New members get all that was ever said"`
}

// apply gives the profile with the changes in it.
func (p SphereProfile) apply(to kith.Profile) (kith.Profile, error) {
	if p.Name != nil {
		name, err := people.CleanName(*p.Name)
		if err != nil {
			return to, err
		}
		to.Name = name
	}
	if to.Name == "" {
		return to, kith.Errorf(kith.Invalid, "a sphere needs a name")
	}
	if p.About != nil {
		to.About = strings.TrimSpace(*p.About)
	}
	if p.Picture != nil {
		if err := checkPicture(*p.Picture); err != nil {
			return to, err
		}
		to.Picture = *p.Picture
	}
	if p.NoPicture {
		to.Picture = nil
	}
	if p.Public != nil {
		to.Public = *p.Public
	}
	if p.FullHistory != nil {
		to.FullHistory = *p.FullHistory
	}
	return to, nil
}

// checkPicture refuses a file that was taken for a picture: everybody in the
// sphere would get it.
func checkPicture(p []byte) error {
	switch http.DetectContentType(p) {
	case "image/jpeg", "image/png", "image/webp":
		return nil
	}
	return kith.Errorf(kith.Invalid, "this is no picture; choose a JPEG, PNG or WebP file")
}

// NewSphere makes a sphere with this account as its creator and only member.
func (n *Node) NewSphere(ctx context.Context, p SphereProfile) (Sphere, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Sphere{}, err
	}
	defer leave()
	profile, err := p.apply(kith.Profile{})
	if err != nil {
		return Sphere{}, err
	}
	r.mu.Lock()
	creation := kith.Creation{Profile: profile, Card: r.signed}
	r.mu.Unlock()
	rand.Read(creation.Nonce[:])
	s, err := r.spheres.create(ctx, creation)
	if err != nil {
		return Sphere{}, err
	}
	return s.view(), nil
}

// sphereDo finds a sphere, does something to it, and shows it as it is then.
func (n *Node) sphereDo(ctx context.Context, ref string, do func(*run, *sphere) error) (Sphere, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Sphere{}, err
	}
	defer leave()
	s, err := r.spheres.find(ref)
	if err != nil {
		return Sphere{}, err
	}
	if err := do(r, s); err != nil {
		return Sphere{}, err
	}
	return s.view(), nil
}

// Sphere gives one sphere by name or ID.
func (n *Node) Sphere(ctx context.Context, ref string) (Sphere, error) {
	return n.sphereDo(ctx, ref, func(*run, *sphere) error { return nil })
}

// Spheres lists all spheres that this account is in, was in or is invited to,
// by name.
func (n *Node) Spheres(context.Context) ([]Sphere, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	list := []Sphere{}
	for _, s := range r.spheres.all() {
		list = append(list, s.view())
	}
	return list, nil
}

// DescribeSphere changes a sphere's name, picture, description or rules.
func (n *Node) DescribeSphere(ctx context.Context, ref string, p SphereProfile) (Sphere, error) {
	return n.sphereDo(ctx, ref, func(r *run, s *sphere) error {
		return s.change(ctx, func(state *convo.State, _ time.Time) (kith.Change, error) {
			if err := state.MayDescribe(r.id.peer.Account); err != nil {
				return nil, err
			}
			profile, err := p.apply(state.Profile)
			if err != nil {
				return nil, err
			}
			return kith.Description{Profile: profile}, nil
		})
	})
}

// InviteToSphere invites contacts. They come in once they say yes.
func (n *Node) InviteToSphere(ctx context.Context, ref string, names []string) (Sphere, error) {
	return n.sphereDo(ctx, ref, func(r *run, s *sphere) error {
		state := s.state()
		if err := state.MayInvite(r.id.peer.Account); err != nil {
			return err
		}
		if len(names) == 0 {
			return kith.Errorf(kith.Invalid, "nobody was named to invite")
		}
		var invited []kith.Contact
		for _, name := range names {
			c, err := r.contact(name)
			if err != nil {
				return err
			}
			if _, ok := state.Members[c.Account]; ok {
				return kith.Errorf(kith.Conflict, "%s is in the sphere already", people.DisplayName(&c))
			}
			if c.Relation != kith.Accepted && c.Relation != kith.Asked {
				return kith.Errorf(kith.Conflict, "%s is not a contact", people.DisplayName(&c))
			}
			invited = append(invited, c)
		}
		for _, c := range invited {
			if err := r.spheres.setInvite(ctx, invite{s.id, c.Account}, true); err != nil {
				return err
			}
			r.links.say(c.Account, s.inviteFrame())
		}
		s.publish()
		return nil
	})
}

// Uninvite takes an invitation to a contact back.
func (n *Node) Uninvite(ctx context.Context, ref, name string) (Sphere, error) {
	return n.sphereDo(ctx, ref, func(r *run, s *sphere) error {
		c, err := r.contact(name)
		if err != nil {
			return err
		}
		if err := r.spheres.setInvite(ctx, invite{s.id, c.Account}, false); err != nil {
			return err
		}
		r.links.say(c.Account, wire.SphereInvite{Conversation: s.id, Name: s.name(), Revoked: true})
		s.publish()
		return nil
	})
}

// InviteLine makes an invitation into a sphere for somebody who is no contact:
// whoever uses it comes in, the first one only unless it is reusable.
func (n *Node) InviteLine(ctx context.Context, ref string, o InviteOptions) (Invitation, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Invitation{}, err
	}
	defer leave()
	s, err := r.spheres.find(ref)
	if err != nil {
		return Invitation{}, err
	}
	if err := s.state().MayInvite(r.id.peer.Account); err != nil {
		return Invitation{}, err
	}
	return r.invite(ctx, o, s.id)
}

// JoinSphere says yes to an invitation that came in.
func (n *Node) JoinSphere(ctx context.Context, ref string) (Sphere, error) {
	return n.sphereDo(ctx, ref, func(r *run, s *sphere) error {
		kept := s.kept()
		if kept.State != store.SphereInvited {
			if kept.State == store.SphereMember || kept.State == store.SphereJoining {
				return nil
			}
			return kith.Errorf(kith.Conflict, "you are not invited to %s; ask somebody in it", s.name())
		}
		err := s.keep(ctx, func(k *store.Sphere) {
			k.State = store.SphereJoining
			k.Settings = mustJSON(sphereSettings{Unsettled: true})
		})
		if err != nil {
			return err
		}
		if err := s.settleAlone(ctx); err != nil {
			return err
		}
		r.links.spheresChanged()
		r.links.say(kept.Inviter, wire.SphereAnswer{Conversation: s.id, Accept: true})
		r.pursuit.Now(kept.Inviter)
		return nil
	})
}

// settleAlone settles when no record came.
func (s *sphere) settleAlone(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.r.spheres.settleFellows(ctx)
}

// DeclineSphere says no to an invitation that came in.
func (n *Node) DeclineSphere(ctx context.Context, ref string) error {
	_, err := n.sphereDo(ctx, ref, func(r *run, s *sphere) error {
		kept := s.kept()
		if kept.State != store.SphereInvited {
			return kith.Errorf(kith.Conflict, "there is no invitation to %s to decline", s.name())
		}
		r.links.say(kept.Inviter, wire.SphereAnswer{Conversation: s.id})
		return r.spheres.forget(ctx, s)
	})
	return err
}

// LeaveSphere leaves. What was said and shared stays here.
func (n *Node) LeaveSphere(ctx context.Context, ref string) (Sphere, error) {
	return n.sphereDo(ctx, ref, func(r *run, s *sphere) error {
		own := r.id.peer.Account
		return s.change(ctx, func(state *convo.State, _ time.Time) (kith.Change, error) {
			if err := state.MayLeave(own); err != nil {
				return nil, err
			}
			cut, err := s.cut(ctx, own)
			return kith.Departure{Accepts: cut}, err
		})
	})
}

// A direction is what a record about a member is decided by.
type direction struct {
	*sphere
	now   *convo.State // of the sphere
	at    time.Time    // what the record will bear
	own   kith.AccountID
	about kith.AccountID
}

// direct writes a record about a member.
func (n *Node) direct(ctx context.Context, ref, name string, change func(direction) (kith.Change, error)) (Sphere, error) {
	return n.sphereDo(ctx, ref, func(r *run, s *sphere) error {
		return s.change(ctx, func(state *convo.State, at time.Time) (kith.Change, error) {
			who, err := r.member(state, name)
			if err != nil {
				return nil, err
			}
			return change(direction{sphere: s, now: state, at: at, own: r.id.peer.Account, about: who})
		})
	})
}

// member resolves what a person typed to name a member.
func (r *run) member(state *convo.State, ref string) (kith.AccountID, error) {
	var members []kith.Contact
	for account := range state.Members {
		if c, ok := r.people.get(account); ok {
			members = append(members, c)
		}
	}
	c, err := people.Find(members, ref)
	if kith.KindOf(err) == kith.NotFound {
		own := []kith.Contact{{Account: r.id.peer.Account, Card: r.card()}}
		if _, err := people.Find(own, ref); err == nil {
			return kith.AccountID{}, kith.Errorf(kith.Invalid, "%q is you; name another member", ref)
		}
		return kith.AccountID{}, kith.Errorf(kith.NotFound, "nobody else called %q is in the sphere", ref)
	}
	return c.Account, err
}

// RemoveMember puts somebody out. What they wrote until now stays; they get
// nothing that is written after.
func (n *Node) RemoveMember(ctx context.Context, ref, name string) (Sphere, error) {
	return n.direct(ctx, ref, name, func(d direction) (kith.Change, error) {
		if err := d.now.MayRemove(d.own, d.about); err != nil {
			return nil, err
		}
		cut, err := d.cut(ctx, d.about)
		return kith.Removal{Account: d.about, Accepts: cut}, err
	})
}

// Promote makes a member an admin.
func (n *Node) Promote(ctx context.Context, ref, name string) (Sphere, error) {
	return n.direct(ctx, ref, name, func(d direction) (kith.Change, error) {
		return kith.Promotion{Account: d.about}, d.now.MayPromote(d.own, d.about)
	})
}

// Demote makes an admin a member again.
func (n *Node) Demote(ctx context.Context, ref, name string) (Sphere, error) {
	return n.direct(ctx, ref, name, func(d direction) (kith.Change, error) {
		return kith.Demotion{Account: d.about}, d.now.MayDemote(d.own, d.about)
	})
}

// HandOver makes a member the creator; this account becomes an admin.
func (n *Node) HandOver(ctx context.Context, ref, name string) (Sphere, error) {
	return n.direct(ctx, ref, name, func(d direction) (kith.Change, error) {
		return kith.Handover{Account: d.about}, d.now.MayHandOver(d.own, d.about)
	})
}

// Mute keeps a member from writing for 1 to 24 hours; zero ends it.
func (n *Node) Mute(ctx context.Context, ref, name string, length time.Duration) (Sphere, error) {
	return n.direct(ctx, ref, name, func(d direction) (kith.Change, error) {
		var until time.Time
		if length != 0 {
			until = d.at.Add(length)
		}
		if err := d.now.MayMute(d.own, d.about, until, d.at); err != nil {
			return nil, err
		}
		cut, err := d.cut(ctx, d.about)
		return kith.Muting{Account: d.about, Until: until, Accepts: cut}, err
	})
}
