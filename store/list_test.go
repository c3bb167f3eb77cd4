package store_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"kith"
	"kith/store"
)

func yes() *bool { b := true; return &b }
func no() *bool  { return new(bool) }

// with is the direct conversation with somebody.
func with(name string) kith.ConversationID {
	return kith.DirectConversation(alice.Account, person(name).Account)
}

// meet makes conversations with these people, each with one message, the first
// one's the oldest.
func meet(t testing.TB, s *store.Store, names ...string) {
	t.Helper()
	for i, name := range names {
		who := person(name)
		if _, err := s.Apply(t.Context(), with(name), who, 1, []kith.Event{event(who, 1, uint64(i+1), text(name))}, store.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// order gives the last words of a page of conversations.
func order(t testing.TB, s *store.Store, page store.ConversationPage) string {
	t.Helper()
	var names []string
	for _, c := range must[[]store.Conversation](t)(s.Conversations(t.Context(), page)) {
		names = append(names, c.Last.Text)
	}
	return strings.Join(names, " ")
}

func arrange(t testing.TB, s *store.Store, name string, change store.Arrangement) {
	t.Helper()
	if err := s.Arrange(t.Context(), with(name), person(name).Account, change); err != nil {
		t.Fatal(err)
	}
}

func TestArrangedList(t *testing.T) {
	s := fresh(t, alice)
	meet(t, s, "a", "b", "c", "d", "e", "f")
	arrange(t, s, "b", store.Arrangement{Pinned: yes()})
	arrange(t, s, "d", store.Arrangement{Pinned: yes()})
	arrange(t, s, "e", store.Arrangement{Archived: yes()})
	arrange(t, s, "a", store.Arrangement{Archived: yes()})
	for _, c := range []struct {
		page store.ConversationPage
		want string
	}{
		{store.ConversationPage{}, "d b f e c a"},
		{store.ConversationPage{Archived: no()}, "d b f c"},
		{store.ConversationPage{Archived: yes()}, "e a"},
		{store.ConversationPage{Limit: 3}, "d b f"},
		{store.ConversationPage{Limit: 3, After: with("f")}, "e c a"},
		{store.ConversationPage{Limit: 2, After: with("d"), Archived: no()}, "b f"},
		{store.ConversationPage{After: with("e"), Archived: yes()}, "a"},
		{store.ConversationPage{After: with("a")}, ""},
	} {
		if got := order(t, s, c.page); got != c.want {
			t.Errorf("%+v: %q, want %q", c.page, got, c.want)
		}
	}
	_, err := s.Conversations(t.Context(), store.ConversationPage{After: with("nobody")})
	wantKind(t, err, kith.NotFound)
}

// Conversations without a message are at the end, and have an order as well.
func TestPagesThroughTies(t *testing.T) {
	s := fresh(t, alice)
	const n = 25
	for i := range n {
		who := person(fmt.Sprint(i))
		if err := s.EnsureDirect(t.Context(), with(fmt.Sprint(i)), who.Account); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[kith.ConversationID]bool{}
	var page store.ConversationPage
	for page.Limit = 4; ; {
		list := must[[]store.Conversation](t)(s.Conversations(t.Context(), page))
		if len(list) == 0 {
			break
		}
		for _, c := range list {
			if seen[c.ID] {
				t.Fatalf("%s came twice", c.ID)
			}
			seen[c.ID] = true
		}
		page.After = list[len(list)-1].ID
	}
	if len(seen) != n {
		t.Errorf("%d of %d", len(seen), n)
	}
}

func TestPinAndArchiveExcludeEachOther(t *testing.T) {
	s := fresh(t, alice)
	meet(t, s, "a")
	for _, step := range []struct {
		change           store.Arrangement
		pinned, archived bool
	}{
		{store.Arrangement{}, false, false},
		{store.Arrangement{Pinned: yes()}, true, false},
		{store.Arrangement{Archived: yes()}, false, true},
		{store.Arrangement{Pinned: no()}, false, true},
		{store.Arrangement{Pinned: yes()}, true, false},
		{store.Arrangement{Archived: no()}, true, false},
		{store.Arrangement{Pinned: no()}, false, false},
	} {
		arrange(t, s, "a", step.change)
		if c := must[store.Conversation](t)(s.Conversation(t.Context(), with("a"))); c.Pinned != step.pinned || c.Archived != step.archived {
			t.Errorf("after %+v: pinned %v, archived %v", step.change, c.Pinned, c.Archived)
		}
	}
}

func TestNewMessagesLeaveTheArchive(t *testing.T) {
	s := fresh(t, alice)
	archive := func() {
		t.Helper()
		if err := s.Arrange(t.Context(), chat, bob.Account, store.Arrangement{Archived: yes()}); err != nil {
			t.Fatal(err)
		}
	}
	archived := func(want bool, after string) {
		t.Helper()
		if c := must[store.Conversation](t)(s.Conversation(t.Context(), chat)); c.Archived != want {
			t.Errorf("archived %v after %s", c.Archived, after)
		}
	}
	first := event(bob, 1, 10, text("one"))
	hear(t, s, first)
	archive()
	hear(t, s, event(bob, 2, 20, kith.Reaction{Message: first.ID, Emoji: "👍"}), event(bob, 3, 30, kith.Edit{Message: first.ID, Text: "1"}))
	archived(true, "a reaction and an edit")
	if _, err := s.Apply(t.Context(), chat, bob, 4, []kith.Event{event(bob, 4, 40, text("hidden"))}, store.ApplyOptions{Hide: func(*kith.Event) bool { return true }}); err != nil {
		t.Fatal(err)
	}
	archived(true, "a hidden message")
	if err := s.Reveal(t.Context(), chat, bob.Account); err != nil {
		t.Fatal(err)
	}
	archived(false, "what was hidden is shown")
	archive()
	hear(t, s, event(bob, 5, 50, text("two")))
	archived(false, "their message")
	archive()
	say(t, s, alice, "three")
	archived(false, "an own message")
}

func TestDrafts(t *testing.T) {
	s := fresh(t, alice)
	put := func(d store.Draft) {
		t.Helper()
		if err := s.SetDraft(t.Context(), chat, bob.Account, d); err != nil {
			t.Fatal(err)
		}
	}
	full := store.Draft{Text: "half a @Bob", ReplyTo: eventID(bob, 1), Mentions: []kith.Mention{{Account: bob.Account, Text: "@Bob"}}}
	for _, d := range []store.Draft{full, {Text: "other"}, {ReplyTo: eventID(bob, 2)}, full} {
		put(d) // before anything was said
		one := must[store.Conversation](t)(s.Conversation(t.Context(), chat))
		list := must[[]store.Conversation](t)(s.Conversations(t.Context(), store.ConversationPage{}))
		if one.Draft == nil || !reflect.DeepEqual(*one.Draft, d) || len(list) != 1 || !reflect.DeepEqual(list[0], one) {
			t.Errorf("%+v became %+v, listed %+v", d, one.Draft, list)
		}
	}
	hear(t, s, event(bob, 1, 10, text("hello")))
	say(t, s, alice, "hello")
	if c := must[store.Conversation](t)(s.Conversation(t.Context(), chat)); c.Draft == nil || c.Draft.Text != full.Text || c.Last.Text != "hello" {
		t.Errorf("after messages: %+v", c)
	}
	put(store.Draft{Mentions: full.Mentions})
	if c := must[store.Conversation](t)(s.Conversation(t.Context(), chat)); c.Draft != nil {
		t.Errorf("a draft that is none: %+v", c.Draft)
	}
}

// The observer hears of what a list shows, once for each change.
func TestArrangementsAreObserved(t *testing.T) {
	var mu sync.Mutex
	var arranged int
	s := fresh(t, alice, func(o *store.Options) {
		o.Observe = func(c store.Change) {
			mu.Lock()
			defer mu.Unlock()
			if c.Arranged && c.Conversation == chat {
				arranged++
			}
		}
	})
	steps := []func() error{
		func() error { return s.Arrange(t.Context(), chat, bob.Account, store.Arrangement{Pinned: yes()}) },
		func() error { return s.Arrange(t.Context(), chat, bob.Account, store.Arrangement{Archived: yes()}) },
		func() error { return s.SetDraft(t.Context(), chat, bob.Account, store.Draft{Text: "a"}) },
		func() error { return s.SetDraft(t.Context(), chat, bob.Account, store.Draft{}) },
		func() error {
			_, err := s.Append(t.Context(), chat, alice.Device, compose(text("out of the archive")))
			return err
		},
	}
	silent := []func() error{
		func() error { return s.Arrange(t.Context(), chat, bob.Account, store.Arrangement{Pinned: no()}) },
		func() error { return s.SetDraft(t.Context(), chat, bob.Account, store.Draft{}) },
		func() error { _, err := s.Append(t.Context(), chat, alice.Device, compose(text("more"))); return err },
	}
	for i, step := range slices.Concat(steps, silent) {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if want := min(i+1, len(steps)); arranged != want {
			t.Errorf("after step %d: told %d times, want %d", i, arranged, want)
		}
		mu.Unlock()
	}
}

func TestCount(t *testing.T) {
	s := fresh(t, alice)
	meet(t, s, "a", "b")
	say(t, s, alice, "to Bob")
	conversations, messages, err := s.Count(t.Context())
	if err != nil || conversations != 3 || messages != 3 {
		t.Errorf("%d conversations, %d messages, %v", conversations, messages, err)
	}
}
