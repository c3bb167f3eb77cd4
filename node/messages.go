package node

import (
	"context"
	"fmt"

	"kith"
	"kith/convo"
	"kith/people"
	"kith/store"
)

// A Page asks for a part of a conversation: the newest messages, or those next
// to a known one.
type Page struct {
	Limit  int          // 1 to 500; zero means 50
	Before kith.EventID // only older ones
	After  kith.EventID // only newer ones
}

const (
	defaultPage = 50
	maxPage     = 500
)

// pageSize bounds a limit that a person gave.
func pageSize(limit int) (int, error) {
	switch {
	case limit == 0:
		return defaultPage, nil
	case limit < 0 || limit > maxPage:
		return 0, kith.Errorf(kith.Invalid, "the limit %d is not between 1 and %d", limit, maxPage)
	}
	return limit, nil
}

// Send writes a text to each of the named contacts, in a conversation of its
// own each. If one of them can't be written to, nobody is. The messages are
// durable when it returns.
func (n *Node) Send(ctx context.Context, refs []string, text string, replyTo kith.EventID, mentions ...kith.Mention) ([]Message, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := checkWords(text, mentions); err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, kith.Errorf(kith.Invalid, "nobody was named to send to")
	}
	var convs []kith.ConversationID
	for _, ref := range refs {
		conv, err := r.place(ref)
		if err != nil {
			return nil, err
		}
		if err := r.mayWrite(conv); err != nil {
			return nil, err
		}
		if err := r.checkReply(ctx, conv, replyTo); err != nil {
			return nil, err
		}
		convs = append(convs, conv)
	}
	var sent []Message
	for _, conv := range convs {
		ev, err := r.write(ctx, conv, kith.Text{Text: text, ReplyTo: replyTo, Mentions: mentions})
		if err != nil {
			return nil, fmt.Errorf("writing the message: %w", err)
		}
		msg, err := r.message(ctx, ev.ID)
		if err != nil {
			return nil, err
		}
		sent = append(sent, msg)
	}
	return sent, nil
}

// checkWords tells what is wrong with a text and its mentions.
func checkWords(text string, mentions []kith.Mention) error {
	if err := convo.CheckText(text); err != nil {
		return err
	}
	return convo.CheckMentions(text, mentions)
}

// mayWrite tells whether this person may write in a conversation now, and if
// not, why.
func (r *run) mayWrite(conv kith.ConversationID) error {
	if s, ok := r.spheres.get(conv); ok {
		return s.mayWrite()
	}
	c, err := r.with(conv)
	if err != nil {
		return err
	}
	name := people.DisplayName(&c)
	if _, blocked := r.people.block(c.Account); blocked {
		return kith.Errorf(kith.Conflict, "%s is blocked; unblock them first", name)
	}
	switch c.Relation {
	case kith.Asking:
		return kith.Errorf(kith.Conflict, "%s asks to become a contact; accept first", name)
	case kith.Removed:
		return kith.Errorf(kith.Conflict, "%s is no longer a contact", name)
	case kith.Fellow:
		return kith.Errorf(kith.Conflict, "%s shares a sphere with you and is no contact; ask them to become one first", name)
	}
	return nil
}

func (r *run) checkReply(ctx context.Context, conv kith.ConversationID, replyTo kith.EventID) error {
	if replyTo.IsZero() {
		return nil
	}
	msg, err := r.store.Message(ctx, replyTo)
	if err != nil {
		return err
	}
	if msg.Conversation != conv {
		return kith.Errorf(kith.Invalid, "the message to reply to is in another conversation")
	}
	return nil
}

// write appends an event of this device to a conversation, durably.
func (r *run) write(ctx context.Context, conv kith.ConversationID, body kith.Body) (kith.Event, error) {
	id, now := kith.NewEventID(conv, r.id.peer.Account), r.opt.now()
	_, inSphere := r.spheres.get(conv)
	return r.store.Append(ctx, conv, r.id.peer.Device, func(seq, after uint64) (kith.Event, error) {
		return r.id.seal(kith.Event{
			ID:           id,
			Conversation: conv,
			Seq:          seq,
			Order:        convo.NextOrder(now, after),
			Sent:         now,
			Body:         body,
		}, inSphere)
	})
}

// about writes an event that names a message, and gives the message after it.
func (n *Node) about(ctx context.Context, id string, body func(*run, *store.Entry) (kith.Body, error)) (Message, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Message{}, err
	}
	defer leave()
	entry, err := r.entry(ctx, id)
	if err != nil {
		return Message{}, err
	}
	if err := r.mayWrite(entry.Conversation); err != nil {
		return Message{}, err
	}
	said, err := body(r, &entry)
	if err != nil {
		return Message{}, err
	}
	ev, err := r.write(ctx, entry.Conversation, said)
	if err != nil {
		return Message{}, fmt.Errorf("writing the change: %w", err)
	}
	shown := entry.ID
	if _, ok := said.(kith.Text); ok {
		shown = ev.ID
	}
	return r.message(ctx, shown)
}

