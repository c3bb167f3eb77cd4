// Package moderationtest is the suite that every implementation of
// moderation.Log passes: in one process, or in several side by side.
//
// It asks for two ends of one log, as two processes have them, and does things
// at one that have to hold at the other.
package moderationtest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/hub/moderation"
	"kith/hubapi"
)

// patience is how long the suite waits for what should happen at once.
const patience = 20 * time.Second

// Key is what logs sign with.
var Key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

var ann, bob = hubapi.Key{1}, hubapi.Key{2}

// Open makes a log with Key, and gives two ends of it, as two processes have
// them; b may be a itself. again opens it anew, as after a restart.
type Open func(t *testing.T) (a, b moderation.Log, again func() moderation.Log)

// Conformance runs the suite.
func Conformance(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"notices", notices},
		{"bad notices", badNotices},
		{"many at once", manyAtOnce},
		{"blocks", blocks},
		{"who watches", watched},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
}

// Past writes the file of a hub that gave so many notices, "notice 1" and so on,
// and keeps the last of them.
func Past(t *testing.T, path string, notices int) {
	t.Helper()
	var kept []map[string]any
	for id := max(0, notices-moderation.MaxNotices) + 1; id <= notices; id++ {
		n, err := moderation.NewNotice(Key, uint64(id), nil, fmt.Sprint("notice ", id), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, map[string]any{"id": n.ID, "at": n.At, "text": n.Text, "signature": n.Signature})
	}
	data, err := json.Marshal(map[string]any{"next": notices + 1, "notices": kept})
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(late) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
	}
}

func texts(notices []*hubapi.Notice) string {
	var all []string
	for _, n := range notices {
		all = append(all, fmt.Sprint(n.ID, " ", n.Text))
	}
	return strings.Join(all, "; ")
}

func notices(t *testing.T, open Open) {
	a, b, again := open(t)
	for i, n := range []struct {
		to   *hubapi.Key
		text string
	}{{nil, "to all"}, {&ann, "to Ann"}, {&bob, " to Bob\n"}, {nil, "again"}} {
		at := []moderation.Log{a, b}[i%2]
		got, err := at.Notify(t.Context(), n.to, n.text, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != uint64(i+1) || at.All()[i].ID != got.ID {
			t.Errorf("notice %d has the number %d", i+1, got.ID)
		}
	}
	for name, l := range map[string]moderation.Log{"here": a, "there": b, "after a restart": again()} {
		eventually(t, "all notices are "+name, func() bool { return len(l.All()) == 4 })
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
				t.Errorf("%s, since %d: %s, want %s", name, c.since, texts(got), c.want)
			}
			for _, n := range got {
				if err := hubapi.CheckNotice(n, hubapi.KeyOf(Key), c.device); err != nil {
					t.Errorf("%s, notice %d: %v", name, n.ID, err)
				}
			}
		}
		if got := texts(l.All()); got != "1 to all; 2 to Ann; 3 to Bob; 4 again" {
			t.Errorf("%s, all: %s", name, got)
		}
	}
}

