package wire

import (
	"net/netip"
	"time"

	"kith"
)

// A Frame is one thing said in a stream. Each kind is a type of its own, passed
// as a value.
type Frame interface{ kind() byte }

// Hello is the first frame of each side in a talk stream, and comes again when
// something in it changed.
type Hello struct {
	Version uint16 // of this protocol: 1
	// Accepted tells that the sender's person has accepted the receiver's.
	// Events flow only while both do.
	Accepted bool
	Card     []byte // the sender's signed card; see ParseSignedCard
	// Holds is the receiver's own signed card as the sender holds it, empty if
	// it holds none. A receiver whose own card is older (it was restored from
	// a backup) signs one that is newer than both.
	Holds     []byte
	Addresses []netip.AddrPort // where the sender's device may be reached
	Now       time.Time        // the sender's wall clock
}

// JoinRequest asks the giver of an invitation to become a contact.
type JoinRequest struct {
	Version uint16
	Proof   [32]byte // knowledge of the invitation's secret, bound to this link
	Card    []byte   // the sender's signed card
	// Half is the sender's contribution to the pair secret.
	Half      kith.Secret
	Addresses []netip.AddrPort
}

// JoinReply answers a JoinRequest; several may follow one another while a
// person makes up their mind.
type JoinReply struct {
	Status    JoinStatus
	Card      []byte      // empty if refused
	Half      kith.Secret // the giver's contribution; zero if refused
	Addresses []netip.AddrPort
	// Sphere is what the invitation was for; zero if it was for becoming
	// contacts.
	Sphere kith.ConversationID
}

// A JoinStatus is how far a request has come.
type JoinStatus uint8

// The states of a request.
const (
	JoinAccepted JoinStatus = 1 // contacts now
	JoinWaiting  JoinStatus = 2 // their person has to decide
	JoinUsed     JoinStatus = 3 // somebody else used this invitation
	JoinExpired  JoinStatus = 4
	JoinRevoked  JoinStatus = 5
)

// Have is a device's have vector in one conversation. A later one for the same
// conversation replaces an earlier one; a partial one replaces only the marks
// that it names.
type Have struct {
	Conversation kith.ConversationID
	Marks        kith.Vector
	Partial      bool
}

// Events carries consecutive events of one author device, the first of which
// has the number First.
type Events struct {
	Conversation kith.ConversationID
	Author       kith.Peer
	First        uint64
	Events       []SealedEvent
	// Certificate is by which the author's account certifies the device, in a
	// sphere; empty in a direct conversation.
	Certificate []byte
}

// A SealedEvent is an event's encoding and the proof over it.
type SealedEvent struct {
	Raw   []byte
	Proof []byte
}

// Typing tells that the sender's person is writing in a conversation. It is
// never stored and lapses after ten seconds.
type Typing struct {
	Conversation kith.ConversationID
	Active       bool
}

func (Hello) kind() byte       { return kindHello }
func (JoinRequest) kind() byte { return kindJoinRequest }
func (JoinReply) kind() byte   { return kindJoinReply }
func (Have) kind() byte        { return kindHave }
func (Events) kind() byte      { return kindEvents }
func (Typing) kind() byte      { return kindTyping }
