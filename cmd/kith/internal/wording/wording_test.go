package wording

import (
	"testing"
	"time"

	"kith"
	"kith/node"
)

func TestConnection(t *testing.T) {
	now := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	soon, tomorrow := now.Add(8*time.Second), now.Add(24*time.Hour)
	link := node.Link{Way: "lan", Path: "direct", RTT: 1.25}
	for _, c := range []struct {
		status node.ContactStatus
		want   string
	}{
		{node.ContactStatus{Connection: node.Connected, Links: []node.Link{link}}, "connected, direct (lan), 1.2 ms"},
		{node.ContactStatus{Connection: node.Connected, Links: []node.Link{{Way: "direct", Path: "direct", RTT: 104.4}, link}}, "connected, direct, 104 ms, 2 devices"},
		{node.ContactStatus{Connection: node.Connecting}, "connecting"},
		{node.ContactStatus{Connection: node.Connecting, Tries: 2}, "connecting, try 3"},
		{node.ContactStatus{Connection: node.Blocked}, "blocked by you"},
		{node.ContactStatus{Connection: node.Blocked, Until: &soon}, "blocked by you until 10:00"},
		{node.ContactStatus{Connection: node.Blocked, Until: &tomorrow}, "blocked by you until 2026-03-05 10:00"},
		{node.ContactStatus{Connection: node.Disconnected}, "not connected"},
		{node.ContactStatus{Connection: node.Disconnected, NextTry: &soon, Ways: []node.Way{
			{Way: "lan", Reason: "Nobody answers.", Since: now},
			{Way: "direct", Reason: "No route to\x1b[2J 10.0.0.1.", Since: soon},
		}}, "not connected: No route to␛[2J 10.0.0.1; next try 10:00:08"},
	} {
		if got := Connection(c.status, now, time.UTC); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestReactions(t *testing.T) {
	m := node.Message{Reactions: []node.Reaction{
		{Emoji: "👍", FromName: "Bob"}, {Emoji: "", FromName: "Eve"}, {Emoji: "❤️", FromName: "Car\x1bol"}, {Emoji: "👍", FromName: "Al"},
	}}
	if got, want := Reactions(m), "👍 Bob, Al  ❤️ Car␛ol"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestQuote(t *testing.T) {
	for _, c := range []struct {
		m    node.Message
		want string
	}{
		{node.Message{FromName: "Bob", Text: "one\ntwo"}, "Bob: one two"},
		{node.Message{Mine: true, FromName: "Al", Text: "日本語日本語日本語日本語"}, "You: 日本語日本語日…"},
		{node.Message{FromName: "Bob", Deleted: true}, "Bob: (deleted)"},
	} {
		if got := Quote(c.m, 20); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestTickTellsStatesApart(t *testing.T) {
	seen := map[string]kith.DeliveryState{}
	for _, s := range []kith.DeliveryState{kith.Pending, kith.Held, kith.Delivered, kith.Read} {
		if other, ok := seen[Tick(s)]; ok {
			t.Errorf("%s and %s look the same", s, other)
		}
		seen[Tick(s)] = s
	}
}
