package hubapi

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"kith"
)

// samples has a frame of every kind.
var samples = []Frame{
	&Challenge{Nonce: Hash{1}, Now: 1763750000000},
	&Hello{Key: Key{2}, Signature: bytes.Repeat([]byte{3}, 64), Since: 7},
	&Welcome{Parts: []string{PartMeet, PartMailbox}, DeviceTags: 8192},
	&Blocked{Until: 1763750000000, Text: "Please be kind."},
	&Listen{Add: []Tag{{1}, {2}}, Remove: []Tag{{3}}},
	&Present{Tag: Tag{4}},
	&Note{Number: 5, Tag: Tag{6}, Body: []byte("sealed")},
	&Sent{Number: 5, Heard: 2},
	&OpenBox{Boxes: []Box{{Key: Key{7}, Token: Hash{8}, Signature: bytes.Repeat([]byte{9}, 64)}}},
	&Opened{Box: Key{7}, Waiting: 3},
	&Mail{Box: Key{7}, ID: 4, Body: []byte("envelope")},
	&Taken{Box: Key{7}, IDs: []uint64{4, 5}},
	&Publish{Name: Hash{10}, Body: []byte("bundle"), Until: 1763750000000},
	&Published{Name: Hash{10}, Until: 1763750000000},
	&AskRelay{},
	&Relay{URLs: []string{"turn:hub.example:3478"}, Username: "1763750000:x", Password: "y", Until: 1763750000000},
	&Notice{ID: 3, At: 1763750000000, To: []byte{}, Text: "Maintenance at noon.", Signature: bytes.Repeat([]byte{9}, 64)},
	&Space{Token: "token", Until: 1763750000000, Quota: 5e9, Used: 42e8},
	&Refused{Of: 9, Name: []byte{1}, Text: "This hub has no mailbox.", Again: 1000},
}

func TestFramesComeBackAsTheyWere(t *testing.T) {
	seen := map[kind]bool{}
	for _, f := range samples {
		seen[f.kind()] = true
		data, err := AppendFrame(nil, f)
		if err != nil {
			t.Fatalf("%T: %v", f, err)
		}
		back, err := ParseFrame(data)
		if err != nil || !reflect.DeepEqual(back, f) {
			t.Errorf("%T came back as %+v (%v), not %+v", f, back, err, f)
		}
	}
	for k := range frameTypes {
		if !seen[k] {
			t.Errorf("no sample of the kind %d", k)
		}
	}
}

func TestFramesBeyondTheirLimits(t *testing.T) {
	for _, f := range []Frame{
		&Listen{Add: make([]Tag, MaxTags+1)},
		&Note{Body: make([]byte, MaxNote+1)},
		&OpenBox{Boxes: make([]Box, MaxBoxes+1)},
		&Mail{Body: make([]byte, MaxMail+1)},
		&Taken{IDs: make([]uint64, MaxTaken+1)},
		&Publish{Body: make([]byte, MaxBundle+1)},
		&Space{Token: strings.Repeat("x", MaxToken+1)},
	} {
		if _, err := AppendFrame(nil, f); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%T beyond its limit gives %v", f, err)
		}
		body, err := encMode.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseFrame(append([]byte{byte(f.kind())}, body...)); kith.KindOf(err) != kith.BadPeer {
			t.Errorf("a received %T beyond its limit gives %v", f, err)
		}
	}
}

func TestUnknownKindsAreSkipped(t *testing.T) {
	if f, err := ParseFrame([]byte{200, 0x80}); f != nil || err != nil {
		t.Errorf("a frame of a later version gives %v, %v", f, err)
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, s := range samples {
		data, err := AppendFrame(nil, s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := ParseFrame(data)
		if err != nil || frame == nil {
			return
		}
		again, err := AppendFrame(nil, frame)
		if err != nil {
			t.Fatalf("%+v was read and can't be written: %v", frame, err)
		}
		back, err := ParseFrame(again)
		if err != nil || !reflect.DeepEqual(back, frame) {
			t.Fatalf("%+v came back as %+v: %v", frame, back, err)
		}
	})
}
