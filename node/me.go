package node

import (
	"context"
	"slices"

	"kith"
	"kith/link"
	"kith/people"
	"kith/store"
)

// Me describes this account and device.
func (n *Node) Me(ctx context.Context) (Me, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Me{}, err
	}
	defer leave()
	return r.me(), nil
}

func (r *run) me() Me {
	return Me{
		Account:   r.id.peer.Account,
		Device:    r.id.peer.Device,
		Name:      r.card().Name,
		Visible:   r.isVisible(),
		Encrypted: r.encrypted,
		Home:      r.opt.Home,
		Version:   r.opt.Version,
	}
}

// SetName sets the display name and tells it to everybody linked.
func (n *Node) SetName(ctx context.Context, name string) (Me, error) {
	name, err := people.CleanName(name)
	if err != nil {
		return Me{}, err
	}
	if name == "" {
		return Me{}, kith.Errorf(kith.Invalid, "the name is empty; choose what people should call you")
	}
	r, leave, err := n.enter()
	if err != nil {
		return Me{}, err
	}
	defer leave()
	if err := r.signCard(ctx, 0, func(card *kith.Card) { card.Name = name }); err != nil {
		return Me{}, err
	}
	r.links.greet(kith.AccountID{})
	r.notices.publish(Notice{Type: "me"})
	return r.me(), nil
}

// card is the own card as it was signed last.
func (r *run) card() kith.Card {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ownCard
}

// signCard changes the own card and signs it anew, newer than newerThan.
func (r *run) signCard(ctx context.Context, newerThan uint64, edit func(*kith.Card)) error {
	r.signing.Lock()
	defer r.signing.Unlock()
	card := r.card()
	card.Devices = slices.Clone(card.Devices)
	edit(&card)
	err := r.store.Update(ctx, func(tx *store.Tx) error {
		return r.id.putCard(tx, card, newerThan, r.opt.now())
	})
	if err != nil {
		return err
	}
	return r.loadCard(ctx)
}

// SetVisible shows this person to their contacts, or hides them: hidden, they
// are found by nobody and what they write waits.
func (n *Node) SetVisible(ctx context.Context, visible bool) (Me, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Me{}, err
	}
	defer leave()
	var value []byte
	if !visible {
		value = []byte{1}
	}
	if err := r.store.Update(ctx, func(tx *store.Tx) error { return tx.PutSetting(setHidden, value) }); err != nil {
		return Me{}, err
	}
	r.mu.Lock()
	r.hidden = !visible
	r.mu.Unlock()
	if !visible {
		r.links.closeAll(link.Goodbye)
	}
	r.refresh.now()
	r.mail.all()
	r.notices.publish(Notice{Type: "me"})
	return r.me(), nil
}

func (r *run) isVisible() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.hidden
}

// Preferences gives what this person switched on and off.
func (n *Node) Preferences(ctx context.Context) (Preferences, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Preferences{}, err
	}
	defer leave()
	return r.preferences(), nil
}

func (r *run) preferences() Preferences {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.prefs
}

// SetPreferences replaces them.
func (n *Node) SetPreferences(ctx context.Context, p Preferences) (Preferences, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Preferences{}, err
	}
	defer leave()
	if p.KeepFiles != KeepOwn && p.KeepFiles != KeepAll && p.KeepFiles != KeepOff {
		return Preferences{}, kith.Errorf(kith.Invalid, "%q is not something that hubs can keep: say own, all or off", p.KeepFiles)
	}
	if err := saveJSON(ctx, r.store, setPreferences, p); err != nil {
		return Preferences{}, err
	}
	r.mu.Lock()
	r.prefs = p
	r.mu.Unlock()
	r.outsideChanged()
	r.wakeKeepers()
	r.links.changed(kith.ConversationID{})
	return p, nil
}
