package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kith"
	"kith/store"
)

var (
	key1 = &[32]byte{1}
	key2 = &[32]byte{2}
)

func withKey(key *[32]byte) func(*store.Options) {
	return func(o *store.Options) { o.Key = key }
}

// write makes a database with n messages and gives its path.
func write(t *testing.T, key *[32]byte, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kith ü%20#.db")
	s, err := store.Open(t.Context(), path, store.Options{Key: key, Account: alice.Account, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	var events []kith.Event
	for i := range n {
		events = append(events, event(bob, uint64(i+1), uint64(i+1), text(fmt.Sprint("a secret word ", i))))
	}
	hear(t, s, events...)
	must[[]store.Entry](t)(s.Search(t.Context(), "secret", nil, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func tryOpen(t *testing.T, path string, key *[32]byte) error {
	s, err := store.Open(t.Context(), path, store.Options{Key: key, Account: alice.Account, Rules: rules})
	if err == nil {
		s.Close()
	}
	return err
}

func TestWrongKeys(t *testing.T) {
	plain, sealed := write(t, nil, 10), write(t, key1, 10)
	text := filepath.Join(t.TempDir(), "letter.txt")
	if err := os.WriteFile(text, bytes.Repeat([]byte("Dear Bob, "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"a key for a plain file":  tryOpen(t, plain, key1),
		"no key":                  tryOpen(t, sealed, nil),
		"another key":             tryOpen(t, sealed, key2),
		"no database":             tryOpen(t, text, nil),
		"no database, with a key": tryOpen(t, text, key1),
		"check another key":       store.Check(t.Context(), sealed, key2),
		"convert another key":     store.Convert(t.Context(), sealed, key2, nil),
	} {
		t.Run(name, func(t *testing.T) { wantKind(t, err, kith.Invalid) })
	}
	for path, key := range map[string]*[32]byte{plain: nil, sealed: key1} {
		if err := tryOpen(t, path, key); err != nil {
			t.Errorf("%s was harmed: %v", path, err)
		}
	}
	wantKind(t, store.Check(t.Context(), filepath.Join(t.TempDir(), "none"), nil), kith.NotFound)
}

func TestNothingPlainInAnEncryptedStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kith.db")
	s := open(t, path, alice, withKey(key1))
	say(t, s, alice, "a secret word")
	for _, end := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) == 0 || bytes.Contains(content, []byte("secret")) || bytes.Contains(content, []byte("SQLite")) {
			t.Errorf("%d bytes in %q, readable", len(content), end)
		}
	}
}

func TestDamagedFile(t *testing.T) {
	const size = 3000
	for name, harm := range map[string]func(b []byte) []byte{
		"cut in half": func(b []byte) []byte { return b[:len(b)/2] },
		"cut short":   func(b []byte) []byte { return b[:len(b)-4096] },
		"overwritten": func(b []byte) []byte {
			for i := 4096; i < len(b); i += 3 * 4096 {
				copy(b[i:], strings.Repeat("scratch ", 100))
			}
			return b
		},
		"first page": func(b []byte) []byte { copy(b[100:], make([]byte, 2000)); return b },
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, nil, size)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, harm(content), 0o600); err != nil {
				t.Fatal(err)
			}
			err = store.Check(t.Context(), path, nil)
			wantKind(t, err, kith.Damaged)
			t.Log(err)
			s, err := store.Open(t.Context(), path, store.Options{Account: alice.Account, Rules: rules})
			if err != nil {
				wantKind(t, err, kith.Damaged)
				return
			}
			defer s.Close()
			if _, err := s.EventsAfter(t.Context(), chat, bob.Device, 0, 1<<30); err != nil {
				wantKind(t, err, kith.Damaged)
			}
		})
	}
}

func TestSnapshotWhileWriting(t *testing.T) {
	for name, key := range map[string]*[32]byte{"plain": nil, "encrypted": key1} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, alice, withKey(key))
			for range 20 {
				say(t, s, alice, "before")
			}
			stop := make(chan bool)
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						say(t, s, alice, "meanwhile")
					}
				}
			})
			path := filepath.Join(t.TempDir(), "copy.db")
			if err := s.Snapshot(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			close(stop)
			wg.Wait()
			wantKind(t, s.Snapshot(t.Context(), path), kith.Conflict)
			if err := store.Check(t.Context(), path, key); err != nil {
				t.Fatal(err)
			}
			list := history(t, open(t, path, alice, withKey(key)))
			if len(list) < 20 || list[0] != "before" {
				t.Errorf("%d messages", len(list))
			}
		})
	}
}

// copyOf finds the one copy from before a later version's schema.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	copies, err := filepath.Glob(path + ".before-*")
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies %v, %v", copies, err)
	}
	return copies[0]
}

func TestConvert(t *testing.T) {
	path := write(t, nil, 200)
	s, err := store.OpenNextSchema(t.Context(), path, store.Options{Rules: rules}, "CREATE TABLE later (x)")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	backup := copyOf(t, path)
	if err := os.Rename(backup, path); err != nil { // back to this version
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(backup, content, 0o600); err != nil {
		t.Fatal(err)
	}
	from := (*[32]byte)(nil)
	for _, to := range []*[32]byte{key1, key2, nil} {
		// What an interrupted conversion left is in nobody's way.
		if err := os.WriteFile(path+".convert", []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := store.Convert(t.Context(), path, from, to); err != nil {
			t.Fatal(err)
		}
		if from != to && from != nil {
			wantKind(t, tryOpen(t, path, from), kith.Invalid)
		}
		if err := store.Check(t.Context(), path, to); err != nil {
			t.Fatal(err)
		}
		s := open(t, path, alice, withKey(to))
		if n := len(history(t, s)); n != 200 {
			t.Errorf("%d messages", n)
		}
		if n := len(must[[]store.Entry](t)(s.Search(t.Context(), "secret", nil, 1000))); n != 200 {
			t.Errorf("%d found", n)
		}
		s.Close()
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(entries) != 1 {
			t.Errorf("beside the database: %v %v", entries, err)
		}
		from = to
	}
}

func TestConvertRefusesWhatIsOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kith.db")
	s := open(t, path, alice)
	say(t, s, alice, "hello")
	wantKind(t, store.Convert(t.Context(), path, nil, key1), kith.Conflict)
	say(t, s, alice, "still here")
	if n := len(history(t, s)); n != 2 {
		t.Errorf("%d messages", n)
	}
}

func TestMigration(t *testing.T) {
	path := write(t, key1, 5)
	o := store.Options{Key: key1, Account: alice.Account, Rules: rules}
	if _, err := store.OpenNextSchema(t.Context(), path, o, "CREATE TABLE more (x); CREATE TABLE more (x);"); err == nil {
		t.Fatal("a script that fails was no error")
	}
	if err := tryOpen(t, path, key1); err != nil {
		t.Fatalf("a script that failed left something: %v", err)
	}
	s, err := store.OpenNextSchema(t.Context(), path, o, "CREATE TABLE more (x);")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(history(t, s)); n != 5 {
		t.Errorf("%d messages", n)
	}
	s.Close()
	wantKind(t, tryOpen(t, path, key1), kith.Conflict) // this version is older now
	if n := len(history(t, open(t, copyOf(t, path), alice, withKey(key1)))); n != 5 {
		t.Errorf("%d messages in the copy", n)
	}
}
