package store_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kith"
	"kith/store"
)

// old unpacks a database that a former version wrote.
func old(t *testing.T, name string) string {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	in, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kith.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A database of schema 1, as the program wrote it: Alice's, with Bob's messages
// read, unread, edited, deleted and hidden, an edit that waits, and one of
// Carol's. All of it is there and works on.
func TestFromSchema1(t *testing.T) {
	path := old(t, "schema.1.db")
	s := open(t, path, alice)
	if got, want := history(t, s), []string{"hello from the first schema", "second, edited", "", "mine"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	list := must[[]store.Conversation](t)(s.Conversations(t.Context(), store.ConversationPage{Archived: no()}))
	if len(list) != 2 || list[0].ID != chat || list[0].Last.Text != "mine" || list[0].Unread != 1 || list[0].Mentioned != 0 ||
		list[0].Pinned || list[0].Draft != nil || list[1].Last.Text != "from Carol" {
		t.Errorf("%+v", list)
	}
	if found := must[[]store.Entry](t)(s.Search(t.Context(), "hello", nil, 9)); len(found) != 1 || found[0].Mentions != nil {
		t.Errorf("%+v", found)
	}
	if value := must[[]byte](t)(s.Setting(t.Context(), "kept")); string(value) != "yes" {
		t.Errorf("%q", value)
	}

	hear(t, s, event(bob, 8, 80, naming("new")), event(bob, 9, 90, text("at last")))
	if err := s.Reveal(t.Context(), chat, bob.Account); err != nil {
		t.Fatal(err)
	}
	if err := s.Arrange(t.Context(), chat, bob.Account, store.Arrangement{Pinned: yes()}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetDraft(t.Context(), chat, bob.Account, store.Draft{Text: "well"}); err != nil {
		t.Fatal(err)
	}
	c := must[store.Conversation](t)(s.Conversation(t.Context(), chat))
	if c.Unread != 4 || c.Mentioned != 1 || !c.Pinned || c.Draft == nil || c.Last.Text != "waits" {
		t.Errorf("%+v", c)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Check(t.Context(), path, nil); err != nil {
		t.Error(err)
	}
	// The file from before is beside it, for a version that knows no other.
	if err := store.Check(t.Context(), path+".before-2", nil); err != nil {
		t.Error(err)
	}
}

// An encrypted one is migrated as well, and its copy is encrypted.
func TestFromSchema1Encrypted(t *testing.T) {
	path := old(t, "schema.1.db")
	if err := store.Convert(t.Context(), path, nil, key1); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".before-2"); !os.IsNotExist(err) {
		t.Errorf("a plain copy lies beside an encrypted database: %v", err)
	}
	wantKind(t, tryOpen(t, path, nil), kith.Invalid)
	if got := history(t, open(t, path, alice, withKey(key1))); len(got) != 4 {
		t.Errorf("%q", got)
	}
}

// A database of schema 2, Alice's again, with one conversation pinned, a draft
// and a mention. It gets a sphere, and a share beside what was said.
func TestFromSchema2(t *testing.T) {
	path := old(t, "schema.2.db")
	s := open(t, path, alice)
	c := must[store.Conversation](t)(s.Conversation(t.Context(), chat))
	if c.Unread != 4 || c.Mentioned != 1 || !c.Pinned || c.Sphere || c.Draft == nil || c.Last.Text != "waits" || c.Last.File != nil {
		t.Errorf("%+v", c)
	}
	if got := history(t, s); len(got) != 7 {
		t.Errorf("%q", got)
	}
	hidden := store.ApplyOptions{Hide: func(*kith.Event) bool { return true }, Outcast: func(*kith.Event) bool { return true }}
	events := []kith.Event{event(bob, 10, 100, sharing("beach.mp4", "the sea")), event(bob, 11, 110, kith.Edit{Message: eventID(bob, 9), Text: "edited"})}
	if _, err := s.Apply(t.Context(), chat, bob, 10, events, hidden); err != nil {
		t.Fatal(err)
	}
	if err := s.Reveal(t.Context(), chat, bob.Account); err != nil {
		t.Fatal(err)
	}
	if got := history(t, s); len(got) != 7 {
		t.Errorf("%q", got)
	}
	if err := s.Judge(t.Context(), chat, bob.Account, func(*kith.Event) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if got := history(t, s); len(got) != 8 || got[6] != "edited" || got[7] != "the sea" {
		t.Errorf("%q", got)
	}
	inSphere(t, s, "Family")
	if n := len(must[[]store.Conversation](t)(s.Conversations(t.Context(), store.ConversationPage{}))); n != 3 {
		t.Errorf("%d conversations", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + ".before-3"} {
		if err := store.Check(t.Context(), file, nil); err != nil {
			t.Error(err)
		}
	}
}

// A database of schema 4: what is owed in it can be left with a hub.
func TestFromSchema4(t *testing.T) {
	path := old(t, "schema.4.db")
	s := open(t, path, alice)
	if got := history(t, s); !slices.Equal(got, []string{"hello", "again", "before letters", "owed"}) {
		t.Errorf("%q", got)
	}
	if debts := must[[]store.Debt](t)(s.Owed(t.Context(), chat, bob)); len(debts) != 1 || debts[0].Here != 2 || debts[0].There != 0 {
		t.Errorf("%+v", debts)
	}
	update(t, s, func(tx *store.Tx) error {
		if err := tx.PutCorrespondent(store.Correspondent{Peer: bob, Sent: 1}); err != nil {
			return err
		}
		return tx.PutMailed(store.Mailed{Conversation: chat, Author: alice.Device, To: bob, First: 1, Last: 2, Letter: 1, Hub: "hub.example", Until: start})
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + ".before-5"} {
		if err := store.Check(t.Context(), file, nil); err != nil {
			t.Error(err)
		}
	}
}

// A new database has nothing to keep a copy of.
func TestNewDatabaseHasNoCopies(t *testing.T) {
	path := write(t, nil, 1)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the database: %v, %v", entries, err)
	}
}
