package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"kith"
)

var recordAuthor = kith.Peer{Account: account, Device: device}

func TestRecordsRoundTrip(t *testing.T) {
	for name, rec := range sampleRecords() {
		t.Run(name, func(t *testing.T) {
			raw, err := AppendRecord([]byte("before"), rec)
			if err != nil {
				t.Fatal(err)
			}
			raw = bytes.TrimPrefix(raw, []byte("before"))
			want := *rec
			want.Author, want.Raw, want.ID = recordAuthor, raw, kith.NewRecordID(recordAuthor, raw)
			if want.Change.Kind() == kith.ChangeCreation {
				want.Sphere = kith.ConversationID(want.ID)
			}
			got, err := ParseRecord(recordAuthor, raw)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, want) {
				t.Errorf("got %+v, want %+v", *got, want)
			}
			if again, err := AppendRecord(nil, got); err != nil || !bytes.Equal(again, raw) {
				t.Errorf("written again: %v", err)
			}
			other, err := ParseRecord(kith.Peer{Account: account, Device: otherDevice}, raw)
			if err != nil || other.ID == got.ID {
				t.Errorf("the same record of another author has the same ID: %v", err)
			}
			for n := range raw {
				if _, err := ParseRecord(recordAuthor, raw[:n]); kith.KindOf(err) != kith.BadPeer {
					t.Fatalf("cut off after %d bytes: %v", n, err)
				}
			}
		})
	}
}

