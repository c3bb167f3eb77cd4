package folder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"kith"
)

// fakeSource tells what the test says.
type fakeSource struct {
	out    chan string
	refuse error
	mu     sync.Mutex
	added  []string
}

func (s *fakeSource) events() <-chan string { return s.out }
func (s *fakeSource) remove(string, string) {}
func (s *fakeSource) close()                {}
func (s *fakeSource) add(_, rel string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added = append(s.added, rel)
	return s.refuse
}

// A watch is a watcher under test with the changes it has told.
type watch struct {
	t      *testing.T
	root   string
	source *fakeSource
	got    chan Change
	pass   func(time.Duration) // the bubble's time
}

// watching runs test in a bubble with a watcher of root.
func watching(t *testing.T, root string, known []Entry, refuse error, test func(w *watch)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &fakeSource{out: make(chan string), refuse: refuse}
		inner := newWatcher(root, Options{Known: known, Settle: 2 * time.Second, Poll: time.Minute, Rescan: time.Hour}, s)
		go inner.run(ctx)
		w := &watch{t, root, s, make(chan Change, 100), func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}}
		go func() {
			for c := range inner.out {
				w.got <- c
			}
			close(w.got)
		}()
		test(w)
		cancel()
		synctest.Wait()
		for range w.got { // until the watcher has ended
		}
	})
}

