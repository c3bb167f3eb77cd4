package node

import (
	"context"

	"kith"
	"kith/convo"
	"kith/store"
)

// A ConversationPage asks for a part of the list of conversations.
type ConversationPage struct {
	After    kith.ConversationID // the last one of the page before; zero: from the begin
	Limit    int                 // zero: all
	Archived *bool               // only these; nil: both
}

// A ConversationChange says what is to be different; nil stays as it is.
type ConversationChange struct {
	Pinned   *bool `json:"pinned,omitempty" doc:"Stands before all others in the list; that takes it out of the archive"`
	Archived *bool `json:"archived,omitempty" doc:"Out of the way, until the next message; that unpins it"`
}

// Conversations lists the conversations: those pinned, then the others, each
// with the newest activity first.
func (n *Node) Conversations(ctx context.Context, p ConversationPage) ([]Conversation, error) {
	r, leave, err := n.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if p.Limit < 0 {
		return nil, kith.Errorf(kith.Invalid, "the limit %d is negative", p.Limit)
	}
	list := []Conversation{}
	page := store.ConversationPage(p)
	for {
		stored, err := r.store.Conversations(ctx, page)
		if err != nil {
			return nil, err
		}
		for i := range stored {
			if view, ok := r.viewConversation(&stored[i]); ok {
				list = append(list, view)
			}
		}
		// Conversations with forgotten people are not shown, and make no page
		// shorter: a short page is the last one.
		if len(stored) < page.Limit || len(list) == p.Limit || page.Limit == 0 {
			return list, nil
		}
		page.After, page.Limit = stored[len(stored)-1].ID, p.Limit-len(list)
	}
}

// Conversation gives one conversation by contact or by its own ID.
func (n *Node) Conversation(ctx context.Context, ref string) (Conversation, error) {
	r, conv, leave, err := n.enterAt(ref)
	if err != nil {
		return Conversation{}, err
	}
	defer leave()
	return r.conversation(ctx, conv)
}

// ChangeConversation pins a conversation or puts it into the archive, or takes
// that back. What is pinned is not in the archive.
func (n *Node) ChangeConversation(ctx context.Context, ref string, change ConversationChange) (Conversation, error) {
	r, conv, leave, err := n.enterAt(ref)
	if err != nil {
		return Conversation{}, err
	}
	defer leave()
	if change.Pinned != nil && *change.Pinned && change.Archived != nil && *change.Archived {
		return Conversation{}, kith.Errorf(kith.Invalid, "a conversation is either pinned or in the archive, not both")
	}
	if err := r.store.Arrange(ctx, conv, r.otherOf(conv), store.Arrangement(change)); err != nil {
		return Conversation{}, err
	}
	return r.conversation(ctx, conv)
}

// SetDraft keeps what this person wrote in a conversation and did not send, in
// place of what was kept before. One without text that answers nothing is none.
func (n *Node) SetDraft(ctx context.Context, ref string, draft Draft) error {
	r, conv, leave, err := n.enterAt(ref)
	if err != nil {
		return err
	}
	defer leave()
	if err := convo.CheckDraft(draft.Text, draft.Mentions); err != nil {
		return err
	}
	kept := store.Draft{Text: draft.Text, Mentions: draft.Mentions}
	if draft.ReplyTo != nil {
		kept.ReplyTo = *draft.ReplyTo
	}
	return r.store.SetDraft(ctx, conv, r.otherOf(conv), kept)
}

