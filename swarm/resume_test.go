package swarm

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"kith"
)

// TestResumeAfterAKill copies what lies on the disk at random moments, as a
// kill would leave it, and goes on from the copy.
func TestResumeAfterAKill(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a := open(t, ann)
	src := filepath.Join(t.TempDir(), "trip")
	noise(t, filepath.Join(src, "a"), 4<<20, 1)
	noise(t, filepath.Join(src, "b"), 70_000, 2)
	noise(t, filepath.Join(src, "c"), 3<<20, 3)
	ref := share(t, a, src)
	for range 4 {
		home := t.TempDir()
		b := open(t, ben, dir(filepath.Join(home, "state")), func(c *Config) { c.Down = 6 << 20 })
		if err := b.Fetch(ref, filepath.Join(home, "got"), Selection{}); err != nil {
			t.Fatal(err)
		}
		connect(t, b, ref, ann, a)
		least := rand.Int64N(int64(ref.Size) * 9 / 10)
		eventually(t, "some of it", func() bool { st, _ := b.Status(ref.Infohash); return st.Done > least })
		copied := t.TempDir()
		// The data first: what was written after a bitmap that names it was
		// synced is there in it.
		for _, part := range []string{"state", "got"} {
			copyTree(filepath.Join(copied, part), filepath.Join(home, part))
		}
		b.Close()
		relocate(t, ref, filepath.Join(copied, "state"), filepath.Join(copied, "got"))
		c := open(t, ben, dir(filepath.Join(copied, "state")))
		connect(t, c, ref, ann, a)
		awaitState(t, c, ref, Seeding)
		sameTree(t, src, filepath.Join(copied, "got"))
	}
}

// relocate changes where a record says that the files lie.
func relocate(t *testing.T, ref kith.FileRef, state, dest string) {
	t.Helper()
	s := &Swarm{cfg: Config{Dir: state}}
	records, err := s.loadRecords()
	if err != nil || len(records) != 1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	records[0].Path = dest
	if err := s.saveRecord(records[0]); err != nil {
		t.Fatal(err)
	}
}

// TestNothingComesTwice holds that a restart fetches only what is missing.
func TestNothingComesTwice(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a := open(t, ann)
	name := filepath.Join(t.TempDir(), "film.mkv")
	want := noise(t, name, 8<<20, 1)
	ref := share(t, a, name)
	dest := filepath.Join(t.TempDir(), "film.mkv")
	b := open(t, ben, func(c *Config) { c.Down = 8 << 20 })
	fetch(t, b, ref, dest)
	connect(t, b, ref, ann, a)
	eventually(t, "half of it", func() bool { st, _ := b.Status(ref.Infohash); return st.Done > 4<<20 })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, ben, dir(b.cfg.Dir))
	st, _ := b.Status(ref.Infohash)
	connect(t, b, ref, ann, a)
	var down int64
	eventually(t, "the rest", func() bool {
		st, _ = b.Status(ref.Infohash)
		for _, p := range st.Peers {
			down = max(down, p.Down)
		}
		return st.State == Seeding
	})
	if down > 5<<20 {
		t.Errorf("%d bytes came after the restart, at most half of %d was missing", down, ref.Size)
	}
	same(t, dest, want)
}

func TestSeedingSurvivesARestart(t *testing.T) {
	ann, ben, cas := newPerson(), newPerson(), newPerson()
	a, b := open(t, ann), open(t, ben)
	src := filepath.Join(t.TempDir(), "trip")
	noise(t, filepath.Join(src, "a"), 1<<20, 1)
	noise(t, filepath.Join(src, "b"), 700_000, 2)
	ref := share(t, a, src)
	fetch(t, b, ref, filepath.Join(t.TempDir(), "b"))
	connect(t, b, ref, ann, a)
	awaitState(t, b, ref, Seeding)
	a.Close()
	b.Close()
	b = open(t, ben, dir(b.cfg.Dir))
	b.mu.Lock()
	tr := b.transfers[ref.Infohash]
	b.mu.Unlock()
	if tr.awake() {
		t.Error("a share that nobody asks for is awake")
	}
	c := open(t, cas)
	dest := filepath.Join(t.TempDir(), "c")
	fetch(t, c, ref, dest)
	connect(t, c, ref, ben, b)
	awaitState(t, c, ref, Seeding)
	sameTree(t, src, dest)
}

func TestAFullDisk(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	var room atomic.Int64
	room.Store(3)
	a, b := open(t, ann), open(t, ben, func(c *Config) {
		c.writeHook = func() error {
			if room.Add(-1) < 0 {
				return &os.PathError{Op: "write", Path: "film", Err: syscall.ENOSPC}
			}
			return nil
		}
	})
	name := filepath.Join(t.TempDir(), "film.mkv")
	want := noise(t, name, 4<<20, 1)
	ref := share(t, a, name)
	dest := filepath.Join(t.TempDir(), "film.mkv")
	fetch(t, b, ref, dest)
	connect(t, b, ref, ann, a)
	st := awaitState(t, b, ref, Full)
	if st.Reason == "" || st.Done == 0 || st.Done == st.Total {
		t.Errorf("%+v", st)
	}
	room.Store(1 << 30)
	if err := b.Resume(ref.Infohash); err != nil {
		t.Fatal(err)
	}
	awaitState(t, b, ref, Seeding)
	same(t, dest, want)
}

