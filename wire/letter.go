package wire

import (
	"errors"
	"fmt"

	"kith"
)

// Limits of letters.
const (
	// MaxLetter bounds a letter in bytes. One that is filled up has LetterSize;
	// only an event that is larger than the rest of it makes it larger.
	MaxLetter  = 104 << 10
	LetterSize = 60 << 10
	// MaxRooms bounds the conversations in a letter.
	MaxRooms = 64
	// MaxJoin bounds what a letter carries about an invitation, in bytes.
	MaxJoin = 24 << 10
	// A letter takes at most LetterOverhead bytes, and each of its rooms
	// RoomOverhead, beside what is in them.
	LetterOverhead = 64
	RoomOverhead   = 64
	// A mark takes at most MarkSize bytes, and a head HeadSize.
	MarkSize = 80
	HeadSize = 34
)

// A Letter is what an envelope holds: what one device has to say to another that
// is away.
type Letter struct {
	// Number counts the letters of the sender to this device, from 1. Seen is
	// the highest number of the receiver's letters that the sender has. Both
	// begin anew with a device's sessions.
	Number, Seen uint64
	Rooms        []Room
	Drops        *Drops // nil: as told before
	Join         []byte // about an invitation; empty if there is nothing
}

// A Room is what a letter says about one conversation.
type Room struct {
	Conversation kith.ConversationID
	// Heads and Records are of a sphere's roster: up to where the sender has it,
	// and what of it the receiver may lack.
	Heads   []kith.RecordID
	Records []SealedRecord
	// Marks are what the sender has of the receiver's events.
	Marks kith.Vector
	// Events are of the sender's account.
	Events []Run
}

// A Run is events in a letter; their Conversation is that of the room. After is
// the event before the first, zero if there is none: so who has another one there
// sees that the author's history was set back, and takes nothing.
type Run struct {
	Events
	After kith.EventID
}

type letterArray struct {
	_      struct{} `cbor:",toarray"`
	Number uint64
	Seen   uint64
	Rooms  []roomArray
	Drops  []dropsArray // one or none
	Join   blob
}

type roomArray struct {
	_            struct{} `cbor:",toarray"`
	Conversation bytes32
	Heads        []bytes32
	Records      []sealedRecordArray
	Marks        []markArray
	Events       []runArray
}

type runArray struct {
	_           struct{} `cbor:",toarray"`
	Account     bytes32
	Device      bytes32
	First       uint64
	Events      []sealedArray
	Certificate blob
	After       optional16
}

// AppendLetter appends the encoding of a letter. An error is of kind kith.Invalid
// if it breaks a limit; dst is then returned as it was.
func AppendLetter(dst []byte, l Letter) ([]byte, error) {
	w, err := packLetter(l)
	if err != nil {
		return dst, kith.Errorf(kith.Invalid, "encode a letter: %w", err)
	}
	out, err := encode(dst, w)
	if err != nil {
		return dst, err
	}
	if n := len(out) - len(dst); n > MaxLetter {
		return dst, kith.Errorf(kith.Invalid, "encode a letter: %d bytes, at most %d are allowed", n, MaxLetter)
	}
	return out, nil
}

// ParseLetter undoes AppendLetter. The letter shares no memory with data. An
// error is of kind kith.BadPeer.
func ParseLetter(data []byte) (Letter, error) {
	if len(data) > MaxLetter {
		return Letter{}, kith.Errorf(kith.BadPeer, "read a letter: %d bytes, at most %d are allowed", len(data), MaxLetter)
	}
	w, err := decode[letterArray](data)
	if err != nil {
		return Letter{}, kith.Errorf(kith.BadPeer, "read a letter: %w", err)
	}
	l, err := parseLetter(w)
	if err != nil {
		return Letter{}, kith.Errorf(kith.BadPeer, "read a letter: %w", err)
	}
	return l, nil
}

