package swarm

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kith"
	"kith/link/linktest"
)

func TestAFileArrives(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a, b := open(t, ann), open(t, ben)
	name := filepath.Join(t.TempDir(), "film.mkv")
	for _, size := range []int{0, 1, 100, 256 << 10, 3<<20 + 17} {
		want := noise(t, name, size, uint64(size))
		ref := share(t, a, name)
		dest := filepath.Join(t.TempDir(), "here.mkv")
		fetch(t, b, ref, dest)
		connect(t, b, ref, ann, a)
		st := awaitState(t, b, ref, Seeding)
		same(t, dest, want)
		if st.Done != int64(size) || st.Total != int64(size) {
			t.Errorf("%d bytes: %+v", size, st)
		}
		if left, _ := filepath.Glob(dest + "*"); len(left) != 1 {
			t.Errorf("left over: %q", left)
		}
	}
}

func TestAFolderArrives(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a, b := open(t, ann), open(t, ben)
	src := filepath.Join(t.TempDir(), "trip")
	noise(t, filepath.Join(src, "a.jpg"), 100_000, 1)
	noise(t, filepath.Join(src, "b/long.mov"), 3<<20, 2)
	noise(t, filepath.Join(src, "b/c/empty"), 0, 3)
	noise(t, filepath.Join(src, "z é.txt"), 5, 4)
	os.Symlink("/etc/passwd", filepath.Join(src, "link"))
	os.Chmod(filepath.Join(src, "a.jpg"), 0o755)
	sealed, err := Seal(t.Context(), src, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(sealed.Skipped) != 1 || sealed.Skipped[0].Path != "link" || sealed.Ref.Files != 4 || !sealed.Ref.Folder {
		t.Errorf("%+v, skipped %v", sealed.Ref, sealed.Skipped)
	}
	os.Remove(filepath.Join(src, "link"))
	if err := a.Share(sealed); err != nil {
		t.Fatal(err)
	}
	dest := filepath.Join(t.TempDir(), "got")
	fetch(t, b, sealed.Ref, dest)
	connect(t, b, sealed.Ref, ann, a)
	awaitState(t, b, sealed.Ref, Seeding)
	sameTree(t, src, dest)
	was, _ := os.Stat(filepath.Join(src, "a.jpg"))
	is, err := os.Stat(filepath.Join(dest, "a.jpg"))
	if err != nil || !is.ModTime().Equal(was.ModTime()) || is.Mode().Perm()&0o100 == 0 {
		t.Errorf("time and rights of a.jpg: %v, %v", is, err)
	}
}

func TestOnlyWhatIsWantedComes(t *testing.T) {
	ann, ben, cas := newPerson(), newPerson(), newPerson()
	a, b, c := open(t, ann), open(t, ben), open(t, cas)
	src := filepath.Join(t.TempDir(), "trip")
	small := noise(t, filepath.Join(src, "a.txt"), 1000, 1)
	noise(t, filepath.Join(src, "b.mov"), 2<<20, 2)
	noise(t, filepath.Join(src, "c.mov"), 2<<20, 3)
	ref := share(t, a, src)
	dest := filepath.Join(t.TempDir(), "got")
	if err := b.Fetch(ref, dest, Selection{Most: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	connect(t, b, ref, ann, a)
	awaitState(t, b, ref, Partial)
	same(t, filepath.Join(dest, "a.txt"), small)
	if names, _ := os.ReadDir(dest); len(names) != 1 {
		t.Fatalf("more than asked for: %v", names)
	}
	files, err := b.Files(ref.Infohash)
	if err != nil || len(files) != 3 || !files[0].Complete || files[1].Local != "" {
		t.Fatalf("%+v, %v", files, err)
	}
	// Cas fetches from Ben alone what Ben has.
	got := filepath.Join(t.TempDir(), "cas")
	if err := c.Fetch(ref, got, Selection{Most: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	connect(t, c, ref, ben, b)
	awaitState(t, c, ref, Partial)
	same(t, filepath.Join(got, "a.txt"), small)
	// And the rest when it is asked for.
	if err := b.Select(ref.Infohash, Selection{}); err != nil {
		t.Fatal(err)
	}
	awaitState(t, b, ref, Seeding)
	sameTree(t, src, dest)
}

func TestStreamsAlone(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a := open(t, ann, func(c *Config) { c.Listen = "" })
	b := open(t, ben, func(c *Config) {
		c.Listen = ""
		c.Dial = linked(t, ben, ann, func() *Swarm { return a }, linktest.Conditions{})
	})
	name := filepath.Join(t.TempDir(), "film.mkv")
	want := noise(t, name, 5<<20, 1)
	ref := share(t, a, name)
	dest := filepath.Join(t.TempDir(), "film.mkv")
	fetch(t, b, ref, dest)
	awaitState(t, b, ref, Waiting)
	connect(t, b, ref, ann, nil)
	awaitState(t, b, ref, Seeding)
	same(t, dest, want)
}

func TestWhoIsNotAllowedGetsNothing(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	asked := make(chan kith.Peer, 64)
	a := open(t, ann, func(c *Config) {
		c.Allowed = func(p kith.Peer, _ kith.Infohash) bool {
			select {
			case asked <- p:
			default:
			}
			return false
		}
	})
	b := open(t, ben)
	name := filepath.Join(t.TempDir(), "film.mkv")
	noise(t, name, 100_000, 1)
	ref := share(t, a, name)
	fetch(t, b, ref, filepath.Join(t.TempDir(), "film.mkv"))
	connect(t, b, ref, ann, a)
	for range 2 { // it asks again
		if p := <-asked; p != ben.peer() {
			t.Fatalf("asked for %v", p)
		}
	}
	if st, _ := b.Status(ref.Infohash); st.Done != 0 || st.State == Seeding {
		t.Errorf("%+v", st)
	}
	a.mu.Lock()
	tr := a.transfers[ref.Infohash]
	a.mu.Unlock()
	if tr.awake() {
		t.Error("somebody who may not have it woke the torrent")
	}
}

func TestAChangedOriginalIsNotSeeded(t *testing.T) {
	for _, gone := range []bool{false, true} {
		ann, ben := newPerson(), newPerson()
		a, b := open(t, ann), open(t, ben)
		name := filepath.Join(t.TempDir(), "film.mkv")
		want := noise(t, name, 1<<20, 1)
		ref := share(t, a, name)
		state := Changed
		if gone {
			os.Remove(name)
			state = Missing
		} else {
			noise(t, name, 1<<20, 2)
		}
		dest := filepath.Join(t.TempDir(), "film.mkv")
		fetch(t, b, ref, dest)
		connect(t, b, ref, ann, a)
		st := awaitState(t, a, ref, state)
		if !strings.Contains(st.Reason, "film.mkv") {
			t.Errorf("reason %q", st.Reason)
		}
		if _, err := os.Stat(dest); err == nil {
			t.Error("something else than what was shared arrived")
		}
		if got, err := os.ReadFile(dest + partSuffix); err == nil && bytes.Contains(want, got[:100]) {
			t.Error("a piece of the changed file arrived")
		}
		if len(b.Banned()) > 0 {
			t.Error("a member whose file changed was taken for a liar")
		}
	}
}

func TestTheSecondMemberCarriesOn(t *testing.T) {
	ann, ben, cas := newPerson(), newPerson(), newPerson()
	a, b := open(t, ann, func(c *Config) { c.Up = 12 << 20 }), open(t, ben)
	name := filepath.Join(t.TempDir(), "film.mkv")
	want := noise(t, name, 8<<20, 1)
	ref := share(t, a, name)
	fetch(t, b, ref, filepath.Join(t.TempDir(), "b"))
	connect(t, b, ref, ann, a)
	awaitState(t, b, ref, Seeding)
	c := open(t, cas)
	dest := filepath.Join(t.TempDir(), "c")
	fetch(t, c, ref, dest)
	connect(t, c, ref, ann, a)
	eventually(t, "some of it", func() bool { st, _ := c.Status(ref.Infohash); return st.Done > 1<<20 })
	a.Close()
	connect(t, c, ref, ben, b)
	awaitState(t, c, ref, Seeding)
	same(t, dest, want)
}

func TestPauseAndLimits(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a, b := open(t, ann), open(t, ben, func(c *Config) { c.Down = 1 << 20 })
	name := filepath.Join(t.TempDir(), "film.mkv")
	want := noise(t, name, 24<<20, 1)
	ref := share(t, a, name)
	dest := filepath.Join(t.TempDir(), "film.mkv")
	fetch(t, b, ref, dest)
	connect(t, b, ref, ann, a)
	eventually(t, "the first piece", func() bool { st, _ := b.Status(ref.Infohash); return st.Done > 0 })
	if err := b.Pause(ref.Infohash); err != nil {
		t.Fatal(err)
	}
	awaitState(t, b, ref, Paused)
	if st, _ := b.Status(ref.Infohash); st.Done >= st.Total {
		t.Errorf("a limit of 1 MiB/s did not hold: %+v", st)
	}
	if err := b.Close(); err != nil { // paused survives
		t.Fatal(err)
	}
	b = open(t, ben, dir(b.cfg.Dir))
	awaitState(t, b, ref, Paused)
	connect(t, b, ref, ann, a)
	if err := b.Resume(ref.Infohash); err != nil {
		t.Fatal(err)
	}
	awaitState(t, b, ref, Seeding)
	same(t, dest, want)
}
