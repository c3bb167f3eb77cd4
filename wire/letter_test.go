package wire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"kith"
)

func sampleDrops() Drops {
	return Drops{
		Drops: []Drop{
			{Hub: "https://hub.example", Box: [32]byte(pattern(1, 32)), Token: [32]byte(pattern(2, 32))},
			{Hub: "http://127.0.0.1:8443/kith", Box: [32]byte(pattern(3, 32))},
		},
		Prekeys: [][]byte{pattern(4, 1321), pattern(5, 7)},
		Wants:   3,
	}
}

func sampleLetters() map[string]Letter {
	drops := sampleDrops()
	events := Events{Conversation: conversation, Author: kith.Peer{Account: account, Device: device}, First: 7,
		Events: []SealedEvent{{Raw: pattern(1, 90), Proof: pattern(2, 16)}, {Raw: pattern(3, 91), Proof: []byte{}}}}
	signed := events
	signed.Certificate = pattern(9, 64)
	other := kith.ConversationID(pattern(8, 32))
	signed.Conversation = other
	return map[string]Letter{
		"least": {Number: 1},
		"words": {Number: 2, Seen: 3, Rooms: []Room{{Conversation: conversation, Marks: kith.Vector{}, Events: []Run{{Events: events}}}}},
		"word of receipt": {Number: 3, Seen: 9, Rooms: []Room{{Conversation: conversation, Marks: kith.Vector{
			device: {Seq: 7, ID: eventID, Read: 2}, otherDevice: {Seq: 1, ID: eventID},
		}}}},
		"all": {Number: 1 << 52, Seen: 1, Rooms: []Room{
			{Conversation: conversation, Marks: kith.Vector{}},
			{Conversation: other, Heads: []kith.RecordID{{1}, {2}}, Marks: kith.Vector{device: {Seq: 1, ID: eventID}}, Events: []Run{{Events: signed, After: eventID}},
				Records: []SealedRecord{{Author: kith.Peer{Account: account, Device: device}, Raw: pattern(1, 50), Proof: pattern(2, 64), Certificate: pattern(3, 64)}}},
		}, Drops: &drops, Join: pattern(7, 300)},
		"no places any more": {Number: 1, Drops: &Drops{}},
	}
}

func appendLetter(t testing.TB, l Letter) []byte {
	t.Helper()
	b, err := AppendLetter(nil, l)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLettersRoundTrip(t *testing.T) {
	for name, l := range sampleLetters() {
		t.Run(name, func(t *testing.T) {
			b := appendLetter(t, l)
			got, err := ParseLetter(b)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, l) {
				t.Errorf("it became another letter: %+v", got.Rooms)
			}
			for cut := range b {
				_, err := ParseLetter(b[:cut])
				wantKind(t, err, kith.BadPeer)
			}
			var items []any
			if err := cbor.Unmarshal(b, &items); err != nil {
				t.Fatal(err)
			}
			later, err := cbor.Marshal(append(items, "new"))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ParseLetter(later); err != nil || !bytes.Equal(appendLetter(t, got), b) {
				t.Errorf("a letter of a later version: %+v, %v", got, err)
			}
		})
	}
}

func TestLettersThatBreakALimit(t *testing.T) {
	drop := Drop{Hub: "https://hub.example", Box: [32]byte{1}}
	with := func(change func(*Drop)) Letter {
		d := drop
		change(&d)
		return Letter{Number: 1, Drops: &Drops{Drops: []Drop{d}}}
	}
	words := func(run Events) Letter {
		return Letter{Number: 1, Rooms: []Room{{Conversation: conversation, Events: []Run{{Events: run, After: eventID}}}}}
	}
	author := kith.Peer{Account: account, Device: device}
	for name, l := range map[string]Letter{
		"no number":              {},
		"a number too high":      {Number: 1 << 53},
		"an answer too high":     {Number: 1, Seen: 1 << 53},
		"too many rooms":         {Number: 1, Rooms: make([]Room, MaxRooms+1)},
		"a room twice":           {Number: 1, Rooms: []Room{{Conversation: conversation}, {Conversation: conversation}}},
		"a room without name":    {Number: 1, Rooms: []Room{{}}},
		"heads out of order":     {Number: 1, Rooms: []Room{{Conversation: conversation, Heads: []kith.RecordID{{2}, {1}}}}},
		"a long join":            {Number: 1, Join: make([]byte, MaxJoin+1)},
		"too many places":        {Number: 1, Drops: &Drops{Drops: make([]Drop, MaxDrops+1)}},
		"too many prekeys":       {Number: 1, Drops: &Drops{Prekeys: make([][]byte, MaxPrekeys+1)}},
		"an empty prekey":        {Number: 1, Drops: &Drops{Prekeys: [][]byte{{}}}},
		"a place that is no URL": with(func(d *Drop) { d.Hub = "file:///etc/passwd" }),
		"a place with a line":    with(func(d *Drop) { d.Hub = "https://a\nb" }),
		"a place too long":       with(func(d *Drop) { d.Hub += strings.Repeat("x", MaxHubURL) }),
		"a place without box":    with(func(d *Drop) { d.Box = [32]byte{} }),
		"no author":              words(Events{Conversation: conversation, First: 1, Events: []SealedEvent{{Raw: []byte{1}}}}),
		"no events":              words(Events{Conversation: conversation, Author: author, First: 1}),
		"of another room":        words(Events{Conversation: kith.ConversationID{5}, Author: author, First: 1, Events: []SealedEvent{{Raw: []byte{1}}}}),
		"too large": words(Events{Conversation: conversation, Author: author, First: 1, Events: []SealedEvent{
			{Raw: make([]byte, MaxRaw)}, {Raw: make([]byte, MaxLetter-MaxRaw)}}}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := AppendLetter(nil, l)
			wantKind(t, err, kith.Invalid)
		})
	}
	// The largest event has room in a letter, with all that may stand beside it.
	l := words(Events{Conversation: conversation, Author: author, First: 1, Events: []SealedEvent{{Raw: make([]byte, MaxRaw), Proof: make([]byte, 64)}}, Certificate: make([]byte, 64)})
	l.Drops = &Drops{Prekeys: [][]byte{make([]byte, MaxPrekey), make([]byte, MaxPrekey)}}
	for range MaxDrops {
		l.Drops.Drops = append(l.Drops.Drops, Drop{Hub: "https://" + strings.Repeat("x", 240), Box: [32]byte{1}})
	}
	appendLetter(t, l)
}

func TestDropsInTheStore(t *testing.T) {
	want := sampleDrops().Drops
	b, err := AppendDrops(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseDrops(b); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = ParseDrops(b[1:])
	wantKind(t, err, kith.BadPeer)
	_, err = AppendDrops(nil, []Drop{{}})
	wantKind(t, err, kith.Invalid)
}

func FuzzParseLetter(f *testing.F) {
	for _, l := range sampleLetters() {
		f.Add(appendLetter(f, l))
	}
	f.Add([]byte{0x85, 0x01, 0x00, 0x9f, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ParseLetter(data)
		if err != nil {
			wantKind(t, err, kith.BadPeer)
			return
		}
		once := appendLetter(t, l)
		again, err := ParseLetter(once)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(appendLetter(t, again), once) {
			t.Errorf("%+v became %+v", l, again)
		}
	})
}
