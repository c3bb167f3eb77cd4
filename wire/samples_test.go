package wire

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"kith"
)

// pattern gives n bytes that count up from first.
func pattern(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

var (
	account      = kith.AccountID(pattern(0x10, 32))
	device       = kith.DeviceID(pattern(0x30, 32))
	otherDevice  = kith.DeviceID(pattern(0x50, 32))
	conversation = kith.ConversationID(pattern(0x70, 32))
	eventID      = kith.EventID(pattern(0x90, 16))
	messageID    = kith.EventID(pattern(0xa0, 16))
	moment       = time.Date(2026, 3, 1, 12, 30, 15, 250e6, time.UTC)
	addresses    = []netip.AddrPort{
		netip.MustParseAddrPort("192.0.2.7:4711"),
		netip.MustParseAddrPort("[2001:db8::7]:4711"),
	}
)

func sampleFrames() map[string]Frame {
	return map[string]Frame{
		"Hello":        Hello{Version: 1, Accepted: true, Card: pattern(1, 5), Holds: pattern(9, 5), Addresses: addresses, Now: moment},
		"Hello bare":   Hello{Version: 65535, Card: []byte{1}, Now: time.UnixMilli(-1).UTC()},
		"JoinRequest":  JoinRequest{Version: 1, Proof: [32]byte(pattern(1, 32)), Card: pattern(1, 5), Half: kith.Secret(pattern(3, 32)), Addresses: addresses},
		"JoinReply":    JoinReply{Status: JoinAccepted, Card: pattern(1, 5), Half: kith.Secret(pattern(3, 32)), Addresses: addresses},
		"JoinReply no": JoinReply{Status: JoinExpired},
		"Have": Have{Conversation: conversation, Marks: kith.Vector{
			otherDevice: {Seq: 3, ID: eventID, Read: 3},
			device:      {Seq: 1 << 40, ID: messageID, Read: 7},
		}},
		"Have nothing": Have{Conversation: conversation, Marks: kith.Vector{}},
		"Events": Events{Conversation: conversation, Author: kith.Peer{Account: account, Device: device}, First: 41, Events: []SealedEvent{
			{Raw: []byte("raw"), Proof: pattern(0, 16)},
			{Raw: bytes.Repeat([]byte{7}, 300), Proof: pattern(9, 64)},
		}},
		"Typing": Typing{Conversation: conversation, Active: true},
	}
}

func sampleEvents() map[string]kith.Event {
	event := func(body kith.Body) kith.Event {
		return kith.Event{ID: eventID, Seq: 7, Order: uint64(moment.UnixMilli()), Sent: moment, Body: body}
	}
	return map[string]kith.Event{
		"Text":     event(kith.Text{Text: "Grüße 👋"}),
		"reply":    event(kith.Text{Text: "yes", ReplyTo: messageID}),
		"Edit":     event(kith.Edit{Message: messageID, Text: "better"}),
		"Deletion": event(kith.Deletion{Message: messageID}),
		"Reaction": event(kith.Reaction{Message: messageID, Emoji: "🎉"}),
		"withdraw": event(kith.Reaction{Message: messageID}),
	}
}

func wantKind(t *testing.T, err error, kind kith.ErrorKind) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := kith.KindOf(err); got != kind {
		t.Fatalf("error %q is of kind %d, want %d", err, got, kind)
	}
}
