package store_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/store"
)

func TestSearch(t *testing.T) {
	s := fresh(t, alice)
	all := []string{
		"The café opens at eight", "CAFE au lait", "cafés everywhere", "naïve Größe STRASSE",
		"東京都に行きます", "コーヒーを飲む", "สวัสดีครับ", "Привет, мир", "한국어 사전", "हिन्दी में",
		"an e-mail to me@example.org", `say "hi" (now) OR never*`, "text : 中", "x1 y2",
	}
	var events []kith.Event
	for i, words := range all {
		events = append(events, event(bob, uint64(i+1), uint64(i+1), text(words)))
	}
	hear(t, s, events...)
	for words, want := range map[string][]int{
		"café": {2, 1, 0}, "CAFE": {2, 1, 0}, "cafe au": {1}, "eight opens": {0}, "eig": {0}, "eig opens": nil, "opens eig": {0},
		"caf": {2, 1, 0}, "c": {2, 1, 0}, "zebra": nil, "grosse": nil, "große": {3}, "naive": {3}, "strasse": {3},
		"東京": {4}, "京": {4}, "都": {4}, "東京都": {4}, "京東": nil, "行き": {4}, "コーヒー": {5}, "ーヒ": {5}, "飲む": {5}, "中": {12},
		"สวัสดี": {6}, "ครับ": {6}, "привет": {7}, "мир": {7}, "한국어": {8}, "사": {8}, "हिन्दी": {9},
		"e-mail": {10}, "me@example.org": {10}, "example": {10}, `"hi"`: {11}, "(now)": {11}, "never*": {11}, "OR never": {11}, "text": {12}, "x1 ! y2": {13},
	} {
		var expect []string
		for _, i := range want {
			expect = append(expect, all[i])
		}
		got := must[[]store.Entry](t)(s.Search(t.Context(), words, nil, 50))
		if !slices.Equal(texts(got), expect) {
			t.Errorf("%q finds %q, want %q", words, texts(got), expect)
		}
	}
	for _, words := range []string{"", "  ", "!?", "\x00", `"`} {
		_, err := s.Search(t.Context(), words, nil, 50)
		wantKind(t, err, kith.Invalid)
	}
}

func TestSearchFollowsChanges(t *testing.T) {
	s := fresh(t, alice)
	find := func(words string, conv *kith.ConversationID) int {
		t.Helper()
		return len(must[[]store.Entry](t)(s.Search(t.Context(), words, conv, 50)))
	}
	mine := say(t, s, alice, "a green apple")
	if find("green", nil) != 1 {
		t.Error("a new message is not found")
	}
	must[kith.Event](t)(s.Append(t.Context(), chat, alice.Device, compose(kith.Edit{Message: mine.ID, Text: "a red apple"})))
	if find("green", nil) != 0 || find("red", nil) != 1 {
		t.Error("an edit is not found as it is")
	}
	elsewhere := kith.DirectConversation(alice.Account, carol.Account)
	if find("red", &chat) != 1 || find("red", &elsewhere) != 0 {
		t.Error("the search does not keep to a conversation")
	}
	if _, err := s.Apply(t.Context(), elsewhere, carol, 1, []kith.Event{event(carol, 1, 1, text("red c1 c2"))}, store.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if find("red", &chat) != 1 || find("red", &elsewhere) != 1 || find("red", nil) != 2 {
		t.Error("the search does not keep to a conversation")
	}
	must[kith.Event](t)(s.Append(t.Context(), chat, alice.Device, compose(kith.Deletion{Message: mine.ID})))
	if find("red", nil) != 1 {
		t.Error("a deleted message is found")
	}
}

func TestSearchGivesTheNewestInAnyOrderOfArrival(t *testing.T) {
	s := fresh(t, alice)
	phone := device(bob, "phone")
	var early, late []kith.Event
	for i := range uint64(300) {
		late = append(late, event(bob, i+1, 10_000+2*i, text(fmt.Sprint("word late ", i))))
		early = append(early, event(phone, i+1, 2*i, text(fmt.Sprint("word early ", i))))
	}
	hear(t, s, late...)
	must[[]store.Entry](t)(s.Search(t.Context(), "word", nil, 1)) // indexes the late ones first
	hear(t, s, early...)
	list := must[[]store.Entry](t)(s.Search(t.Context(), "wo", nil, 400))
	for i, e := range list {
		want := "word late "
		if i >= 300 {
			want = "word early "
		}
		if want += fmt.Sprint((599 - i) % 300); e.Text != want {
			t.Fatalf("%d: %q, want %q", i, e.Text, want)
		}
	}
	if len(list) != 400 {
		t.Errorf("%d found", len(list))
	}
}

// The index takes in what was said when nobody has said anything for a while,
// and nobody needs to search for that.
func TestIndexedWhenIdle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kith.db")
	synctest.Test(t, func(t *testing.T) {
		s := open(t, path, alice)
		for range 2 {
			time.Sleep(time.Minute)
			for range 120 { // more than a batch
				say(t, s, alice, "hello")
			}
			if behind := must[bool](t)(s.Behind(t.Context())); !behind {
				t.Error("all is indexed at once")
			}
			time.Sleep(time.Second)
			if behind := must[bool](t)(s.Behind(t.Context())); behind {
				t.Error("something is not indexed yet")
			}
		}
	})
}
