package folder

import (
	"os"
	"path/filepath"
	"testing"

	"kith"
)

// linkOf makes a link of the given kind, whatever else this disk can do.
func linkOf(t *testing.T, kind LinkKind, root, rel, original string) Linked {
	t.Helper()
	made, err := Link(root, rel, original)
	if err != nil {
		t.Fatal(err)
	}
	if made.Kind == kind {
		return made
	}
	name := filepath.Join(root, rel)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	switch kind {
	case Clone: // for Unlink, a copy is as good
		write(t, root, rel, read(t, filepath.Dir(original), filepath.Base(original)))
	case HardLink:
		err = os.Link(original, name)
	case SymLink:
		err = os.Symlink(original, name)
	}
	if err != nil {
		t.Skip("this disk has no", kind, err)
	}
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return Linked{Kind: kind, Original: original, Size: info.Size(), ModTime: info.ModTime()}
}

func TestLinkAndUnlink(t *testing.T) {
	for _, kind := range []LinkKind{Clone, HardLink, SymLink} {
		t.Run(string(kind), func(t *testing.T) {
			tests := []struct {
				name string
				then func(original, link string) error
				want kith.ErrorKind // Internal: none
				left bool
			}{
				{"untouched", func(string, string) error { return nil }, 0, false},
				{"gone already", func(_, link string) error { return os.Remove(link) }, 0, false},
				{"replaced by another file", func(_, link string) error {
					os.Remove(link)
					return os.WriteFile(link, []byte("somebody's own"), 0o600)
				}, kith.Conflict, true},
				{"original deleted", func(original, _ string) error { return os.Remove(original) }, kith.Conflict, true},
				{"original saved by renaming", func(original, _ string) error {
					os.WriteFile(original+"~", []byte("a newer version"), 0o600)
					return os.Rename(original+"~", original)
				}, 0, false},
			}
			for _, test := range tests {
				root, elsewhere := t.TempDir(), t.TempDir()
				write(t, elsewhere, "plan.odt", "the plan")
				original := filepath.Join(elsewhere, "plan.odt")
				made := linkOf(t, kind, root, "plan.odt", original)
				if got := read(t, root, "plan.odt"); got != "the plan" {
					t.Fatalf("%s: through the link one reads %q", test.name, got)
				}
				if err := test.then(original, filepath.Join(root, "plan.odt")); err != nil {
					t.Fatal(err)
				}
				want, left := test.want, test.left
				if kind == SymLink && test.name == "original deleted" {
					want, left = 0, false // there is nothing to lose in a dead link
				}
				_, before := os.Stat(original)
				err := Unlink(root, "plan.odt", made)
				if (want == 0) != (err == nil) || err != nil && kith.KindOf(err) != want {
					t.Errorf("%s: %v", test.name, err)
				}
				if _, err := os.Lstat(filepath.Join(root, "plan.odt")); (err == nil) != left {
					t.Errorf("%s: afterwards the link: %v", test.name, err)
				}
				if _, after := os.Stat(original); (before == nil) != (after == nil) {
					t.Errorf("%s: the original: %v", test.name, after)
				}
			}
		})
	}
}

// TestLinkedAfterEdit edits an original in place: the hard link shows it and is
// still ours; an edited clone is somebody's work and stays.
func TestLinkedAfterEdit(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	write(t, elsewhere, "a.txt", "one")
	write(t, elsewhere, "b.txt", "one")
	hard := linkOf(t, HardLink, root, "a.txt", filepath.Join(elsewhere, "a.txt"))
	copied := linkOf(t, Clone, root, "b.txt", filepath.Join(elsewhere, "b.txt"))
	write(t, elsewhere, "a.txt", "two, longer")
	write(t, root, "b.txt", "my own work")
	if got := read(t, root, "a.txt"); got != "two, longer" {
		t.Errorf("the hard link shows %q", got)
	}
	if err := Unlink(root, "a.txt", hard); err != nil {
		t.Error(err)
	}
	if err := Unlink(root, "b.txt", copied); kith.KindOf(err) != kith.Conflict {
		t.Errorf("an edited clone: %v", err)
	}
	if got := read(t, root, "b.txt"); got != "my own work" {
		t.Errorf("the clone holds %q", got)
	}
}

func TestLinkRefuses(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	write(t, elsewhere, "a.txt", "theirs")
	write(t, root, "a.txt", "mine")
	original := filepath.Join(elsewhere, "a.txt")
	if _, err := Link(root, "a.txt", original); kith.KindOf(err) != kith.Conflict || read(t, root, "a.txt") != "mine" {
		t.Errorf("a taken name: %v", err)
	}
	if _, err := Link(root, "b.txt", filepath.Join(elsewhere, "none")); kith.KindOf(err) != kith.NotFound {
		t.Errorf("no original: %v", err)
	}
	if _, err := Link(root, "../b.txt", original); err == nil {
		t.Error("a link was made outside the folder")
	}
	if err := os.Symlink(elsewhere, filepath.Join(root, "out")); err == nil {
		if _, err := Link(root, "out/b.txt", original); err == nil {
			t.Error("a link was made through a link that leads out")
		}
	}
	left, err := filepath.Glob(filepath.Join(root, ".kith-link-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestLinkFolder shares a whole folder, which only a symbolic link can name.
func TestLinkFolder(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	write(t, elsewhere, "Photos/a.jpg", "a")
	made, err := Link(root, "2024/Photos", filepath.Join(elsewhere, "Photos"))
	if err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if made.Kind != SymLink || read(t, root, "2024/Photos/a.jpg") != "a" {
		t.Errorf("made %+v", made)
	}
	if err := Unlink(root, "2024/Photos", made); err != nil || read(t, elsewhere, "Photos/a.jpg") != "a" {
		t.Error(err)
	}
}
