package node

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/people"
	"kith/store"
	"kith/wire"
)

// A directory is the people, invitations and blocks of the store, mirrored in
// memory because every knock and every status asks for them. A change is
// durable before it shows.
type directory struct {
	store   *store.Store
	own     kith.AccountID
	now     func() time.Time
	changed func(kith.AccountID) // called after a change, without locks

	writing sync.Mutex // held over a whole change: read, decide, store, mirror

	mu          sync.RWMutex // guards the mirror
	contacts    map[kith.AccountID]kith.Contact
	sorted      []kith.Contact // the same by name; nil when it has to be made again
	byConv      map[kith.ConversationID]kith.AccountID
	invitations map[kith.InvitationSecret]kith.Invitation
	blocks      []kith.Block // newest first
}

func loadDirectory(ctx context.Context, st *store.Store, own kith.AccountID, now func() time.Time, changed func(kith.AccountID)) (*directory, error) {
	d := &directory{
		store: st, own: own, now: now, changed: changed,
		byConv:      map[kith.ConversationID]kith.AccountID{},
		contacts:    map[kith.AccountID]kith.Contact{},
		invitations: map[kith.InvitationSecret]kith.Invitation{},
	}
	contacts, err := st.Contacts(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range contacts {
		if card, _, _, err := wire.ParseSignedCard(c.Signed); err == nil {
			c.Card.Hubs = card.Hubs // verified when it came
		}
		d.put(c)
	}
	invitations, err := st.Invitations(ctx)
	if err != nil {
		return nil, err
	}
	for _, inv := range invitations {
		d.invitations[inv.Secret] = inv
	}
	d.blocks, err = st.Blocks(ctx)
	return d, err
}

// put shows a contact. The caller holds mu, or is alone.
func (d *directory) put(c kith.Contact) {
	d.contacts[c.Account] = c
	d.byConv[kith.DirectConversation(d.own, c.Account)] = c.Account
	d.sorted = nil
}

// all lists the contacts of every relation, by name. The list is shared: it is
// not to be changed.
func (d *directory) all() []kith.Contact {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sorted == nil {
		type named struct {
			name string // it takes some work
			*kith.Contact
		}
		list := make([]named, 0, len(d.contacts))
		for _, c := range d.contacts {
			list = append(list, named{people.DisplayName(&c), &c})
		}
		slices.SortFunc(list, func(a, b named) int {
			return cmp.Or(cmp.Compare(a.name, b.name), slices.Compare(a.Account[:], b.Account[:]))
		})
		d.sorted = make([]kith.Contact, 0, len(list))
		for _, c := range list {
			d.sorted = append(d.sorted, *c.Contact)
		}
	}
	return d.sorted
}

// unsorted lists the same in no order, which costs less.
func (d *directory) unsorted() []kith.Contact {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Collect(maps.Values(d.contacts))
}

// with finds the other side of a direct conversation.
func (d *directory) with(conv kith.ConversationID) (kith.Contact, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	c, ok := d.contacts[d.byConv[conv]]
	return c, ok
}

// get finds a contact by account.
func (d *directory) get(account kith.AccountID) (kith.Contact, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	c, ok := d.contacts[account]
	return c, ok
}

// find resolves what a person typed. Programs give the whole account, which does
// not take a search among ten thousand.
func (d *directory) find(ref string) (kith.Contact, error) {
	var account kith.AccountID
	if account.UnmarshalText([]byte(ref)) == nil {
		if c, ok := d.get(account); ok && c.Relation != kith.Removed {
			return c, nil
		}
	}
	return people.Find(d.all(), ref)
}

// name is how an account is shown; self is this node's own.
func (d *directory) name(account kith.AccountID) string {
	if c, ok := d.get(account); ok {
		return people.DisplayName(&c)
	}
	return account.Short()
}

// block finds the block that keeps an account out at present.
func (d *directory) block(account kith.AccountID) (kith.Block, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return people.ActiveBlock(d.blocks, account, d.now())
}

// hidden reports whether something was written while its author was blocked.
func (d *directory) hidden(account kith.AccountID, sent time.Time) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return people.Hidden(d.blocks, account, sent)
}

