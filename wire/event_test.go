package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"kith"
)

func TestEventsRoundTrip(t *testing.T) {
	for name, want := range sampleEvents() {
		t.Run(name, func(t *testing.T) {
			raw, err := AppendEvent(nil, &want)
			if err != nil {
				t.Fatal(err)
			}
			want.Conversation, want.Author, want.Raw, want.Proof = conversation, kith.Peer{Account: account, Device: device}, raw, []byte{1}
			got := kith.Event{Conversation: want.Conversation, Author: want.Author, Proof: want.Proof}
			if err := ParseEvent(raw, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if &got.Raw[0] != &raw[0] {
				t.Error("Raw was copied")
			}
		})
	}
}

// TestEventBytes holds the encoding, byte by byte.
func TestEventBytes(t *testing.T) {
	head := "86" + "50" + "909192939495969798999a9b9c9d9e9f" + "07" + "1b0000019ca9526222" + "1b0000019ca9526222"
	for name, tail := range map[string]string{
		"Text":     "01" + "82" + "6c" + hex.EncodeToString([]byte("Grüße 👋")) + "40",
		"reply":    "01" + "82" + "63796573" + "50a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
		"Edit":     "02" + "82" + "50a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" + "66626574746572",
		"Deletion": "03" + "81" + "50a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
		"Reaction": "04" + "82" + "50a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" + "64f09f8e89",
		"mention":  "01" + "83" + "6f" + hex.EncodeToString([]byte("hi @Zoë, @Ben!")) + "40" + "81" + "82" + "5820" + hex.EncodeToString(account[:]) + "65" + hex.EncodeToString([]byte("@Zoë")),
		"edited mentions": "02" + "83" + "50a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" + "65" + hex.EncodeToString([]byte("@B @B")) + "82" +
			"82" + "5820" + hex.EncodeToString(account[:]) + "62" + "4042" + "82" + "5820" + hex.EncodeToString(device[:]) + "62" + "4042",
		"withdraw": "04" + "82" + "50a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" + "60",
	} {
		ev := sampleEvents()[name]
		raw, err := AppendEvent(nil, &ev)
		if err != nil {
			t.Fatal(err)
		}
		order := fmt.Sprintf("1b%016x", moment.UnixMilli())
		want := strings.ReplaceAll(head, "1b0000019ca9526222", order) + tail
		if got := hex.EncodeToString(raw); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestEventLimits(t *testing.T) {
	long := strings.Repeat("a", kith.MaxText+1)
	body := func(b kith.Body) func(*kith.Event) { return func(ev *kith.Event) { ev.Body = b } }
	for name, spoil := range map[string]func(*kith.Event){
		"no ID":                     func(ev *kith.Event) { ev.ID = kith.EventID{} },
		"number 0":                  func(ev *kith.Event) { ev.Seq = 0 },
		"high number":               func(ev *kith.Event) { ev.Seq = 1 << 53 },
		"high order":                func(ev *kith.Event) { ev.Order = kith.MaxOrder },
		"far future":                func(ev *kith.Event) { ev.Sent = time.UnixMilli(1 << 53) },
		"far past":                  func(ev *kith.Event) { ev.Sent = time.UnixMilli(-1 << 53) },
		"empty text":                body(kith.Text{}),
		"long text":                 body(kith.Text{Text: long}),
		"text not UTF-8":            body(kith.Text{Text: "\xff"}),
		"edit of nothing":           body(kith.Edit{Text: "a"}),
		"empty edit":                body(kith.Edit{Message: messageID}),
		"long edit":                 body(kith.Edit{Message: messageID, Text: long}),
		"mention of nobody":         body(kith.Text{Text: "@a", Mentions: []kith.Mention{{Text: "@a"}}}),
		"mention without @":         body(kith.Text{Text: "a", Mentions: []kith.Mention{{Account: account, Text: "a"}}}),
		"mention of @ alone":        body(kith.Text{Text: "@", Mentions: []kith.Mention{{Account: account, Text: "@"}}}),
		"mention not there":         body(kith.Edit{Message: messageID, Text: "@a", Mentions: []kith.Mention{{Account: account, Text: "@b"}}}),
		"mention twice":             body(kith.Text{Text: "@a", Mentions: []kith.Mention{{Account: account, Text: "@a"}, {Account: account, Text: "@a"}}}),
		"half a letter":             body(kith.Text{Text: "@ë", Mentions: []kith.Mention{{Account: account, Text: "@\xc3"}}}),
		"mentions in another order": body(kith.Text{Text: "@a @b", Mentions: []kith.Mention{{Account: account, Text: "@b"}, {Account: account, Text: "@a"}}}),
		"many mentions":             body(kith.Text{Text: strings.Repeat("@a", kith.MaxMentions+1), Mentions: slices.Repeat([]kith.Mention{{Account: account, Text: "@a"}}, kith.MaxMentions+1)}),
		"long mention":              body(kith.Text{Text: "@" + long[2:], Mentions: []kith.Mention{{Account: account, Text: "@" + long[:kith.MaxMentionSize]}}}),
		"deletion of nothing":       body(kith.Deletion{}),
		"reaction to nothing":       body(kith.Reaction{Emoji: "a"}),
		"long emoji":                body(kith.Reaction{Message: messageID, Emoji: strings.Repeat("a", kith.MaxEmoji+1)}),
		"emoji not UTF-8":           body(kith.Reaction{Message: messageID, Emoji: "\xff"}),
		"no body":                   body(nil),
		"unknown kind":              body(kith.Unknown{Number: 99}),
		"pointer":                   body(&kith.Text{Text: "a"}),
	} {
		t.Run(name, func(t *testing.T) {
			ev := sampleEvents()["Text"]
			spoil(&ev)
			raw, err := AppendEvent([]byte("before"), &ev)
			wantKind(t, err, kith.Invalid)
			if string(raw) != "before" {
				t.Errorf("left %q", raw)
			}
		})
	}
}

func TestParseEventLimits(t *testing.T) {
	text := cbor.RawMessage{0x82, 0x61, 'a', 0x40}
	good := eventArray{ID: bytes16(eventID), Seq: 1, Kind: 1, Body: text}
	for name, spoil := range map[string]func(*eventArray){
		"no ID":             func(w *eventArray) { w.ID = bytes16{} },
		"number 0":          func(w *eventArray) { w.Seq = 0 },
		"high order":        func(w *eventArray) { w.Order = kith.MaxOrder },
		"no kind":           func(w *eventArray) { w.Kind = 0 },
		"sent":              func(w *eventArray) { w.Sent = 1 << 53 },
		"empty text":        func(w *eventArray) { w.Body = cbor.RawMessage{0x82, 0x60, 0x40} },
		"text not UTF-8":    func(w *eventArray) { w.Body = cbor.RawMessage{0x82, 0x61, 0xff, 0x40} },
		"short body":        func(w *eventArray) { w.Body = cbor.RawMessage{0x81, 0x61, 'a'} },
		"body no array":     func(w *eventArray) { w.Body = cbor.RawMessage{0x01} },
		"mentions no array": func(w *eventArray) { w.Body = cbor.RawMessage{0x83, 0x61, 'a', 0x40, 0x01} },
		"mention no array":  func(w *eventArray) { w.Body = cbor.RawMessage{0x83, 0x61, 'a', 0x40, 0x81, 0x01} },
		"short mention":     func(w *eventArray) { w.Body = cbor.RawMessage{0x83, 0x62, '@', 'a', 0x40, 0x81, 0x81, 0x40} },
		"mention of a short account": func(w *eventArray) {
			w.Body = cbor.RawMessage{0x83, 0x62, '@', 'a', 0x40, 0x81, 0x82, 0x41, 1, 0x62, '@', 'a'}
		},
		"bytes as text": func(w *eventArray) { w.Body = cbor.RawMessage{0x82, 0x41, 'a', 0x40} },
		"zero target":   func(w *eventArray) { w.Kind, w.Body = 3, append(cbor.RawMessage{0x81, 0x50}, make([]byte, 16)...) },
	} {
		t.Run(name, func(t *testing.T) {
			w := good
			spoil(&w)
			raw, err := encode(nil, w)
			if err != nil {
				t.Fatal(err)
			}
			ev := kith.Event{Seq: 77}
			wantKind(t, ParseEvent(raw, &ev), kith.BadPeer)
			if !reflect.DeepEqual(ev, kith.Event{Seq: 77}) {
				t.Errorf("the event was changed to %+v", ev)
			}
		})
	}
	var ev kith.Event
	wantKind(t, ParseEvent(make([]byte, MaxRaw+1), &ev), kith.BadPeer)
}

// TestEventsOfALaterVersion: an unknown kind is kept, more elements are ignored.
func TestEventsOfALaterVersion(t *testing.T) {
	raw, err := encode(nil, eventArray{ID: bytes16(eventID), Seq: 5, Order: 6, Sent: -7, Kind: 900, Body: cbor.RawMessage{0xa1, 0x01, 0x02}})
	if err != nil {
		t.Fatal(err)
	}
	var ev kith.Event
	if err := ParseEvent(raw, &ev); err != nil {
		t.Fatal(err)
	}
	want := kith.Event{ID: eventID, Seq: 5, Order: 6, Sent: time.UnixMilli(-7).UTC(), Body: kith.Unknown{Number: 900}, Raw: raw}
	if !reflect.DeepEqual(ev, want) {
		t.Errorf("got %+v, want %+v", ev, want)
	}

	longerBody := cbor.RawMessage{0x85, 0x61, 'a', 0x40, 0x80, 0x81, 0x01, 0x02}
	raw, err = cbor.Marshal([]any{eventID[:], 5, 6, 7, 1, longerBody, "more", []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := ParseEvent(raw, &ev); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(ev.Body, kith.Text{Text: "a"}) || ev.Order != 6 || !bytes.Equal(ev.Raw, raw) {
		t.Errorf("got %+v", ev)
	}
}

// The largest text with the longest mentions is within MaxRaw, which older
// versions hold to as well.
func TestLargestEvent(t *testing.T) {
	name := "@" + strings.Repeat("a", kith.MaxMentionSize/kith.MaxMentions-1)
	text := strings.Repeat(name, kith.MaxMentions)
	text += strings.Repeat("b", kith.MaxText-len(text))
	for _, body := range []kith.Body{
		kith.Text{Text: text, ReplyTo: messageID, Mentions: slices.Repeat([]kith.Mention{{Account: account, Text: name}}, kith.MaxMentions)},
		kith.Edit{Message: messageID, Text: text, Mentions: slices.Repeat([]kith.Mention{{Account: account, Text: name}}, kith.MaxMentions)},
	} {
		ev := kith.Event{ID: eventID, Seq: 1<<53 - 1, Order: kith.MaxOrder - 1, Sent: moment, Body: body}
		raw, err := AppendEvent(nil, &ev)
		if err != nil {
			t.Fatal(err)
		}
		var back kith.Event
		if err := ParseEvent(raw, &back); err != nil || !reflect.DeepEqual(back.Body, body) {
			t.Errorf("%T of %d bytes: %v", body, len(raw), err)
		}
	}
}

// A mention of a later version has more elements; a text without any may say so.
func TestMentionsOfALaterVersion(t *testing.T) {
	longer := []any{account[:], "@a", 7}
	for name, c := range map[string]struct {
		body []any
		want []kith.Mention
	}{
		"longer": {[]any{"@a", []byte{}, []any{longer}}, []kith.Mention{{Account: account, Text: "@a"}}},
		"empty":  {[]any{"@a", []byte{}, []any{}}, nil},
		"absent": {[]any{"@a", []byte{}}, nil},
	} {
		raw, err := cbor.Marshal([]any{eventID[:], 5, 6, 7, 1, c.body})
		if err != nil {
			t.Fatal(err)
		}
		var ev kith.Event
		if err := ParseEvent(raw, &ev); err != nil || !reflect.DeepEqual(ev.Body, kith.Text{Text: "@a", Mentions: c.want}) {
			t.Errorf("%s: %+v, %v", name, ev.Body, err)
		}
	}
}