// TestRecordBytes holds the encoding, byte by byte.
func TestRecordBytes(t *testing.T) {
	rec := &kith.Record{Sphere: conversation, Parents: []kith.RecordID{{1}}, Order: 7, Sent: time.UnixMilli(-2), Change: kith.Removal{Account: account, Accepts: kith.Cut{device: 9}}}
	raw, err := AppendRecord(nil, rec)
	if err != nil {
		t.Fatal(err)
	}
	want := "86" + "5820" + hex.EncodeToString(conversation[:]) + "81" + "5820" + "01" + strings.Repeat("00", 31) + "07" + "21" + "03" +
		"82" + "5820" + hex.EncodeToString(account[:]) + "81" + "82" + "5820" + hex.EncodeToString(device[:]) + "09"
	if got := hex.EncodeToString(raw); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRecordLimits(t *testing.T) {
	change := func(c kith.Change) func(*kith.Record) { return func(r *kith.Record) { r.Change = c } }
	profile := func(p kith.Profile) func(*kith.Record) { return change(kith.Description{Profile: p}) }
	many := kith.Cut{}
	for i := range kith.MaxCut + 1 {
		var d kith.DeviceID
		binary.BigEndian.PutUint32(d[:], uint32(i+1))
		many[d] = 1
	}
	for name, spoil := range map[string]func(*kith.Record){
		"no change":             change(nil),
		"unknown":               change(kith.UnknownChange{Number: 99}),
		"pointer":               change(&kith.Promotion{Account: account}),
		"no sphere":             func(r *kith.Record) { r.Sphere = kith.ConversationID{} },
		"no parents":            func(r *kith.Record) { r.Parents = nil },
		"many parents":          func(r *kith.Record) { r.Parents = make([]kith.RecordID, kith.MaxParents+1) },
		"unsorted parents":      func(r *kith.Record) { slices.Reverse(r.Parents) },
		"a parent twice":        func(r *kith.Record) { r.Parents = []kith.RecordID{{1}, {1}} },
		"high order":            func(r *kith.Record) { r.Order = kith.MaxOrder },
		"far future":            func(r *kith.Record) { r.Sent = time.UnixMilli(1 << 53) },
		"creation with parents": change(kith.Creation{Profile: kith.Profile{Name: "a"}, Card: []byte{1}}),
		"nobody added":          change(kith.Addition{Card: []byte{1}}),
		"added without a card":  change(kith.Addition{Account: account}),
		"nobody removed":        change(kith.Removal{}),
		"nobody promoted":       change(kith.Promotion{}),
		"nobody demoted":        change(kith.Demotion{}),
		"nobody handed over to": change(kith.Handover{}),
		"nobody muted":          change(kith.Muting{}),
		"muted until 1970":      change(kith.Muting{Account: account, Until: time.UnixMilli(0)}),
		"number 0":              change(kith.Departure{Accepts: kith.Cut{device: 0}}),
		"number of no device":   change(kith.Departure{Accepts: kith.Cut{{}: 1}}),
		"high number":           change(kith.Departure{Accepts: kith.Cut{device: 1 << 53}}),
		"many devices":          change(kith.Departure{Accepts: many}),
		"no name":               profile(kith.Profile{}),
		"long name":             profile(kith.Profile{Name: strings.Repeat("a", kith.MaxName+1)}),
		"name not UTF-8":        profile(kith.Profile{Name: "\xff"}),
		"long description":      profile(kith.Profile{Name: "a", About: strings.Repeat("a", kith.MaxAbout+1)}),
		"large picture":         profile(kith.Profile{Name: "a", Picture: make([]byte, kith.MaxPicture+1)}),
	} {
		t.Run(name, func(t *testing.T) {
			rec := *sampleRecords()["Removal"]
			spoil(&rec)
			raw, err := AppendRecord([]byte("before"), &rec)
			wantKind(t, err, kith.Invalid)
			if string(raw) != "before" {
				t.Errorf("left %q", raw)
			}
		})
	}
}

// TestParseRecordLimits gives the parser what AppendRecord refuses to write.
func TestParseRecordLimits(t *testing.T) {
	leave := cbor.RawMessage{0x81, 0x80}
	good := recordArray{Sphere: bytes32(conversation), Parents: []bytes32{{1}}, Order: 1, Kind: uint16(kith.ChangeDeparture), Body: leave}
	of := func(kind kith.ChangeKind, body any) func(*recordArray) {
		return func(w *recordArray) {
			raw, err := encode(nil, body)
			if err != nil {
				t.Fatal(err)
			}
			w.Kind, w.Body = uint16(kind), raw
		}
	}
	two := func(a, b bytes32) cbor.RawMessage {
		return must(cbor.Marshal([]any{[]any{[]any{a[:], 1}, []any{b[:], 1}}}))
	}
	for name, c := range map[string]struct {
		spoil func(*recordArray)
		ok    bool
	}{
		"good":               {func(*recordArray) {}, true},
		"of a later version": {func(w *recordArray) { w.Kind, w.Body = 77, cbor.RawMessage{0xa1, 1, 2} }, true},
		"no kind":            {func(w *recordArray) { w.Kind = 0 }, false},
		"no sphere":          {func(w *recordArray) { w.Sphere = bytes32{} }, false},
		"no parents":         {func(w *recordArray) { w.Parents = nil }, false},
		"unsorted parents":   {func(w *recordArray) { w.Parents = []bytes32{{2}, {1}} }, false},
		"many parents":       {func(w *recordArray) { w.Parents = make([]bytes32, kith.MaxParents+1) }, false},
		"order":              {func(w *recordArray) { w.Order = kith.MaxOrder }, false},
		"sent":               {func(w *recordArray) { w.Sent = -1 << 53 }, false},
		"body no array":      {func(w *recordArray) { w.Body = cbor.RawMessage{1} }, false},
		"devices in order":   {func(w *recordArray) { w.Body = two(bytes32{1}, bytes32{2}) }, true},
		"unsorted devices":   {func(w *recordArray) { w.Body = two(bytes32{2}, bytes32{1}) }, false},
		"a device twice":     {func(w *recordArray) { w.Body = two(bytes32{1}, bytes32{1}) }, false},
		"nobody removed":     {of(kith.ChangeRemoval, removalArray{}), false},
		"no name":            {of(kith.ChangeDescription, descriptionArray{}), false},
		"large picture":      {of(kith.ChangeDescription, descriptionArray{Profile: profileArray{Name: "a", Picture: make([]byte, kith.MaxPicture+1)}}), false},
		"creation with more": {of(kith.ChangeCreation, creationArray{Profile: profileArray{Name: "a"}, Card: []byte{1}}), false},
	} {
		w := good
		c.spoil(&w)
		raw, err := encode(nil, w)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseRecord(recordAuthor, raw); (err == nil) != c.ok || err != nil && kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, author := range map[string]kith.Peer{"no account": {Device: device}, "no device": {Account: account}} {
		if _, err := ParseRecord(author, must(encode(nil, good))); kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseRecord(recordAuthor, make([]byte, MaxRecord+1)); kith.KindOf(err) != kith.BadPeer {
		t.Error(err)
	}
}

// TestLargestRecord: the largest of each kind is within MaxRecord.
func TestLargestRecord(t *testing.T) {
	cut := kith.Cut{}
	for i := range kith.MaxCut {
		var d kith.DeviceID
		binary.BigEndian.PutUint32(d[:], uint32(i+1))
		cut[d] = 1<<53 - 1
	}
	rec := &kith.Record{Sphere: conversation, Order: kith.MaxOrder - 1, Sent: moment, Change: kith.Addition{Account: account, Card: make([]byte, MaxSignedCard), Since: cut}}
	for i := range kith.MaxParents {
		rec.Parents = append(rec.Parents, kith.RecordID{byte(i)})
	}
	raw, err := AppendRecord(nil, rec)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseRecord(recordAuthor, raw); err != nil || !reflect.DeepEqual(got.Change, rec.Change) {
		t.Error(err)
	}
}