// Reply answers a message in its conversation.
func (n *Node) Reply(ctx context.Context, id, text string, mentions ...kith.Mention) (Message, error) {
	return n.about(ctx, id, func(_ *run, entry *store.Entry) (kith.Body, error) {
		return kith.Text{Text: text, ReplyTo: entry.ID, Mentions: mentions}, checkWords(text, mentions)
	})
}

// Edit replaces the text of a message of this account, and its mentions.
func (n *Node) Edit(ctx context.Context, id, text string, mentions ...kith.Mention) (Message, error) {
	return n.about(ctx, id, func(r *run, entry *store.Entry) (kith.Body, error) {
		if err := convo.MayChange(&entry.Message, r.id.peer.Account); err != nil {
			return nil, err
		}
		return kith.Edit{Message: entry.ID, Text: text, Mentions: mentions}, checkWords(text, mentions)
	})
}

// Delete takes a message of this account back, for good.
func (n *Node) Delete(ctx context.Context, id string) (Message, error) {
	return n.about(ctx, id, func(r *run, entry *store.Entry) (kith.Body, error) {
		return kith.Deletion{Message: entry.ID}, convo.MayChange(&entry.Message, r.id.peer.Account)
	})
}

// React sets this account's reaction to a message; an empty one withdraws it.
func (n *Node) React(ctx context.Context, id, emoji string) (Message, error) {
	return n.about(ctx, id, func(_ *run, entry *store.Entry) (kith.Body, error) {
		return kith.Reaction{Message: entry.ID, Emoji: emoji}, convo.CheckReaction(&entry.Message, emoji)
	})
}

// entry finds a message by its ID or an unambiguous start of it.
func (r *run) entry(ctx context.Context, id string) (store.Entry, error) {
	full, err := r.store.FindMessage(ctx, id)
	if err != nil {
		return store.Entry{}, err
	}
	return r.store.Message(ctx, full)
}

// message gives a message as it is shown.
func (r *run) message(ctx context.Context, id kith.EventID) (Message, error) {
	entry, err := r.store.Message(ctx, id)
	if err != nil {
		return Message{}, err
	}
	return r.view(&entry), nil
}

// Message gives one message.
func (n *Node) Message(ctx context.Context, id string) (Message, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Message{}, err
	}
	defer leave()
	// A whole ID need not be searched for, and may be that of a note.
	if full := (kith.EventID{}); full.UnmarshalText([]byte(id)) == nil {
		return r.message(ctx, full)
	}
	entry, err := r.entry(ctx, id)
	if err != nil {
		return Message{}, err
	}
	return r.view(&entry), nil
}

// Receipts tells which device has a message, since when, and whether it was
// read there; and of devices that do not have it, where it lies for them.
func (n *Node) Receipts(ctx context.Context, id string) ([]Receipt, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	entry, err := r.entry(ctx, id)
	if err != nil {
		return nil, err
	}
	receipts, err := r.store.Receipts(ctx, entry.ID)
	if err != nil {
		return nil, err
	}
	list := []Receipt{}
	for _, receipt := range receipts {
		list = append(list, Receipt{
			Account:   receipt.Peer.Account,
			Name:      r.name(receipt.Peer.Account),
			Device:    receipt.Peer.Device,
			Delivered: optional(receipt.Delivered),
			Read:      optional(receipt.Read),
		})
	}
	return r.ledger(ctx, &entry, list)
}

// Log gives a page of a conversation, oldest first.
func (n *Node) Log(ctx context.Context, ref string, page Page) ([]Message, error) {
	r, conv, leave, err := n.enterAt(ref)
	if err != nil {
		return nil, err
	}
	defer leave()
	limit, err := pageSize(page.Limit)
	if err != nil {
		return nil, err
	}
	entries, err := r.store.Messages(ctx, conv, store.Page{Before: page.Before, After: page.After, Limit: limit})
	if err != nil {
		return nil, err
	}
	return r.views(entries), nil
}

// LastOwn gives the newest message of this account in a conversation that can
// still be changed.
func (n *Node) LastOwn(ctx context.Context, ref string) (Message, error) {
	r, conv, leave, err := n.enterAt(ref)
	if err != nil {
		return Message{}, err
	}
	defer leave()
	entry, err := r.store.LastOwn(ctx, conv)
	if err != nil {
		return Message{}, err
	}
	return r.view(&entry), nil
}

// Search finds messages by words, newest first: everywhere, or in one
// conversation.
func (n *Node) Search(ctx context.Context, words, ref string, limit int) ([]Message, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	limit, err = pageSize(limit)
	if err != nil {
		return nil, err
	}
	var only *kith.ConversationID
	if ref != "" {
		conv, err := r.place(ref)
		if err != nil {
			return nil, err
		}
		only = &conv
	}
	entries, err := r.store.Search(ctx, words, only, limit)
	if err != nil {
		return nil, err
	}
	return r.views(entries), nil
}
