package kith

import "time"

// A Message is what people see of a text, a share or a torrent: the event with
// all edits, reactions and the deletion folded in. Two devices that have the
// same events have equal messages, in whatever order the events came (see
// package convo).
type Message struct {
	ID           EventID
	Conversation ConversationID
	Author       Peer
	Seq          uint64
	Order        uint64
	Sent         time.Time
	Text         string // beside a file its caption; empty once deleted
	ReplyTo      EventID
	Mentions     []Mention
	Edited       Stamp // of the edit that won; zero if never edited
	Deleted      bool
	Reactions    []AccountReaction // sorted by account; withdrawn ones stay with an empty Emoji
	Hidden       bool              // written by somebody while they were blocked, or when it did not count in the sphere

	// At most one of these is set; all are nil in a text, and once deleted.
	File    *FileRef // of a share, without its preview
	Torrent *Torrent
	Note    *Note
	// HasPreview tells whether the share came with one.
	HasPreview bool
	// Replaces names the message of the share's older version.
	Replaces EventID
}

// A Note is a line in a sphere's history that tells of a change of its roster.
// It stands among the messages, with the first half of the record's ID as its
// own; it can't be answered, edited or deleted.
type Note struct {
	Change  ChangeKind
	Subject AccountID // whom it is about; zero: nobody but its author
	Name    string    // of a creation or description, what the sphere is called from now on
	Until   time.Time // of a muting; zero if it ends one
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
	Held      DeliveryState = "held"      // left, sealed, with a helper; or in a sphere with some members, not all
	Delivered DeliveryState = "delivered" // durable on a device of everybody it is for
	Read      DeliveryState = "read"      // and they have read it
)

// A Receipt is one device's word that it has, or has read, a message.
type Receipt struct {
	Peer      Peer
	Delivered time.Time // when this node heard of it; zero if not yet
	Read      time.Time // zero if not read or not told
}
