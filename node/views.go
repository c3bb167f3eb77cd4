package node

import (
	"time"

	"kith"
	"kith/people"
	"kith/store"
)

// view shows a stored message.
func (r *run) view(entry *store.Entry) Message {
	msg := Message{
		ID:           entry.ID,
		Conversation: entry.Conversation,
		From:         entry.Author.Account,
		FromName:     r.name(entry.Author.Account),
		Mine:         entry.Mine,
		Text:         entry.Text,
		Sent:         entry.Sent,
		Order:        entry.Order,
		State:        entry.State,
		Edited:       entry.Edited != kith.Stamp{},
		Deleted:      entry.Deleted,
		Reactions:    []Reaction{},
		Mentions:     []NamedMention{},
	}
	if entry.File != nil {
		msg.File = r.viewFile(entry)
	}
	if entry.Torrent != nil {
		msg.Torrent = r.viewTorrent(entry)
	}
	if entry.Note != nil {
		msg.Note = r.viewNote(entry.Note)
	}
	if entry.Mine {
		msg.Has, msg.HasRead = entry.Has, entry.HasRead
		r.hold(&msg, entry)
	}
	if !entry.ReplyTo.IsZero() {
		msg.ReplyTo = &entry.ReplyTo
	}
	for _, reaction := range entry.Reactions {
		if reaction.Emoji != "" {
			msg.Reactions = append(msg.Reactions, Reaction{Emoji: reaction.Emoji, From: reaction.Account, FromName: r.name(reaction.Account)})
		}
	}
	for _, m := range entry.Mentions {
		msg.Mentions = append(msg.Mentions, NamedMention{Mention: m, Name: r.name(m.Account)})
		msg.MentionsMe = msg.MentionsMe || m.Account == r.id.peer.Account
	}
	return msg
}

func (r *run) views(entries []store.Entry) []Message {
	list := make([]Message, 0, len(entries))
	for i := range entries {
		list = append(list, r.view(&entries[i]))
	}
	return list
}

// name is how an account is shown, this one included.
func (r *run) name(account kith.AccountID) string {
	if account != r.id.peer.Account {
		return r.people.name(account)
	}
	if name := r.card().Name; name != "" {
		return name
	}
	return account.Short()
}

// viewContact shows a contact.
func (r *run) viewContact(c *kith.Contact) Contact {
	view := Contact{
		Account:      c.Account,
		Conversation: kith.DirectConversation(r.id.peer.Account, c.Account),
		Name:         people.DisplayName(c),
		OwnName:      people.OwnName(c),
		Petname:      c.Petname,
		Relation:     c.Relation,
		Connection:   r.connection(c.Account),
		Verified:     optional(c.Verified),
		Warning:      c.Warning,
		LastSeen:     optional(c.LastSeen),
		Devices:      append([]kith.DeviceID{}, c.Card.Devices...),
		Key:          contactKey(c),
	}
	if block, ok := r.people.block(c.Account); ok {
		view.Blocked = true
		view.BlockedUntil = optional(block.Until)
	}
	return view
}

// connection is the one status of a contact.
func (r *run) connection(account kith.AccountID) Connection {
	if _, blocked := r.people.block(account); blocked {
		return Blocked
	}
	if r.links.has(account) {
		return Connected
	}
	if r.trying(account) {
		return Connecting
	}
	return Disconnected
}

// optional is a time that may be absent.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