func TestVerifyRepairs(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a, b := open(t, ann), open(t, ben)
	name := filepath.Join(t.TempDir(), "film.mkv")
	want := noise(t, name, 4<<20, 1)
	ref := share(t, a, name)
	dest := filepath.Join(t.TempDir(), "film.mkv")
	fetch(t, b, ref, dest)
	connect(t, b, ref, ann, a)
	awaitState(t, b, ref, Seeding)
	f, err := os.OpenFile(dest, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte("rot"), 2<<20)
	f.Close()
	if err := b.Verify(ref.Infohash); err != nil {
		t.Fatal(err)
	}
	awaitState(t, b, ref, Seeding)
	same(t, dest, want)

	// Of an original nothing is repaired; it says so.
	f, _ = os.OpenFile(name, os.O_RDWR, 0)
	fi, _ := f.Stat()
	f.WriteAt([]byte("rot"), 2<<20)
	f.Close()
	os.Chtimes(name, fi.ModTime(), fi.ModTime())
	if err := a.Verify(ref.Infohash); err != nil {
		t.Fatal(err)
	}
	awaitState(t, a, ref, Changed)
}

func TestRemove(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a, b := open(t, ann), open(t, ben)
	src := filepath.Join(t.TempDir(), "trip")
	noise(t, filepath.Join(src, "x/a"), 100, 1)
	noise(t, filepath.Join(src, "b"), 100, 2)
	ref := share(t, a, src)
	dest := filepath.Join(t.TempDir(), "got")
	fetch(t, b, ref, dest)
	connect(t, b, ref, ann, a)
	awaitState(t, b, ref, Seeding)
	os.WriteFile(filepath.Join(dest, "mine"), nil, 0o644)
	if err := b.Remove(ref.Infohash, true); err != nil {
		t.Fatal(err)
	}
	if names, _ := os.ReadDir(dest); len(names) != 1 || names[0].Name() != "mine" {
		t.Errorf("left: %v", names)
	}
	if err := a.Remove(ref.Infohash, true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(src, "b")); err != nil {
		t.Errorf("an original was removed: %v", err)
	}
	if names, _ := os.ReadDir(a.cfg.Dir); len(names) != 0 {
		t.Errorf("left of the state: %v", names)
	}
}

func TestReadingWhileItArrives(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a, b := open(t, ann), open(t, ben, func(c *Config) { c.Down = 8 << 20 })
	src := filepath.Join(t.TempDir(), "trip")
	noise(t, filepath.Join(src, "a"), 300_000, 1)
	want := noise(t, filepath.Join(src, "film"), 12<<20, 2)
	ref := share(t, a, src)
	if err := b.Fetch(ref, filepath.Join(t.TempDir(), "got"), None); err != nil {
		t.Fatal(err)
	}
	connect(t, b, ref, ann, a)
	r, size, _, err := b.Reader(t.Context(), ref.Infohash, 1)
	if err != nil || size != int64(len(want)) {
		t.Fatalf("%d bytes, %v", size, err)
	}
	read := func(at int64, n int) {
		t.Helper()
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, n)
		if _, err := io.ReadFull(r, got); err != nil || string(got) != string(want[at:at+int64(n)]) {
			t.Fatalf("%d bytes at %d: %v", n, at, err)
		}
	}
	read(0, 100_000)
	read(9<<20, 200_000)
	read(5<<20+1, 1000)
	read(size-10, 10)
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the end: %d, %v", n, err)
	}
	if st, _ := b.Status(ref.Infohash); st.State == Seeding {
		t.Error("all of it came, though only a part was read")
	}
	r.Close()
	if err := b.Select(ref.Infohash, Selection{}); err != nil {
		t.Fatal(err)
	}
	awaitState(t, b, ref, Seeding)
	r, _, _, err = b.Reader(t.Context(), ref.Infohash, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != string(want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// copyTree copies a folder with its times, and leaves out what vanishes
// meanwhile.
func copyTree(to, from string) {
	filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		rel, _ := filepath.Rel(from, name)
		dest := filepath.Join(to, rel)
		if d.IsDir() {
			os.MkdirAll(dest, 0o755)
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return nil
		}
		if b, err := os.ReadFile(name); err == nil {
			os.WriteFile(dest, b, 0o644)
			os.Chtimes(dest, fi.ModTime(), fi.ModTime())
		}
		return nil
	})
}