// conversation gives one conversation as it is shown.
func (r *run) conversation(ctx context.Context, conv kith.ConversationID) (Conversation, error) {
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
	view = Conversation{
		ID:        c.ID,
		Unread:    c.Unread,
		Typing:    r.typing.active(c.ID),
		Pinned:    c.Pinned,
		Archived:  c.Archived,
		Mentioned: c.Mentioned,
	}
	if s, ok := r.spheres.get(c.ID); ok {
		sphere := s.view()
		view.Sphere, view.Name = &sphere, sphere.Name
	} else if with, ok := r.people.get(c.With); ok {
		contact := r.viewContact(&with)
		view.With, view.Name = &contact, contact.Name
	} else {
		return Conversation{}, false
	}
	if c.Last != nil {
		last := r.view(c.Last)
		view.Last = &last
	}
	if c.Draft != nil {
		view.Draft = &Draft{Text: c.Draft.Text, Mentions: c.Draft.Mentions}
		if !c.Draft.ReplyTo.IsZero() {
			view.Draft.ReplyTo = &c.Draft.ReplyTo
		}
	}
	return view, true
}

// MarkRead marks all messages up to one as read by this person; all of them if
// it is zero.
func (n *Node) MarkRead(ctx context.Context, ref string, upTo kith.EventID) error {
	r, conv, leave, err := n.enterAt(ref)
	if err != nil {
		return err
	}
	defer leave()
	_, err = r.store.MarkRead(ctx, conv, upTo)
	return err
}

// SetTyping tells the others in a conversation that this person writes, or
// stopped; if the person wants that told.
func (n *Node) SetTyping(ctx context.Context, ref string, active bool) error {
	r, conv, leave, err := n.enterAt(ref)
	if err != nil {
		return err
	}
	defer leave()
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

// enterAt gives the present run, as enter does, and the conversation that ref
// names: by its ID, by the contact it is with, or by its sphere.
func (n *Node) enterAt(ref string) (r *run, conv kith.ConversationID, leave func(), err error) {
	r, leave, err = n.enter()
	if err != nil {
		return nil, conv, nil, err
	}
	if conv, err = r.place(ref); err != nil {
		leave()
		return nil, conv, nil, err
	}
	return r, conv, leave, nil
}

// place resolves what a person or program typed to name a conversation.
func (r *run) place(ref string) (kith.ConversationID, error) {
	var id kith.ConversationID
	if id.UnmarshalText([]byte(ref)) == nil {
		if s, ok := r.spheres.get(id); ok {
			return s.id, nil
		}
	}
	c, err := r.contact(ref)
	s, none := r.spheres.find(ref)
	switch {
	case err == nil && none == nil:
		return id, kith.Errorf(kith.Conflict, "%q is a contact and a sphere; name the one that you mean by the start of its ID: %s or %s", ref, c.Account.Short(), s.id.String()[:8])
	case err == nil:
		return r.conversationWith(&c), nil
	case none == nil:
		return s.id, nil
	case kith.KindOf(err) == kith.NotFound && kith.KindOf(none) != kith.NotFound:
		return id, none
	case kith.KindOf(err) == kith.NotFound:
		return id, kith.Errorf(kith.NotFound, "there is no contact and no sphere %q", ref)
	}
	return id, err
}

// otherOf is the other account of a direct conversation; zero in a sphere.
func (r *run) otherOf(conv kith.ConversationID) kith.AccountID {
	c, _ := r.people.with(conv)
	return c.Account
}

// conversationWith is the conversation with a contact.
func (r *run) conversationWith(c *kith.Contact) kith.ConversationID {
	return kith.DirectConversation(r.id.peer.Account, c.Account)
}

// contact resolves what a person or program typed to name a contact: the ID of
// the conversation with them, or what people.Find understands.
func (r *run) contact(ref string) (kith.Contact, error) {
	var conv kith.ConversationID
	if conv.UnmarshalText([]byte(ref)) == nil {
		if c, ok := r.people.with(conv); ok {
			return c, nil
		}
	}
	return r.people.find(ref)
}

// with finds the other side of a direct conversation.
func (r *run) with(conv kith.ConversationID) (kith.Contact, error) {
	if c, ok := r.people.with(conv); ok {
		return c, nil
	}
	return kith.Contact{}, kith.Errorf(kith.NotFound, "there is no conversation %s", conv)
}
