package node

import (
	"context"
	"slices"

	"kith"
	"kith/store"
)

// hold shows that a message of this account's lies sealed with a hub, as long as
// nobody whom it is for has it.
func (r *run) hold(msg *Message, entry *store.Entry) {
	if !entry.Mine || entry.State != kith.Pending && entry.State != kith.Held {
		return
	}
	held, err := r.store.HeldFor(r.ctx, entry.Conversation, entry.Author.Device, entry.Seq)
	if err != nil {
		return // the run is ending
	}
	now := r.opt.now()
	for _, h := range held {
		if now.Before(h.Until) && (msg.HeldUntil == nil || h.Until.After(*msg.HeldUntil)) {
			msg.State, msg.HeldBy, msg.HeldUntil = kith.Held, h.Hub, &h.Until
		}
	}
}

// ledger completes the receipts of an own message by where it lies for devices
// that do not have it, and why it does not.
func (r *run) ledger(ctx context.Context, entry *store.Entry, receipts []Receipt) ([]Receipt, error) {
	if !entry.Mine {
		return receipts, nil
	}
	held, err := r.store.HeldFor(ctx, entry.Conversation, entry.Author.Device, entry.Seq)
	if err != nil {
		return nil, err
	}
	now := r.opt.now()
	place := func(peer kith.Peer) *Receipt {
		i := slices.IndexFunc(receipts, func(one Receipt) bool { return one.Device == peer.Device && one.Account == peer.Account })
		if i < 0 {
			i = len(receipts)
			receipts = append(receipts, Receipt{Account: peer.Account, Name: r.name(peer.Account), Device: peer.Device})
		}
		return &receipts[i]
	}
	for _, h := range held {
		if one := place(h.To); one.Delivered == nil && now.Before(h.Until) {
			one.HeldBy, one.HeldUntil = h.Hub, &h.Until
		}
	}
	for _, peer := range r.awaited(entry.Conversation) {
		reason := r.mail.why(peer)
		if one := place(peer); reason != "" && one.Delivered == nil && one.HeldUntil == nil {
			one.Reason = reason
		}
	}
	return slices.DeleteFunc(receipts, func(one Receipt) bool {
		return one.Delivered == nil && one.Read == nil && one.HeldUntil == nil && one.Reason == ""
	}), nil
}

// awaited are the devices for which a conversation is, and with which letters are
// exchanged.
func (r *run) awaited(conv kith.ConversationID) (peers []kith.Peer) {
	readers := r.mail.readers(conv)
	r.mail.mu.Lock()
	defer r.mail.mu.Unlock()
	for peer := range r.mail.known {
		if _, ok := readers[peer.Account]; ok {
			peers = append(peers, peer)
		}
	}
	slices.SortFunc(peers, func(a, b kith.Peer) int { return slices.Compare(a.Device[:], b.Device[:]) })
	return peers
}
