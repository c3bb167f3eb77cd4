package store_test

import (
	"reflect"
	"testing"
	"time"

	"kith"
	"kith/store"
)

func TestKeepings(t *testing.T) {
	s := fresh(t, alice)
	first := store.Keeping{Hub: "hub.example", Infohash: kith.Infohash{1}, State: "given", Size: 1 << 40, Until: start, Heard: start.Add(time.Hour)}
	other := store.Keeping{Hub: "other.example", Infohash: kith.Infohash{1}, State: "kept"}
	put := func(f func(tx *store.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	put(func(tx *store.Tx) error { return tx.PutKeeping(first) })
	put(func(tx *store.Tx) error { return tx.PutKeeping(other) })
	first.State = "kept"
	put(func(tx *store.Tx) error { return tx.PutKeeping(first) })
	if got := must[[]store.Keeping](t)(s.Keepings(t.Context(), "hub.example")); !reflect.DeepEqual(got, []store.Keeping{first}) {
		t.Errorf("%+v", got)
	}
	put(func(tx *store.Tx) error { return tx.DeleteKeeping("hub.example", kith.Infohash{1}) })
	if got := must[[]store.Keeping](t)(s.Keepings(t.Context(), "hub.example")); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if got := must[[]store.Keeping](t)(s.Keepings(t.Context(), "other.example")); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestHeldSince(t *testing.T) {
	s := fresh(t, alice)
	hear(t, s, event(bob, 1, 10, sharing("a.jpg", "")), event(bob, 2, 20, sharing("b.jpg", "")), event(bob, 3, 30, sharing("c.jpg", "")))
	for i, state := range []store.HoldingState{store.Wanted, store.Offered, store.Own} {
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			return tx.PutHolding(store.Holding{Event: eventID(bob, uint64(i+1)), Conversation: chat, Infohash: kith.Infohash{byte(i)}, State: state})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	all := must[[]store.Held](t)(s.HeldSince(t.Context(), time.Time{}))
	if len(all) != 2 || all[0].Event != eventID(bob, 1) || all[1].State != store.Own || all[1].Infohash != (kith.Infohash{2}) || all[1].Conversation != chat {
		t.Fatalf("%+v", all)
	}
	late := must[[]store.Held](t)(s.HeldSince(t.Context(), all[1].Sent))
	if len(late) == 0 || late[len(late)-1].Event != eventID(bob, 3) || late[0].Sent.Before(all[1].Sent) {
		t.Errorf("%+v", late)
	}
	if got := must[[]store.Held](t)(s.HeldSince(t.Context(), all[1].Sent.Add(time.Hour))); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
