package moderation_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"kith"
	"kith/hub/moderation"
	"kith/hub/moderation/moderationtest"
)

func open(t *testing.T, path string) moderation.Log {
	t.Helper()
	l, err := moderation.Open(path, moderationtest.Key)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestConformance(t *testing.T) {
	moderationtest.Conformance(t, func(t *testing.T) (a, b moderation.Log, again func() moderation.Log) {
		path := filepath.Join(t.TempDir(), "moderation.json")
		l := open(t, path)
		return l, l, func() moderation.Log { return open(t, path) }
	})
}

// After a restart numbers go on, and nobody else may read the file.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moderation.json")
	for want := range uint64(3) {
		if n, err := open(t, path).Notify(t.Context(), nil, "a notice", time.Now()); err != nil || n.ID != want+1 {
			t.Errorf("the next is %+v, %v", n, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others may read the file: %v, %v", info.Mode(), err)
	}
}

func TestOnlySoManyNotices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moderation.json")
	moderationtest.Past(t, path, moderation.MaxNotices)
	l := open(t, path)
	if _, err := l.Notify(t.Context(), nil, "one more", time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, l := range []moderation.Log{l, open(t, path)} {
		if all := l.All(); len(all) != moderation.MaxNotices || all[0].Text != "notice 2" || all[moderation.MaxNotices-1].Text != "one more" {
			t.Errorf("%d notices are kept", len(all))
		}
	}
}

func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moderation.json")
	for _, text := range []string{"{", `{"next":1,"blocks":{"nobody":"2026-03-04T12:00:00Z"}}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := moderation.Open(path, moderationtest.Key); kith.KindOf(err) != kith.Damaged {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A file that an earlier version wrote.
func TestWrittenBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moderation.json")
	text := `{"next":8,"notices":[{"id":7,"at":1772625600000,"text":"hello","signature":"AA=="}],` +
		`"blocks":{"aeaqaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":"2126-03-04T12:00:00Z"}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, path)
	if all := l.All(); len(all) != 1 || all[0].ID != 7 || all[0].Text != "hello" {
		t.Errorf("notices are %+v", all)
	}
	for device := range l.AllBlocks(time.Now()) {
		if device.String() != "aeaqaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
			t.Errorf("blocked is %s", device)
		}
	}
	if n, err := l.Notify(t.Context(), nil, "the next", time.Now()); err != nil || n.ID != 8 || len(l.AllBlocks(time.Now())) != 1 {
		t.Errorf("the next is %+v, %v", n, err)
	}
}
