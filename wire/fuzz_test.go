package wire

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"testing"

	"kith"
)

// Every fuzz target holds that a parser does not panic, that its errors are of
// the promised kind, and that what it took can be written and read again with
// the same result.

func FuzzParseFrame(f *testing.F) {
	for _, frame := range sampleFrames() {
		kind, b := body(f, frame)
		f.Add(kind, b)
	}
	f.Add(kindHave, []byte{0x83, 0x58})
	f.Add(kindTyping, []byte{0x9f, 0xff})
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		frame, err := ParseFrame(kind, b)
		if err != nil {
			wantKind(t, err, kith.BadPeer)
			return
		}
		once := mustAppend(t, frame)
		again, err := NewReader(bytes.NewReader(once)).Read()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(mustAppend(t, again), once) {
			t.Errorf("%+v became %+v", frame, again)
		}
	})
}

func FuzzReader(f *testing.F) {
	var all []byte
	for _, frame := range sampleFrames() {
		all = append(all, mustAppend(f, frame)...)
	}
	f.Add(all)
	f.Add(slices.Concat(unknown(3), mustAppend(f, Typing{Conversation: conversation})))
	f.Add([]byte{0xff, 0xff, 0x3f, kindEvents})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := NewReader(bytes.NewReader(stream))
		for {
			_, err := r.Read()
			if err == io.EOF {
				return
			}
			if err != nil {
				wantKind(t, err, kith.BadPeer)
				return
			}
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	for _, ev := range sampleEvents() {
		raw, err := AppendEvent(nil, &ev)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var ev, again kith.Event
		if err := ParseEvent(raw, &ev); err != nil {
			wantKind(t, err, kith.BadPeer)
			return
		}
		if _, unknown := ev.Body.(kith.Unknown); unknown {
			return
		}
		once, err := AppendEvent(nil, &ev)
		if err != nil {
			t.Fatal(err)
		}
		if err := ParseEvent(once, &again); err != nil {
			t.Fatal(err)
		}
		ev.Raw, again.Raw = nil, nil
		if !reflect.DeepEqual(ev, again) {
			t.Errorf("%+v became %+v", ev, again)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	author := kith.Peer{Account: account, Device: device}
	for _, rec := range sampleRecords() {
		raw, err := AppendRecord(nil, rec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		rec, err := ParseRecord(author, raw)
		if err != nil {
			wantKind(t, err, kith.BadPeer)
			return
		}
		if _, unknown := rec.Change.(kith.UnknownChange); unknown {
			return
		}
		once, err := AppendRecord(nil, rec)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseRecord(author, once)
		if err != nil {
			t.Fatal(err)
		}
		// Another encoding of the same is another record.
		rec.Raw, again.Raw, rec.ID, again.ID = nil, nil, kith.RecordID{}, kith.RecordID{}
		rec.Sphere, again.Sphere = kith.ConversationID{}, kith.ConversationID{}
		if !reflect.DeepEqual(rec, again) {
			t.Errorf("%+v became %+v", rec, again)
		}
	})
}

func FuzzParseSignedCard(f *testing.F) {
	content, err := AppendCard(nil, kith.Card{Account: account, Version: 3, Name: "Zoë", Devices: []kith.DeviceID{device}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(AppendSignedCard(nil, content, make([]byte, 64)))
	f.Fuzz(func(t *testing.T, b []byte) {
		card, signed, _, err := ParseSignedCard(b)
		if err != nil {
			wantKind(t, err, kith.BadPeer)
			return
		}
		again, err := ParseCard(signed)
		if err != nil || !reflect.DeepEqual(again, card) {
			t.Errorf("%+v became %+v: %v", card, again, err)
		}
		if _, err := AppendCard(nil, card); err != nil {
			t.Error(err)
		}
	})
}

func FuzzParseInvitation(f *testing.F) {
	f.Add(sampleInvitation().Line())
	f.Add("KITH: <AQ>")
	f.Fuzz(func(t *testing.T, line string) {
		inv, err := ParseInvitation(line)
		if err != nil {
			wantKind(t, err, kith.Invalid)
			return
		}
		if again, err := ParseInvitation(inv.Line()); err != nil || again.Account != inv.Account || again.Secret != inv.Secret || !again.Expires.Equal(inv.Expires) {
			t.Errorf("%+v became %+v: %v", inv, again, err)
		}
	})
}

// FuzzInvitationPayload reaches behind the checksum.
func FuzzInvitationPayload(f *testing.F) {
	payload, err := parseLine(invitationPrefix, sampleInvitation().Line())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Fuzz(func(t *testing.T, payload []byte) {
		if inv, err := parseInvitation(payload); err == nil {
			if _, err := ParseInvitation(inv.Line()); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzParseOffer(f *testing.F) {
	b, err := AppendOffer(nil, sampleOffer())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ParseOffer(b)
		if err != nil {
			wantKind(t, err, kith.BadPeer)
			return
		}
		once, err := AppendOffer(nil, o)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseOffer(once); err != nil || !reflect.DeepEqual(again, o) {
			t.Errorf("%+v became %+v: %v", o, again, err)
		}
	})
}

func FuzzParseOfferLine(f *testing.F) {
	f.Add(OfferLine(true, [8]byte{1}, pattern(0, 40)))
	f.Add("kith-offer:")
	f.Fuzz(func(t *testing.T, line string) {
		answer, tag, sealed, err := ParseOfferLine(line)
		if err != nil {
			wantKind(t, err, kith.Invalid)
			return
		}
		againAnswer, againTag, again, err := ParseOfferLine(OfferLine(answer, tag, sealed))
		if err != nil || againAnswer != answer || againTag != tag || !bytes.Equal(again, sealed) {
			t.Errorf("%x became %x: %v", sealed, again, err)
		}
	})
}

func FuzzParseCandidate(f *testing.F) {
	for _, c := range sampleOffer().Candidates {
		f.Add(c.String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCandidate(text)
		if err != nil {
			wantKind(t, err, kith.Invalid)
			return
		}
		if again, err := ParseCandidate(c.String()); err != nil || again != c {
			t.Errorf("%v became %v: %v", c, again, err)
		}
	})
}
