package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"kith"
	"kith/store"
)

func texts(list []store.Entry) (all []string) {
	for _, e := range list {
		all = append(all, e.Text)
	}
	return all
}

func TestPages(t *testing.T) {
	s := fresh(t, alice)
	// All at one Order, from three devices: only device and number sort them.
	var all []kith.Event
	for _, who := range []kith.Peer{bob, device(bob, "phone"), device(bob, "tablet")} {
		var events []kith.Event
		for seq := range uint64(400) {
			events = append(events, event(who, seq+1, 7, text(fmt.Sprint(who.Device.Short(), seq+1))))
		}
		hear(t, s, events...)
		all = append(all, events...)
	}
	slices.SortFunc(all, func(a, b kith.Event) int { return a.Stamp().Compare(b.Stamp()) })
	page := func(p store.Page) []kith.EventID {
		t.Helper()
		var ids []kith.EventID
		for _, e := range must[[]store.Entry](t)(s.Messages(t.Context(), chat, p)) {
			ids = append(ids, e.ID)
		}
		return ids
	}
	want := func(from, to int) (ids []kith.EventID) {
		for _, ev := range all[from:to] {
			ids = append(ids, ev.ID)
		}
		return ids
	}
	for name, c := range map[string]struct {
		page     store.Page
		from, to int
	}{
		"newest":       {store.Page{Limit: 10}, 1190, 1200},
		"default":      {store.Page{}, 1150, 1200},
		"before":       {store.Page{Before: all[500].ID, Limit: 7}, 493, 500},
		"before first": {store.Page{Before: all[0].ID}, 0, 0},
		"after":        {store.Page{After: all[399].ID, Limit: 3}, 400, 403},
		"after last":   {store.Page{After: all[1199].ID}, 0, 0},
		"between":      {store.Page{After: all[10].ID, Before: all[13].ID}, 11, 13},
	} {
		if got := page(c.page); !slices.Equal(got, want(c.from, c.to)) {
			t.Errorf("%s: %d messages, want those from %d to %d", name, len(got), c.from, c.to)
		}
	}
	_, err := s.Messages(t.Context(), chat, store.Page{Before: kith.NewEventID(kith.ConversationID{}, kith.AccountID{})})
	wantKind(t, err, kith.NotFound)
	if list := must[[]store.Entry](t)(s.Messages(t.Context(), kith.ConversationID{1}, store.Page{})); len(list) != 0 {
		t.Error(list)
	}
}

func TestStatesAndReceipts(t *testing.T) {
	s := fresh(t, alice)
	for i := range 3 {
		say(t, s, alice, fmt.Sprint(i+1))
	}
	phone := device(bob, "phone")
	ids := must[[]store.Entry](t)(s.Messages(t.Context(), chat, store.Page{}))
	at := func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
	put := func(who kith.Peer, seq, read uint64, minute int, want bool) {
		t.Helper()
		marks := kith.Vector{alice.Device: {Seq: seq, Read: read}, bob.Device: {Seq: 9}}
		if changed := must[bool](t)(s.PutMarks(t.Context(), who, chat, marks, at(minute))); changed != want {
			t.Errorf("changed %v, want %v", changed, want)
		}
	}
	states := func(want ...kith.DeliveryState) {
		t.Helper()
		for i, e := range must[[]store.Entry](t)(s.Messages(t.Context(), chat, store.Page{})) {
			if e.State != want[i] || !e.Mine {
				t.Errorf("message %d is %s, want %s", i+1, e.State, want[i])
			}
		}
	}
	states(kith.Pending, kith.Pending, kith.Pending)
	put(bob, 1, 0, 1, true)
	put(bob, 1, 0, 2, false)
	states(kith.Delivered, kith.Pending, kith.Pending)
	put(phone, 3, 1, 3, true)
	states(kith.Read, kith.Delivered, kith.Delivered)
	put(bob, 2, 2, 4, true)
	states(kith.Read, kith.Read, kith.Delivered)
	receipts := must[[]kith.Receipt](t)(s.Receipts(t.Context(), ids[1].ID))
	want := []kith.Receipt{{Peer: bob, Delivered: at(4), Read: at(4)}, {Peer: phone, Delivered: at(3)}}
	for _, r := range want {
		if !slices.Contains(receipts, r) || len(receipts) != 2 {
			t.Errorf("receipts %+v, want %+v", receipts, want)
		}
	}
	put(phone, 1, 1, 5, true) // restored from an old backup
	states(kith.Read, kith.Read, kith.Pending)
	// A device of this account is nobody to deliver to.
	put(device(alice, "phone"), 3, 3, 6, true)
	states(kith.Read, kith.Read, kith.Pending)
	marks := must[map[kith.Peer]kith.Vector](t)(s.Marks(t.Context(), chat))
	if len(marks) != 3 || marks[bob][alice.Device] != (kith.Mark{Seq: 2, Read: 2}) || marks[bob][bob.Device].Seq != 9 {
		t.Errorf("%+v", marks)
	}
}

