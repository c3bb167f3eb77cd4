package kith

import "time"

// A Message is what people see of a text event: the text with all edits,
// reactions and the deletion folded in. Two devices that have the same events
// have equal messages, in whatever order the events came (see package convo).
type Message struct {
	ID           EventID
	Conversation ConversationID
	Author       Peer
	Seq          uint64
	Order        uint64
	Sent         time.Time
	Text         string // empty once deleted
	ReplyTo      EventID
	Edited       Stamp // of the edit that won; zero if never edited
	Deleted      bool
	Reactions    []AccountReaction // sorted by account; withdrawn ones stay with an empty Emoji
	Hidden       bool              // written by somebody while they were blocked; see people
}

// An AccountReaction is one person's reaction and the stamp by which the
// latest wins.
type AccountReaction struct {
	Account AccountID
	Emoji   string
	Stamp   Stamp
}

// A DeliveryState says honestly where a message of one's own is.
type DeliveryState string

// The states. A message of somebody else's is Delivered until read here.
const (
	Pending   DeliveryState = "pending"   // only on this person's devices
	Held      DeliveryState = "held"      // left, sealed, with a helper
	Delivered DeliveryState = "delivered" // durable on a device of everybody it is for
	Read      DeliveryState = "read"      // and they have read it
)

// A Receipt is one device's word that it has, or has read, a message.
type Receipt struct {
	Peer      Peer
	Delivered time.Time // when this node heard of it; zero if not yet
	Read      time.Time // zero if not read or not told
}
