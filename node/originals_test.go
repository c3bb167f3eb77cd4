package node

import (
	"os"
	"path/filepath"
	"testing"

	"kith"
	"kith/shelf"
)

// What lies outside of the conversation's folder and becomes another file is
// shared as the newer version, by whichever way it is noticed.
func TestNewerVersionOfAnOriginal(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	original := filepath.Join(t.TempDir(), "plan.txt")
	link := filepath.Join(ann.opt.Folders, "Kith", "Bob", "plan.txt")
	share := func() (Message, error) {
		shared, err := ann.ShareFiles(t.Context(), "Bob", ShareRequest{Paths: []string{original}})
		if err != nil {
			return Message{}, err
		}
		return shared[0], nil
	}
	write := func(size int, seed uint64) []byte { // as editors do: anew, and renamed
		t.Helper()
		data := noise(t, original+".new", size, seed)
		if err := os.Rename(original+".new", original); err != nil {
			t.Fatal(err)
		}
		return data
	}
	arrived := func(id kith.EventID, want []byte) {
		t.Helper()
		holds(t, link, want)
		at := filepath.Join(bob.opt.Folders, "Kith", "Ann", "plan.txt")
		eventually(t, bob, "the newer version", func() error {
			msg, err := bob.Message(t.Context(), id.String())
			if err == nil && (msg.File == nil || msg.File.Transfer.Path != at || msg.File.Transfer.State != TransferComplete) {
				err = kith.Errorf(kith.Conflict, "%+v", msg.File)
			}
			return err
		})
		holds(t, at, want)
	}

	old := write(1000, 1)
	first := must[Message](t)(share())
	arrived(first.ID, old)
	if _, err := share(); kith.KindOf(err) != kith.Conflict {
		t.Errorf("shared twice, unchanged: %v", err)
	}

	data := write(2000, 2)
	second := must[Message](t)(share())
	if second.File.Replaces == nil || *second.File.Replaces != first.ID {
		t.Errorf("shared again it replaces %v, want %s", second.File.Replaces, first.ID)
	}
	arrived(second.ID, data)
	holds(t, stands(t, ann, first.ID, TransferComplete).File.Transfer.Path, old)

	// By itself, once it is written no more.
	data = write(3000, 3)
	r, leave, err := ann.enterFiles()
	if err != nil {
		t.Fatal(err)
	}
	var seen shelf.Looks
	for range 2 {
		seen = r.shelf.LookAtOriginals(t.Context(), seen)
	}
	if seen = r.shelf.LookAtOriginals(t.Context(), seen); len(seen) != 0 {
		t.Errorf("%v differ from what is shared", seen)
	}
	leave()
	eventually(t, ann, "a third version", func() error {
		msg, err := ann.Message(t.Context(), second.ID.String())
		if err == nil && msg.File.ReplacedBy == nil {
			err = kith.Errorf(kith.NotFound, "nothing replaces it")
		}
		return err
	})
	third := must[Message](t)(ann.Message(t.Context(), second.ID.String())).File.ReplacedBy
	arrived(*third, data)

	// In place: the older bytes are gone here, and the newer are shared.
	data = noise(t, original, 4000, 4)
	fourth := must[Message](t)(share())
	if fourth.File.Replaces == nil || *fourth.File.Replaces != *third {
		t.Errorf("written in place it replaces %v, want %s", fourth.File.Replaces, third)
	}
	arrived(fourth.ID, data)
}

// A folder is left alone while one works in it, and shared again it is a newer
// version.
func TestNewerVersionOfAFolder(t *testing.T) {
	ann, bob := open(t, t.TempDir(), "Ann"), open(t, t.TempDir(), "Bob")
	befriend(t, ann, bob)
	dir := filepath.Join(t.TempDir(), "film")
	share := ShareRequest{Paths: []string{dir}}
	noise(t, filepath.Join(dir, "one"), 1000, 1)
	first := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", share))[0]
	arrives(t, bob, first.ID)
	data := noise(t, filepath.Join(dir, "two"), 1000, 2)
	second := must[[]Message](t)(ann.ShareFiles(t.Context(), "Bob", share))[0]
	if second.File.Name != "film" || second.File.Replaces == nil || *second.File.Replaces != first.ID {
		t.Errorf("it is %s and replaces %v, want %s", second.File.Name, second.File.Replaces, first.ID)
	}
	arrives(t, bob, second.ID)
	at := filepath.Join(bob.opt.Folders, "Kith", "Ann", "film", "two")
	eventually(t, bob, "the newer folder", func() error { _, err := os.Stat(at); return err })
	holds(t, at, data)
}
