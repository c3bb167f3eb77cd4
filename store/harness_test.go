package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	"kith"
	"kith/convo"
	"kith/store"
	"kith/wire"
)

var rules = store.Rules{Parse: wire.ParseEvent, Fold: convo.Fold}

// The people of the tests.
var (
	alice = person("alice")
	bob   = person("bob")
	carol = person("carol")
	chat  = kith.DirectConversation(alice.Account, bob.Account)
)

func person(name string) kith.Peer {
	return kith.Peer{
		Account: sha256.Sum256([]byte(name)),
		Device:  sha256.Sum256([]byte(name + "'s laptop")),
	}
}

// device gives another device of the same person.
func device(p kith.Peer, name string) kith.Peer {
	return kith.Peer{Account: p.Account, Device: sha256.Sum256([]byte(name))}
}

func open(t testing.TB, path string, who kith.Peer, change ...func(*store.Options)) *store.Store {
	t.Helper()
	o := store.Options{Account: who.Account, Rules: rules}
	for _, f := range change {
		f(&o)
	}
	s, err := store.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func fresh(t testing.TB, who kith.Peer, change ...func(*store.Options)) *store.Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "kith.db"), who, change...)
}

// start is when the clock of made-up events begins.
var start = time.UnixMilli(1_700_000_000_000).UTC()

// event makes a received event; its ID follows from author, seq and nothing
// else.
func event(author kith.Peer, seq uint64, order uint64, body kith.Body) kith.Event {
	ev := kith.Event{ID: eventID(author, seq), Author: author, Seq: seq, Order: order, Sent: start.Add(time.Duration(order) * time.Millisecond), Body: body, Proof: make([]byte, 16)}
	return encode(ev)
}

func encode(ev kith.Event) kith.Event {
	raw, err := wire.AppendEvent(nil, &ev)
	if err != nil {
		panic(err)
	}
	ev.Raw = raw
	return ev
}

func eventID(author kith.Peer, seq uint64) kith.EventID {
	h := sha256.Sum256(binary.BigEndian.AppendUint64(author.Device[:], seq))
	return kith.EventID(h[:16])
}

// compose makes an own event with a random ID.
func compose(body kith.Body) func(seq, after uint64) (kith.Event, error) {
	return func(seq, after uint64) (kith.Event, error) {
		return encode(kith.Event{ID: kith.NewEventID(kith.ConversationID{}, kith.AccountID{}), Seq: seq, Order: convo.NextOrder(time.Now(), after), Sent: time.Now(), Body: body, Proof: make([]byte, 16)}), nil
	}
}

func text(s string) kith.Text { return kith.Text{Text: s} }

// say appends an own text.
func say(t testing.TB, s *store.Store, who kith.Peer, words string) kith.Event {
	t.Helper()
	ev, err := s.Append(t.Context(), chat, who.Device, compose(text(words)))
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// hear applies events of one author, numbered as they are.
func hear(t testing.TB, s *store.Store, events ...kith.Event) store.Applied {
	t.Helper()
	done, err := s.Apply(t.Context(), chat, events[0].Author, events[0].Seq, events, store.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// history gives the texts of a conversation.
func history(t testing.TB, s *store.Store) []string {
	t.Helper()
	list, err := s.Messages(context.Background(), chat, store.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, e := range list {
		texts = append(texts, e.Text)
	}
	return texts
}

func wantKind(t testing.TB, err error, kind kith.ErrorKind) {
	t.Helper()
	if err == nil || kith.KindOf(err) != kind {
		t.Fatalf("error %v of kind %d, want kind %d", err, kith.KindOf(err), kind)
	}
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
