package store_test

import (
	"reflect"
	"testing"

	"kith"
	"kith/store"
)

// naming makes a text that mentions Alice.
func naming(words string) kith.Text {
	return kith.Text{Text: words + " @Alice", Mentions: []kith.Mention{{Account: alice.Account, Text: "@Alice"}}}
}

func TestMentionsAreKept(t *testing.T) {
	s := fresh(t, alice)
	body := naming("hello")
	ev := event(bob, 1, 10, body)
	hear(t, s, ev)
	if e := must[store.Entry](t)(s.Message(t.Context(), ev.ID)); !reflect.DeepEqual(e.Mentions, body.Mentions) {
		t.Errorf("%+v", e.Mentions)
	}
	hear(t, s, event(bob, 2, 20, kith.Edit{Message: ev.ID, Text: "hello"}))
	if e := must[store.Entry](t)(s.Message(t.Context(), ev.ID)); e.Mentions != nil {
		t.Errorf("after an edit: %+v", e.Mentions)
	}
}

func TestUnreadMentionsAreCounted(t *testing.T) {
	s := fresh(t, alice)
	counts := func(unread, mentioned int, after string) {
		t.Helper()
		c := must[store.Conversation](t)(s.Conversation(t.Context(), chat))
		if c.Unread != unread || c.Mentioned != mentioned {
			t.Errorf("after %s: %d unread, %d mention me; want %d, %d", after, c.Unread, c.Mentioned, unread, mentioned)
		}
	}
	edit := func(seq, of uint64, b kith.Text) kith.Event {
		return event(bob, seq, seq*10, kith.Edit{Message: eventID(bob, of), Text: b.Text, Mentions: b.Mentions})
	}
	hear(t, s, event(bob, 1, 10, naming("one")), event(bob, 2, 20, text("two")), event(bob, 3, 30, naming("three")),
		event(bob, 4, 40, kith.Text{Text: "@Bob", Mentions: []kith.Mention{{Account: bob.Account, Text: "@Bob"}}}))
	counts(4, 2, "four messages")
	must[kith.Event](t)(s.Append(t.Context(), chat, alice.Device, compose(naming("I am"))))
	counts(4, 2, "an own message")
	hear(t, s, edit(5, 2, naming("2")))
	counts(4, 3, "an edit that mentions")
	hear(t, s, edit(6, 1, text("1")))
	counts(4, 2, "an edit that does no more")
	hear(t, s, edit(7, 2, naming("2 again")))
	counts(4, 2, "an edit that still does")
	hear(t, s, event(bob, 8, 80, kith.Deletion{Message: eventID(bob, 3)}))
	counts(3, 1, "a deletion")
	must[bool](t)(s.MarkRead(t.Context(), chat, eventID(bob, 1)))
	counts(2, 1, "reading the first")
	hear(t, s, edit(9, 1, naming("1")))
	counts(2, 1, "an edit of what was read")
	must[bool](t)(s.MarkRead(t.Context(), chat, kith.EventID{}))
	counts(0, 0, "reading all")

	hidden := []kith.Event{event(bob, 10, 100, naming("hidden")), event(bob, 11, 110, text("hidden")), edit(12, 11, naming("hidden too"))}
	if _, err := s.Apply(t.Context(), chat, bob, 10, hidden, store.ApplyOptions{Hide: func(*kith.Event) bool { return true }}); err != nil {
		t.Fatal(err)
	}
	counts(0, 0, "hidden messages")
	if err := s.Reveal(t.Context(), chat, bob.Account); err != nil {
		t.Fatal(err)
	}
	counts(2, 2, "showing them")
}

// An edit that overtakes its text brings its mentions along.
func TestMentionInAnEarlyEdit(t *testing.T) {
	s := fresh(t, alice)
	bobs := device(bob, "phone")
	edited := naming("edited")
	hear(t, s, event(bobs, 1, 20, kith.Edit{Message: eventID(bob, 1), Text: edited.Text, Mentions: edited.Mentions}))
	hear(t, s, event(bob, 1, 10, text("plain")))
	if c := must[store.Conversation](t)(s.Conversation(t.Context(), chat)); c.Unread != 1 || c.Mentioned != 1 || !reflect.DeepEqual(c.Last.Mentions, edited.Mentions) {
		t.Errorf("%+v", c)
	}
}
