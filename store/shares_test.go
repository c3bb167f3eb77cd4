package store_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"kith"
	"kith/store"
)

// sharing makes the share of a file with a preview.
func sharing(path, caption string) kith.Share {
	return kith.Share{Caption: caption, File: kith.FileRef{
		Infohash: kith.Infohash{1, 2}, Key: kith.Secret{3}, Sum: [32]byte{4}, Size: 5, Files: 1, Path: path,
		Media: kith.Media{Type: "video/mp4", Width: 6, Height: 7, Duration: 8, Preview: []byte("a small picture")},
	}}
}

func TestShares(t *testing.T) {
	s := fresh(t, alice)
	first := sharing("Films/2024/beach.mp4", "the sea")
	second := first
	second.Replaces, second.File.Media.Preview = eventID(bob, 1), nil
	torrent := kith.Torrent{Magnet: "magnet:?xt=urn:btih:1", Name: "Big Buck Bunny", Size: 9}
	hear(t, s, event(bob, 1, 10, first), event(bob, 2, 20, text("beach?")), event(bob, 3, 30, second), event(bob, 4, 40, torrent),
		event(bob, 5, 50, kith.Edit{Message: eventID(bob, 1), Text: "the ocean"}))

	e := must[store.Entry](t)(s.Message(t.Context(), eventID(bob, 1)))
	want := first.File
	want.Media.Preview = nil
	if !reflect.DeepEqual(e.File, &want) || e.Text != "the ocean" || !e.HasPreview || e.Torrent != nil || e.Note != nil {
		t.Errorf("%+v", e)
	}
	if e := must[store.Entry](t)(s.Message(t.Context(), eventID(bob, 3))); e.Replaces != eventID(bob, 1) || e.HasPreview {
		t.Errorf("%+v", e)
	}
	if e := must[store.Entry](t)(s.Message(t.Context(), eventID(bob, 4))); !reflect.DeepEqual(e.Torrent, &torrent) || e.File != nil {
		t.Errorf("%+v", e)
	}
	if p := must[[]byte](t)(s.Preview(t.Context(), eventID(bob, 1))); !bytes.Equal(p, first.File.Media.Preview) {
		t.Errorf("%q", p)
	}
	_, err := s.Preview(t.Context(), eventID(bob, 3))
	wantKind(t, err, kith.NotFound)
	for words, n := range map[string]int{"beach": 3, "ocean": 1, "sea": 1, "bunny": 1, "films": 0} {
		if found := must[[]store.Entry](t)(s.Search(t.Context(), words, nil, 9)); len(found) != n {
			t.Errorf("%q: %d found, want %d", words, len(found), n)
		}
	}

	hear(t, s, event(bob, 6, 60, kith.Deletion{Message: eventID(bob, 1)}))
	if e := must[store.Entry](t)(s.Message(t.Context(), eventID(bob, 1))); e.File != nil || e.HasPreview || !e.Deleted {
		t.Errorf("%+v", e)
	}
	_, err = s.Preview(t.Context(), eventID(bob, 1))
	wantKind(t, err, kith.NotFound)
	if found := must[[]store.Entry](t)(s.Search(t.Context(), "beach", nil, 9)); len(found) != 2 {
		t.Errorf("%d found", len(found))
	}
}

func TestFilesPage(t *testing.T) {
	s := fresh(t, alice)
	elsewhere := inSphere(t, s, "elsewhere")
	var want []kith.EventID
	for i := range 9 {
		hear(t, s, event(bob, uint64(2*i+1), uint64(20*i+1), text("hello")), event(bob, uint64(2*i+2), uint64(20*i+2), sharing(fmt.Sprint("file ", i), "")))
		want = append(want, eventID(bob, uint64(2*i+2)))
		if _, err := s.Apply(t.Context(), elsewhere, carol, uint64(i+1), []kith.Event{event(carol, uint64(i+1), uint64(20*i+10), sharing("theirs", ""))}, store.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Reverse(want)
	pages := func(all bool) (got []kith.EventID) {
		page := store.FilePage{Limit: 4, All: all}
		for {
			list := must[[]store.Entry](t)(s.Files(t.Context(), chat, page))
			for _, e := range list {
				got = append(got, e.ID)
			}
			if len(list) < 4 {
				return got
			}
			page.Before = list[len(list)-1].ID
		}
	}
	if got := pages(false); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	all := pages(true)
	if len(all) != 18 || all[0] != eventID(carol, 9) || all[1] != want[0] {
		t.Errorf("%v", all)
	}
}

func record(who kith.Peer, sphere kith.ConversationID, n int) kith.Record {
	raw := []byte(fmt.Sprint("record ", n))
	return kith.Record{
		ID: kith.NewRecordID(who, raw), Sphere: sphere, Author: who, Order: uint64(n), Sent: start.Add(time.Duration(n) * time.Millisecond),
		Raw: raw, Proof: []byte("proof"), Certificate: []byte("certificate"),
	}
}
