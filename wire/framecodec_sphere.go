package wire

import (
	"errors"
	"fmt"

	"kith"
)

// The arrays of the frames about spheres.

type rosterArray struct {
	_            struct{} `cbor:",toarray"`
	Conversation bytes32
	Heads        []bytes32
}

func packRoster(f Roster) (rosterArray, error) {
	return rosterArray{Conversation: bytes32(f.Conversation), Heads: packRecordIDs(f.Heads)}, checkRoster(f)
}

func parseRoster(w rosterArray) (Roster, error) {
	f := Roster{Conversation: kith.ConversationID(w.Conversation), Heads: parseRecordIDs(w.Heads)}
	return f, checkRoster(f)
}

func checkRoster(f Roster) error {
	if f.Conversation.IsZero() {
		return errors.New("the conversation is missing")
	}
	return checkRecordIDs(f.Heads, MaxHeads)
}

type recordsArray struct {
	_            struct{} `cbor:",toarray"`
	Conversation bytes32
	Records      []sealedRecordArray
}

type sealedRecordArray struct {
	_           struct{} `cbor:",toarray"`
	Account     bytes32
	Device      bytes32
	Raw         blob
	Proof       blob
	Certificate blob
}

func packRecords(f Records) (recordsArray, error) {
	w := recordsArray{Conversation: bytes32(f.Conversation), Records: make([]sealedRecordArray, len(f.Records))}
	for i, r := range f.Records {
		w.Records[i] = sealedRecordArray{Account: bytes32(r.Author.Account), Device: bytes32(r.Author.Device), Raw: r.Raw, Proof: r.Proof, Certificate: r.Certificate}
	}
	return w, checkRecords(f)
}

func parseRecords(w recordsArray) (Records, error) {
	f := Records{Conversation: kith.ConversationID(w.Conversation), Records: make([]SealedRecord, len(w.Records))}
	for i, r := range w.Records {
		f.Records[i] = SealedRecord{Author: kith.Peer{Account: kith.AccountID(r.Account), Device: kith.DeviceID(r.Device)}, Raw: r.Raw, Proof: r.Proof, Certificate: r.Certificate}
	}
	return f, checkRecords(f)
}

func checkRecords(f Records) error {
	switch {
	case f.Conversation.IsZero():
		return errors.New("the conversation is missing")
	case len(f.Records) == 0 || len(f.Records) > MaxRecordsInFrame:
		return fmt.Errorf("%d records, 1 to %d are allowed", len(f.Records), MaxRecordsInFrame)
	}
	for _, r := range f.Records {
		switch {
		case r.Author.Account.IsZero() || r.Author.Device.IsZero():
			return errors.New("the author is missing")
		case len(r.Raw) == 0 || len(r.Raw) > MaxRecord:
			return fmt.Errorf("a record of %d bytes, 1 to %d are allowed", len(r.Raw), MaxRecord)
		case len(r.Proof) != signatureSize || len(r.Certificate) != signatureSize:
			return fmt.Errorf("a record with a proof of %d bytes and a certificate of %d, both have %d", len(r.Proof), len(r.Certificate), signatureSize)
		}
	}
	return nil
}

type sphereInviteArray struct {
	_            struct{} `cbor:",toarray"`
	Conversation bytes32
	Name         string
	Members      uint32
	Revoked      bool
}

func packSphereInvite(f SphereInvite) (sphereInviteArray, error) {
	return sphereInviteArray{Conversation: bytes32(f.Conversation), Name: f.Name, Members: f.Members, Revoked: f.Revoked}, checkSphereInvite(f)
}

func parseSphereInvite(w sphereInviteArray) (SphereInvite, error) {
	f := SphereInvite{Conversation: kith.ConversationID(w.Conversation), Name: w.Name, Members: w.Members, Revoked: w.Revoked}
	return f, checkSphereInvite(f)
}

func checkSphereInvite(f SphereInvite) error {
	if f.Conversation.IsZero() {
		return errors.New("the conversation is missing")
	}
	if f.Members > kith.MaxMembers {
		return fmt.Errorf("a sphere of %d, at most %d are in one", f.Members, kith.MaxMembers)
	}
	return checkLength("name", f.Name, kith.MaxName, kith.MaxNameSize)
}

type sphereAnswerArray struct {
	_            struct{} `cbor:",toarray"`
	Conversation bytes32
	Accept       bool
}

func packSphereAnswer(f SphereAnswer) (sphereAnswerArray, error) {
	return sphereAnswerArray{Conversation: bytes32(f.Conversation), Accept: f.Accept}, checkSphereAnswer(f)
}

func parseSphereAnswer(w sphereAnswerArray) (SphereAnswer, error) {
	f := SphereAnswer{Conversation: kith.ConversationID(w.Conversation), Accept: w.Accept}
	return f, checkSphereAnswer(f)
}

func checkSphereAnswer(f SphereAnswer) error {
	if f.Conversation.IsZero() {
		return errors.New("the conversation is missing")
	}
	return nil
}

type swarmPortArray struct {
	_    struct{} `cbor:",toarray"`
	Port uint16
}

func packSwarmPort(f SwarmPort) (swarmPortArray, error) { return swarmPortArray{Port: f.Port}, nil }

func parseSwarmPort(w swarmPortArray) (SwarmPort, error) { return SwarmPort{Port: w.Port}, nil }
