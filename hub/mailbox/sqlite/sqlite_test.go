package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/hub/mailbox"
	"kith/hub/mailbox/mailboxtest"
	"kith/hubapi"
	"kith/internal/sqlfile"
)

var token = hubapi.Hash{7}

func open(t testing.TB, path string, limits mailbox.Limits) *Store {
	t.Helper()
	s, err := Open(path, limits, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	mailboxtest.Conformance(t, func(t *testing.T, limits mailbox.Limits) (a, b mailbox.Store) {
		s := open(t, filepath.Join(t.TempDir(), "mailbox.db"), limits)
		return s, s
	})
}

func TestOpenedAgain(t *testing.T) {
	path, box := filepath.Join(t.TempDir(), "mailbox.db"), mailboxtest.Key()
	var last uint64
	for round := range 3 {
		s, err := Open(path, mailbox.DefaultLimits(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(t.Context(), box, token, true); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Leave(t.Context(), box, token, []byte("x")); err != nil {
			t.Fatal(err)
		}
		mail, err := s.Fetch(t.Context(), box, last, 10, 1<<20)
		if err != nil || len(mail) != 1 {
			t.Fatalf("round %d: %v, %v", round, mail, err)
		}
		// Even when the highest number is taken out before the end.
		last = mail[0].ID
		if err := s.Take(t.Context(), box, []uint64{last}); err != nil {
			t.Fatal(err)
		}
		if got, _ := s.Stats(t.Context()); got.Boxes != 1 || got.Envelopes != 0 || got.Bytes != 0 {
			t.Errorf("round %d: %+v", round, got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Leave(t.Context(), box, token, []byte("x")); kith.KindOf(err) != kith.Conflict {
			t.Errorf("leaving in a closed mailbox: %v", err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others may read the file: %v %v", info.Mode(), err)
	}
}

// What is too old goes, what is not stays, and the counts stay right.
func TestSweep(t *testing.T) {
	const day = 24 * time.Hour
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(filepath.Join(dir, "mailbox.db"), mailbox.DefaultLimits(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		used, unused, owner := mailboxtest.Key(), mailboxtest.Key(), mailboxtest.Key()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		leave := func(box hubapi.Key, n int) {
			t.Helper()
			for range n {
				_, err := s.Leave(t.Context(), box, token, []byte("x"))
				must(err)
			}
		}
		want := func(when string, boxes, envelopes int, bytes int64) {
			t.Helper()
			got, err := s.Stats(t.Context())
			must(err)
			if got != (mailbox.Stats{Boxes: boxes, Envelopes: envelopes, Bytes: bytes}) {
				t.Errorf("%s: %+v, want %d boxes, %d envelopes, %d bytes", when, got, boxes, envelopes, bytes)
			}
		}
		const one = mailbox.Overhead + 1
		for _, box := range []hubapi.Key{used, unused} {
			_, err := s.Open(t.Context(), box, token, true)
			must(err)
		}
		_, err = s.Publish(t.Context(), owner, hubapi.Hash{1}, []byte("b"), time.Now().Add(10*day))
		must(err)
		leave(used, sweepBatch+10) // more than one batch
		want("at first", 2, sweepBatch+10, one*(sweepBatch+11))

		time.Sleep(29 * day)
		leave(used, 3)
		_, err = s.Open(t.Context(), used, token, true)
		must(err)
		want("before an envelope is too old", 2, sweepBatch+13, one*(sweepBatch+13)) // the bundle is gone
		if _, err := s.Bundle(t.Context(), hubapi.Hash{1}); kith.KindOf(err) != kith.NotFound {
			t.Errorf("a bundle beyond its end: %v", err)
		}

		time.Sleep(day + sweepEvery)
		want("after 30 days", 2, 3, 3*one)
		if opened, err := s.Open(t.Context(), used, token, true); err != nil || opened.Waiting != 3 {
			t.Errorf("%d envelopes wait, %v", opened.Waiting, err)
		}

		leave(unused, 2)
		time.Sleep(31*day + sweepEvery)
		want("after 61 days", 1, 0, 0)
		if _, err := s.Leave(t.Context(), unused, token, []byte("x")); kith.KindOf(err) != kith.NotFound {
			t.Errorf("leaving in a box that is gone: %v", err)
		}
	})
}

func TestFilesOfOthers(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("this is no database, and never was one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(text, mailbox.DefaultLimits(), nil); kith.KindOf(err) != kith.Damaged || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("a text file: %v", err)
	}
	other := filepath.Join(dir, "other.db")
	c, err := sqlfile.Connect(t.Context(), other, sqlfile.Options{Application: applicationID + 1, Scripts: sqlfile.Scripts{Schema: []string{"CREATE TABLE t (x)"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other, mailbox.DefaultLimits(), nil); kith.KindOf(err) != kith.Invalid {
		t.Errorf("a database of another program: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "no", "folder", "x.db"), mailbox.DefaultLimits(), nil); err == nil {
		t.Error("a folder that is not there")
	}
}
