//go:build !windows

package local

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kith"
)

// A node that was killed leaves its socket.
func TestStaleSocketIsReplaced(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "kith.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	hello(t, l, "alive")
	h, base, err := Client(home)
	if err != nil {
		t.Fatal(err)
	}
	if status, text := get(t, h, base); status != 200 || text != "alive" {
		t.Errorf("%d %q", status, text)
	}
	checkFiles(t, home)
}

func TestLiveSocketIsKept(t *testing.T) {
	home := t.TempDir()
	l, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	hello(t, l, "first")
	if _, err := Listen(home); kith.KindOf(err) != kith.Conflict {
		t.Errorf("got %v", err)
	}
	h, base, err := Client(home)
	if err != nil {
		t.Fatal(err)
	}
	if _, text := get(t, h, base); text != "first" {
		t.Errorf("%q answers", text)
	}
}

// A home whose path no socket can hold has its socket elsewhere; both ends
// find it, by whichever path they name the home.
func TestLongHome(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	home := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	hello(t, l, "far")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(home, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{home, home + "/.", link} {
		h, base, err := Client(name)
		if err != nil {
			t.Fatal(err)
		}
		if status, text := get(t, h, base); status != 200 || text != "far" {
			t.Errorf("%s: %d %q", name, status, text)
		}
	}
	folders, err := os.ReadDir(temporary)
	if err != nil || len(folders) != 1 {
		t.Fatalf("%v, %v", folders, err)
	}
	folder := filepath.Join(temporary, folders[0].Name())
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	checkFiles(t, folder)

	// A folder that somebody else prepared is trusted by neither end.
	l.Close()
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(home); kith.KindOf(err) != kith.Forbidden {
		t.Errorf("listen: %v", err)
	}
	h, base, err := Client(home)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Get(base); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("client: %v", err)
	}
}

func TestNoRoomAnywhere(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	t.Setenv("TMPDIR", long)
	if _, err := Listen(long); kith.KindOf(err) != kith.Invalid {
		t.Errorf("listen: %v", err)
	}
	if _, _, err := Client(long); kith.KindOf(err) != kith.Invalid {
		t.Errorf("client: %v", err)
	}
}
