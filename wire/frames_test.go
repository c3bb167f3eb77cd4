package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"kith"
)

// body gives the kind and the body of a frame.
func body(t testing.TB, f Frame) (byte, []byte) {
	t.Helper()
	b, err := AppendFrame(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	n, head := binary.Uvarint(b)
	if int(n) != len(b)-head {
		t.Fatalf("length %d before %d bytes", n, len(b)-head)
	}
	return b[head], b[head+1:]
}

func TestFramesRoundTrip(t *testing.T) {
	for name, f := range sampleFrames() {
		t.Run(name, func(t *testing.T) {
			kind, b := body(t, f)
			got, err := ParseFrame(kind, b)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, f) && !bytes.Equal(mustAppend(t, got), mustAppend(t, f)) {
				t.Errorf("got %+v, want %+v", got, f)
			}
		})
	}
}

func mustAppend(t testing.TB, f Frame) []byte {
	t.Helper()
	b, err := AppendFrame(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lastAdded tells of each kind of frame to which an element was added: how many
// it has now, and what the last one is when it is absent.
var lastAdded = map[byte]struct {
	elements int
	absent   any
}{
	kindJoinReply: {5, []byte{}},
	kindHave:      {3, false},
	kindEvents:    {6, []byte{}},
}

func TestFramesOfALaterVersion(t *testing.T) {
	for name, f := range sampleFrames() {
		t.Run(name, func(t *testing.T) {
			kind, b := body(t, f)
			var items []any
			if err := cbor.Unmarshal(b, &items); err != nil {
				t.Fatal(err)
			}
			least := len(items)
			if last, ok := lastAdded[kind]; ok { // what was added may be left out
				if items = append(items, last.absent); len(items) > last.elements {
					items = items[:last.elements]
				}
				least = last.elements - 1
			}
			longer, err := cbor.Marshal(append(items, "new", []int{1, 2}, map[string]int{"a": 1}))
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseFrame(kind, longer)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(mustAppend(t, got), mustAppend(t, f)) {
				t.Errorf("got %+v, want %+v", got, f)
			}
			shorter, err := cbor.Marshal(items[:least-1])
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseFrame(kind, shorter)
			wantKind(t, err, kith.BadPeer)
			_, err = ParseFrame(kind, append(slices.Clone(b), 0))
			wantKind(t, err, kith.BadPeer)
			_, err = ParseFrame(kind, b[:len(b)-1])
			wantKind(t, err, kith.BadPeer)
		})
	}
}

// typing is a Typing frame's body with something else in one place.
func typing(conversation, active []byte) []byte {
	return slices.Concat([]byte{0x82}, conversation, active)
}

func TestStrictCBOR(t *testing.T) {
	id := append([]byte{0x58, 32}, pattern(1, 32)...)
	yes := []byte{0xf5}
	if _, err := ParseFrame(kindTyping, typing(id, yes)); err != nil {
		t.Fatal(err)
	}
	list := []byte{0x98, 32}
	for i := range 32 {
		list = append(list, 0x01+byte(i)%20)
	}
	for name, b := range map[string][]byte{
		"nothing":              {},
		"not an array":         {0x01},
		"null":                 {0xf6},
		"map":                  {0xa1, 0x01, 0x02},
		"indefinite array":     slices.Concat([]byte{0x9f}, id, yes, []byte{0xff}),
		"indefinite string":    typing(slices.Concat([]byte{0x5f}, id, []byte{0xff}), yes),
		"tag":                  typing(id, []byte{0xd9, 0xd9, 0xf7, 0xf5}),
		"null for a bool":      typing(id, []byte{0xf6}),
		"undefined for a bool": typing(id, []byte{0xf7}),
		"integer for a bool":   typing(id, []byte{0x01}),
		"null for bytes":       typing([]byte{0xf6}, yes),
		"text for bytes":       typing(append([]byte{0x78, 32}, bytes.Repeat([]byte{'a'}, 32)...), yes),
		"integers for bytes":   typing(list, yes),
		"short ID":             typing(append([]byte{0x58, 31}, pattern(1, 31)...), yes),
		"long ID":              typing(append([]byte{0x58, 33}, pattern(1, 33)...), yes),
		"zero ID":              typing(append([]byte{0x58, 32}, make([]byte, 32)...), yes),
		"long array":           {0x9a, 0xff, 0xff, 0xff, 0xff},
		"deep":                 append(slices.Concat([]byte{0x83}, id, yes, bytes.Repeat([]byte{0x81}, 20)), 0x01),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseFrame(kindTyping, b)
			wantKind(t, err, kith.BadPeer)
		})
	}
}

