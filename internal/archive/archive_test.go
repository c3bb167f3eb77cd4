package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"

	"kith"
)

const passphrase = "a passphrase for tests"

// cheap seals with little work.
func cheap(t *testing.T) age.Recipient {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	recipient.SetWorkFactor(8)
	return recipient
}

func key(t *testing.T, passphrase string) age.Identity {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func TestArchive(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	content := map[string][]byte{"one": bytes.Repeat([]byte("data "), 50_000), "two": nil}
	files := map[string]string{}
	for name, data := range content {
		files[name] = filepath.Join(from, name)
		if err := os.WriteFile(files[name], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "backup")
	if err := write(path, cheap(t), time.Now(), files); err != nil {
		t.Fatal(err)
	}
	if err := read(path, key(t, passphrase), to); err != nil {
		t.Fatal(err)
	}
	for name, data := range content {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(data))
		}
	}
	if err := write(path, cheap(t), time.Now(), files); kith.KindOf(err) != kith.Conflict {
		t.Errorf("writing over an archive: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("wrong passphrase", func(t *testing.T) { fails(t, whole, "another passphrase", kith.Invalid) })
	t.Run("cut off", func(t *testing.T) { fails(t, whole[:len(whole)-70_000], passphrase, kith.Damaged) })
	t.Run("last byte missing", func(t *testing.T) { fails(t, whole[:len(whole)-1], passphrase, kith.Damaged) })
	t.Run("a byte changed", func(t *testing.T) {
		damaged := bytes.Clone(whole)
		damaged[len(damaged)/2] ^= 1
		fails(t, damaged, passphrase, kith.Damaged)
	})
	t.Run("not an archive", func(t *testing.T) { fails(t, []byte("hello"), passphrase, kith.Damaged) })
}

func fails(t *testing.T, data []byte, passphrase string, want kith.ErrorKind) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := read(path, key(t, passphrase), t.TempDir()); kith.KindOf(err) != want {
		t.Errorf("%v is of kind %v, want %v", err, kith.KindOf(err), want)
	}
}
