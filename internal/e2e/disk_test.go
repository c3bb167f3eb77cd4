//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
)

// Ann's disk is full while both write: she is told, what was acknowledged
// stays, what Bob wrote waits, and all goes on when there is room again,
// without a restart.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=48m"); err != nil {
		t.Skipf("a small disk can't be made: mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	env := []string{"KITH_LOOPBACK=1"}
	here := lab.Here(t)
	ann, bob := lives(t, here, "Ann", lab.Kith{Home: filepath.Join(disk, "home"), Env: env}), lives(t, here, "Bob", lab.Kith{Env: env})
	befriend(t, ann, bob)

	ctx, stop := context.WithCancel(t.Context())
	all := append(ann.writers(bob, 2), bob.writers(ann, 2)...)
	var writing sync.WaitGroup
	writing.Go(func() { write(ctx, 50*time.Millisecond, 0, "", all...) })
	defer writing.Wait()
	defer stop()
	flows(t, ann, bob)

	fill(t, filepath.Join(disk, "ballast"))
	var said string
	lab.Eventually(t, soon, func() error {
		out, code := ann.Try(t, "send", bob.name, strings.Repeat("does this fit? ", 1000))
		if code == 0 {
			return errors.New("messages still fit")
		}
		said = fmt.Sprintf("%d: %s", code, out)
		return nil
	})
	t.Logf("kith send ended with %s", said)
	if !strings.Contains(said, "full") && !strings.Contains(said, "space") {
		t.Errorf("it does not say that the disk is full: %s", said)
	}
	m := bob.says(t, ann, "while ann's disk is full")
	pause(t, silence)
	bob.is(t, m, kith.Pending)
	if out, code := ann.Try(t, "log", bob.name); code != 0 {
		t.Errorf("reading does not work with a full disk: %d: %s", code, out)
	}

	if err := os.Remove(filepath.Join(disk, "ballast")); err != nil {
		t.Fatal(err)
	}
	bob.is(t, m, kith.Delivered)
	t.Logf("with room again: messages flow both ways after %v", flows(t, ann, bob))
	stop()
	writing.Wait()
	t.Logf("%d messages", len(audit(t, ann, bob, all...)))
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// A damaged database ends the start with a clear error, and is left as it is.
func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	ann := inhabit(t, lab.Kith{}, "Ann")[0]
	ann.Stop()
	path := filepath.Join(ann.Home(), "kith.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"another file":            []byte(strings.Repeat("Dear diary, ", 1000)),
		"cut in half":             whole[:len(whole)/2],
		"noise behind the header": append(bytes.Clone(whole[:100]), bytes.Repeat([]byte{0xA5}, len(whole)-100)...),
		"no first page":           append(make([]byte, 4096), whole[4096:]...),
	} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		out, code := ann.Try(t, "up", "--no-open")
		t.Logf("%s: kith up ended with %d: %s", name, code, out)
		if code != 1 || !strings.HasPrefix(out, "kith: ") || !strings.Contains(out, "kith.db") || !strings.Contains(out, "damaged") {
			t.Errorf("%s: kith up ended with %d: %s", name, code, out)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, damaged) {
			t.Errorf("%s: the file was changed: %v", name, err)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	ann.Start()
	if me, err := ann.api.Me(t.Context()); err != nil || me.Name != ann.name {
		t.Errorf("with the sound file again: %+v, %v", me, err)
	}
}
