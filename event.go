package kith

import (
	"bytes"
	"cmp"
	"time"
)

// Limits of what one event may hold. Both ends enforce them: the author's node
// refuses, a receiver drops and counts.
const (
	MaxText        = 64 << 10        // bytes of UTF-8 in a text or an edit
	MaxEmoji       = 64              // bytes of UTF-8 in a reaction
	MaxMentions    = 100             // mentions in a text or an edit
	MaxMentionSize = 8 << 10         // and the bytes of all their words together
	MaxName        = 500             // characters in a display name or petname
	MaxNameSize    = 4 * MaxName     // and its bytes
	MaxOrder       = uint64(1) << 53 // exclusive; see Event.Order
)

// An EventKind is the number of a kind of event on the wire. Numbers are never
// reused.
type EventKind uint16

// The kinds of event.
const (
	KindText     EventKind = 1
	KindEdit     EventKind = 2
	KindDeletion EventKind = 3
	KindReaction EventKind = 4
)

// An Event is one immutable entry of a conversation.
type Event struct {
	ID           EventID
	Conversation ConversationID
	Author       Peer // the device that wrote it and its account

	// Seq numbers the author device's events in this conversation from 1,
	// without a hole.
	Seq uint64

	// Order sorts a conversation the same way everywhere: a hybrid logical
	// clock (Kulkarni et al. 2014) in milliseconds. It is the author's wall
	// clock, or one more than the highest Order the author had seen if that
	// is later, so that an answer sorts after what it answers even when
	// clocks are wrong by years. Ties are broken by ID, which an event keeps
	// when its author numbers it anew.
	Order uint64

	// Sent is the author's wall clock, to the millisecond. It is shown to
	// people and decides nothing.
	Sent time.Time

	Body Body

	// Raw is the event's encoding, which Proof covers. It is stored and passed
	// on byte by byte as it came.
	Raw []byte

	// Proof is, in a direct conversation, a 16-byte tag that only the author's
	// own account can check (see package seal): the author's words are
	// deniable, yet can come home from anybody after a loss. In a sphere it is
	// the author device's signature.
	Proof []byte
}

// A Stamp orders two events of one conversation.
type Stamp struct {
	Order uint64
	ID    EventID
}

// Stamp gives the event's place in its conversation.
func (e *Event) Stamp() Stamp { return Stamp{e.Order, e.ID} }

// Compare is negative if s sorts before t, positive if after.
func (s Stamp) Compare(t Stamp) int {
	return cmp.Or(cmp.Compare(s.Order, t.Order), bytes.Compare(s.ID[:], t.ID[:]))
}

// A Body is what an event says. Each kind is a type of its own.
type Body interface {
	Kind() EventKind
	// Target is the event that this one is about, or zero.
	Target() EventID
}

// Text is a message. ReplyTo may name the message that it answers.
type Text struct {
	Text     string
	ReplyTo  EventID
	Mentions []Mention
}

// Edit replaces the text of a message of the same account, and its mentions.
type Edit struct {
	Message  EventID
	Text     string
	Mentions []Mention
}

// Deletion takes a message of the same account back, for good.
type Deletion struct{ Message EventID }

// Reaction sets the account's one reaction to a message; an empty Emoji
// withdraws it.
type Reaction struct {
	Message EventID
	Emoji   string
}

// Unknown is an event of a kind that this version does not know. It is kept
// and passed on, not shown.
type Unknown struct{ Number EventKind }

func (Text) Kind() EventKind      { return KindText }
func (Edit) Kind() EventKind      { return KindEdit }
func (Deletion) Kind() EventKind  { return KindDeletion }
func (Reaction) Kind() EventKind  { return KindReaction }
func (u Unknown) Kind() EventKind { return u.Number }

func (Text) Target() EventID       { return EventID{} }
func (e Edit) Target() EventID     { return e.Message }
func (d Deletion) Target() EventID { return d.Message }
func (r Reaction) Target() EventID { return r.Message }
func (Unknown) Target() EventID    { return EventID{} }

// A Mark tells what a device has of one author device's events: all up to Seq.
// ID is the event at Seq, by which an author notices that its own history was
// rolled back and written anew. Read, at most Seq, is how far its person has
// read, zero if they do not tell.
type Mark struct {
	Seq  uint64
	ID   EventID
	Read uint64
}

// A Vector is a device's have vector in one conversation, by author device.
type Vector map[DeviceID]Mark
