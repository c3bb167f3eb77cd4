package store_test

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"kith"
	"kith/store"
)

// In whatever order the events of several devices come, in batches of any
// size, with repetitions: the messages are the same.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	copies := []*store.Store{fresh(t, alice), fresh(t, alice)}
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++ // every run has a conversation and devices of its own
		friend := person(fmt.Sprint("friend ", n))
		conv := kith.DirectConversation(alice.Account, friend.Account)
		authors := []kith.Peer{device(alice, fmt.Sprint("laptop ", n)), friend, device(friend, fmt.Sprint("phone ", n))}
		events := drawEvents(t, authors)
		var results [2][]store.Entry
		for i, s := range copies {
			next := make([]int, len(authors))
			for {
				var left []int
				for a := range authors {
					if next[a] < len(events[a]) {
						left = append(left, a)
					}
				}
				if len(left) == 0 {
					break
				}
				a := rapid.SampledFrom(left).Draw(t, "next")
				from := rapid.IntRange(0, next[a]).Draw(t, "from")
				to := rapid.IntRange(next[a]+1, len(events[a])).Draw(t, "to")
				done, err := s.Apply(t.Context(), conv, authors[a], uint64(from+1), events[a][from:to], store.ApplyOptions{})
				if err != nil || done.New != to-next[a] || done.Duplicates != next[a]-from {
					t.Fatalf("%+v %v", done, err)
				}
				next[a] = to
			}
			var err error
			if results[i], err = s.Messages(t.Context(), conv, store.Page{Limit: 1000}); err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(results[0], results[1]) {
			t.Fatalf("one copy has\n%+v\nthe other\n%+v", results[0], results[1])
		}
	})
}

// drawEvents makes some events of each author, many of them about one another.
func drawEvents(t *rapid.T, authors []kith.Peer) [][]kith.Event {
	events := make([][]kith.Event, len(authors))
	for range rapid.IntRange(1, 25).Draw(t, "events") {
		a := rapid.IntRange(0, len(authors)-1).Draw(t, "author")
		seq := uint64(len(events[a]) + 1)
		about := eventID(authors[rapid.IntRange(0, len(authors)-1).Draw(t, "whose")], rapid.Uint64Range(1, 8).Draw(t, "which"))
		body := rapid.SampledFrom([]kith.Body{
			text(fmt.Sprint("text ", seq)), kith.Text{Text: "an answer", ReplyTo: about},
			kith.Edit{Message: about, Text: fmt.Sprint("edit ", a, seq)}, kith.Deletion{Message: about},
			kith.Reaction{Message: about, Emoji: "👍"}, kith.Reaction{Message: about},
		}).Draw(t, "body")
		events[a] = append(events[a], event(authors[a], seq, rapid.Uint64Range(1, 30).Draw(t, "order"), body))
	}
	return events
}
