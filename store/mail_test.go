package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"kith"
	"kith/store"
)

func TestCorrespondents(t *testing.T) {
	s := fresh(t, alice)
	if c := must[store.Correspondent](t)(s.Correspondent(t.Context(), bob)); c.Peer != bob || c.Begun || c.Sent != 0 {
		t.Errorf("of somebody unknown: %+v", c)
	}
	want := store.Correspondent{
		Peer: bob, Sessions: []byte{1, 2}, Begun: true, Drops: []byte{3}, Told: []byte{4}, Sent: 5, Seen: 6,
		Unanswered: []kith.ConversationID{chat, {9}}, Since: start, Wants: 3, Wished: start.Add(time.Hour), Granted: start.Add(2 * time.Hour),
	}
	update(t, s, func(tx *store.Tx) error { return tx.PutCorrespondent(want) })
	if got := must[store.Correspondent](t)(s.Correspondent(t.Context(), bob)); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	listed := want
	listed.Sessions = nil
	if got := must[[]store.Correspondent](t)(s.Correspondents(t.Context())); len(got) != 1 || !reflect.DeepEqual(got[0], listed) {
		t.Errorf("%+v", got)
	}
	heads := []kith.RecordID{{1}, {2}}
	update(t, s, func(tx *store.Tx) error { return tx.PutHeard(bob, chat, heads) })
	if got := must[[]kith.RecordID](t)(s.Heard(t.Context(), bob, chat)); !slices.Equal(got, heads) {
		t.Errorf("%v", got)
	}
	update(t, s, func(tx *store.Tx) error { return tx.EndSessions() })
	if got := must[store.Correspondent](t)(s.Correspondent(t.Context(), bob)); got.Begun || got.Sent != 0 || len(got.Drops) != 1 || len(got.Unanswered) != 0 {
		t.Errorf("as another device: %+v", got)
	}
	update(t, s, func(tx *store.Tx) error { return tx.ForgetCorrespondent(bob) })
	if got := must[[]store.Correspondent](t)(s.Correspondents(t.Context())); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestPrekeysAreBounded(t *testing.T) {
	s := fresh(t, alice)
	update(t, s, func(tx *store.Tx) error {
		for id := range uint64(40) {
			p := store.Prekey{ID: id, For: bob, Secret: kith.Secret{byte(id)}, Created: start.Add(time.Duration(id) * time.Second)}
			if err := tx.PutPrekey(p); err != nil {
				return err
			}
			if err := tx.PutBundle(bob, id, []byte{byte(id)}); err != nil {
				return err
			}
		}
		return tx.PutPrekey(store.Prekey{ID: 100, Secret: kith.Secret{1}, Created: start})
	})
	kept := 0
	update(t, s, func(tx *store.Tx) error {
		for id := range uint64(40) {
			p, found, err := tx.Prekey(id)
			if err != nil {
				return err
			}
			if found {
				kept++
				if id < 24 || p.For != bob || p.Secret != (kith.Secret{byte(id)}) {
					t.Errorf("prekey %d: %+v", id, p)
				}
			}
		}
		if p, found, err := tx.Prekey(100); err != nil || !found || !p.For.Account.IsZero() {
			t.Errorf("one that was published: %+v, %v, %v", p, found, err)
		}
		if err := tx.DeletePrekey(39); err != nil {
			return err
		}
		_, found, err := tx.Prekey(39)
		if found {
			t.Error("it can be used twice")
		}
		return err
	})
	if n := must[int](t)(s.Bundles(t.Context(), bob)); kept != 16 || n != 8 {
		t.Errorf("%d prekeys and %d bundles are kept", kept, n)
	}
	taken := 0
	update(t, s, func(tx *store.Tx) error {
		for {
			bundle, err := tx.TakeBundle(bob)
			if err != nil || bundle == nil {
				return err
			}
			taken++
		}
	})
	if taken != 8 {
		t.Errorf("%d bundles were taken", taken)
	}
}

// What lies with a hub is forgotten when the device is known to have it, when a
// link tells what it has, and when it says that a letter did not bring it.
func TestMailed(t *testing.T) {
	s := fresh(t, alice)
	for range 9 {
		say(t, s, alice, "word")
	}
	ev := must[[]store.Stored](t)(s.EventsAfter(t.Context(), chat, alice.Device, 0, 1<<20))
	mark := func(seq uint64) kith.Vector { return kith.Vector{alice.Device: {Seq: seq, ID: ev[seq-1].ID}} }
	put := func(first, last, letter uint64) {
		update(t, s, func(tx *store.Tx) error {
			return tx.PutMailed(store.Mailed{Conversation: chat, Author: alice.Device, To: bob, First: first, Last: last, Letter: letter, Hub: "hub.example", Until: start})
		})
	}
	lies := func(want ...uint64) {
		t.Helper()
		var got []uint64
		for _, m := range must[[]store.Mailed](t)(s.MailedTo(t.Context(), bob)) {
			got = append(got, m.First)
		}
		if !slices.Equal(got, want) {
			t.Errorf("what begins at %v lies there, want %v", got, want)
		}
	}
	merge := func(seq uint64) {
		t.Helper()
		update(t, s, func(tx *store.Tx) error { return tx.MergeMarks(bob, chat, mark(seq), start) })
	}
	put(1, 2, 1)
	put(3, 4, 2)
	put(5, 9, 3)
	lies(1, 3, 5)
	if held := must[[]store.Mailed](t)(s.HeldFor(t.Context(), chat, alice.Device, 4)); len(held) != 1 || held[0].Letter != 2 || held[0].To != bob || held[0].Hub != "hub.example" || !held[0].Until.Equal(start) {
		t.Errorf("%+v", held)
	}
	merge(3)
	lies(3, 5)
	if debts := must[[]store.Debt](t)(s.Owed(t.Context(), chat, bob)); len(debts) != 1 || debts[0] != (store.Debt{Author: alice.Device, Here: 9, There: 3}) {
		t.Errorf("%+v", debts)
	}
	merge(2) // late: it takes nothing back
	if debts := must[[]store.Debt](t)(s.Owed(t.Context(), chat, bob)); debts[0].There != 3 {
		t.Errorf("%+v", debts)
	}
	update(t, s, func(tx *store.Tx) error { return tx.DropMailedIn(bob, chat, 2) })
	lies(5)
	if _, err := s.PutMarks(t.Context(), bob, chat, mark(3), start); err != nil {
		t.Fatal(err)
	}
	lies()
	put(4, 9, 4)
	update(t, s, func(tx *store.Tx) error { return tx.DropMailed(bob) })
	lies()
	if list := must[[]store.Entry](t)(s.Messages(t.Context(), chat, store.Page{})); list[2].State != kith.Delivered || list[3].State != kith.Pending {
		t.Errorf("%s, %s", list[2].State, list[3].State)
	}
}

// Events that overtook others wait, are applied once when the others came, and
// not if those belong to another history.
func TestEarlyEvents(t *testing.T) {
	s := fresh(t, alice)
	events := make([]kith.Event, 7)
	for i := range events {
		events[i] = event(bob, uint64(i+1), uint64(i+1), text(fmt.Sprint("word ", i+1)))
	}
	park := func(from, to int, after kith.EventID) {
		update(t, s, func(tx *store.Tx) error {
			all, err := tx.Park(chat, bob, events[from-1:to], after, start)
			if !all {
				t.Errorf("%d to %d found no room", from, to)
			}
			return err
		})
	}
	park(5, 6, events[3].ID)
	park(3, 3, events[1].ID)
	park(3, 3, events[1].ID)
	if got := history(t, s); len(got) != 0 {
		t.Errorf("%q", got)
	}
	hear(t, s, events[:2]...)
	if got := history(t, s); !slices.Equal(got, []string{"word 1", "word 2", "word 3"}) {
		t.Errorf("%q", got)
	}
	hear(t, s, events[3])
	hear(t, s, events[:7]...)
	if got := history(t, s); len(got) != 7 || got[6] != "word 7" {
		t.Errorf("%q", got)
	}
	have := must[kith.Vector](t)(s.Have(t.Context(), chat))
	if have[bob.Device].Seq != 7 || have[bob.Device].ID != events[6].ID {
		t.Errorf("%+v", have)
	}

	// 8 is not the event after which 9 was written.
	eighth, ninth := event(bob, 8, 8, text("word 8")), event(bob, 9, 9, text("word 9"))
	update(t, s, func(tx *store.Tx) error {
		_, err := tx.Park(chat, bob, []kith.Event{ninth}, kith.EventID{1}, start)
		return err
	})
	hear(t, s, eighth)
	if got := history(t, s); len(got) != 8 {
		t.Errorf("%q", got)
	}
	if err := s.ForgetEarly(t.Context(), start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func TestEarlyEventsAreBounded(t *testing.T) {
	s := fresh(t, alice)
	var events []kith.Event
	for i := range 1200 {
		events = append(events, event(bob, uint64(i+2), uint64(i+2), text("word")))
	}
	update(t, s, func(tx *store.Tx) error {
		all, err := tx.Park(chat, bob, events, kith.EventID{}, start)
		if all {
			t.Error("there was room for all")
		}
		return err
	})
	hear(t, s, event(bob, 1, 1, text("first")))
	if have := must[kith.Vector](t)(s.Have(t.Context(), chat)); have[bob.Device].Seq != 1001 {
		t.Errorf("%d came out", have[bob.Device].Seq)
	}
}

// Of a history that was set back nothing new is taken, wherever it departs.
func TestChainedEvents(t *testing.T) {
	other := event(bob, 2, 20, text("another second"))
	other.ID = kith.EventID{7}
	other = encode(other)
	for name, test := range map[string]struct {
		first  uint64
		events []kith.Event
		after  kith.EventID
		bad    bool
	}{
		"it follows":                       {3, []kith.Event{event(bob, 3, 30, text("third"))}, eventID(bob, 2), false},
		"it follows another":               {3, []kith.Event{event(bob, 3, 30, text("third"))}, other.ID, true},
		"it overlaps":                      {2, []kith.Event{event(bob, 2, 20, text("second")), event(bob, 3, 30, text("third"))}, eventID(bob, 1), false},
		"it overlaps another":              {2, []kith.Event{other, event(bob, 3, 30, text("third"))}, eventID(bob, 1), true},
		"it ends in another":               {2, []kith.Event{other}, eventID(bob, 1), true},
		"it does not say what went before": {3, []kith.Event{event(bob, 3, 30, text("third"))}, kith.EventID{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, alice)
			hear(t, s, event(bob, 1, 10, text("first")), event(bob, 2, 20, text("second")))
			_, err := s.Apply(t.Context(), chat, bob, test.first, test.events, store.ApplyOptions{Chained: true, After: test.after})
			if test.bad {
				wantKind(t, err, kith.BadPeer)
			} else if err != nil {
				t.Fatal(err)
			}
			if got := history(t, s); len(got) > 2 == (test.bad || test.first+uint64(len(test.events)) < 4) {
				t.Errorf("%q", got)
			}
		})
	}
}

// A part of a write that fails leaves nothing, and the rest stands.
func TestAttempt(t *testing.T) {
	var changes []store.Change
	s := fresh(t, alice, func(o *store.Options) { o.Observe = func(c store.Change) { changes = append(changes, c) } })
	failure := errors.New("no")
	update(t, s, func(tx *store.Tx) error {
		if err := tx.PutSetting("before", []byte{1}); err != nil {
			return err
		}
		err := tx.Attempt(func() error {
			if _, err := tx.Apply(chat, bob, 1, []kith.Event{event(bob, 1, 1, text("gone"))}, store.ApplyOptions{}); err != nil {
				return err
			}
			return errors.Join(tx.PutSetting("within", []byte{1}), failure)
		})
		if !errors.Is(err, failure) {
			t.Errorf("%v", err)
		}
		return tx.Attempt(func() error { return tx.PutSetting("after", []byte{1}) })
	})
	for name, want := range map[string]bool{"before": true, "within": false, "after": true} {
		if got := must[[]byte](t)(s.Setting(t.Context(), name)); (got != nil) != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := history(t, s); len(got) != 0 || len(changes) != 0 {
		t.Errorf("%q, %+v", got, changes)
	}
}

// mailEnv makes the test binary a process that takes letters until it is killed.
const mailEnv = "KITH_STORE_MAIL"

// takeForever takes letters, each of which brings an event and moves a session on,
// and prints the number of each that it took.
func takeForever(path string) {
	s, err := store.Open(context.Background(), path, store.Options{Account: alice.Account, Rules: rules})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for {
		err := s.Update(context.Background(), func(tx *store.Tx) error {
			known, err := tx.Correspondent(bob)
			if err != nil {
				return err
			}
			known.Seen++
			known.Sessions = fmt.Append(nil, known.Seen)
			if _, err := tx.Apply(chat, bob, known.Seen, []kith.Event{event(bob, known.Seen, known.Seen, text("word"))}, store.ApplyOptions{}); err != nil {
				return err
			}
			fmt.Println(known.Seen - 1) // what is acknowledged when this one begins
			return tx.PutCorrespondent(known)
		})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
}

// Session and events of a letter are stored together or not at all, wherever the
// program is killed.
func TestKilledWhileTakingLetters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kith.db")
	for round := range 4 {
		var acknowledged uint64
		killed(t, mailEnv+"="+path, 20+round*31, func(line string) {
			if _, err := fmt.Sscan(line, &acknowledged); err != nil {
				t.Fatal(line)
			}
		})
		s, err := store.Open(t.Context(), path, store.Options{Account: alice.Account, Rules: rules})
		if err != nil {
			t.Fatal(err)
		}
		known := must[store.Correspondent](t)(s.Correspondent(t.Context(), bob))
		have := must[kith.Vector](t)(s.Have(t.Context(), chat))
		if known.Seen < acknowledged || have[bob.Device].Seq != known.Seen || string(known.Sessions) != fmt.Sprint(known.Seen) {
			t.Errorf("acknowledged %d, the session is at %s after %d letters, %d events are here", acknowledged, known.Sessions, known.Seen, have[bob.Device].Seq)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
