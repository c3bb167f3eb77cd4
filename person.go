package kith

import (
	"net/netip"
	"time"
)

// A Card is how an account presents itself: a name and its devices. The
// account key signs it, and of two cards the higher Version counts.
type Card struct {
	Account AccountID
	Version uint64
	Name    string
	Devices []DeviceID // at most MaxDevices
	// Door is an X25519 public key, from which two members of a sphere who are
	// not contacts derive how they recognise each other (see package seal).
	// Cards of older versions have none.
	Door [32]byte
	// Hubs are where the account can be met and left messages: URLs, as
	// https://hub.example.org, at most MaxHubs. Cards of older versions have
	// none.
	Hubs []string
}

// Limits of a card and of what is told about where a device can be reached.
const (
	MaxDevices   = 32
	MaxAddresses = 16
	MaxHubs      = 8
	MaxHub       = 200 // bytes of the URL of one
)

// A Relation says how far two accounts have come.
type Relation string

// The relations of a contact as this account sees it.
const (
	// Asked: I used their invitation, they have not accepted yet.
	Asked Relation = "asked"
	// Asking: they used mine, and I am to accept or refuse.
	Asking Relation = "asking"
	// Accepted: we are contacts.
	Accepted Relation = "accepted"
	// Removed: we were; the history stays.
	Removed Relation = "removed"
	// Fellow: no contact, but somebody with whom this account shares a sphere.
	Fellow Relation = "fellow"
)

// A Contact is another account as this one knows it.
type Contact struct {
	Account  AccountID
	Relation Relation
	Card     Card   // as they last signed it; Name is what they call themselves
	Signed   []byte // the card's bytes and signature as they came, to pass on
	Petname  string // what I call them; empty: their own name
	// Verified is the time at which this person compared safety numbers.
	Verified time.Time
	// Warning is a sentence to show loudly until the contact is verified or
	// the warning is dismissed; empty if all is well.
	Warning string

	// Pair is the secret that the two accounts share, from which they derive
	// how they recognise each other before a link. Half is this account's
	// contribution to it. Both are zero until they are agreed.
	Pair Secret
	Half Secret

	// Invitation is the secret of an invitation of theirs with which this
	// account has to ask them yet; zero once they answered.
	Invitation InvitationSecret
	// Addresses are where their devices were, or say they are; newest first.
	Addresses []netip.AddrPort
	// Hub is where an invitation says that they can be met; empty: nowhere, or
	// their card says it.
	Hub      string
	Added    time.Time
	LastSeen time.Time // end of the last link
}

// A Secret is 32 bytes that never appear in a log.
type Secret [32]byte

// IsZero reports whether the secret is unset.
func (s Secret) IsZero() bool { return s == Secret{} }

// String hides the secret.
func (s Secret) String() string { return "secret" }

// GoString hides the secret.
func (s Secret) GoString() string { return "secret" }

// An InvitationSecret is what an invitation line proves knowledge of.
type InvitationSecret [16]byte

// IsZero reports whether the secret is unset.
func (s InvitationSecret) IsZero() bool { return s == InvitationSecret{} }

// String hides the secret.
func (s InvitationSecret) String() string { return "secret" }

// GoString hides the secret.
func (s InvitationSecret) GoString() string { return "secret" }

// A Block keeps an account out from From until Until; a zero Until is for
// good. Lifted is when it was ended by choice, which also lets in what was
// written meanwhile; zero if it runs or ran out by itself.
type Block struct {
	Account AccountID
	From    time.Time
	Until   time.Time
	Lifted  time.Time
}

// Active reports whether the block holds at t.
func (b Block) Active(t time.Time) bool {
	return b.Lifted.IsZero() && (b.Until.IsZero() || t.Before(b.Until))
}

// An Invitation is one that this account gave out.
type Invitation struct {
	Secret  InvitationSecret
	Created time.Time
	Expires time.Time
	// Reusable invitations serve many, and each who comes has to be accepted.
	// One that is not makes its first user a contact.
	Reusable bool
	UsedBy   AccountID // of a single-use invitation; zero while unused
	Revoked  bool
	// Sphere is the one into which it leads; zero: to become contacts.
	Sphere ConversationID
}
