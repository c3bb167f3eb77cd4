package swarm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"kith"
)

func statusOf(t *testing.T, s *Swarm, ref kith.FileRef) Status {
	t.Helper()
	st, err := s.Status(ref.Infohash)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestRelocateWhatIsComplete(t *testing.T) {
	ann, ben, cas := newPerson(), newPerson(), newPerson()
	a, b := open(t, ann), open(t, ben)
	src := t.TempDir()
	noise(t, filepath.Join(src, "film.mkv"), 700_000, 1)
	noise(t, filepath.Join(src, "trip", "x", "a"), 300_000, 2)
	noise(t, filepath.Join(src, "trip", "b"), 10, 3)
	for _, name := range []string{"film.mkv", "trip"} {
		ref := share(t, a, filepath.Join(src, name))
		home := t.TempDir()
		old, now := filepath.Join(home, "old"), filepath.Join(home, "new", "deep", "name")
		fetch(t, b, ref, old)
		connect(t, b, ref, ann, a)
		awaitState(t, b, ref, Seeding)
		// Kith renames it.
		if err := b.Relocate(ref.Infohash, now); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(old); err == nil {
			t.Error("it still lies where it was")
		}
		if st := statusOf(t, b, ref); st.Path != now || st.State != Seeding {
			t.Errorf("%+v", st)
		}
		// The person renames it, and then says so.
		third := filepath.Join(home, "third")
		if err := os.Rename(now, third); err != nil {
			t.Fatal(err)
		}
		if err := b.Relocate(ref.Infohash, third); err != nil {
			t.Fatal(err)
		}
		// It is handed on from there, after a restart too.
		b.Close()
		b = open(t, ben, dir(b.cfg.Dir))
		c := open(t, cas)
		got := filepath.Join(home, "got")
		fetch(t, c, ref, got)
		connect(t, c, ref, ben, b)
		awaitState(t, c, ref, Seeding)
		if name == "trip" {
			sameTree(t, filepath.Join(src, name), got)
			sameTree(t, filepath.Join(src, name), third)
		} else {
			want, _ := os.ReadFile(filepath.Join(src, name))
			same(t, got, want)
			same(t, third, want)
		}
	}
}

func TestRelocateWhatIsArriving(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a := open(t, ann)
	src := t.TempDir()
	noise(t, filepath.Join(src, "film.mkv"), 6<<20, 1)
	noise(t, filepath.Join(src, "trip", "x", "a"), 3<<20, 2)
	noise(t, filepath.Join(src, "trip", "b"), 3<<20, 3)
	for _, name := range []string{"film.mkv", "trip"} {
		ref := share(t, a, filepath.Join(src, name))
		b := open(t, ben, func(c *Config) { c.Down = 6 << 20 })
		home := t.TempDir()
		now := filepath.Join(home, "new")
		fetch(t, b, ref, filepath.Join(home, "old"))
		connect(t, b, ref, ann, a)
		eventually(t, "half of it", func() bool { return statusOf(t, b, ref).Done > 3<<20 })
		if err := b.Relocate(ref.Infohash, now); err != nil {
			t.Fatal(err)
		}
		var down int64
		eventually(t, "the rest", func() bool {
			st := statusOf(t, b, ref)
			for _, p := range st.Peers {
				down = max(down, p.Down)
			}
			return st.State == Seeding
		})
		if down > 4<<20 {
			t.Errorf("%d bytes came after it was moved, at most half of %d was missing", down, ref.Size)
		}
		left, _ := os.ReadDir(home)
		if len(left) != 1 {
			t.Errorf("left: %v", left)
		}
		if name == "trip" {
			sameTree(t, filepath.Join(src, name), now)
		} else {
			want, _ := os.ReadFile(filepath.Join(src, name))
			same(t, now, want)
		}
	}
}

func TestRelocateOverwritesNothing(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a, b := open(t, ann), open(t, ben)
	home := t.TempDir()
	name := filepath.Join(home, "film.mkv")
	want := noise(t, name, 300_000, 1)
	ref := share(t, a, name)
	dest := filepath.Join(home, "got")
	fetch(t, b, ref, dest)
	connect(t, b, ref, ann, a)
	awaitState(t, b, ref, Seeding)
	stranger := filepath.Join(home, "stranger")
	theirs := noise(t, stranger, 300_000, 2)
	refuses := func(s *Swarm, path string) {
		t.Helper()
		if err := s.Relocate(ref.Infohash, path); kith.KindOf(err) != kith.Conflict {
			t.Errorf("%v", err)
		}
		same(t, stranger, theirs)
	}
	refuses(b, stranger)
	same(t, dest, want)
	os.Rename(dest, dest+"2") // away, but not to where b is told
	refuses(b, stranger)
	refuses(a, stranger)
	refuses(a, home)
	if st := statusOf(t, b, ref); st.Path != dest {
		t.Errorf("noted %q", st.Path)
	}
	if err := b.Relocate(ref.Infohash, "film.mkv"); kith.KindOf(err) != kith.Invalid {
		t.Errorf("%v", err)
	}
	// Of an original only the path changes.
	if err := a.Relocate(ref.Infohash, filepath.Join(home, "later.mkv")); err != nil {
		t.Fatal(err)
	}
	same(t, name, want)
	os.Rename(name, filepath.Join(home, "later.mkv"))
	if err := a.Verify(ref.Infohash); err != nil {
		t.Fatal(err)
	}
	awaitState(t, a, ref, Seeding)
}

func TestRelocateOriginals(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a, b := open(t, ann), open(t, ben)
	home := t.TempDir()
	src := filepath.Join(home, "trip")
	noise(t, filepath.Join(src, "x", "a"), 300_000, 2)
	noise(t, filepath.Join(src, "b"), 10, 3)
	ref := share(t, a, src)
	now := filepath.Join(home, "now")
	os.Rename(src, now)
	if err := a.Relocate(ref.Infohash, now); err != nil {
		t.Fatal(err)
	}
	got := filepath.Join(home, "got")
	fetch(t, b, ref, got)
	connect(t, b, ref, ann, a)
	awaitState(t, b, ref, Seeding)
	sameTree(t, now, got)
}

// TestRelocateKilled is the process that TestRelocateSurvivesAKill kills.
func TestRelocateKilled(t *testing.T) {
	at, err := strconv.Atoi(os.Getenv("KITH_KILL_AT"))
	if err != nil {
		t.Skip("only as a part of TestRelocateSurvivesAKill")
	}
	s := open(t, newPerson(), dir(os.Getenv("KITH_STATE")), func(c *Config) {
		c.stepHook = func() {
			if at--; at < 0 {
				self, _ := os.FindProcess(os.Getpid())
				self.Kill()
				select {}
			}
		}
	})
	for ih := range s.transfers {
		if err := s.Relocate(ih, os.Getenv("KITH_NEW")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRelocateSurvivesAKill kills a process between each two steps of it.
func TestRelocateSurvivesAKill(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a := open(t, ann)
	src := t.TempDir()
	film := noise(t, filepath.Join(src, "film.mkv"), 2<<20, 1)
	noise(t, filepath.Join(src, "trip", "a"), 300_000, 2)
	refs := []kith.FileRef{share(t, a, filepath.Join(src, "film.mkv")), share(t, a, filepath.Join(src, "trip"))}
	killed := func(ref kith.FileRef, partly bool, at int) (ended bool) {
		home := t.TempDir()
		state, old, now := filepath.Join(home, "state"), filepath.Join(home, "old"), filepath.Join(home, "now", "here")
		b := open(t, ben, dir(state), func(c *Config) {
			if partly {
				c.Down = 2 << 20
			}
		})
		fetch(t, b, ref, old)
		connect(t, b, ref, ann, a)
		eventually(t, "it", func() bool {
			st := statusOf(t, b, ref)
			return st.State == Seeding || partly && st.Done > 1<<20
		})
		b.Close()
		cmd := exec.Command(os.Args[0], "-test.run=^TestRelocateKilled$")
		cmd.Env = append(os.Environ(), "KITH_KILL_AT="+strconv.Itoa(at), "KITH_STATE="+state, "KITH_NEW="+now)
		out, err := cmd.CombinedOutput()
		if err != nil && bytes.Contains(out, []byte("FAIL")) {
			t.Fatalf("%s", out)
		}
		ended = err == nil
		b = open(t, ben, dir(state))
		if st := statusOf(t, b, ref); st.Path != now {
			t.Errorf("killed at step %d: it lies at %q", at, st.Path)
		}
		connect(t, b, ref, ann, a)
		awaitState(t, b, ref, Seeding)
		if ref.Folder {
			sameTree(t, filepath.Join(src, "trip"), now)
		} else {
			same(t, now, film)
		}
		for _, folder := range []string{home, filepath.Dir(now)} {
			for _, left := range []string{"old", "old" + partSuffix, "here" + partSuffix} {
				if _, err := os.Lstat(filepath.Join(folder, left)); err == nil {
					t.Errorf("killed at step %d: %s is left", at, left)
				}
			}
		}
		b.Close()
		return ended
	}
	for _, partly := range []bool{false, true} {
		for _, ref := range refs {
			if partly && ref.Folder {
				continue
			}
			steps := 0
			for !killed(ref, partly, steps) {
				steps++
			}
			if steps < 3 {
				t.Errorf("it was killed at %d places only", steps)
			}
		}
	}
}

// TestANameThatIsTaken holds that what somebody puts where a share arrives is
// never overwritten.
func TestANameThatIsTaken(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a, b := open(t, ann), open(t, ben, func(c *Config) { c.Down = 512 << 10 })
	home := t.TempDir()
	name := filepath.Join(home, "film.mkv")
	want := noise(t, name, 3<<20, 1)
	ref := share(t, a, name)
	theirs := noise(t, filepath.Join(home, "taken"), 3<<20, 2)
	if err := b.Fetch(ref, filepath.Join(home, "taken"), Selection{}); kith.KindOf(err) != kith.Conflict {
		t.Errorf("to where something lies: %v", err)
	}
	dest := filepath.Join(home, "got")
	fetch(t, b, ref, dest)
	other := share(t, a, filepath.Join(home, "taken"))
	if err := b.Fetch(other, dest, Selection{}); kith.KindOf(err) != kith.Conflict {
		t.Errorf("to where another share arrives: %v", err)
	}
	connect(t, b, ref, ann, a)
	eventually(t, "some of it", func() bool { return statusOf(t, b, ref).Done > 0 })
	os.WriteFile(dest, theirs, 0o644)
	b.SetLimits(0, 0)
	st := awaitState(t, b, ref, Failed)
	same(t, dest, theirs)
	if !bytes.Contains([]byte(st.Reason), []byte(dest)) {
		t.Errorf("reason %q", st.Reason)
	}
	os.Rename(dest, dest+"-theirs")
	if err := b.Resume(ref.Infohash); err != nil {
		t.Fatal(err)
	}
	awaitState(t, b, ref, Seeding)
	same(t, dest, want)

	// The other way out.
	dest2 := filepath.Join(home, "got2")
	fetch(t, b, other, dest2)
	os.WriteFile(dest2, want, 0o644)
	connect(t, b, other, ann, a)
	awaitState(t, b, other, Failed)
	if err := b.Relocate(other.Infohash, filepath.Join(home, "got3")); err != nil {
		t.Fatal(err)
	}
	awaitState(t, b, other, Seeding)
	same(t, filepath.Join(home, "got3"), theirs)
	same(t, dest2, want)
}