// blocksOf lists all blocks of an account that ever were.
func (d *directory) blocksOf(account kith.AccountID) []kith.Block {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var list []kith.Block
	for _, b := range d.blocks {
		if b.Account == account {
			list = append(list, b)
		}
	}
	return list
}

// nextBlockEnd is when the next timed block runs out; zero if none does.
func (d *directory) nextBlockEnd() (next time.Time) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	now := d.now()
	for _, b := range d.blocks {
		if b.Active(now) && !b.Until.IsZero() && (next.IsZero() || b.Until.Before(next)) {
			next = b.Until
		}
	}
	return next
}

// invitation finds one that was given out.
func (d *directory) invitation(secret kith.InvitationSecret) (kith.Invitation, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	inv, ok := d.invitations[secret]
	return inv, ok
}

// invitationList lists the invitations given out, newest first.
func (d *directory) invitationList() []kith.Invitation {
	d.mu.RLock()
	list := slices.Collect(maps.Values(d.invitations))
	d.mu.RUnlock()
	slices.SortFunc(list, func(a, b kith.Invitation) int { return b.Created.Compare(a.Created) })
	return list
}

// A draft is a change of the directory in the making.
type draft struct {
	contacts    []kith.Contact
	invitations []kith.Invitation
	blocks      []kith.Block
	forget      []kith.AccountID
	settle      func(*store.Tx) error // more for the same transaction, or nil
}

// change lets decide look at the mirror and draft a change, makes it durable
// and shows it. decide runs while no other change does.
func (d *directory) change(ctx context.Context, decide func(*draft) error) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	var next draft
	if err := decide(&next); err != nil {
		return err
	}
	if next.empty() {
		return nil
	}
	if err := d.store.Update(ctx, next.write); err != nil {
		return err
	}
	touched := map[kith.AccountID]bool{}
	d.mu.Lock()
	for _, c := range next.contacts {
		d.put(c)
		touched[c.Account] = true
	}
	for _, account := range next.forget {
		delete(d.contacts, account)
		d.sorted = nil
		touched[account] = true
	}
	for _, inv := range next.invitations {
		d.invitations[inv.Secret] = inv
	}
	for _, b := range next.blocks {
		d.blocks = slices.DeleteFunc(d.blocks, func(old kith.Block) bool { return old.Account == b.Account && old.From.Equal(b.From) })
		d.blocks = slices.Insert(d.blocks, 0, b)
		touched[b.Account] = true
	}
	d.mu.Unlock()
	for account := range touched {
		d.changed(account)
	}
	return nil
}

func (next *draft) empty() bool {
	return len(next.contacts)+len(next.invitations)+len(next.blocks)+len(next.forget) == 0 && next.settle == nil
}

func (next *draft) write(tx *store.Tx) error {
	for _, c := range next.contacts {
		if err := tx.PutContact(c); err != nil {
			return err
		}
	}
	for _, account := range next.forget {
		if err := tx.DeleteContact(account); err != nil {
			return err
		}
	}
	for _, inv := range next.invitations {
		if err := tx.PutInvitation(inv); err != nil {
			return err
		}
	}
	for _, b := range next.blocks {
		if err := tx.PutBlock(b); err != nil {
			return err
		}
	}
	if next.settle != nil {
		return next.settle(tx)
	}
	return nil
}

// edit changes one known contact. If edit leaves it as it was, nothing is
// written.
func (d *directory) edit(ctx context.Context, account kith.AccountID, edit func(*kith.Contact) (changed bool, err error)) (kith.Contact, error) {
	var after kith.Contact
	err := d.change(ctx, func(next *draft) error {
		c, ok := d.get(account)
		if !ok {
			return kith.Errorf(kith.NotFound, "there is no contact %s any more", account.Short())
		}
		changed, err := edit(&c)
		if changed {
			next.contacts = append(next.contacts, c)
		}
		after = c
		return err
	})
	return after, err
}
