package wire

import (
	"bytes"
	"strings"
	"testing"

	"kith"
)

// thousand is a frame of 1000 texts of 200 bytes each.
func thousand(b *testing.B) Events {
	f := Events{Conversation: conversation, Author: kith.Peer{Account: account, Device: device}, First: 1}
	for i := range uint64(1000) {
		ev := kith.Event{ID: kith.NewEventID(kith.ConversationID{}, kith.AccountID{}), Seq: i + 1, Order: uint64(moment.UnixMilli()) + i, Sent: moment, Body: kith.Text{Text: strings.Repeat("a", 200)}}
		raw, err := AppendEvent(nil, &ev)
		if err != nil {
			b.Fatal(err)
		}
		f.Events = append(f.Events, SealedEvent{Raw: raw, Proof: make([]byte, 16)})
	}
	return f
}

func BenchmarkAppendFrame1000(b *testing.B) {
	f := thousand(b)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = AppendFrame(buf[:0], f)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkReadFrame1000(b *testing.B) {
	all, err := AppendFrame(nil, thousand(b))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(all)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewReader(bytes.NewReader(all)).Read(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	ev := sampleEvents()["Text"]
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = AppendEvent(buf[:0], &ev)
	}
}

func BenchmarkParseEvent(b *testing.B) {
	ev := sampleEvents()["Text"]
	raw, err := AppendEvent(nil, &ev)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseEvent(raw, &ev); err != nil {
			b.Fatal(err)
		}
	}
}
