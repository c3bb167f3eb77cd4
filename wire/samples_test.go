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
		"Typing":           Typing{Conversation: conversation, Active: true},
		"JoinReply sphere": JoinReply{Status: JoinAccepted, Card: pattern(1, 5), Half: kith.Secret(pattern(3, 32)), Addresses: addresses, Sphere: conversation},
		"Events of a sphere": Events{Conversation: conversation, Author: kith.Peer{Account: account, Device: device}, First: 1, Certificate: pattern(5, 64), Events: []SealedEvent{
			{Raw: []byte("raw"), Proof: pattern(9, 64)},
		}},
		"Roster":         Roster{Conversation: conversation, Heads: []kith.RecordID{{1}, kith.RecordID(account)}},
		"Roster nothing": Roster{Conversation: conversation},
		"Records": Records{Conversation: conversation, Records: []SealedRecord{
			{Author: kith.Peer{Account: account, Device: device}, Raw: []byte("raw"), Proof: pattern(0, 64), Certificate: pattern(5, 64)},
			{Author: kith.Peer{Account: account, Device: otherDevice}, Raw: bytes.Repeat([]byte{7}, 300), Proof: pattern(1, 64), Certificate: pattern(6, 64)},
		}},
		"SphereInvite":         SphereInvite{Conversation: conversation, Name: "Grüße", Members: 200},
		"SphereInvite revoked": SphereInvite{Conversation: conversation, Revoked: true},
		"SphereAnswer":         SphereAnswer{Conversation: conversation, Accept: true},
		"SwarmPort":            SwarmPort{Port: 6881},
		"Seek":                 Seek{Tags: [][16]byte{[16]byte(pattern(1, 16)), [16]byte(pattern(2, 16))}},
		"Sought":               Sought{Tag: [16]byte(pattern(1, 16))},
		"Pass":                 Pass{Tag: [16]byte(pattern(1, 16)), Note: pattern(3, 40)},
		"Fellows":              Fellows{Conversation: conversation, Fellows: []Fellow{{Card: pattern(1, 5), Addresses: addresses}, {Card: pattern(2, 5), Addresses: addresses[:1]}}},
		"Drops":                sampleDrops(),
		"Drops none":           Drops{},
		"Have partial":         Have{Conversation: conversation, Marks: kith.Vector{device: {Seq: 3}}, Partial: true},
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
		"mention":  event(kith.Text{Text: "hi @Zoë, @Ben!", Mentions: []kith.Mention{{Account: account, Text: "@Zoë"}}}),
		"edited mentions": event(kith.Edit{Message: messageID, Text: "@B @B", Mentions: []kith.Mention{
			{Account: account, Text: "@B"}, {Account: kith.AccountID(device), Text: "@B"}}}),
		"Share":        event(sampleShare()),
		"Share folder": event(kith.Share{File: kith.FileRef{Infohash: kith.Infohash{1}, Key: kith.Secret{2}, Files: 7, Folder: true, Path: "Films/2024"}}),
		"Torrent":      event(kith.Torrent{Magnet: "magnet:?xt=urn:btih:0123", Name: "Grüße", Size: 1 << 40}),
	}
}

func sampleShare() kith.Share {
	return kith.Share{
		File: kith.FileRef{
			Infohash: kith.Infohash(pattern(1, 20)), Key: kith.Secret(pattern(2, 32)), Sum: [32]byte(pattern(3, 32)),
			Size: 40 << 30, Files: 1, Path: "Films/2024/Grüße 👋.mp4",
			Media: kith.Media{Type: "video/mp4", Width: 1920, Height: 1080, Duration: 7_200_000, Preview: pattern(4, 20)},
		},
		Caption: "look", ReplyTo: eventID, Replaces: messageID,
	}
}

func sampleRecords() map[string]*kith.Record {
	record := func(change kith.Change) *kith.Record {
		return &kith.Record{Sphere: conversation, Parents: []kith.RecordID{{1}, {2}}, Order: 7, Sent: moment, Change: change}
	}
	profile := kith.Profile{Name: "Familie Grün", About: "wir", Picture: pattern(1, 9), Public: true, FullHistory: true}
	cut := kith.Cut{device: 300, otherDevice: 1}
	subject := kith.AccountID(otherDevice)
	creation := record(kith.Creation{Nonce: [16]byte(pattern(1, 16)), Profile: profile, Card: pattern(2, 9)})
	creation.Sphere, creation.Parents = kith.ConversationID{}, nil
	return map[string]*kith.Record{
		"Creation":        creation,
		"Addition":        record(kith.Addition{Account: subject, Card: pattern(3, 9), Since: cut}),
		"Addition to all": record(kith.Addition{Account: subject, Card: pattern(3, 9)}),
		"Removal":         record(kith.Removal{Account: subject, Accepts: cut}),
		"Departure":       record(kith.Departure{Accepts: cut}),
		"Promotion":       record(kith.Promotion{Account: subject}),
		"Demotion":        record(kith.Demotion{Account: subject}),
		"Handover":        record(kith.Handover{Account: subject}),
		"Muting":          record(kith.Muting{Account: subject, Until: moment, Accepts: cut}),
		"Muting lifted":   record(kith.Muting{Account: subject}),
		"Description":     record(kith.Description{Profile: profile}),
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
