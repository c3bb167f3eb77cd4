package node

import (
	"context"

	"kith"
	"kith/store"
)

// Conversations lists all conversations, the newest activity first.
func (n *Node) Conversations(ctx context.Context) ([]Conversation, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	stored, err := r.store.Conversations(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Conversation, 0, len(stored))
	for i := range stored {
		if view, ok := r.viewConversation(&stored[i]); ok {
			list = append(list, view)
		}
	}
	return list, nil
}

// Conversation gives one conversation by contact or by its own ID.
func (n *Node) Conversation(ctx context.Context, ref string) (Conversation, error) {
	r, c, leave, err := n.enterFor(ref)
	if err != nil {
		return Conversation{}, err
	}
	defer leave()
	conv := r.conversationWith(&c)
	stored, err := r.store.Conversation(ctx, conv)
	if err != nil {
		return Conversation{}, err
	}
	view, _ := r.viewConversation(&stored)
	return view, nil
}

// viewConversation shows a stored conversation. ok is false for one with
// somebody who was forgotten.
func (r *run) viewConversation(c *store.Conversation) (view Conversation, ok bool) {
	with, ok := r.people.get(c.With)
	if !ok {
		return Conversation{}, false
	}
	view = Conversation{ID: c.ID, With: r.viewContact(&with), Unread: c.Unread, Typing: r.typing.active(c.ID)}
	if c.Last != nil {
		last := r.view(c.Last)
		view.Last = &last
	}
	return view, true
}

// MarkRead marks all messages up to one as read by this person; all of them if
// it is zero.
func (n *Node) MarkRead(ctx context.Context, ref string, upTo kith.EventID) error {
	r, c, leave, err := n.enterFor(ref)
	if err != nil {
		return err
	}
	defer leave()
	conv := r.conversationWith(&c)
	_, err = r.store.MarkRead(ctx, conv, upTo)
	return err
}

// SetTyping tells the others in a conversation that this person writes, or
// stopped; if the person wants that told.
func (n *Node) SetTyping(ctx context.Context, ref string, active bool) error {
	r, c, leave, err := n.enterFor(ref)
	if err != nil {
		return err
	}
	defer leave()
	conv := r.conversationWith(&c)
	if r.preferences().TypingMarks {
		r.links.setTyping(conv, active)
	}
	return nil
}

// enterFor gives the present run, as enter does, and the contact that ref names.
func (n *Node) enterFor(ref string) (r *run, c kith.Contact, leave func(), err error) {
	r, leave, err = n.enter()
	if err != nil {
		return nil, c, nil, err
	}
	if c, err = r.contact(ref); err != nil {
		leave()
		return nil, c, nil, err
	}
	return r, c, leave, nil
}

// conversationWith is the conversation with a contact.
func (r *run) conversationWith(c *kith.Contact) kith.ConversationID {
	return kith.DirectConversation(r.id.peer.Account, c.Account)
}

// contact resolves what a person or program typed to name a contact: what
// people.Find understands, or the ID of the conversation with them.
func (r *run) contact(ref string) (kith.Contact, error) {
	c, err := r.people.find(ref)
	if kith.KindOf(err) != kith.NotFound {
		return c, err
	}
	var conv kith.ConversationID
	if conv.UnmarshalText([]byte(ref)) != nil {
		return kith.Contact{}, err
	}
	return r.with(conv)
}

// with finds the other side of a direct conversation.
func (r *run) with(conv kith.ConversationID) (kith.Contact, error) {
	if c, ok := r.people.with(conv); ok {
		return c, nil
	}
	return kith.Contact{}, kith.Errorf(kith.NotFound, "there is no conversation %s", conv)
}
