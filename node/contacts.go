package node

import (
	"context"
	"time"

	"kith"
	"kith/people"
	"kith/seal"
)

// Contacts lists everybody with whom something is or was agreed: contacts,
// people asked, and people who ask.
func (n *Node) Contacts(ctx context.Context) ([]Contact, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	list := []Contact{}
	for _, c := range r.people.all() {
		if c.Relation != kith.Removed && c.Relation != kith.Fellow {
			list = append(list, r.viewContact(&c))
		}
	}
	return list, nil
}

// Contact finds one by petname, name, account ID or its unambiguous start.
func (n *Node) Contact(ctx context.Context, ref string) (Contact, error) {
	r, c, leave, err := n.enterFor(ref)
	if err != nil {
		return Contact{}, err
	}
	defer leave()
	return r.viewContact(&c), nil
}

// editContact changes one contact and shows it as it is then.
func (n *Node) editContact(ctx context.Context, ref string, edit func(*run, *kith.Contact) (changed bool, err error)) (Contact, error) {
	r, c, leave, err := n.enterFor(ref)
	if err != nil {
		return Contact{}, err
	}
	defer leave()
	c, err = r.people.edit(ctx, c.Account, func(c *kith.Contact) (bool, error) { return edit(r, c) })
	if err != nil {
		return Contact{}, err
	}
	return r.viewContact(&c), nil
}

// Accept makes somebody who asked a contact.
func (n *Node) Accept(ctx context.Context, ref string) (Contact, error) {
	return n.editContact(ctx, ref, func(r *run, c *kith.Contact) (bool, error) {
		if c.Relation == kith.Accepted {
			return false, nil
		}
		if c.Relation != kith.Asking {
			return false, kith.Errorf(kith.Conflict, "%s has not asked to become a contact", people.DisplayName(c))
		}
		c.Relation = kith.Accepted
		return true, nil
	})
}

// Refuse forgets somebody who asked. They are not told.
func (n *Node) Refuse(ctx context.Context, ref string) error {
	r, c, leave, err := n.enterFor(ref)
	if err != nil {
		return err
	}
	defer leave()
	err = r.people.change(ctx, func(next *draft) error {
		if now, ok := r.people.get(c.Account); !ok || now.Relation != kith.Asking {
			return kith.Errorf(kith.Conflict, "%s is not asking to become a contact", people.DisplayName(&c))
		}
		next.forget = append(next.forget, c.Account)
		return nil
	})
	if err == nil {
		r.part(c.Account)
	}
	return err
}

// Rename sets what this person calls a contact; empty goes back to the name
// that they gave themselves.
func (n *Node) Rename(ctx context.Context, ref, petname string) (Contact, error) {
	petname, err := people.CleanName(petname)
	if err != nil {
		return Contact{}, err
	}
	return n.editContact(ctx, ref, func(r *run, c *kith.Contact) (bool, error) {
		if petname != "" {
			if other, err := people.Find(r.people.all(), petname); err == nil && other.Account != c.Account && other.Petname == petname {
				return false, kith.Errorf(kith.Conflict, "another contact is called %q already", petname)
			}
		}
		changed := c.Petname != petname
		c.Petname = petname
		return changed, nil
	})
}

// Remove ends being contacts. The history stays; they are not told, and find
// nobody here any more.
func (n *Node) Remove(ctx context.Context, ref string) error {
	var account kith.AccountID
	_, err := n.editContact(ctx, ref, func(r *run, c *kith.Contact) (bool, error) {
		if c.Relation == kith.Fellow {
			return false, kith.Errorf(kith.Conflict, "%s is no contact; leave the sphere that you share, or block them", people.DisplayName(c))
		}
		account = c.Account
		c.Relation = kith.Removed
		c.Pair, c.Half, c.Invitation = kith.Secret{}, kith.Secret{}, kith.InvitationSecret{}
		c.Addresses, c.Warning = nil, ""
		return true, nil
	})
	if err != nil {
		return err
	}
	r, leave, err := n.enter()
	if err != nil {
		return err
	}
	defer leave()
	r.part(account)
	return r.spheres.settleFellows(ctx)
}

// Befriend asks somebody with whom this account shares a sphere to become a
// contact.
func (n *Node) Befriend(ctx context.Context, ref string) (Contact, error) {
	return n.editContact(ctx, ref, func(_ *run, c *kith.Contact) (bool, error) {
		if c.Relation != kith.Fellow {
			return false, kith.Errorf(kith.Conflict, "%s does not have to be asked: they are %s", people.DisplayName(c), c.Relation)
		}
		c.Relation = kith.Asked
		return true, nil
	})
}

// SafetyNumber gives the digits that two people compare.
func (n *Node) SafetyNumber(ctx context.Context, ref string) (SafetyNumber, error) {
	r, c, leave, err := n.enterFor(ref)
	if err != nil {
		return SafetyNumber{}, err
	}
	defer leave()
	return SafetyNumber{
		Account:  c.Account,
		Name:     people.DisplayName(&c),
		Digits:   seal.SafetyNumber(r.id.peer.Account, c.Account),
		Verified: optional(c.Verified),
	}, nil
}

// SetVerified notes that this person compared safety numbers with a contact,
// which also ends a warning, or that they no longer trust the comparison.
func (n *Node) SetVerified(ctx context.Context, ref string, verified bool) (Contact, error) {
	return n.editContact(ctx, ref, func(r *run, c *kith.Contact) (bool, error) {
		if verified {
			c.Verified, c.Warning = r.opt.now(), ""
		} else {
			c.Verified = time.Time{}
		}
		return true, nil
	})
}

// Block keeps a contact out for d (30 minutes to 24 hours), or for good if d
// is zero. They see this person go offline, nothing else.
func (n *Node) Block(ctx context.Context, ref string, d time.Duration) (Contact, error) {
	r, c, leave, err := n.enterFor(ref)
	if err != nil {
		return Contact{}, err
	}
	defer leave()
	err = r.people.change(ctx, func(next *draft) error {
		now := r.opt.now()
		block, err := people.NewBlock(c.Account, now, d)
		if err != nil {
			return err
		}
		if active, ok := r.people.block(c.Account); ok {
			block.From = active.From // the new end counts, from the same begin
		}
		next.blocks = append(next.blocks, block)
		return nil
	})
	if err != nil {
		return Contact{}, err
	}
	r.part(c.Account)
	return r.viewContact(&c), nil
}

// Unblock lets a contact in again, together with what they wrote while they
// were blocked, also if the block has run out by itself meanwhile.
func (n *Node) Unblock(ctx context.Context, ref string) (Contact, error) {
	r, c, leave, err := n.enterFor(ref)
	if err != nil {
		return Contact{}, err
	}
	defer leave()
	err = r.people.change(ctx, func(next *draft) error {
		for _, block := range r.people.blocksOf(c.Account) {
			if block.Lifted.IsZero() {
				block.Lifted = r.opt.now()
				next.blocks = append(next.blocks, block)
			}
		}
		return nil
	})
	if err != nil {
		return Contact{}, err
	}
	convs := []kith.ConversationID{r.conversationWith(&c)}
	for _, s := range r.spheres.with(c.Account) {
		convs = append(convs, s.id)
	}
	for _, conv := range convs {
		if err := r.store.Reveal(ctx, conv, c.Account); err != nil {
			return Contact{}, err
		}
	}
	return r.viewContact(&c), nil
}
