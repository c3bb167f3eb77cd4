package node

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"kith"
)

// A file that is neither a plain database nor has a key beside it is damaged:
// nobody is asked for a passphrase, and nothing is written.
func TestDamagedStoreIsNoRiddle(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, storeFile)
	damaged := bytes.Repeat([]byte("Dear diary, "), 1000)
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := Open(t.Context(), Options{Home: home}); kith.KindOf(err) != kith.Damaged {
		t.Errorf("opening it gave %v, %v", n, err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, damaged) {
		t.Errorf("the file was changed: %v", err)
	}
}