func badNotices(t *testing.T, open Open) {
	a, _, _ := open(t)
	for _, text := range []string{"", " \n", strings.Repeat("x", hubapi.MaxText+1), "\xff"} {
		if _, err := a.Notify(t.Context(), nil, text, time.Now()); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	if len(a.All()) != 0 {
		t.Errorf("kept are %s", texts(a.All()))
	}
}

// Of those who give notices at the same time each gets a number of their own.
func manyAtOnce(t *testing.T, open Open) {
	a, b, _ := open(t)
	const each = 10
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range each {
				if _, err := []moderation.Log{a, b}[i%2].Notify(t.Context(), nil, fmt.Sprint(i, " ", n), time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, l := range []moderation.Log{a, b} {
		eventually(t, "all notices are there", func() bool { return len(l.All()) == 4*each })
		seen := map[string]bool{}
		for i, n := range l.All() {
			if seen[n.Text] = true; n.ID != uint64(i+1) {
				t.Errorf("notice %d has the number %d", i+1, n.ID)
			}
		}
		if len(seen) != 4*each {
			t.Errorf("%d different notices", len(seen))
		}
	}
	if texts(a.All()) != texts(b.All()) {
		t.Error("the notices are not the same here and there")
	}
}

func blocks(t *testing.T, open Open) {
	a, b, again := open(t)
	now := time.Now()
	for _, length := range []time.Duration{0, moderation.MinBlock - 1, moderation.MaxBlock + 1} {
		if _, err := a.Block(t.Context(), ann, length, now); kith.KindOf(err) != kith.Invalid {
			t.Errorf("for %v: %v", length, err)
		}
	}
	if err := a.Unblock(t.Context(), ann, now); kith.KindOf(err) != kith.NotFound {
		t.Errorf("ending a block that is not: %v", err)
	}
	if _, err := b.Block(t.Context(), ann, moderation.MaxBlock, now); err != nil {
		t.Fatal(err)
	}
	until, err := b.Block(t.Context(), ann, time.Hour, now) // in place of the other
	if most := now.Add(time.Hour); err != nil || until.After(most) || until.Before(most.Add(-time.Second)) {
		t.Fatalf("until %v, %v", until, err)
	}
	if _, err := a.Block(t.Context(), bob, moderation.MinBlock, now); err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]moderation.Log{"here": a, "there": b, "after a restart": again()} {
		eventually(t, "both are blocked "+name, func() bool {
			at, _ := l.Blocked(ann, now)
			return at.Equal(until) && len(l.AllBlocks(now)) == 2
		})
		for _, c := range []struct {
			device hubapi.Key
			after  time.Duration
			want   bool
		}{{ann, 0, true}, {ann, 59 * time.Minute, true}, {ann, time.Hour, false}, {bob, 0, true}, {bob, 31 * time.Minute, false}, {hubapi.Key{3}, 0, false}} {
			if _, blocked := l.Blocked(c.device, now.Add(c.after)); blocked != c.want {
				t.Errorf("%s, %s after %v: %v", name, c.device.Short(), c.after, blocked)
			}
		}
	}
	if err := a.Unblock(t.Context(), ann, now); err != nil {
		t.Fatal(err)
	}
	if err := a.Unblock(t.Context(), ann, now); kith.KindOf(err) != kith.NotFound {
		t.Errorf("unblocked twice: %v", err)
	}
	for name, l := range map[string]moderation.Log{"here": a, "there": b, "after a restart": again()} {
		eventually(t, "Ann is no longer blocked "+name, func() bool {
			all := l.AllBlocks(now)
			return len(all) == 1 && !all[bob].IsZero()
		})
	}
}

// A diary writes down what it is told.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) write(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, what)
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.entries)
}

// Noticed implements moderation.Watcher.
func (d *diary) Noticed(n *hubapi.Notice) {
	who := "all"
	if bytes.Equal(n.To, ann[:]) {
		who = "Ann"
	}
	d.write(fmt.Sprintf("notice %d to %s", n.ID, who))
}

// BlockedUntil implements moderation.Watcher.
func (d *diary) BlockedUntil(device hubapi.Key, until time.Time) {
	d.write("block of " + device.Short())
}

func watched(t *testing.T, open Open) {
	a, b, _ := open(t)
	ends := []moderation.Log{a}
	if a != b {
		ends = append(ends, b)
	}
	diaries := make([]diary, len(ends))
	for i, l := range ends {
		l.Watch(&diaries[i])
	}
	last := ends[len(ends)-1]
	now := time.Now()
	_, err1 := a.Notify(t.Context(), nil, "one", now)
	_, err2 := last.Notify(t.Context(), &ann, "two", now)
	_, err3 := a.Block(t.Context(), bob, time.Hour, now)
	err4 := a.Unblock(t.Context(), bob, now)
	_, err5 := last.Notify(t.Context(), nil, "three", now)
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range ends {
		eventually(t, "everything is told", func() bool { return slices.Contains(diaries[i].read(), "notice 3 to all") })
		told := diaries[i].read()
		notices := slices.DeleteFunc(slices.Clone(told), func(s string) bool { return !strings.HasPrefix(s, "notice") })
		if got := strings.Join(notices, ", "); got != "notice 1 to all, notice 2 to Ann, notice 3 to all" {
			t.Errorf("told were %s", got)
		}
		// One that ended before it was heard of elsewhere need not be told there.
		if blocks := len(told) - len(notices); blocks > 1 || i == 0 && blocks != 1 {
			t.Errorf("%d blocks were told: %v", blocks, told)
		}
	}
}