func TestFrameLimits(t *testing.T) {
	half := kith.Secret(pattern(1, 32))
	card := []byte{1}
	author := kith.Peer{Account: account, Device: device}
	one := []SealedEvent{{Raw: []byte{1}}}
	record := SealedRecord{Author: author, Raw: []byte{1}, Proof: make([]byte, 64), Certificate: make([]byte, 64)}
	records := func(spoil func(*SealedRecord)) Frame {
		r := record
		spoil(&r)
		return Records{Conversation: conversation, Records: []SealedRecord{r}}
	}
	many := make(kith.Vector)
	for i := range MaxMarks + 1 {
		var d kith.DeviceID
		binary.BigEndian.PutUint32(d[:], uint32(i+1))
		many[d] = kith.Mark{Seq: 1, ID: eventID}
	}
	mark := func(m kith.Mark) Frame {
		return Have{Conversation: conversation, Marks: kith.Vector{device: m}}
	}
	for name, f := range map[string]Frame{
		"version 0":              Hello{Card: card},
		"no card":                Hello{Version: 1},
		"huge card":              Hello{Version: 1, Card: make([]byte, MaxSignedCard+1)},
		"huge card held":         Hello{Version: 1, Card: card, Holds: make([]byte, MaxSignedCard+1)},
		"time out of range":      Hello{Version: 1, Card: card, Now: time.UnixMilli(1 << 53)},
		"many addresses":         Hello{Version: 1, Card: card, Addresses: slices.Repeat(addresses, 9)},
		"no port":                Hello{Version: 1, Card: card, Addresses: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:0")}},
		"no address":             Hello{Version: 1, Card: card, Addresses: make([]netip.AddrPort, 1)},
		"no half":                JoinRequest{Version: 1, Card: card},
		"request without a card": JoinRequest{Version: 1, Half: half},
		"no status":              JoinReply{Card: card},
		"no conversation":        Have{},
		"many marks":             Have{Conversation: conversation, Marks: many},
		"read beyond":            mark(kith.Mark{Seq: 1, ID: eventID, Read: 2}),
		"event without number":   mark(kith.Mark{ID: eventID}),
		"high number":            mark(kith.Mark{Seq: 1 << 53, ID: eventID}),
		"mark of no device":      Have{Conversation: conversation, Marks: kith.Vector{{}: {Seq: 1, ID: eventID}}},
		"no events":              Events{Conversation: conversation, Author: author, First: 1},
		"no author":              Events{Conversation: conversation, First: 1, Events: one},
		"events of nowhere":      Events{Author: author, First: 1, Events: one},
		"number 0":               Events{Conversation: conversation, Author: author, Events: one},
		"many events":            Events{Conversation: conversation, Author: author, First: 1, Events: slices.Repeat(one, MaxEventsInFrame+1)},
		"empty event":            Events{Conversation: conversation, Author: author, First: 1, Events: make([]SealedEvent, 1)},
		"huge event":             Events{Conversation: conversation, Author: author, First: 1, Events: []SealedEvent{{Raw: make([]byte, MaxRaw+1)}}},
		"huge proof":             Events{Conversation: conversation, Author: author, First: 1, Events: []SealedEvent{{Raw: []byte{1}, Proof: make([]byte, MaxProof+1)}}},
		"huge frame":             Events{Conversation: conversation, Author: author, First: 1, Events: slices.Repeat([]SealedEvent{{Raw: make([]byte, MaxRaw)}}, 14)},
		"typing in nothing":      Typing{},
		"short certificate":      Events{Conversation: conversation, Author: author, First: 1, Events: one, Certificate: make([]byte, 63)},
		"roster of nothing":      Roster{},
		"many heads":             Roster{Conversation: conversation, Heads: make([]kith.RecordID, MaxHeads+1)},
		"unsorted heads":         Roster{Conversation: conversation, Heads: []kith.RecordID{{2}, {1}}},
		"a head twice":           Roster{Conversation: conversation, Heads: []kith.RecordID{{1}, {1}}},
		"no records":             Records{Conversation: conversation},
		"records of nothing":     Records{Records: []SealedRecord{record}},
		"many records":           Records{Conversation: conversation, Records: slices.Repeat([]SealedRecord{record}, MaxRecordsInFrame+1)},
		"record of nobody":       records(func(r *SealedRecord) { r.Author = kith.Peer{} }),
		"empty record":           records(func(r *SealedRecord) { r.Raw = nil }),
		"huge record":            records(func(r *SealedRecord) { r.Raw = make([]byte, MaxRecord+1) }),
		"record unproven":        records(func(r *SealedRecord) { r.Proof = nil }),
		"record uncertified":     records(func(r *SealedRecord) { r.Certificate = nil }),
		"invited into nothing":   SphereInvite{Name: "a"},
		"long name of a sphere":  SphereInvite{Conversation: conversation, Name: strings.Repeat("a", kith.MaxName+1)},
		"name not UTF-8":         SphereInvite{Conversation: conversation, Name: "\xff"},
		"many members":           SphereInvite{Conversation: conversation, Members: kith.MaxMembers + 1},
		"answer to nothing":      SphereAnswer{Accept: true},
		"many tags":              Seek{Tags: make([][16]byte, MaxSought+1)},
		"no note":                Pass{},
		"long note":              Pass{Note: make([]byte, MaxSealedNote+1)},
		"no fellows":             Fellows{Conversation: conversation},
		"many fellows":           Fellows{Conversation: conversation, Fellows: make([]Fellow, MaxFellows+1)},
		"fellow without a card":  Fellows{Conversation: conversation, Fellows: []Fellow{{}}},
		"fellows of nothing":     Fellows{Fellows: []Fellow{{Card: []byte{1}}}},
	} {
		t.Run(name, func(t *testing.T) {
			before := []byte("before")
			b, err := AppendFrame(before, f)
			wantKind(t, err, kith.Invalid)
			if !bytes.Equal(b, before) {
				t.Errorf("left %q", b)
			}
		})
	}
	for name, f := range map[string]Frame{"nil": nil, "pointer": &Typing{Conversation: conversation}} {
		if _, err := AppendFrame(nil, f); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestParseLimits gives the parser what AppendFrame refuses to write.
func TestParseLimits(t *testing.T) {
	conv, half := bytes32(conversation), bytes32(pattern(1, 32))
	markOf := func(d kith.DeviceID) markArray { return markArray{Device: bytes32(d), Seq: 1, ID: optional16(eventID)} }
	one := []sealedArray{{Raw: []byte{1}}}
	for name, c := range map[string]struct {
		kind byte
		w    any
	}{
		"version 0":      {kindHello, helloArray{Card: []byte{1}}},
		"many addresses": {kindHello, helloArray{Version: 1, Card: []byte{1}, Addresses: make([]blob, kith.MaxAddresses+1)}},
		"time":           {kindHello, helloArray{Version: 1, Card: []byte{1}, Now: 1 << 53}},
		"no half":        {kindJoinRequest, joinRequestArray{Version: 1, Card: []byte{1}}},
		"no status":      {kindJoinReply, joinReplyArray{}},
		"unsorted marks": {kindHave, haveArray{Conversation: conv, Marks: []markArray{markOf(otherDevice), markOf(device)}}},
		"doubled marks":  {kindHave, haveArray{Conversation: conv, Marks: []markArray{markOf(device), markOf(device)}}},
		"no events":      {kindEvents, eventsArray{Conversation: conv, Account: half, Device: half, First: 1}},
		"number 0":       {kindEvents, eventsArray{Conversation: conv, Account: half, Device: half, Events: one}},
		"high number":    {kindEvents, eventsArray{Conversation: conv, Account: half, Device: half, First: 1<<53 - 1, Events: one}},
		"certificate":    {kindEvents, eventsArray{Conversation: conv, Account: half, Device: half, First: 1, Events: one, Certificate: []byte{1}}},
		"unsorted heads": {kindRoster, rosterArray{Conversation: conv, Heads: []bytes32{{2}, {1}}}},
		"no records":     {kindRecords, recordsArray{Conversation: conv}},
		"unproven":       {kindRecords, recordsArray{Conversation: conv, Records: []sealedRecordArray{{Account: half, Device: half, Raw: []byte{1}}}}},
		"many members":   {kindSphereInvite, sphereInviteArray{Conversation: conv, Members: kith.MaxMembers + 1}},
		"no sphere":      {kindSphereAnswer, sphereAnswerArray{}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := encode(nil, c.w)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseFrame(c.kind, b)
			wantKind(t, err, kith.BadPeer)
		})
	}
	_, err := ParseFrame(99, []byte{0x80})
	wantKind(t, err, kith.BadPeer)
}

func TestAddressesOfNoUseAreSkipped(t *testing.T) {
	w := helloArray{Version: 1, Card: []byte{1}, Addresses: []blob{
		{1, 2, 3}, {192, 0, 2, 1, 0, 0}, {0, 0, 0, 0, 0, 80}, {224, 0, 0, 1, 0, 80}, addrBytes(addresses[0]),
		addrBytes(netip.MustParseAddrPort("[::ffff:192.0.2.9]:5")),
	}}
	b, err := encode(nil, w)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFrame(kindHello, b)
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.AddrPort{addresses[0], netip.MustParseAddrPort("192.0.2.9:5")}
	if got := f.(Hello).Addresses; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEventsFrameTakesNoMoreThanSaid(t *testing.T) {
	f := Events{Conversation: conversation, Author: kith.Peer{Account: account, Device: device}, First: 1 << 52}
	content := 0
	for range MaxEventsInFrame {
		e := SealedEvent{Raw: make([]byte, 150), Proof: make([]byte, MaxProof)}
		f.Events = append(f.Events, e)
		content += len(e.Raw) + len(e.Proof) + SealedOverhead
	}
	if got := len(mustAppend(t, f)); got > content+EventsOverhead {
		t.Errorf("%d bytes, at most %d were promised", got, content+EventsOverhead)
	}
}

func TestRecordsFrameTakesNoMoreThanSaid(t *testing.T) {
	f := Records{Conversation: conversation}
	content := 0
	for i := range MaxRecordsInFrame / 4 {
		r := SealedRecord{Author: kith.Peer{Account: account, Device: device}, Raw: make([]byte, 200+i%100), Proof: make([]byte, 64), Certificate: make([]byte, 64)}
		f.Records = append(f.Records, r)
		content += len(r.Raw) + SealedRecordOverhead
	}
	if got := len(mustAppend(t, f)); got > content+RecordsOverhead {
		t.Errorf("%d bytes, at most %d were promised", got, content+RecordsOverhead)
	}
}
