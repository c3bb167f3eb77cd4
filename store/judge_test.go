package store_test

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kith"
	"kith/store"
)

// inSphere makes a sphere.
func inSphere(t interface {
	rapid.TB
	Context() context.Context
}, s *store.Store, name string) kith.ConversationID {
	t.Helper()
	id := kith.ConversationID(person(name).Account)
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		return tx.PutSphere(store.Sphere{ID: id, State: store.SphereMember, Name: name})
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A sphereView is all that a person sees of a sphere, and what is stored.
type sphereView struct {
	Messages  []store.Entry
	Unread    int
	Mentioned int
	Last      kith.EventID
	Found     []kith.EventID
	Files     []kith.EventID
}

func look(t *rapid.T, s *store.Store, conv kith.ConversationID) sphereView {
	v := sphereView{}
	var err error
	if v.Messages, err = s.Messages(t.Context(), conv, store.Page{Limit: 1000}); err != nil {
		t.Fatal(err)
	}
	for i := range v.Messages {
		e := &v.Messages[i]
		e.Seq, e.Author.Device = 0, kith.DeviceID{} // of two copies the first has the message
	}
	c, err := s.Conversation(t.Context(), conv)
	if err != nil {
		t.Fatal(err)
	}
	v.Unread, v.Mentioned = c.Unread, c.Mentioned
	if c.Last != nil {
		v.Last = c.Last.ID
	}
	for _, word := range []string{"word", "film"} {
		found, err := s.Search(t.Context(), word, &conv, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			v.Found = append(v.Found, e.ID)
		}
	}
	slices.SortFunc(v.Found, func(a, b kith.EventID) int { return slices.Compare(a[:], b[:]) })
	files, err := s.Files(t.Context(), conv, store.FilePage{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range files {
		v.Files = append(v.Files, e.ID)
	}
	return v
}

// A rule tells which events count: by author device up to a number.
type rule map[kith.DeviceID]uint64

func (r rule) counts(ev *kith.Event) bool { return ev.Seq <= r[ev.Author.Device] }

// Whatever the roster said meanwhile, and whoever was blocked until when: a
// store that judges last by a rule, and has no block, is as one that had the
// rule from the begin.
func TestJudgeIsAsIfKnownFromTheBegin(t *testing.T) {
	judged, knowing := fresh(t, alice), fresh(t, alice)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		friend := person(fmt.Sprint("member ", n))
		conv := inSphere(t, judged, fmt.Sprint("sphere ", n))
		inSphere(t, knowing, fmt.Sprint("sphere ", n))
		authors := []kith.Peer{device(alice, fmt.Sprint("laptop ", n)), friend, device(friend, fmt.Sprint("phone ", n))}
		events := drawSphereEvents(t, authors)
		drawRule := func(label string) rule {
			r := rule{}
			for a, who := range authors {
				r[who.Device] = rapid.Uint64Range(0, uint64(len(events[a]))).Draw(t, label)
			}
			return r
		}
		final := drawRule("final")
		judge := func(s *store.Store, r rule) {
			for _, account := range []kith.AccountID{alice.Account, friend.Account} {
				if err := s.Judge(t.Context(), conv, account, r.counts); err != nil {
					t.Fatal(err)
				}
			}
		}
		feed := func(s *store.Store, label string, between func() rule, blocks bool) {
			next := make([]int, len(authors))
			r := between()
			for {
				var left []int
				for a := range authors {
					if next[a] < len(events[a]) {
						left = append(left, a)
					}
				}
				if len(left) == 0 {
					return
				}
				a := rapid.SampledFrom(left).Draw(t, label)
				to := rapid.IntRange(next[a]+1, len(events[a])).Draw(t, "to")
				o := store.ApplyOptions{Outcast: func(ev *kith.Event) bool { return !r.counts(ev) }}
				if blocks && rapid.Bool().Draw(t, "blocked") {
					o.Hide = func(*kith.Event) bool { return true }
				}
				if _, err := s.Apply(t.Context(), conv, authors[a], uint64(next[a]+1), events[a][next[a]:to], o); err != nil {
					t.Fatal(err)
				}
				next[a] = to
				if rapid.IntRange(0, 2).Draw(t, "change") == 0 {
					r = between()
					judge(s, r)
					if _, err := s.Search(t.Context(), "word", &conv, 1); err != nil { // index now
						t.Fatal(err)
					}
				}
			}
		}
		feed(judged, "next", func() rule { return drawRule("rule") }, true)
		reveal := func() {
			for _, account := range []kith.AccountID{alice.Account, friend.Account} {
				if err := judged.Reveal(t.Context(), conv, account); err != nil {
					t.Fatal(err)
				}
			}
		}
		if rapid.Bool().Draw(t, "reveal first") {
			reveal()
			judge(judged, final)
		} else {
			judge(judged, final)
			reveal()
		}
		feed(knowing, "next there", func() rule { return final }, false)
		a, b := look(t, judged, conv), look(t, knowing, conv)
		if len(a.Messages) != len(b.Messages) {
			t.Fatalf("%d messages judged at last, %d known from the begin", len(a.Messages), len(b.Messages))
		}
		for i, e := range a.Messages {
			if !reflect.DeepEqual(e, b.Messages[i]) {
				t.Fatalf("judged at last:\n%+v\nknown from the begin:\n%+v", e, b.Messages[i])
			}
		}
		if a.Messages, b.Messages = nil, nil; !reflect.DeepEqual(a, b) {
			t.Fatalf("judged at last:\n%+v\nknown from the begin:\n%+v", a, b)
		}
		for a, who := range authors {
			for _, s := range []*store.Store{judged, knowing} {
				stored, err := s.EventsAfter(t.Context(), conv, who.Device, 0, 1<<30)
				if err != nil || len(stored) != len(events[a]) {
					t.Fatalf("%d of %d events to pass on: %v", len(stored), len(events[a]), err)
				}
			}
		}
	})
}

// drawSphereEvents makes events of all kinds about one another, some of them
// numbered anew by another device of the same account.
func drawSphereEvents(t *rapid.T, authors []kith.Peer) [][]kith.Event {
	events := make([][]kith.Event, len(authors))
	for i := range rapid.IntRange(1, 18).Draw(t, "events") {
		a := rapid.IntRange(0, len(authors)-1).Draw(t, "author")
		seq := uint64(len(events[a]) + 1)
		if a == 2 && len(events[1]) > 0 && rapid.IntRange(0, 3).Draw(t, "anew") == 0 {
			ev := rapid.SampledFrom(events[1]).Draw(t, "of")
			if !slices.ContainsFunc(events[2], func(e kith.Event) bool { return e.ID == ev.ID }) {
				ev.Author, ev.Seq = authors[2], seq
				events[2] = append(events[2], encode(ev))
				continue
			}
		}
		about := eventID(authors[rapid.IntRange(0, len(authors)-1).Draw(t, "whose")], rapid.Uint64Range(1, 8).Draw(t, "which"))
		body := rapid.SampledFrom([]kith.Body{
			text(fmt.Sprint("word ", seq)), kith.Text{Text: "an answer, @Alice", ReplyTo: about, Mentions: []kith.Mention{{Account: alice.Account, Text: "@Alice"}}},
			sharing("Films/film.mp4", "word"), kith.Torrent{Magnet: "magnet:?xt=1", Name: "a film"},
			kith.Edit{Message: about, Text: fmt.Sprint("word ", a, seq)}, kith.Edit{Message: about, Text: "changed"},
			kith.Deletion{Message: about},
			kith.Reaction{Message: about, Emoji: "👍"}, kith.Reaction{Message: about},
		}).Draw(t, "body")
		// Orders differ, for of two messages of one order the index of words
		// may give any first.
		order := uint64(cmp.Or(rapid.IntRange(1, 30).Draw(t, "order"), 1))*100 + uint64(i)
		events[a] = append(events[a], event(authors[a], seq, order, body))
	}
	return events
}

// What does not count is not in the index of words either, where it would take
// the place of what does.
func TestSearchAfterJudge(t *testing.T) {
	s := fresh(t, alice)
	hear(t, s, event(bob, 1, 10, text("an apple")), event(bob, 2, 20, text("another apple")))
	newest := func(want uint64) {
		t.Helper()
		found := must[[]store.Entry](t)(s.Search(t.Context(), "apple", nil, 1))
		if len(found) != 1 || found[0].ID != eventID(bob, want) {
			t.Errorf("%+v, want message %d", found, want)
		}
	}
	newest(2)
	for _, counting := range []uint64{1, 2, 1} {
		if err := s.Judge(t.Context(), chat, bob.Account, rule{bob.Device: counting}.counts); err != nil {
			t.Fatal(err)
		}
		newest(counting)
	}
}

// To hide all that was said leaves nothing newest and nothing unread.
func TestJudgeOutAll(t *testing.T) {
	s := fresh(t, alice)
	hear(t, s, event(bob, 1, 10, text("hello")))
	if err := s.Judge(t.Context(), chat, bob.Account, rule{}.counts); err != nil {
		t.Fatal(err)
	}
	if c := must[store.Conversation](t)(s.Conversation(t.Context(), chat)); c.Last != nil || c.Unread != 0 {
		t.Errorf("%+v", c)
	}
	hear(t, s, event(bob, 2, 20, text("again")))
	if c := must[store.Conversation](t)(s.Conversation(t.Context(), chat)); c.Last == nil || c.Last.Text != "again" || c.Unread != 1 {
		t.Errorf("%+v", c)
	}
}
