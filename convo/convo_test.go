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
				kith.Edit{Message: id, Text: "@Bob", Mentions: []kith.Mention{{Account: bob.Account, Text: "@Bob"}}},
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

// Mentions go with the text that they stand in.
func TestFoldMentions(t *testing.T) {
	bobs, anns := []kith.Mention{{Account: bob.Account, Text: "@Bob"}}, []kith.Mention{{Account: ann.Account, Text: "@Ann"}}
	var msg kith.Message
	id := kith.EventID{1, 11}
	for _, step := range []struct {
		body kith.Body
		want []kith.Mention
	}{
		{kith.Text{Text: "hello @Bob", Mentions: bobs}, bobs},
		{kith.Edit{Message: id, Text: "hello @Ann", Mentions: anns}, anns},
		{kith.Edit{Message: id, Text: "hello"}, nil},
		{kith.Edit{Message: id, Text: "hello @Bob", Mentions: bobs}, bobs},
		{kith.Deletion{Message: id}, nil},
		{kith.Edit{Message: id, Text: "hello @Bob", Mentions: bobs}, nil},
	} {
		seq := msg.Edited.Order + 1
		if msg.Deleted {
			seq = 50
		}
		ev := event(ann, seq, seq, step.body)
		if err := convo.Fold(&msg, ev); err != nil || !reflect.DeepEqual(msg.Mentions, step.want) {
			t.Errorf("%+v gives %+v, %v", step.body, msg.Mentions, err)
		}
	}
}

func TestCheckMentions(t *testing.T) {
	mention := func(words ...string) (list []kith.Mention) {
		for _, w := range words {
			list = append(list, kith.Mention{Account: bob.Account, Text: w})
		}
		return list
	}
	const text = "@Bob, @Bob and @Bob Ross"
	for _, good := range [][]kith.Mention{nil, mention("@Bob"), mention("@Bob", "@Bob", "@Bob Ross"), mention("@Bob", "@Bob Ross"), mention("@Bob,", "@Bob and @Bob Ross")} {
		if err := convo.CheckMentions(text, good); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for _, bad := range [][]kith.Mention{mention("Bob"), mention("@"), mention(""), mention("@Ann"), mention("@Bob Ross", "@Bob"), mention("@Bob", "@Bob", "@Bob", "@Bob"), {{Text: "@Bob"}}} {
		if err := convo.CheckMentions(text, bad); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestFoldShareAndTorrent(t *testing.T) {
	share := kith.Share{
		File:    kith.FileRef{Infohash: kith.Infohash{1}, Size: 5, Files: 1, Path: "a/b.jpg", Media: kith.Media{Type: "image/jpeg", Preview: []byte("small")}},
		Caption: "look", ReplyTo: kith.EventID{7}, Replaces: kith.EventID{8},
	}
	shared := event(ann, 1, 10, share)
	var msg kith.Message
	events := []*kith.Event{
		shared, shared,
		event(ann, 2, 11, kith.Edit{Message: shared.ID, Text: "look here"}),
		event(bob, 1, 12, kith.Reaction{Message: shared.ID, Emoji: "👍"}),
	}
	for _, ev := range events {
		if err := convo.Fold(&msg, ev); err != nil {
			t.Fatal(err)
		}
	}
	file := share.File
	file.Media.Preview = nil
	if !reflect.DeepEqual(msg.File, &file) || !msg.HasPreview || msg.Text != "look here" || msg.ReplyTo != share.ReplyTo || msg.Replaces != share.Replaces || len(msg.Reactions) != 1 {
		t.Errorf("%+v", msg)
	}
	if len(share.File.Media.Preview) == 0 || len(shared.Body.(kith.Share).File.Media.Preview) == 0 {
		t.Error("folding changed the event")
	}
	if err := convo.Fold(&msg, event(bob, 2, 13, kith.Edit{Message: shared.ID, Text: "mine"})); kith.KindOf(err) != kith.BadPeer {
		t.Errorf("somebody else's edit: %v", err)
	}
	if err := convo.Fold(&msg, event(an2, 1, 14, kith.Deletion{Message: shared.ID})); err != nil {
		t.Fatal(err)
	}
	if msg.File != nil || msg.HasPreview || msg.Text != "" || !msg.Deleted {
		t.Errorf("%+v", msg)
	}

	torrent := kith.Torrent{Magnet: "magnet:?xt=urn:btih:1", Name: "a film", Size: 9}
	msg = kith.Message{}
	if err := convo.Fold(&msg, event(ann, 3, 15, torrent)); err != nil || !reflect.DeepEqual(msg.Torrent, &torrent) || msg.File != nil || msg.ID.IsZero() {
		t.Errorf("%+v, %v", msg, err)
	}
}