func TestHistoryOfMarksIsBounded(t *testing.T) {
	s := fresh(t, alice)
	const devices, rounds = 100, 110 // 11,000 steps, of which 10,000 are kept
	marks := make(kith.Vector)
	var first kith.Event
	for i := range devices {
		first = say(t, s, device(alice, fmt.Sprint(i)), "hello")
		marks[first.Author.Device] = kith.Mark{}
	}
	for round := range rounds {
		for d := range marks {
			marks[d] = kith.Mark{Seq: uint64(round + 1)}
		}
		must[bool](t)(s.PutMarks(t.Context(), bob, chat, marks, start.Add(time.Duration(round)*time.Minute)))
	}
	r := must[[]kith.Receipt](t)(s.Receipts(t.Context(), first.ID))
	// Thinning happens by chance, once in 256 steps: the first steps are gone
	// for certain enough, the last 10,000 are here for sure.
	if len(r) != 1 || !r[0].Delivered.After(start) || r[0].Delivered.After(start.Add(10*time.Minute)) {
		t.Errorf("%+v", r)
	}
}

func TestUnreadAndMarkRead(t *testing.T) {
	s := fresh(t, alice)
	unread := func(want int) {
		t.Helper()
		list := must[[]store.Conversation](t)(s.Conversations(t.Context(), store.ConversationPage{}))
		if len(list) != 1 || list[0].Unread != want || list[0].With != bob.Account || list[0].ID != chat {
			t.Fatalf("%+v, want %d unread", list, want)
		}
	}
	events := []kith.Event{event(bob, 1, 10, text("1")), event(bob, 2, 20, text("2")), event(bob, 3, 30, text("3")), event(bob, 4, 40, text("4"))}
	hear(t, s, events...)
	say(t, s, alice, "mine")
	unread(4)
	hear(t, s, event(bob, 5, 50, kith.Deletion{Message: events[3].ID}))
	unread(3)
	if !must[bool](t)(s.MarkRead(t.Context(), chat, events[1].ID)) {
		t.Error("reading on was no news")
	}
	unread(1)
	if must[bool](t)(s.MarkRead(t.Context(), chat, events[0].ID)) {
		t.Error("reading back was news")
	}
	list := must[[]store.Entry](t)(s.Messages(t.Context(), chat, store.Page{}))
	if list[1].State != kith.Read || list[2].State != kith.Delivered || list[2].Mine {
		t.Errorf("%+v", list)
	}
	if have := must[kith.Vector](t)(s.Have(t.Context(), chat)); have[bob.Device].Read != 2 {
		t.Errorf("%+v", have)
	}
	must[bool](t)(s.MarkRead(t.Context(), chat, kith.EventID{}))
	unread(0)
	hear(t, s, event(bob, 6, 60, text("late")))
	unread(1)
}