func packLetter(l Letter) (w letterArray, err error) {
	if err := checkLetter(l); err != nil {
		return w, err
	}
	w = letterArray{Number: l.Number, Seen: l.Seen, Rooms: make([]roomArray, len(l.Rooms)), Drops: []dropsArray{}, Join: l.Join}
	for i, room := range l.Rooms {
		if w.Rooms[i], err = packRoom(room); err != nil {
			return w, err
		}
	}
	if l.Drops != nil {
		drops, err := packDrops(*l.Drops)
		if err != nil {
			return w, err
		}
		w.Drops = append(w.Drops, drops)
	}
	return w, nil
}

func parseLetter(w letterArray) (l Letter, err error) {
	if len(w.Rooms) > MaxRooms || len(w.Drops) > 1 {
		return l, fmt.Errorf("a letter about %d conversations and %d times about places", len(w.Rooms), len(w.Drops))
	}
	l = Letter{Number: w.Number, Seen: w.Seen, Join: w.Join.orNil()}
	for _, room := range w.Rooms {
		one, err := parseRoom(room)
		if err != nil {
			return l, err
		}
		l.Rooms = append(l.Rooms, one)
	}
	for _, drops := range w.Drops {
		one, err := parseDrops(drops)
		if err != nil {
			return l, err
		}
		l.Drops = &one
	}
	return l, checkLetter(l)
}

func checkLetter(l Letter) error {
	switch {
	case l.Number == 0 || l.Number >= maxInt || l.Seen >= maxInt:
		return fmt.Errorf("a letter cannot have the number %d, or answer number %d", l.Number, l.Seen)
	case len(l.Rooms) > MaxRooms:
		return fmt.Errorf("a letter about %d conversations, at most %d are allowed", len(l.Rooms), MaxRooms)
	case len(l.Join) > MaxJoin:
		return fmt.Errorf("%d bytes about an invitation, at most %d are allowed", len(l.Join), MaxJoin)
	}
	said := map[kith.ConversationID]bool{}
	for _, room := range l.Rooms {
		if said[room.Conversation] {
			return errors.New("a conversation is there twice")
		}
		said[room.Conversation] = true
	}
	return nil
}

func packRoom(room Room) (w roomArray, err error) {
	if err := checkRoom(room); err != nil {
		return w, err
	}
	have, err := packHave(Have{Conversation: room.Conversation, Marks: room.Marks})
	if err != nil {
		return w, err
	}
	w = roomArray{
		Conversation: bytes32(room.Conversation),
		Heads:        packRecordIDs(room.Heads),
		Records:      []sealedRecordArray{},
		Marks:        have.Marks,
		Events:       make([]runArray, len(room.Events)),
	}
	if len(room.Records) > 0 {
		records, err := packRecords(Records{Conversation: room.Conversation, Records: room.Records})
		if err != nil {
			return w, err
		}
		w.Records = records.Records
	}
	for i, run := range room.Events {
		events, err := packEvents(run.Events)
		if err != nil {
			return w, err
		}
		w.Events[i] = runArray{Account: events.Account, Device: events.Device, First: events.First, Events: events.Events, Certificate: events.Certificate, After: optional16(run.After)}
	}
	return w, nil
}

func parseRoom(w roomArray) (room Room, err error) {
	have, err := parseHave(haveArray{Conversation: w.Conversation, Marks: w.Marks})
	if err != nil {
		return room, err
	}
	room = Room{Conversation: have.Conversation, Heads: parseRecordIDs(w.Heads), Marks: have.Marks}
	if len(w.Records) > 0 {
		records, err := parseRecords(recordsArray{Conversation: w.Conversation, Records: w.Records})
		if err != nil {
			return room, err
		}
		room.Records = records.Records
	}
	for _, run := range w.Events {
		events, err := parseEvents(eventsArray{Conversation: w.Conversation, Account: run.Account, Device: run.Device, First: run.First, Events: run.Events, Certificate: run.Certificate})
		if err != nil {
			return room, err
		}
		room.Events = append(room.Events, Run{Events: events, After: kith.EventID(run.After)})
	}
	return room, checkRoom(room)
}

func checkRoom(room Room) error {
	if room.Conversation.IsZero() {
		return errors.New("the conversation is missing")
	}
	for _, run := range room.Events {
		if run.Conversation != room.Conversation {
			return errors.New("events of another conversation")
		}
	}
	return checkRecordIDs(room.Heads, MaxHeads)
}
