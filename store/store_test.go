package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/store"
)

func TestAppendNumbersWithoutHole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kith.db")
	s := open(t, path, alice)
	const writers, each = 8, 40
	refused := errors.New("changed my mind")
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if i%5 == 4 { // one that fails takes no number and harms nobody
					_, err := s.Append(t.Context(), chat, alice.Device, func(uint64, uint64) (kith.Event, error) { return kith.Event{}, refused })
					if !errors.Is(err, refused) {
						t.Errorf("error %v, want what compose gave", err)
					}
					continue
				}
				if _, err := s.Append(t.Context(), chat, alice.Device, compose(text(fmt.Sprint(w, i)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	events := must[[]store.Stored](t)(s.EventsAfter(t.Context(), chat, alice.Device, 0, 1<<30))
	if len(events) != writers*each*4/5 {
		t.Fatalf("%d events", len(events))
	}
	for i, ev := range events {
		if ev.Seq != uint64(i+1) {
			t.Fatalf("event %d at place %d", ev.Seq, i+1)
		}
	}
	if list := history(t, s); len(list) != len(events) {
		t.Errorf("%d messages", len(list))
	}
}

func TestAppendGivesOrderThatWasSeen(t *testing.T) {
	s := fresh(t, alice)
	hear(t, s, event(bob, 1, 9_000_000_000_000, text("my clock is wrong")))
	ev := say(t, s, alice, "an answer")
	if ev.Order != 9_000_000_000_001 || ev.Author != alice || ev.Conversation != chat {
		t.Errorf("%+v", ev)
	}
}

func TestAppendRefuses(t *testing.T) {
	s := fresh(t, alice)
	theirs := event(bob, 1, 1, text("mine"))
	hear(t, s, theirs)
	for name, c := range map[string]struct {
		body kith.Body
		kind kith.ErrorKind
	}{
		"an edit of another's message": {kith.Edit{Message: theirs.ID, Text: "yours"}, kith.BadPeer},
		"an edit of nothing":           {kith.Edit{Message: kith.NewEventID(kith.ConversationID{}, kith.AccountID{}), Text: "?"}, kith.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Append(t.Context(), chat, alice.Device, compose(c.body))
			wantKind(t, err, c.kind)
		})
	}
	if have := must[kith.Vector](t)(s.Have(t.Context(), chat)); len(have) != 1 {
		t.Errorf("refused events took numbers: %v", have)
	}
}

func TestApply(t *testing.T) {
	a1, a2, a3 := event(bob, 1, 10, text("one")), event(bob, 2, 20, text("two")), event(bob, 3, 30, text("three"))
	again := a1
	again.Seq = 3
	again = encode(again) // the same ID under another number
	stolen := event(bob, 3, 30, text("stolen"))
	wrongNumber := a3
	wrongNumber.Seq = 7
	for name, c := range map[string]struct {
		first  uint64
		events []kith.Event
		want   store.Applied
		err    error
		texts  []string
	}{
		"new":              {3, []kith.Event{a3}, store.Applied{New: 1}, nil, []string{"one", "two", "three"}},
		"here already":     {1, []kith.Event{a1, a2}, store.Applied{Duplicates: 2}, nil, []string{"one", "two"}},
		"overlap":          {2, []kith.Event{a2, a3}, store.Applied{New: 1, Duplicates: 1}, nil, []string{"one", "two", "three"}},
		"a gap":            {4, []kith.Event{event(bob, 4, 40, text("four"))}, store.Applied{}, store.ErrGap, []string{"one", "two"}},
		"numbered anew":    {3, []kith.Event{again}, store.Applied{New: 1}, nil, []string{"one", "two"}},
		"edit":             {3, []kith.Event{event(bob, 3, 30, kith.Edit{Message: a1.ID, Text: "uno"})}, store.Applied{New: 1}, nil, []string{"uno", "two"}},
		"edit for later":   {3, []kith.Event{event(bob, 3, 30, kith.Edit{Message: eventID(bob, 4), Text: "vier"}), event(bob, 4, 40, text("four"))}, store.Applied{New: 2}, nil, []string{"one", "two", "vier"}},
		"deletion":         {3, []kith.Event{event(bob, 3, 30, kith.Deletion{Message: a2.ID})}, store.Applied{New: 1}, nil, []string{"one", ""}},
		"nothing":          {3, nil, store.Applied{}, nil, []string{"one", "two"}},
		"of a later kind":  {3, []kith.Event{unknown(bob, 3)}, store.Applied{New: 1}, nil, []string{"one", "two"}},
		"the wrong number": {3, []kith.Event{wrongNumber}, store.Applied{}, errBadPeer, []string{"one", "two"}},
		"number zero":      {0, []kith.Event{a1}, store.Applied{}, errBadPeer, []string{"one", "two"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, alice)
			hear(t, s, a1, a2)
			got, err := s.Apply(t.Context(), chat, bob, c.first, c.events, store.ApplyOptions{})
			if c.err == errBadPeer {
				wantKind(t, err, kith.BadPeer)
			} else if err != c.err {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if texts := history(t, s); !slices.Equal(texts, c.texts) {
				t.Errorf("%q, want %q", texts, c.texts)
			}
		})
	}
	t.Run("the ID of another's event", func(t *testing.T) {
		s := fresh(t, alice)
		mine := say(t, s, alice, "mine")
		stolen.ID, stolen.Seq = mine.ID, 1
		if got := hear(t, s, encode(stolen)); got != (store.Applied{New: 1, Void: 1}) {
			t.Errorf("%+v", got)
		}
		if texts := history(t, s); !slices.Equal(texts, []string{"mine"}) {
			t.Errorf("%q", texts)
		}
	})
	t.Run("an edit of another's message", func(t *testing.T) {
		s := fresh(t, alice)
		mine := say(t, s, alice, "mine")
		if got := hear(t, s, event(bob, 1, 10, kith.Edit{Message: mine.ID, Text: "yours"})); got != (store.Applied{New: 1, Void: 1}) {
			t.Errorf("%+v", got)
		}
		if e := must[store.Entry](t)(s.Message(t.Context(), mine.ID)); e.Text != "mine" {
			t.Errorf("%q", e.Text)
		}
	})
	t.Run("a device of another account", func(t *testing.T) {
		s := fresh(t, alice)
		hear(t, s, a1)
		_, err := s.Apply(t.Context(), chat, kith.Peer{Account: carol.Account, Device: bob.Device}, 2, []kith.Event{a2}, store.ApplyOptions{})
		wantKind(t, err, kith.BadPeer)
	})
	t.Run("a message of another conversation", func(t *testing.T) {
		s := fresh(t, alice)
		hear(t, s, a1)
		elsewhere := kith.DirectConversation(alice.Account, carol.Account)
		other := device(bob, "his other one")
		got, err := s.Apply(t.Context(), elsewhere, other, 1, []kith.Event{event(other, 1, 1, kith.Edit{Message: a1.ID, Text: "!"})}, store.ApplyOptions{})
		if err != nil || got.Void != 1 {
			t.Errorf("%+v %v", got, err)
		}
	})
}

var errBadPeer = errors.New("of kind BadPeer")

// unknown is an event of a kind that does not exist yet.
func unknown(author kith.Peer, seq uint64) kith.Event {
	ev := event(author, seq, 30, text("x"))
	ev.Body = kith.Unknown{Number: 99}
	return ev
}

func TestEventsAreHandedOnAsTheyCame(t *testing.T) {
	s := fresh(t, alice)
	var events []kith.Event
	for seq := range uint64(5) {
		events = append(events, event(bob, seq+1, seq, text("hello")))
	}
	hear(t, s, events...)
	size := len(events[0].Raw) + len(events[0].Proof)
	for _, c := range []struct {
		after uint64
		bytes int
		want  int
	}{{0, 1 << 20, 5}, {2, 1 << 20, 3}, {5, 1 << 20, 0}, {9, 100, 0}, {0, 1, 1}, {1, 2*size + size/2, 2}} {
		list := must[[]store.Stored](t)(s.EventsAfter(t.Context(), chat, bob.Device, c.after, c.bytes))
		if len(list) != c.want {
			t.Errorf("%d events after %d within %d bytes, want %d", len(list), c.after, c.bytes, c.want)
		}
		for i, got := range list {
			want := events[int(c.after)+i]
			if got.Seq != want.Seq || got.ID != want.ID || got.Author != bob || !slices.Equal(got.Raw, want.Raw) || !slices.Equal(got.Proof, want.Proof) {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
	}
	ev := must[kith.Event](t)(s.Event(t.Context(), events[3].ID))
	if !reflect.DeepEqual(ev.Body, events[3].Body) || ev.Author != bob || ev.Conversation != chat || ev.Seq != 4 || !ev.Sent.Equal(events[3].Sent) {
		t.Errorf("%+v", ev)
	}
	if id, found, err := s.EventAt(t.Context(), chat, bob.Device, 2); err != nil || !found || id != events[1].ID {
		t.Error(id, found, err)
	}
	if _, found, err := s.EventAt(t.Context(), chat, bob.Device, 6); err != nil || found {
		t.Error(found, err)
	}
	_, err := s.Event(t.Context(), kith.NewEventID(kith.ConversationID{}, kith.AccountID{}))
	wantKind(t, err, kith.NotFound)
	devices := must[map[kith.DeviceID]kith.AccountID](t)(s.Devices(t.Context(), chat))
	if len(devices) != 1 || devices[bob.Device] != bob.Account {
		t.Error(devices)
	}
}

func TestReissue(t *testing.T) {
	s := fresh(t, alice)
	var mine []kith.Event
	for i := range 5 {
		mine = append(mine, say(t, s, alice, fmt.Sprint("text ", i+1)))
	}
	edit := must[kith.Event](t)(s.Append(t.Context(), chat, alice.Device, compose(kith.Edit{Message: mine[0].ID, Text: "edited"})))
	as := device(alice, "restored")
	moved, err := s.Reissue(t.Context(), alice.Device, as.Device,
		func(kith.ConversationID) uint64 { return 2 },
		func(ev kith.Event, seq uint64) (kith.Event, error) {
			if ev.Conversation != chat {
				t.Errorf("composed for conversation %s", ev.Conversation)
			}
			ev.Seq = seq
			return encode(ev), nil
		})
	if err != nil || moved != 4 {
		t.Fatal(moved, err)
	}
	have := must[kith.Vector](t)(s.Have(t.Context(), chat))
	if have[alice.Device] != (kith.Mark{Seq: 2, ID: mine[1].ID}) || have[as.Device] != (kith.Mark{Seq: 4, ID: edit.ID}) {
		t.Errorf("%+v", have)
	}
	for i, ev := range must[[]store.Stored](t)(s.EventsAfter(t.Context(), chat, as.Device, 0, 1<<20)) {
		want := append(slices.Clone(mine[2:]), edit)[i]
		if ev.ID != want.ID || ev.Seq != uint64(i+1) {
			t.Errorf("%d: %+v, want %s", i, ev, want.ID)
		}
	}
	e := must[store.Entry](t)(s.Message(t.Context(), mine[0].ID))
	if want := (edit.Stamp()); e.Edited != want || e.Text != "edited" {
		t.Errorf("edited %+v, want %+v", e.Edited, want)
	}
	// What was lost comes home.
	hear(t, s, event(alice, 3, 5, text("lost")), event(alice, 4, 6, text("lost too")))
	if texts := history(t, s); !slices.Equal(texts, []string{"lost", "lost too", "edited", "text 2", "text 3", "text 4", "text 5"}) {
		t.Errorf("%q", texts)
	}
	if ev := say(t, s, as, "goes on"); ev.Seq != 5 {
		t.Errorf("number %d", ev.Seq)
	}
}

func TestObserve(t *testing.T) {
	var got []store.Change
	var mu sync.Mutex
	s := fresh(t, alice, func(o *store.Options) {
		o.Observe = func(c store.Change) { mu.Lock(); got = append(got, c); mu.Unlock() }
	})
	take := func() store.Change {
		mu.Lock()
		defer mu.Unlock()
		if len(got) != 1 {
			t.Fatalf("%d changes", len(got))
		}
		c := got[0]
		got = nil
		if c.Conversation != chat {
			t.Errorf("%+v", c)
		}
		return c
	}
	ev := say(t, s, alice, "hello")
	if c := take(); !c.Events || c.Marks || !slices.Equal(c.Messages, []kith.EventID{ev.ID}) {
		t.Errorf("%+v", c)
	}
	must[bool](t)(s.PutMarks(t.Context(), bob, chat, kith.Vector{alice.Device: {Seq: 1, ID: ev.ID}}, start))
	if c := take(); !c.Marks || c.Events {
		t.Errorf("%+v", c)
	}
	var many []kith.Event
	for seq := range uint64(500) {
		many = append(many, event(bob, seq+1, seq, text("x")))
	}
	hear(t, s, many...)
	if c := take(); !c.All || len(c.Messages) != 0 || !c.Events {
		t.Errorf("%+v", c)
	}
	must[bool](t)(s.MarkRead(t.Context(), chat, kith.EventID{}))
	if c := take(); !c.Read {
		t.Errorf("%+v", c)
	}
	must[bool](t)(s.MarkRead(t.Context(), chat, kith.EventID{}))
	if len(got) != 0 {
		t.Errorf("%+v though nothing changed", got)
	}
}

func TestCancelledAndClosed(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "kith.db"), store.Options{Account: alice.Account, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Append(ctx, chat, alice.Device, compose(text("x"))); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := s.Conversations(ctx, store.ConversationPage{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// While one write runs, the next is given up.
	running, proceed := make(chan bool), make(chan bool)
	go s.Update(t.Context(), func(*store.Tx) error { close(running); <-proceed; return nil })
	<-running
	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.Append(ctx, chat, alice.Device, compose(text("x"))); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(proceed)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	_, err = s.Append(t.Context(), chat, alice.Device, compose(text("x")))
	wantKind(t, err, kith.Conflict)
	_, err = s.Messages(t.Context(), chat, store.Page{})
	wantKind(t, err, kith.Conflict)
}
