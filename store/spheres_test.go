package store_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"kith"
	"kith/store"
)

func update(t testing.TB, s *store.Store, f func(*store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func TestSpheres(t *testing.T) {
	s := fresh(t, alice)
	creation := record(bob, kith.ConversationID{}, 1)
	id := kith.ConversationID(creation.ID)
	sphere := store.Sphere{ID: id, State: store.SphereInvited, Inviter: bob.Account, Name: "Family"}
	invite := store.SphereInvite{Sphere: id, Account: carol.Account, At: start}
	second := record(bob, id, 2)
	update(t, s, func(tx *store.Tx) error {
		if err := tx.PutSphere(sphere); err != nil {
			return err
		}
		for _, rec := range []kith.Record{creation, second, creation} {
			if err := tx.PutRecord(rec); err != nil {
				return err
			}
		}
		return tx.PutSphereInvite(id, carol.Account, start)
	})
	list := must[[]store.Conversation](t)(s.Conversations(t.Context(), store.ConversationPage{}))
	if len(list) != 1 || list[0].ID != id || !list[0].Sphere || !list[0].With.IsZero() || list[0].Last != nil {
		t.Errorf("%+v", list)
	}
	sphere.Settings = []byte{}
	if got := must[[]store.Sphere](t)(s.Spheres(t.Context())); len(got) != 1 || !reflect.DeepEqual(got[0], sphere) && got[0].Settings != nil {
		t.Errorf("%+v", got)
	}
	sphere.State, sphere.Joined, sphere.Settings = store.SphereMember, start, []byte("{}")
	update(t, s, func(tx *store.Tx) error { return tx.PutSphere(sphere) })
	if got := must[[]store.Sphere](t)(s.Spheres(t.Context())); len(got) != 1 || !reflect.DeepEqual(got[0], sphere) {
		t.Errorf("%+v", got)
	}
	records := must[[]kith.Record](t)(s.Records(t.Context(), id))
	creation.Sphere = id
	for i, want := range []kith.Record{creation, second} {
		want.Order, want.Sent = 0, time.Time{}
		if len(records) != 2 || !reflect.DeepEqual(records[i], want) {
			t.Fatalf("%+v", records)
		}
	}
	if got := must[[]store.SphereInvite](t)(s.SphereInvites(t.Context())); !slices.Equal(got, []store.SphereInvite{invite}) {
		t.Errorf("%+v", got)
	}
	invitation := kith.Invitation{Secret: kith.InvitationSecret{1}, Created: start, Sphere: id}
	update(t, s, func(tx *store.Tx) error { return tx.PutInvitation(invitation) })
	if got := must[[]kith.Invitation](t)(s.Invitations(t.Context())); len(got) != 1 || got[0] != invitation {
		t.Errorf("%+v", got)
	}

	update(t, s, func(tx *store.Tx) error { return tx.DeleteSphere(id) })
	if n := len(must[[]store.Conversation](t)(s.Conversations(t.Context(), store.ConversationPage{}))); n != 0 {
		t.Errorf("%d conversations", n)
	}
	if n := len(must[[]kith.Record](t)(s.Records(t.Context(), id))); n != 0 {
		t.Errorf("%d records", n)
	}
	if n := len(must[[]store.SphereInvite](t)(s.SphereInvites(t.Context()))); n != 0 {
		t.Errorf("%d invitations", n)
	}
}

func TestNotes(t *testing.T) {
	s := fresh(t, alice)
	conv := inSphere(t, s, "sphere")
	notes := []kith.Note{
		{Change: kith.ChangeCreation, Name: "Family"},
		{Change: kith.ChangeMuting, Subject: carol.Account, Until: start},
		{Change: kith.ChangeRemoval, Subject: carol.Account},
	}
	put := func(count int) {
		update(t, s, func(tx *store.Tx) error {
			if err := tx.DropNotes(conv); err != nil {
				return err
			}
			for range 2 {
				for i, note := range notes[:count] {
					if err := tx.PutNote(conv, record(bob, conv, 10*i+5), note); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	noteID := func(n int) kith.EventID {
		rec := record(bob, conv, n)
		return rec.Stamp().ID
	}
	put(3)
	for i := range 2 {
		_, err := s.Apply(t.Context(), conv, bob, uint64(i+1), []kith.Event{event(bob, uint64(i+1), uint64(10*i+10), text("said"))}, store.ApplyOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	list := must[[]store.Entry](t)(s.Messages(t.Context(), conv, store.Page{}))
	if len(list) != 5 {
		t.Fatalf("%+v", list)
	}
	for i, note := range notes {
		if e := list[2*i]; !reflect.DeepEqual(e.Note, &note) || e.Author != bob || e.ID != noteID(10*i+5) || e.Order != uint64(10*i+5) {
			t.Errorf("%+v, want %+v", e, note)
		}
	}
	// One pages from a note as from a message.
	page := must[[]store.Entry](t)(s.Messages(t.Context(), conv, store.Page{Before: list[2].ID, Limit: 2}))
	if len(page) != 2 || page[1].ID != list[1].ID {
		t.Errorf("%+v", page)
	}
	c := must[store.Conversation](t)(s.Conversation(t.Context(), conv))
	if c.Unread != 2 || c.Last == nil || c.Last.ID != list[4].ID {
		t.Errorf("%+v", c)
	}
	if _, n, err := s.Count(t.Context()); n != 2 || err != nil {
		t.Errorf("%d messages, %v", n, err)
	}
	if n := len(must[[]store.Entry](t)(s.Search(t.Context(), "family", nil, 9))); n != 0 {
		t.Errorf("%d found", n)
	}
	if _, err := s.LastOwn(t.Context(), conv); kith.KindOf(err) != kith.NotFound {
		t.Errorf("%v", err)
	}
	put(1)
	if c := must[store.Conversation](t)(s.Conversation(t.Context(), conv)); c.Last.Text != "said" {
		t.Errorf("%+v", c.Last)
	}
	// An own event sorts after the roster's changes that are known.
	ev := must[kith.Event](t)(s.Append(t.Context(), conv, alice.Device, func(seq, after uint64) (kith.Event, error) {
		return event(alice, seq, after+1, text("mine")), nil
	}))
	if ev.Order <= 25 {
		t.Errorf("order %d", ev.Order)
	}
}

func TestDeliveryInSphere(t *testing.T) {
	s := fresh(t, alice)
	conv := inSphere(t, s, "sphere")
	dora := person("dora")
	members := func(accounts ...kith.AccountID) {
		t.Helper()
		update(t, s, func(tx *store.Tx) error { return tx.PutMembers(conv, accounts) })
	}
	var ids []kith.EventID
	for range 3 {
		ev, err := s.Append(t.Context(), conv, alice.Device, compose(text("hello")))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, ev.ID)
	}
	marks := func(who kith.Peer, seq, read uint64) {
		t.Helper()
		if _, err := s.PutMarks(t.Context(), who, conv, kith.Vector{alice.Device: {Seq: seq, Read: read}}, start); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, n int, state kith.DeliveryState, has, read int) {
		t.Helper()
		for _, e := range []store.Entry{
			must[store.Entry](t)(s.Message(t.Context(), ids[n-1])),
			must[[]store.Entry](t)(s.Messages(t.Context(), conv, store.Page{}))[n-1],
		} {
			if e.State != state || e.Has != has || e.HasRead != read {
				t.Errorf("%s: %s, %d have it, %d read it, want %s %d %d", what, e.State, e.Has, e.HasRead, state, has, read)
			}
		}
	}
	check("alone", 1, kith.Pending, 0, 0)
	members(bob.Account, carol.Account, alice.Account)
	check("nobody has it", 1, kith.Pending, 0, 0)
	marks(bob, 2, 1)
	marks(device(alice, "phone"), 3, 3)
	check("one of two", 2, kith.Held, 1, 0)
	check("own devices do not count", 3, kith.Pending, 0, 0)
	marks(carol, 1, 0)
	marks(device(carol, "phone"), 2, 2)
	check("both", 2, kith.Delivered, 2, 1)
	check("both read it", 1, kith.Read, 2, 2)
	members(bob.Account, carol.Account, dora.Account)
	check("a new member changes nothing", 1, kith.Read, 2, 2)
	check("a new member changes nothing", 2, kith.Delivered, 2, 1)
	marks(bob, 3, 1)
	marks(carol, 3, 0)
	check("the new member lacks it", 3, kith.Held, 2, 0)
	members(bob.Account, carol.Account)
	check("and left", 3, kith.Delivered, 2, 0)
	members()
	check("all left", 3, kith.Delivered, 0, 0)
}

func TestBase(t *testing.T) {
	s := fresh(t, alice)
	conv := inSphere(t, s, "sphere")
	apply := func(first, last uint64, o store.ApplyOptions) (store.Applied, error) {
		var events []kith.Event
		for seq := first; seq <= last; seq++ {
			events = append(events, event(bob, seq, seq, text("hello")))
		}
		return s.Apply(t.Context(), conv, bob, first, events, o)
	}
	seqs := func(after uint64) (list []uint64) {
		for _, e := range must[[]store.Stored](t)(s.EventsAfter(t.Context(), conv, bob.Device, after, 1<<20)) {
			list = append(list, e.Seq)
		}
		return list
	}
	base := store.ApplyOptions{Base: 5, Certificate: []byte("certificate")}
	if _, err := apply(7, 8, base); err != store.ErrGap {
		t.Fatal(err)
	}
	if got, err := apply(4, 7, base); got != (store.Applied{New: 2, Duplicates: 2}) || err != nil {
		t.Fatalf("%+v %v", got, err)
	}
	if got := seqs(0); !slices.Equal(got, []uint64{6, 7}) {
		t.Errorf("%v", got)
	}
	if got := must[[]byte](t)(s.Certificate(t.Context(), conv, bob.Device)); string(got) != "certificate" {
		t.Errorf("%q", got)
	}
	if got := must[[]byte](t)(s.Certificate(t.Context(), conv, carol.Device)); got != nil {
		t.Errorf("%q", got)
	}
	// Back after a while outside.
	if _, err := apply(11, 12, base); err != store.ErrGap {
		t.Fatal(err)
	}
	if got, err := apply(11, 12, store.ApplyOptions{Base: 10}); got.New != 2 || err != nil {
		t.Fatalf("%+v %v", got, err)
	}
	if got := seqs(6); !slices.Equal(got, []uint64{7}) {
		t.Errorf("%v", got)
	}
	if got := seqs(7); !slices.Equal(got, []uint64{11, 12}) {
		t.Errorf("%v", got)
	}
	// Only a base, so far.
	if _, err := s.Apply(t.Context(), conv, carol, 3, []kith.Event{event(carol, 3, 3, text("old"))}, store.ApplyOptions{Base: 3}); err != nil {
		t.Fatal(err)
	}
	if have := must[kith.Vector](t)(s.Have(t.Context(), conv)); have[carol.Device] != (kith.Mark{Seq: 3}) || have[bob.Device].Seq != 12 {
		t.Errorf("%+v", have)
	}
}