// after lets d pass and gives what was told, like "new a.txt", sorted.
func (w *watch) after(d time.Duration) string {
	w.pass(d)
	var all []string
	for len(w.got) > 0 {
		c := <-w.got
		line := string(c.Op)
		if c.Path != "" {
			line += " " + c.Path
		}
		if c.From != "" {
			line += " from " + c.From
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (w *watch) expect(d time.Duration, want string) {
	w.t.Helper()
	if got := w.after(d); got != want {
		w.t.Errorf("after %v: %q, want %q", d, got, want)
	}
}

// entry is what the watcher remembers of a file.
func entry(t *testing.T, root, rel string) Entry {
	t.Helper()
	info, err := os.Lstat(filepath.Join(root, rel))
	e, ok := entryOf(rel, info, err)
	if !ok {
		t.Fatal(rel, err)
	}
	return e
}

// made is a folder of ours with files in it.
func made(t *testing.T, files ...string) string {
	t.Helper()
	root := t.TempDir()
	if err := Make(root); err != nil {
		t.Fatal(err)
	}
	for _, rel := range files {
		write(t, root, rel, rel)
	}
	return root
}

func move(t *testing.T, root, from, to string) {
	t.Helper()
	if err := os.Rename(filepath.Join(root, from), filepath.Join(root, to)); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, root, rel string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, rel)); err != nil {
		t.Fatal(err)
	}
}

// TestWatchTellsWhatHappenedBefore starts with an index that is out of date.
func TestWatchTellsWhatHappenedBefore(t *testing.T) {
	root := made(t, "same.txt", "sub/changed.txt", "old name.txt", "gone.txt", "kept.txt")
	var known []Entry
	for _, rel := range []string{"same.txt", "sub/changed.txt", "old name.txt", "gone.txt", "kept.txt"} {
		known = append(known, entry(t, root, rel))
	}
	write(t, root, "sub/changed.txt", "something else")
	write(t, root, "new.txt", "")
	write(t, root, "half"+Part, "")
	write(t, root, ".hidden/x", "")
	write(t, root, "doc.txt~", "")
	move(t, root, "old name.txt", "sub/new name.txt")
	remove(t, root, "gone.txt")
	os.Link(filepath.Join(root, "kept.txt"), filepath.Join(root, "second name.txt"))
	watching(t, root, known, nil, func(w *watch) {
		w.expect(1900*time.Millisecond, "")
		w.expect(time.Second, "changed sub/changed.txt, new new.txt, new second name.txt, ready, removed gone.txt, renamed sub/new name.txt from old name.txt")
		w.expect(24*time.Hour, "")
		if !slices.Contains(w.source.added, ".") || !slices.Contains(w.source.added, "sub") || slices.Contains(w.source.added, ".hidden") {
			t.Errorf("watched: %v", w.source.added)
		}
	})
}

// TestWatchWaitsUntilSettled writes a file for ten seconds.
func TestWatchWaitsUntilSettled(t *testing.T) {
	root := made(t)
	watching(t, root, nil, nil, func(w *watch) {
		w.expect(3*time.Second, "ready")
		for i := range 10 {
			write(t, root, "film.mp4", strings.Repeat("x", i))
			w.source.out <- "film.mp4"
			w.expect(time.Second, "")
		}
		// Now without events, as a program does that maps the file.
		w.expect(500*time.Millisecond, "")
		write(t, root, "film.mp4", "another length")
		w.expect(1500*time.Millisecond, "")
		w.expect(2*time.Second, "new film.mp4")
		write(t, root, "film.mp4", "once more")
		w.source.out <- "film.mp4"
		w.source.out <- "film.mp4"
		w.expect(3*time.Second, "changed film.mp4")
		w.source.out <- "film.mp4"
		w.expect(time.Minute, "")
		// Written and deleted before it settled: nobody hears of it.
		write(t, root, "brief.txt", "x")
		w.source.out <- "brief.txt"
		w.expect(time.Second, "")
		remove(t, root, "brief.txt")
		w.source.out <- "brief.txt"
		w.expect(time.Minute, "")
	})
}

func TestWatchFollowsFolders(t *testing.T) {
	root := made(t, "a/b/one.txt", "a/two.txt")
	watching(t, root, nil, nil, func(w *watch) {
		w.expect(3*time.Second, "new a/b/one.txt, new a/two.txt, ready")
		move(t, root, "a", "z")
		w.source.out <- "a"
		w.source.out <- "z"
		w.expect(4*time.Second, "renamed z/b/one.txt from a/b/one.txt, renamed z/two.txt from a/two.txt")
		write(t, root, "z/b/c/three.txt", "")
		w.source.out <- "z/b/c"
		w.expect(4*time.Second, "new z/b/c/three.txt")
		remove(t, root, "z/b")
		w.source.out <- "z/b"
		w.expect(4*time.Second, "removed z/b/c/three.txt, removed z/b/one.txt")
		remove(t, root, "z/two.txt")
		write(t, root, "z/four.txt", "a new file, perhaps with a dead one's inode")
		w.source.out <- "." // the system lost events
		w.expect(4*time.Second, "new z/four.txt, removed z/two.txt")
	})
}

// TestWatchPolls has a system that gives no watches.
func TestWatchPolls(t *testing.T) {
	root := made(t)
	watching(t, root, nil, syscall.ENOSPC, func(w *watch) {
		w.pass(3 * time.Second)
		c := <-w.got
		if c.Op != Polling || !errors.Is(c.Err, syscall.ENOSPC) || kith.KindOf(c.Err) != kith.Full || !strings.Contains(c.Err.Error(), "max_user_watches") {
			t.Errorf("first came %+v", c)
		}
		w.expect(0, "ready")
		write(t, root, "a.txt", "")
		w.expect(2*time.Minute, "new a.txt")
		remove(t, root, "a.txt")
		w.expect(2*time.Minute, "removed a.txt")
	})
}

// TestWatchDoesNotTakeALostDiskForAnEmptiedOne: a mount point without its disk
// is an empty folder without our mark.
func TestWatchDoesNotTakeALostDiskForAnEmptiedOne(t *testing.T) {
	root := made(t, "a.txt", "b.txt")
	away := filepath.Join(t.TempDir(), "away")
	watching(t, root, nil, nil, func(w *watch) {
		w.expect(3*time.Second, "new a.txt, new b.txt, ready")
		if err := errors.Join(os.Rename(root, away), os.Mkdir(root, 0o700)); err != nil {
			t.Fatal(err)
		}
		w.source.out <- "a.txt"
		w.expect(3*time.Second, "lost")
		w.expect(time.Hour, "")
		remove(t, root, ".")
		w.expect(time.Hour, "")
		if err := os.Rename(away, root); err != nil {
			t.Fatal(err)
		}
		remove(t, root, "a.txt")
		w.expect(2*time.Minute, "ready, removed a.txt")
		remove(t, root, "b.txt") // by hand, the mark is there
		w.source.out <- "b.txt"
		w.expect(4*time.Second, "removed b.txt")
	})
}

// TestWatchForReal has the system's own source, and no bubble: a goroutine in a
// system call would stop its clock.
func TestWatchForReal(t *testing.T) {
	root := made(t, "before.txt")
	ctx, cancel := context.WithCancel(t.Context())
	// Both halves of a renaming have to come within that, on a busy machine as well.
	changes, err := Watch(ctx, root, Options{Settle: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(wants ...string) {
		t.Helper()
		for range wants {
			c := <-changes
			got := strings.TrimSpace(fmt.Sprintln(c.Op, c.Path, c.From))
			if !slices.Contains(wants, got) {
				t.Fatalf("%q %v, want one of %q", got, c.Err, wants)
			}
		}
	}
	expect("new before.txt", "ready")
	write(t, root, "deep/er/x.txt", "x")
	expect("new deep/er/x.txt")
	move(t, root, "deep", "deeper")
	expect("renamed deeper/er/x.txt deep/er/x.txt")
	write(t, root, "deeper/er/y.txt", "y")
	expect("new deeper/er/y.txt")
	write(t, root, "deeper/er/y.txt", "yy")
	expect("changed deeper/er/y.txt")
	remove(t, root, "deeper")
	expect("removed deeper/er/x.txt", "removed deeper/er/y.txt")
	cancel()
	for range changes {
	}
}

func TestWatchNoFolder(t *testing.T) {
	if _, err := Watch(t.Context(), filepath.Join(t.TempDir(), "none"), Options{}); kith.KindOf(err) != kith.NotFound {
		t.Error(err)
	}
}

func TestIgnored(t *testing.T) {
	for rel, want := range map[string]bool{
		"a.txt": false, "a/b.txt": false, "a/.git/config": true, ".x": true, "a.mp4" + Part: true, "a~": true,
		"~$doc.docx": true, "#x#": true, "x.SWP": true, "Thumbs.db": true, "sub/x.crdownload": true, "tmp": false, "#1 hit.mp3": false,
	} {
		if Ignored(rel) != want {
			t.Errorf("Ignored(%q) = %v", rel, !want)
		}
	}
}

// BenchmarkScan looks through 10,000 unchanged files.
func BenchmarkScan(b *testing.B) {
	root := b.TempDir()
	var known []Entry
	for i := range 10_000 {
		rel := fmt.Sprintf("%d/%d.txt", i/100, i)
		os.MkdirAll(filepath.Join(root, fmt.Sprint(i/100)), 0o700)
		if err := os.WriteFile(filepath.Join(root, rel), nil, 0o600); err != nil {
			b.Fatal(err)
		}
		info, err := os.Lstat(filepath.Join(root, rel))
		e, _ := entryOf(rel, info, err)
		known = append(known, e)
	}
	w := newWatcher(root, Options{Known: known}, nil)
	b.ReportAllocs()
	for b.Loop() {
		w.scan(".")
	}
	if len(w.pending) > 0 {
		b.Fatal("something is pending")
	}
}
