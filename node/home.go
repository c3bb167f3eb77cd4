package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"kith"
	"kith/seal"
)

// The files in a home.
const (
	storeFile = "kith.db"       // the store; encrypted or plain
	keyFile   = "kith.key"      // the key of an encrypted store, wrapped by the passphrase
	nextKey   = "kith.key.next" // the same while the passphrase is being changed
	lockFile  = "kith.lock"
)

// takeHome makes the home if it is missing, locks it for this process, and
// clears up what a crash has left in it.
func takeHome(home string) (*flock.Flock, error) {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, kith.Errorf(kith.Invalid, "the home %s can't be used: %w", home, err)
	}
	lock := flock.New(filepath.Join(home, lockFile), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, kith.Errorf(kith.Invalid, "the home %s can't be locked: %w", home, err)
	}
	if !ok {
		return nil, kith.Errorf(kith.Conflict, "another Kith runs on %s already; stop it first, or choose another folder with --home", home)
	}
	if err := clearUp(home); err != nil {
		return nil, errors.Join(fmt.Errorf("clearing up after an interrupted backup: %w", err), lock.Unlock())
	}
	return lock, nil
}

// clearUp finishes a restore that counts already, and removes what an
// interrupted one or an interrupted backup left.
func clearUp(home string) error {
	if err := finishRestore(home); err != nil {
		return err
	}
	entries, err := os.ReadDir(home)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		for _, pattern := range []string{Restoring, backingUp} {
			if ours, _ := filepath.Match(pattern, entry.Name()); !ours {
				continue
			}
			if err := os.RemoveAll(filepath.Join(home, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// isEncrypted looks at the store itself, which a crash never leaves half
// converted, rather than at the presence of a key file.
func isEncrypted(home string) (bool, error) {
	plain, err := isPlain(home)
	if err != nil || plain {
		return false, err
	}
	_, err = os.Stat(filepath.Join(home, keyFile))
	_, errNext := os.Stat(filepath.Join(home, nextKey))
	if err != nil && errNext != nil {
		return false, kith.Errorf(kith.Damaged, "the database file %s is damaged, or was encrypted and its key file %s is gone; restore a backup",
			filepath.Join(home, storeFile), keyFile)
	}
	return true, nil
}

// isPlain tells whether the store is not encrypted, or not there.
func isPlain(home string) (bool, error) {
	f, err := os.Open(filepath.Join(home, storeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, kith.Errorf(kith.Damaged, "the store can't be read: %w", err)
	}
	defer f.Close()
	header := make([]byte, 16)
	if _, err := io.ReadFull(f, header); err != nil {
		return true, nil // too short for either; opening it says what is wrong
	}
	return bytes.Equal(header, []byte("SQLite format 3\x00")), nil
}

// unlock finds the key of the store: nil for a plain one.
func unlock(ctx context.Context, opt Options) (*[32]byte, error) {
	encrypted, err := isEncrypted(opt.Home)
	if err != nil || !encrypted {
		return nil, err
	}
	if opt.Passphrase == nil {
		return nil, kith.Errorf(kith.Invalid, "the store is encrypted and nobody can be asked for the passphrase; use --passphrase-file")
	}
	passphrase, err := opt.Passphrase(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the passphrase: %w", err)
	}
	return unwrap(opt.Home, passphrase)
}

// unwrap opens the wrapped key with a passphrase. A change of the passphrase
// that was interrupted leaves two of them; each opens the store.
func unwrap(home, passphrase string) (*[32]byte, error) {
	var failed error
	for _, name := range []string{keyFile, nextKey} {
		wrapped, err := os.ReadFile(filepath.Join(home, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			var key [32]byte
			if key, err = seal.UnwrapKey(passphrase, wrapped); err == nil {
				return &key, nil
			}
		}
		if failed == nil {
			failed = err
		}
	}
	if failed == nil {
		failed = kith.Errorf(kith.Damaged, "the store is encrypted and its key file %s is gone; restore it from a backup", filepath.Join(home, keyFile))
	}
	return nil, failed
}

// writeFile writes a small file so that after a crash it is either whole or
// not there under its name.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes renames in a folder durable, where the platform can.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
