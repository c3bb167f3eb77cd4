package convo_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kith"
	"kith/convo"
)

var (
	ann = kith.Peer{Account: kith.AccountID{1}, Device: kith.DeviceID{11}}
	an2 = kith.Peer{Account: kith.AccountID{1}, Device: kith.DeviceID{12}}
	bob = kith.Peer{Account: kith.AccountID{2}, Device: kith.DeviceID{21}}
)

func event(author kith.Peer, seq, order uint64, body kith.Body) *kith.Event {
	return &kith.Event{ID: kith.EventID{byte(seq), author.Device[0]}, Author: author, Seq: seq, Order: order, Body: body}
}

func written(t testing.TB) kith.Message {
	var msg kith.Message
	if err := convo.Fold(&msg, event(ann, 1, 10, kith.Text{Text: "hello"})); err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestFold(t *testing.T) {
	id := kith.EventID{1, 11}
	tests := []struct {
		name   string
		events []*kith.Event
		text   string
		emojis []string
		denied int
	}{
		{"text alone", nil, "hello", nil, 0},
		{"edit", []*kith.Event{event(ann, 2, 11, kith.Edit{Message: id, Text: "hallo"})}, "hallo", nil, 0},
		{"edit from the author's other device", []*kith.Event{event(an2, 1, 11, kith.Edit{Message: id, Text: "hallo"})}, "hallo", nil, 0},
		{"the later stamp wins", []*kith.Event{
			event(ann, 3, 13, kith.Edit{Message: id, Text: "late"}),
			event(ann, 2, 12, kith.Edit{Message: id, Text: "early"})}, "late", nil, 0},
		{"equal orders: the higher ID wins", []*kith.Event{
			event(an2, 2, 12, kith.Edit{Message: id, Text: "twelve"}),
			event(ann, 2, 12, kith.Edit{Message: id, Text: "eleven"})}, "twelve", nil, 0},
		{"somebody else's edit", []*kith.Event{event(bob, 1, 11, kith.Edit{Message: id, Text: "hacked"})}, "hello", nil, 1},
		{"somebody else's deletion", []*kith.Event{event(bob, 1, 11, kith.Deletion{Message: id})}, "hello", nil, 1},
		{"deletion", []*kith.Event{event(ann, 2, 11, kith.Deletion{Message: id})}, "", nil, 0},
		{"an edit does not undo a deletion", []*kith.Event{
			event(ann, 2, 11, kith.Deletion{Message: id}),
			event(ann, 3, 12, kith.Edit{Message: id, Text: "back"})}, "", nil, 0},
		{"reactions", []*kith.Event{
			event(bob, 1, 11, kith.Reaction{Message: id, Emoji: "👍"}),
			event(ann, 2, 12, kith.Reaction{Message: id, Emoji: "🎉"})}, "hello", []string{"🎉", "👍"}, 0},
		{"one reaction each", []*kith.Event{
			event(bob, 1, 11, kith.Reaction{Message: id, Emoji: "👍"}),
			event(bob, 2, 12, kith.Reaction{Message: id, Emoji: "👎"})}, "hello", []string{"👎"}, 0},
		{"a withdrawn reaction stays withdrawn", []*kith.Event{
			event(bob, 2, 12, kith.Reaction{Message: id}),
			event(bob, 1, 11, kith.Reaction{Message: id, Emoji: "👍"})}, "hello", []string{""}, 0},
		{"a kind of a later version", []*kith.Event{event(ann, 2, 11, kith.Unknown{Number: 99})}, "hello", nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			msg := written(t)
			denied := 0
			for _, ev := range tt.events {
				if err := convo.Fold(&msg, ev); err != nil {
					if kith.KindOf(err) != kith.BadPeer {
						t.Errorf("kind of %v is not BadPeer", err)
					}
					denied++
				}
			}
			var emojis []string
			for _, r := range msg.Reactions {
				emojis = append(emojis, r.Emoji)
			}
			if msg.Text != tt.text || denied != tt.denied || !reflect.DeepEqual(emojis, tt.emojis) {
				t.Errorf("got text %q, reactions %q, %d denied; want %q, %q, %d", msg.Text, emojis, denied, tt.text, tt.emojis, tt.denied)
			}
		})
	}
}

// In whatever order and however often events come, the message is the same.
func TestFoldConverges(t *testing.T) {
	authors := []kith.Peer{ann, an2, bob}
	rapid.Check(t, func(t *rapid.T) {
		id := kith.EventID{1, 11}
		seqs := map[kith.DeviceID]uint64{ann.Device: 1}
		var events []*kith.Event
		for range rapid.IntRange(0, 12).Draw(t, "events") {
			author := rapid.SampledFrom(authors).Draw(t, "author")
			seqs[author.Device]++
			body := rapid.SampledFrom([]kith.Body{
				kith.Edit{Message: id, Text: rapid.StringN(1, 4, 8).Draw(t, "text")},
				kith.Reaction{Message: id, Emoji: rapid.SampledFrom([]string{"", "👍", "👎"}).Draw(t, "emoji")},
				kith.Deletion{Message: id},
			}).Draw(t, "body")
			order := rapid.Uint64Range(11, 14).Draw(t, "order")
			events = append(events, event(author, seqs[author.Device], order, body))
		}
		fold := func(events []*kith.Event) kith.Message {
			msg := kith.Message{}
			convo.Fold(&msg, event(ann, 1, 10, kith.Text{Text: "hello"}))
			for _, ev := range events {
				convo.Fold(&msg, ev)
			}
			return msg
		}
		want := fold(events)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		mixed := append(append([]*kith.Event{}, events...), events...)
		random.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		if got := fold(mixed); !reflect.DeepEqual(normal(got), normal(want)) {
			t.Fatalf("in another order, twice:\n%+v\nwant\n%+v", got, want)
		}
	})
}

func normal(m kith.Message) kith.Message {
	if len(m.Reactions) == 0 {
		m.Reactions = nil
	}
	return m
}

func TestNextOrder(t *testing.T) {
	now := time.UnixMilli(1000)
	tests := []struct {
		name  string
		now   time.Time
		after uint64
		want  uint64
	}{
		{"the wall clock", now, 10, 1000},
		{"a clock that is behind", now, 5000, 5001},
		{"a clock before 1970", time.UnixMilli(-5), 7, 8},
		{"a hostile order", now, kith.MaxOrder - 1, kith.MaxOrder - 1},
		{"a clock at the end of time", time.UnixMilli(math.MaxInt64), 0, kith.MaxOrder - 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := convo.NextOrder(tt.now, tt.after); got != tt.want {
				t.Errorf("NextOrder = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestMayChange(t *testing.T) {
	msg := written(t)
	if err := convo.MayChange(&msg, bob.Account); kith.KindOf(err) != kith.Forbidden {
		t.Errorf("somebody else: %v", err)
	}
	if err := convo.MayChange(&msg, ann.Account); err != nil {
		t.Errorf("the author: %v", err)
	}
	msg.Deleted = true
	if err := convo.MayChange(&msg, ann.Account); kith.KindOf(err) != kith.Conflict {
		t.Errorf("deleted: %v", err)
	}
}