func TestHiddenUntilRevealed(t *testing.T) {
	s := fresh(t, alice)
	before := event(bob, 1, 10, text("before"))
	hear(t, s, before)
	must[bool](t)(s.MarkRead(t.Context(), chat, kith.EventID{}))
	blocked := []kith.Event{
		event(bob, 2, 20, text("while blocked")),
		event(bob, 3, 30, kith.Edit{Message: before.ID, Text: "edited while blocked"}),
		event(bob, 4, 40, kith.Edit{Message: eventID(bob, 2), Text: "while blocked, edited"}),
	}
	if _, err := s.Apply(t.Context(), chat, bob, 2, blocked, store.ApplyOptions{Hide: func(*kith.Event) bool { return true }}); err != nil {
		t.Fatal(err)
	}
	must[bool](t)(s.MarkRead(t.Context(), chat, kith.EventID{}))
	if got := history(t, s); !slices.Equal(got, []string{"before"}) {
		t.Errorf("%q", got)
	}
	if have := must[kith.Vector](t)(s.Have(t.Context(), chat)); have[bob.Device].Seq != 4 || have[bob.Device].Read != 1 {
		t.Errorf("%+v", have)
	}
	if list := must[[]store.Entry](t)(s.Search(t.Context(), "blocked", nil, 9)); len(list) != 0 {
		t.Errorf("%q", texts(list))
	}
	if conv := must[[]store.Conversation](t)(s.Conversations(t.Context(), store.ConversationPage{})); conv[0].Unread != 0 || conv[0].Last.ID != before.ID {
		t.Errorf("%+v", conv)
	}
	if err := s.Reveal(t.Context(), chat, bob.Account); err != nil {
		t.Fatal(err)
	}
	want := []string{"edited while blocked", "while blocked, edited"}
	if got := history(t, s); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if list := must[[]store.Entry](t)(s.Search(t.Context(), "blocked", nil, 9)); len(list) != 2 {
		t.Errorf("%q", texts(list))
	}
	if conv := must[[]store.Conversation](t)(s.Conversations(t.Context(), store.ConversationPage{})); conv[0].Unread != 1 || conv[0].Last.Text != want[1] {
		t.Errorf("%+v", conv)
	}
}

func TestConversationsByActivity(t *testing.T) {
	s := fresh(t, alice)
	names := []string{"ann", "ben", "cem"}
	for i, order := range []uint64{10, 30, 20} {
		who := person(names[i])
		if _, err := s.Apply(t.Context(), kith.DirectConversation(alice.Account, who.Account), who, 1, []kith.Event{event(who, 1, order, text(names[i]))}, store.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	quiet := kith.DirectConversation(alice.Account, carol.Account)
	for range 2 {
		if err := s.EnsureDirect(t.Context(), quiet, carol.Account); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, c := range must[[]store.Conversation](t)(s.Conversations(t.Context(), store.ConversationPage{})) {
		if c.Last == nil {
			got = append(got, "-")
			continue
		}
		got = append(got, c.Last.Text)
	}
	if !slices.Equal(got, []string{"ben", "cem", "ann", "-"}) {
		t.Errorf("%q", got)
	}
}

func TestFindMessageAndLastOwn(t *testing.T) {
	s := fresh(t, alice)
	_, err := s.LastOwn(t.Context(), chat)
	wantKind(t, err, kith.NotFound)
	first := say(t, s, alice, "first")
	second := say(t, s, alice, "second")
	hear(t, s, event(bob, 1, 9_000_000_000_000, text("theirs")))
	if e := must[store.Entry](t)(s.LastOwn(t.Context(), chat)); e.ID != second.ID {
		t.Errorf("%q", e.Text)
	}
	must[kith.Event](t)(s.Append(t.Context(), chat, alice.Device, compose(kith.Deletion{Message: second.ID})))
	if e := must[store.Entry](t)(s.LastOwn(t.Context(), chat)); e.ID != first.ID {
		t.Errorf("%q", e.Text)
	}
	name := first.ID.String()
	for _, typed := range []string{name, name[:6], name[:7], name[:25], " " + name[:10] + "\n"} {
		if id, err := s.FindMessage(t.Context(), typed); err != nil || id != first.ID {
			t.Errorf("%q: %v %v", typed, id, err)
		}
	}
	twin := event(bob, 2, 9_000_000_000_002, text("a twin"))
	twin.ID = first.ID
	twin.ID[15] ^= 0x80
	hear(t, s, encode(twin))
	for typed, kind := range map[string]kith.ErrorKind{
		name[:5]: kith.Invalid, "": kith.Invalid, "0189!!": kith.Invalid, name + "a": kith.Invalid,
		name[:6]: kith.Invalid, "777777": kith.NotFound,
	} {
		_, err := s.FindMessage(t.Context(), typed)
		wantKind(t, err, kind)
	}
}

func TestReactionsAreKept(t *testing.T) {
	s := fresh(t, alice)
	mine := say(t, s, alice, "look")
	liked := event(bob, 1, 9_000_000_000_000, kith.Reaction{Message: mine.ID, Emoji: "👍"})
	hear(t, s, liked)
	e := must[store.Entry](t)(s.Message(t.Context(), mine.ID))
	want := []kith.AccountReaction{{Account: bob.Account, Emoji: "👍", Stamp: liked.Stamp()}}
	if !slices.Equal(e.Reactions, want) {
		t.Errorf("%+v", e.Reactions)
	}
}
