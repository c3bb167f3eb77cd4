package moderation

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/hubapi"
)

var (
	key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ann = hubapi.Key{1}
	bob = hubapi.Key{2}
	now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
)

func open(t *testing.T, path string) *Log {
	t.Helper()
	l, err := Open(path, key)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func texts(notices []*hubapi.Notice) string {
	var all []string
	for _, n := range notices {
		all = append(all, fmt.Sprint(n.ID, " ", n.Text))
	}
	return strings.Join(all, "; ")
}

func TestNotices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moderation.json")
	l := open(t, path)
	for _, n := range []struct {
		to   *hubapi.Key
		text string
	}{{nil, "to all"}, {&ann, "to Ann"}, {&bob, " to Bob\n"}, {nil, "again"}} {
		if _, err := l.Notify(n.to, n.text, now); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // as it is, and as it was kept
		for _, c := range []struct {
			device hubapi.Key
			since  uint64
			want   string
		}{
			{ann, 0, "1 to all; 2 to Ann; 4 again"},
			{bob, 0, "1 to all; 3 to Bob; 4 again"},
			{hubapi.Key{3}, 1, "4 again"},
			{ann, 4, ""},
		} {
			got := l.Since(c.device, c.since)
			if texts(got) != c.want {
				t.Errorf("since %d: %s, want %s", c.since, texts(got), c.want)
			}
			for _, n := range got {
				if err := hubapi.CheckNotice(n, hubapi.KeyOf(key), c.device); err != nil {
					t.Errorf("notice %d: %v", n.ID, err)
				}
			}
		}
		if got := texts(l.All()); got != "1 to all; 2 to Ann; 3 to Bob; 4 again" {
			t.Errorf("all: %s", got)
		}
		l = open(t, path)
	}
	if n, err := l.Notify(nil, "after a restart", now); err != nil || n.ID != 5 {
		t.Errorf("the next is %+v, %v", n, err)
	}
	for _, text := range []string{"", " \n", strings.Repeat("x", hubapi.MaxText+1), "\xff"} {
		if _, err := l.Notify(nil, text, now); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others may read the file: %v, %v", info.Mode(), err)
	}
}

func TestOnlySoManyNotices(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "moderation.json"))
	l.Notices = make([]notice, MaxNotices)
	if _, err := l.Notify(nil, "one more", now); err != nil {
		t.Fatal(err)
	}
	if all := l.All(); len(all) != MaxNotices || all[MaxNotices-1].Text != "one more" {
		t.Errorf("%d notices are kept", len(all))
	}
}

func TestBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moderation.json")
	l := open(t, path)
	for _, length := range []time.Duration{0, MinBlock - 1, MaxBlock + 1} {
		if _, err := l.Block(ann, length, now); kith.KindOf(err) != kith.Invalid {
			t.Errorf("for %v: %v", length, err)
		}
	}
	until, err := l.Block(ann, time.Hour, now)
	if err != nil || !until.Equal(now.Add(time.Hour)) {
		t.Fatalf("until %v, %v", until, err)
	}
	if _, err := l.Block(bob, MinBlock, now); err != nil {
		t.Fatal(err)
	}
	l = open(t, path)
	for _, c := range []struct {
		device hubapi.Key
		after  time.Duration
		want   bool
	}{{ann, 0, true}, {ann, time.Hour - 1, true}, {ann, time.Hour, false}, {bob, 0, true}, {bob, 31 * time.Minute, false}, {hubapi.Key{3}, 0, false}} {
		if _, blocked := l.Blocked(c.device, now.Add(c.after)); blocked != c.want {
			t.Errorf("%s after %v: %v", c.device.Short(), c.after, blocked)
		}
	}
	if err := l.Unblock(ann, now); err != nil {
		t.Fatal(err)
	}
	if err := l.Unblock(ann, now); kith.KindOf(err) != kith.NotFound {
		t.Errorf("unblocked twice: %v", err)
	}
	if blocks := open(t, path).AllBlocks(now); len(blocks) != 1 || blocks[bob.String()].IsZero() {
		t.Errorf("blocked are %v", blocks)
	}
}

func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moderation.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, key); kith.KindOf(err) != kith.Damaged {
		t.Errorf("half a file: %v", err)
	}
}
