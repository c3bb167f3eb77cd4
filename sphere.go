package kith

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Limits of a sphere. Both ends enforce them.
const (
	MaxMembers   = 1000         // accounts that are in a sphere at a time
	MaxRecords   = 20_000       // roster records of a sphere
	MaxParents   = 64           // parents of a record; see Record.Parents
	MaxCut       = 4096         // devices in a Cut
	MaxAbout     = 2000         // characters of a description
	MaxAboutSize = 4 * MaxAbout // and its bytes
	MaxPicture   = 32 << 10     // bytes of a picture or a preview
	MinMute      = time.Hour
	MaxMute      = 24 * time.Hour
)

// A RecordID names a roster record: a hash over its author and its encoding,
// so that a record that names its parents vouches for them.
type RecordID [32]byte

// NewRecordID computes the ID of a record: SHA-256 over a label, its author
// and its encoding.
func NewRecordID(author Peer, raw []byte) RecordID {
	h := sha256.New()
	h.Write([]byte("kith record v1"))
	h.Write(author.Account[:])
	h.Write(author.Device[:])
	h.Write(raw)
	return RecordID(h.Sum(nil))
}

// String is the ID in hex, for logs.
func (id RecordID) String() string { return hex.EncodeToString(id[:]) }

// A Record is one signed entry of a sphere's roster. Who belongs to a sphere,
// and as what, is a pure function of its records (see package convo).
type Record struct {
	ID     RecordID
	Sphere ConversationID
	Author Peer

	// Parents are the records that the author knew and that no other record
	// it knew names: the heads, in ascending order. Of more than MaxParents it
	// takes some and leaves the others to a later record. Only a Creation has
	// none.
	Parents []RecordID
	// Order is higher than that of every parent; see Event.Order.
	Order uint64
	Sent  time.Time // the author's wall clock, to the millisecond

	Change Change

	Raw         []byte // the encoding, which Proof covers
	Proof       []byte // the author device's signature
	Certificate []byte // by which the author's account certifies the device
}

// Stamp gives the record's place among concurrent ones.
func (r *Record) Stamp() Stamp { return Stamp{r.Order, EventID(r.ID[:16])} }

// A ChangeKind is the number of a kind of roster change on the wire.
type ChangeKind uint16

// The kinds of change.
const (
	ChangeCreation    ChangeKind = 1
	ChangeAddition    ChangeKind = 2
	ChangeRemoval     ChangeKind = 3
	ChangeDeparture   ChangeKind = 4
	ChangePromotion   ChangeKind = 5
	ChangeDemotion    ChangeKind = 6
	ChangeHandover    ChangeKind = 7
	ChangeMuting      ChangeKind = 8
	ChangeDescription ChangeKind = 9
)

// A Change is what a record does. Each kind is a type of its own.
type Change interface {
	Kind() ChangeKind
	// Subject is the account that it is about, or zero.
	Subject() AccountID
}

// Cut tells, by author device, the last event number that counts. A device
// that is not in it has none.
type Cut map[DeviceID]uint64

// A Profile is what a sphere shows of itself.
type Profile struct {
	Name    string
	About   string
	Picture []byte // JPEG, PNG or WebP; empty if there is none
	// Public spheres let every member invite; whoever has an invitation line
	// comes in without being asked about.
	Public bool
	// FullHistory gives new members all that was ever said; else they see
	// what is said from their joining on.
	FullHistory bool
}

// Creation begins a sphere. Its record's ID is the sphere's.
type Creation struct {
	Nonce   [16]byte
	Profile Profile
	Card    []byte // the creator's signed card
}

// Addition brings an account in.
type Addition struct {
	Account AccountID
	Card    []byte // the new member's signed card
	// Since is what the new member does not get: of each author device the
	// events up to a number. Empty if the sphere gives its full history.
	Since Cut
}

// Removal puts an account out. What its devices wrote counts up to Accepts.
type Removal struct {
	Account AccountID
	Accepts Cut
}

// Departure is an account leaving by itself.
type Departure struct{ Accepts Cut }

// Promotion makes a member an admin.
type Promotion struct{ Account AccountID }

// Demotion makes an admin a member again.
type Demotion struct{ Account AccountID }

// Handover makes a member the creator; the author becomes an admin.
type Handover struct{ Account AccountID }

// Muting keeps a member from writing until a time. What its devices wrote
// beyond Accepts counts only if it was sent later. A zero Until ends it.
type Muting struct {
	Account AccountID
	Until   time.Time
	Accepts Cut
}

// Description replaces the sphere's profile.
type Description struct{ Profile Profile }

// UnknownChange is a change of a kind that this version does not know. It is
// kept and passed on, and has no effect.
type UnknownChange struct{ Number ChangeKind }

func (Creation) Kind() ChangeKind        { return ChangeCreation }
func (Addition) Kind() ChangeKind        { return ChangeAddition }
func (Removal) Kind() ChangeKind         { return ChangeRemoval }
func (Departure) Kind() ChangeKind       { return ChangeDeparture }
func (Promotion) Kind() ChangeKind       { return ChangePromotion }
func (Demotion) Kind() ChangeKind        { return ChangeDemotion }
func (Handover) Kind() ChangeKind        { return ChangeHandover }
func (Muting) Kind() ChangeKind          { return ChangeMuting }
func (Description) Kind() ChangeKind     { return ChangeDescription }
func (u UnknownChange) Kind() ChangeKind { return u.Number }

// Subject is nobody.
func (Creation) Subject() AccountID { return AccountID{} }

// Subject is who comes in.
func (a Addition) Subject() AccountID { return a.Account }

// Subject is who is put out.
func (r Removal) Subject() AccountID { return r.Account }

// Subject is nobody but the author.
func (Departure) Subject() AccountID { return AccountID{} }

// Subject is who becomes an admin.
func (p Promotion) Subject() AccountID { return p.Account }

// Subject is who was one.
func (d Demotion) Subject() AccountID { return d.Account }

// Subject is the new creator.
func (h Handover) Subject() AccountID { return h.Account }

// Subject is who is muted.
func (m Muting) Subject() AccountID { return m.Account }

// Subject is nobody.
func (Description) Subject() AccountID { return AccountID{} }

// Subject is nobody that this version knows of.
func (UnknownChange) Subject() AccountID { return AccountID{} }
