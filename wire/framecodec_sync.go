package wire

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"kith"
)

// The arrays of the frames that carry conversations.

type haveArray struct {
	_            struct{} `cbor:",toarray"`
	Conversation bytes32
	Marks        []markArray
	Partial      bool `added:"empty"`
}

type markArray struct {
	_      struct{} `cbor:",toarray"`
	Device bytes32
	Seq    uint64
	ID     optional16
	Read   uint64
}

func packHave(f Have) (haveArray, error) {
	w := haveArray{Conversation: bytes32(f.Conversation), Marks: make([]markArray, 0, len(f.Marks)), Partial: f.Partial}
	for device, m := range f.Marks {
		w.Marks = append(w.Marks, markArray{Device: bytes32(device), Seq: m.Seq, ID: optional16(m.ID), Read: m.Read})
	}
	slices.SortFunc(w.Marks, compareMarks)
	return w, checkHave(w)
}

func parseHave(w haveArray) (Have, error) {
	f := Have{Conversation: kith.ConversationID(w.Conversation), Marks: make(kith.Vector, len(w.Marks)), Partial: w.Partial}
	for _, m := range w.Marks {
		f.Marks[kith.DeviceID(m.Device)] = kith.Mark{Seq: m.Seq, ID: kith.EventID(m.ID), Read: m.Read}
	}
	return f, checkHave(w)
}

func compareMarks(a, b markArray) int { return bytes.Compare(a.Device[:], b.Device[:]) }

func checkHave(w haveArray) error {
	if w.Conversation == (bytes32{}) {
		return errors.New("the conversation is missing")
	}
	if len(w.Marks) > MaxMarks {
		return fmt.Errorf("marks of %d authors, at most %d are allowed", len(w.Marks), MaxMarks)
	}
	for i, m := range w.Marks {
		switch {
		case m.Device == (bytes32{}):
			return errors.New("a mark without a device")
		case i > 0 && compareMarks(w.Marks[i-1], m) >= 0:
			return errors.New("marks are not in the order of their devices")
		case m.Seq >= maxInt:
			return fmt.Errorf("the number %d is too high", m.Seq)
		case m.Read > m.Seq:
			return fmt.Errorf("read up to %d of %d", m.Read, m.Seq)
		case m.Seq == 0 && m.ID != optional16{}:
			return errors.New("a mark names an event without having one")
		}
	}
	return nil
}

type eventsArray struct {
	_            struct{} `cbor:",toarray"`
	Conversation bytes32
	Account      bytes32
	Device       bytes32
	First        uint64
	Events       []sealedArray
	Certificate  blob `added:"empty"`
}

type sealedArray struct {
	_     struct{} `cbor:",toarray"`
	Raw   blob
	Proof blob
}

func packEvents(f Events) (eventsArray, error) {
	w := eventsArray{
		Conversation: bytes32(f.Conversation),
		Account:      bytes32(f.Author.Account),
		Device:       bytes32(f.Author.Device),
		First:        f.First,
		Events:       make([]sealedArray, len(f.Events)),
		Certificate:  f.Certificate,
	}
	for i, e := range f.Events {
		w.Events[i] = sealedArray{Raw: e.Raw, Proof: e.Proof}
	}
	return w, checkEvents(f)
}

func parseEvents(w eventsArray) (Events, error) {
	f := Events{
		Conversation: kith.ConversationID(w.Conversation),
		Author:       kith.Peer{Account: kith.AccountID(w.Account), Device: kith.DeviceID(w.Device)},
		First:        w.First,
		Events:       make([]SealedEvent, len(w.Events)),
		Certificate:  w.Certificate.orNil(),
	}
	for i, e := range w.Events {
		f.Events[i] = SealedEvent{Raw: e.Raw, Proof: e.Proof}
	}
	return f, checkEvents(f)
}

func checkEvents(f Events) error {
	switch {
	case f.Conversation.IsZero():
		return errors.New("the conversation is missing")
	case f.Author.Account.IsZero() || f.Author.Device.IsZero():
		return errors.New("the author is missing")
	case len(f.Events) == 0 || len(f.Events) > MaxEventsInFrame:
		return fmt.Errorf("%d events, 1 to %d are allowed", len(f.Events), MaxEventsInFrame)
	case f.First == 0 || f.First >= maxInt-MaxEventsInFrame:
		return fmt.Errorf("an event cannot have the number %d", f.First)
	case len(f.Certificate) != 0 && len(f.Certificate) != signatureSize:
		return fmt.Errorf("a certificate of %d bytes, %d are needed", len(f.Certificate), signatureSize)
	}
	for _, e := range f.Events {
		if len(e.Raw) == 0 || len(e.Raw) > MaxRaw || len(e.Proof) > MaxProof {
			return fmt.Errorf("an event of %d bytes with a proof of %d; at most %d and %d are allowed", len(e.Raw), len(e.Proof), MaxRaw, MaxProof)
		}
	}
	return nil
}

type typingArray struct {
	_            struct{} `cbor:",toarray"`
	Conversation bytes32
	Active       bool
}

func packTyping(f Typing) (typingArray, error) {
	return typingArray{Conversation: bytes32(f.Conversation), Active: f.Active}, checkTyping(f)
}

func parseTyping(w typingArray) (Typing, error) {
	f := Typing{Conversation: kith.ConversationID(w.Conversation), Active: w.Active}
	return f, checkTyping(f)
}

func checkTyping(f Typing) error {
	if f.Conversation.IsZero() {
		return errors.New("the conversation is missing")
	}
	return nil
}
