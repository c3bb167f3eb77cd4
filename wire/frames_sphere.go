package wire

import "kith"

// Roster tells which records of a sphere the sender has, by those that no other
// names. The receiver sends what is missing there, before any event.
type Roster struct {
	Conversation kith.ConversationID
	Heads        []kith.RecordID // in ascending order; empty if it has none
}

// Records carries roster records, none before one of its parents.
type Records struct {
	Conversation kith.ConversationID
	Records      []SealedRecord
}

// A SealedRecord is a record's encoding with what proves it; see ParseRecord.
type SealedRecord struct {
	Author      kith.Peer
	Raw         []byte
	Proof       []byte
	Certificate []byte
}

// SphereInvite tells a contact that they are invited into a sphere, or no
// longer. Name and Members are the sender's word.
type SphereInvite struct {
	Conversation kith.ConversationID
	Name         string
	Members      uint32
	Revoked      bool
}

// SphereAnswer is what a contact says to a SphereInvite.
type SphereAnswer struct {
	Conversation kith.ConversationID
	Accept       bool
}

// SwarmPort tells at which TCP port of its addresses the sender takes
// BitTorrent connections; 0: nowhere.
type SwarmPort struct{ Port uint16 }

func (Roster) kind() byte       { return kindRoster }
func (Records) kind() byte      { return kindRecords }
func (SphereInvite) kind() byte { return kindSphereInvite }
func (SphereAnswer) kind() byte { return kindSphereAnswer }
func (SwarmPort) kind() byte    { return kindSwarmPort }
