package store_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"kith"
	"kith/store"
)

func TestHoldings(t *testing.T) {
	s := fresh(t, alice)
	first, second := sharing("a.jpg", ""), sharing("b.jpg", "")
	hear(t, s, event(bob, 1, 10, first), event(bob, 2, 20, text("look")), event(bob, 3, 30, second), event(bob, 4, 40, kith.Torrent{Magnet: "magnet:?x", Name: "n"}))
	unheld := func() []kith.EventID { return must[[]kith.EventID](t)(s.Unheld(t.Context())) }
	if got, want := unheld(), []kith.EventID{eventID(bob, 1), eventID(bob, 3), eventID(bob, 4)}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	holding := store.Holding{
		Event: eventID(bob, 3), Conversation: chat, Infohash: kith.Infohash{7}, State: store.Wanted, Path: "b.jpg",
		Source: "/photos/b.jpg", Replaces: eventID(bob, 1), Link: "hard link", Kept: start,
	}
	folder := store.Folder{Conversation: chat, Path: "/home/alice/Kith/Bob", Fetch: "small", Most: 5}
	glance := store.Glance{Path: "b.jpg", Size: 1 << 40, ModTime: time.Unix(1, 123456789), Inode: 1 << 63, Link: true}
	put := func(f func(tx *store.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	put(func(tx *store.Tx) error {
		return tx.PutHolding(store.Holding{Event: eventID(bob, 1), State: store.Offered})
	})
	put(func(tx *store.Tx) error { return tx.PutHolding(holding) })
	put(func(tx *store.Tx) error { return tx.PutFolder(folder) })
	put(func(tx *store.Tx) error { return tx.PutGlance(chat, glance) })
	put(func(tx *store.Tx) error { return tx.PutGlance(chat, store.Glance{Path: "c"}) })
	put(func(tx *store.Tx) error { return tx.DeleteGlance(chat, "c") })
	if got, want := unheld(), []kith.EventID{eventID(bob, 4)}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	all := must[[]store.Holding](t)(s.Holdings(t.Context()))
	if len(all) != 2 || !slices.ContainsFunc(all, func(h store.Holding) bool { return reflect.DeepEqual(h, holding) }) {
		t.Errorf("%+v", all)
	}
	if got := must[[]store.Folder](t)(s.Folders(t.Context())); !slices.Equal(got, []store.Folder{folder}) {
		t.Errorf("%+v", got)
	}
	if got := must[[]store.Glance](t)(s.Glances(t.Context(), chat)); len(got) != 1 || !got[0].ModTime.Equal(glance.ModTime) || got[0].Inode != glance.Inode {
		t.Errorf("%+v", got)
	}

	hear(t, s, event(bob, 5, 50, kith.Deletion{Message: eventID(bob, 3)}))
	if got := must[[]kith.EventID](t)(s.Withdrawn(t.Context())); !slices.Equal(got, []kith.EventID{eventID(bob, 3)}) {
		t.Errorf("%v", got)
	}
	put(func(tx *store.Tx) error { return tx.DeleteHolding(eventID(bob, 3)) })
	put(func(tx *store.Tx) error { return tx.DeleteGlances(chat) })
	if got := must[[]kith.EventID](t)(s.Withdrawn(t.Context())); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got := must[[]store.Glance](t)(s.Glances(t.Context(), chat)); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
