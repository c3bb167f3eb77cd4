package wire

import (
	"bytes"
	"reflect"
	"testing"

	"kith"
)

func sampleNotes() map[string]Note {
	offer := sampleOffer()
	offer.Answer = false
	answer := offer
	answer.Answer = true
	more := Offer{Device: offer.Device, ID: offer.ID, Created: offer.Created, Candidates: offer.Candidates[:1]}
	return map[string]Note{
		"offer":  {Kind: NoteOffer, Offer: offer},
		"answer": {Kind: NoteAnswer, To: kith.DeviceID(pattern(9, 32)), Offer: answer},
		"more":   {Kind: NoteMore, To: kith.DeviceID(pattern(9, 32)), Offer: more},
	}
}

func TestNoteRoundTrip(t *testing.T) {
	for name, want := range sampleNotes() {
		t.Run(name, func(t *testing.T) {
			b, err := AppendNote([]byte("x"), want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseNote(b[1:])
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v (%v), want %+v", got, err, want)
			}
		})
	}
}

func TestNotesHaveRoomForTheFirstCandidates(t *testing.T) {
	note := sampleNotes()["offer"]
	one := note.Offer.Candidates[0]
	note.Offer.Candidates = nil
	for range MaxCandidates {
		note.Offer.Candidates = append(note.Offer.Candidates, one)
	}
	b, err := AppendNote(nil, note)
	if err != nil || len(b) > MaxNote {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	got, err := ParseNote(b)
	if err != nil || len(got.Offer.Candidates) < 10 {
		t.Errorf("%d candidates came through: %v", len(got.Offer.Candidates), err)
	}
}

func TestNotesThatNobodyWrites(t *testing.T) {
	good, err := AppendNote(nil, sampleNotes()["offer"])
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"nothing":      nil,
		"cut off":      good[:len(good)-1],
		"too long":     make([]byte, MaxNote+1),
		"unknown kind": append([]byte{good[0], 9}, good[2:]...),
	} {
		if _, err := ParseNote(data); kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%s: %v", name, err)
		}
	}
	note := sampleNotes()["offer"]
	note.Kind = 9
	if b, err := AppendNote([]byte("x"), note); kith.KindOf(err) != kith.Invalid || !bytes.Equal(b, []byte("x")) {
		t.Errorf("a note of an unknown kind gives %q, %v", b, err)
	}
}

func FuzzParseNote(f *testing.F) {
	for _, n := range sampleNotes() {
		b, err := AppendNote(nil, n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := ParseNote(data)
		if err != nil {
			return
		}
		once, err := AppendNote(nil, n)
		if err != nil {
			t.Fatalf("%+v was read and can't be written: %v", n, err)
		}
		// Candidates that found no room are gone the first time only.
		again, err := ParseNote(once)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := AppendNote(nil, again)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%x became %x: %v", once, twice, err)
		}
	})
}
