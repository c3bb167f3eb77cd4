package folder

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kith"
)

func write(t *testing.T, root, rel, text string) {
	t.Helper()
	name := filepath.Join(root, filepath.FromSlash(rel))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, root, rel string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(rel)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPlace(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	write(t, root, "mine.txt", "mine")
	write(t, root, "Films/beach.mp4", "mine")
	write(t, root, "half.bin"+Part, "half")
	write(t, root, strings.Repeat("x", 236)+".txt", "mine")
	if err := os.Symlink(outside, filepath.Join(root, "way out")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	os.Symlink(filepath.Join(outside, "nothing"), filepath.Join(root, "dangling.txt"))
	claimed := map[string]bool{Fold("soon/Ännchen.txt"): true, Fold("mine (2).txt"): true}
	taken := func(folded string) bool { return claimed[folded] }
	tests := []struct{ shared, want string }{
		{"new.txt", "new.txt"},
		{"mine.txt", "mine (3).txt"},
		{"Films/beach.mp4", "Films/beach (2).mp4"},
		{"Films/other.mp4", "Films/other.mp4"},
		{"Films", "Films (2)"},
		{"mine.txt/inside.txt", "mine (2).txt/inside.txt"},
		{"soon/ÄNNCHEN.TXT", "soon/ÄNNCHEN (2).TXT"},
		{"way out", "way out (2)"},
		{"way out/evil.txt", "way out (2)/evil.txt"},
		{"dangling.txt", "dangling (2).txt"},
		{"half.bin", "half (2).bin"},
		{"../mine.txt", "mine (3).txt"},
		{strings.Repeat("x", 236) + ".txt", strings.Repeat("x", 232) + " (2).txt"},
	}
	for _, test := range tests {
		got, err := Place(root, taken, test.shared)
		if err != nil || got != test.want {
			t.Errorf("Place(%.30q) = %q, %v, want %q", test.shared, got, err, test.want)
		}
	}
	if _, err := Place(filepath.Join(root, "none"), nil, "x"); kith.KindOf(err) != kith.NotFound {
		t.Errorf("a missing folder gives %v", err)
	}
	if _, err := Place(root, func(string) bool { return true }, "x"); kith.KindOf(err) != kith.Conflict {
		t.Errorf("a name of which all numbers are taken gives %v", err)
	}
}

// TestCreateAndFinish fetches a file twice: the first comes through, the second
// finds its name taken and leaves what lies there.
func TestCreateAndFinish(t *testing.T) {
	root := t.TempDir()
	for i, want := range []kith.ErrorKind{0, kith.Conflict} {
		f, err := Create(root, "a/b/film.mp4")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, "film %d", i)
		f.Close()
		err = Finish(root, "a/b/film.mp4")
		if want == 0 && err != nil || want != 0 && kith.KindOf(err) != want {
			t.Errorf("round %d: %v", i, err)
		}
		if got := read(t, root, "a/b/film.mp4"); got != "film 0" {
			t.Errorf("round %d: the file holds %q", i, got)
		}
	}
	if got := read(t, root, "a/b/film.mp4"+Part); got != "film 1" {
		t.Errorf("the partial file holds %q", got)
	}
	f, err := Open(root, "a/b/film.mp4")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// TestNothingLeadsOut has links in the folder that point out of it.
func TestNothingLeadsOut(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	write(t, outside, "secret.txt", "secret")
	for name, target := range map[string]string{"dir": outside, "file.txt": filepath.Join(outside, "secret.txt"), "new.txt" + Part: filepath.Join(outside, "secret.txt"), "up": ".."} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	for _, rel := range []string{"dir/secret.txt", "file.txt", "up/x", "../x", "/etc/passwd", "dir"} {
		if f, err := Open(root, rel); err == nil {
			t.Errorf("Open(%q) went out to %s", rel, f.Name())
			f.Close()
		}
	}
	for _, rel := range []string{"dir/x.txt", "new.txt", "up/x.txt", "../x.txt"} {
		if f, err := Create(root, rel); err == nil {
			t.Errorf("Create(%q) went out to %s", rel, f.Name())
			f.Close()
		}
	}
	if got := read(t, outside, "secret.txt"); got != "secret" {
		t.Errorf("the file outside holds %q", got)
	}
}

func TestDefault(t *testing.T) {
	home := t.TempDir()
	for i, want := range []string{"Family", "Family (2)", "Family (3)"} {
		got, err := Default(home, "Family")
		if err != nil || got != filepath.Join(home, "Kith", want) {
			t.Fatalf("%d: %q, %v", i, got, err)
		}
		if err := Make(got); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"../../etc": "__.._etc", "a/b": "a_b", "": "unnamed", ".hidden": "_hidden", "con": "_con"} {
		if got, err := Default(home, name); err != nil || filepath.Base(got) != want || filepath.Dir(got) != filepath.Join(home, "Kith") {
			t.Errorf("Default(%q) = %q, %v", name, got, err)
		}
	}
}
