package sqlfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"kith"
)

// made makes a database that holds the number 7.
func made(t *testing.T, o Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "numbers.db")
	db, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), "write", add(7), nil); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// holds gives the format of a database and what is in it.
func holds(t *testing.T, path string, o Options) (format int64, all []int64) {
	t.Helper()
	c, err := connect(t.Context(), path, o, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if format, err = c.Pragma("user_version"); err != nil {
		t.Fatal(err)
	}
	return format, numbers(t, c, "all")
}

func TestMigration(t *testing.T) {
	o := options(t)
	path := made(t, o)
	next := o
	next.Scripts.Schema = append(slices.Clone(o.Scripts.Schema), "UPDATE numbers SET n = n + 1", "UPDATE numbers SET n = n * 2")
	db, err := Open(t.Context(), path, next)
	if err != nil {
		t.Fatal(err)
	}
	want(t, db, 16)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, state := range []struct {
		file          string
		format, value int64
	}{{"", 3, 16}, {".before-2", 1, 7}, {".before-3", 2, 8}} {
		if format, all := holds(t, path+state.file, o); format != state.format || !slices.Equal(all, []int64{state.value}) {
			t.Errorf("%q: format %d, %v", state.file, format, all)
		}
	}
	_, err = Open(t.Context(), path, o)
	wantKind(t, err, kith.Conflict, "newer version")
}

// One that fails changes nothing, and can be tried again.
func TestMigrationThatFails(t *testing.T) {
	o := options(t)
	path := made(t, o)
	for range 2 {
		next := o
		next.Scripts.Schema = append(slices.Clone(o.Scripts.Schema), "UPDATE numbers SET n = n + 1; UPDATE nothing SET n = 0")
		if _, err := Open(t.Context(), path, next); err == nil {
			t.Fatal("it did not fail")
		}
		if format, all := holds(t, path, o); format != 1 || !slices.Equal(all, []int64{7}) {
			t.Errorf("format %d, %v", format, all)
		}
	}
}

func TestFilesOfOthers(t *testing.T) {
	o := options(t)
	path := made(t, o)
	other := o
	other.Application++
	_, err := Open(t.Context(), path, other)
	wantKind(t, err, kith.Invalid, "another program")

	text := filepath.Join(t.TempDir(), "text")
	content := []byte("this is no database, and never was one")
	if err := os.WriteFile(text, content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), text, o)
	wantKind(t, o.Words.Explain(t.Context(), text, "open it", err), kith.Damaged, "open it: it is broken")
	if now, err := os.ReadFile(text); err != nil || !bytes.Equal(now, content) {
		t.Errorf("it was changed to %q, %v", now, err)
	}
}

func TestExplain(t *testing.T) {
	w := options(t).Words
	path := filepath.Join(t.TempDir(), "numbers.db")
	for _, c := range []struct {
		err   error
		kind  kith.ErrorKind
		words string
	}{
		{sqlite3.FULL, kith.Full, "write: there is no room"},
		{fmt.Errorf("add: %w", &os.PathError{Op: "write", Err: syscall.ENOSPC}), kith.Full, "there is no room"},
		{sqlite3.CORRUPT, kith.Damaged, "it is broken"},
		{sqlite3.NOTADB, kith.Damaged, "it is broken"},
		{sqlite3.IOERR, kith.Internal, "write: "}, // there is room
		{sqlite3.INTERRUPT, kith.Internal, "write: "},
		{kith.Errorf(kith.Forbidden, "not this one"), kith.Forbidden, "not this one"},
	} {
		wantKind(t, w.Explain(t.Context(), path, "write", c.err), c.kind, c.words)
	}
	if err := w.Explain(t.Context(), path, "write", nil); err != nil {
		t.Error(err)
	}
}
