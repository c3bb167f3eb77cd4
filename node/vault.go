package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"kith"
	"kith/internal/archive"
	"kith/seal"
	"kith/store"
)

// backingUp names the folder in the home in which a backup is prepared.
const backingUp = ".kith-backing-up-*"

// minPassphrase is the least number of bytes in a passphrase.
const minPassphrase = 8

// SetPassphrase encrypts the store, changes its passphrase or, if next is
// empty, decrypts it. Nodes at the other end of links see a short pause.
//
// The store's key never changes with the passphrase, only its wrapping does.
// A crash at any point leaves a store that opens with the old passphrase or
// with the new one.
func (n *Node) SetPassphrase(ctx context.Context, old, next string) error {
	if next != "" && len(next) < minPassphrase {
		return kith.Errorf(kith.Invalid, "the passphrase is too short: it needs at least %d characters, and several words are better", minPassphrase)
	}
	n.mu.RLock()
	run, key := n.run, n.key
	n.mu.RUnlock()
	if run == nil {
		return kith.Errorf(kith.Conflict, "this Kith is ending")
	}
	home := n.opt.Home
	if key == nil {
		if next == "" {
			return kith.Errorf(kith.Conflict, "the store is not encrypted; there is no passphrase to take away")
		}
		return n.encrypt(ctx, run, next)
	}
	if _, err := unwrap(home, old); err != nil {
		return err
	}
	if next == "" {
		return n.decrypt(ctx, run)
	}
	wrapped, err := seal.WrapKey(next, *key)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(home, keyFile), wrapped); err != nil {
		return err
	}
	return removeIfThere(filepath.Join(home, nextKey))
}

// encrypt converts a plain store to one under a fresh key.
func (n *Node) encrypt(ctx context.Context, run *run, passphrase string) error {
	var key [32]byte
	rand.Read(key[:])
	wrapped, err := seal.WrapKey(passphrase, key)
	if err != nil {
		return err
	}
	home := n.opt.Home
	return n.replace(ctx, run, func() error {
		// The key is durable before the first page is encrypted with it, and
		// has its final name when no plain store is left.
		if err := writeFile(filepath.Join(home, nextKey), wrapped); err != nil {
			return fmt.Errorf("writing the key of the store: %w", err)
		}
		if err := store.Convert(ctx, filepath.Join(home, storeFile), nil, &key); err != nil {
			return fmt.Errorf("encrypting the store: %w", err)
		}
		n.key = &key
		return os.Rename(filepath.Join(home, nextKey), filepath.Join(home, keyFile))
	})
}

// decrypt converts an encrypted store to a plain one.
func (n *Node) decrypt(ctx context.Context, run *run) error {
	home := n.opt.Home
	return n.replace(ctx, run, func() error {
		if err := store.Convert(ctx, filepath.Join(home, storeFile), n.key, nil); err != nil {
			return fmt.Errorf("decrypting the store: %w", err)
		}
		n.key = nil
		return errors.Join(removeIfThere(filepath.Join(home, keyFile)), removeIfThere(filepath.Join(home, nextKey)))
	})
}

// Backup writes everything of this node into one file, sealed by a passphrase
// of its own. The store in it stays encrypted by its own passphrase, if it has
// one. The node goes on meanwhile.
func (n *Node) Backup(ctx context.Context, path, passphrase string) error {
	r, leave, err := n.enter()
	if err != nil {
		return err
	}
	defer leave()
	if len(passphrase) < minPassphrase {
		return kith.Errorf(kith.Invalid, "the passphrase of the backup is too short: it needs at least %d characters", minPassphrase)
	}
	if !filepath.IsAbs(path) {
		return kith.Errorf(kith.Invalid, "the path of the backup %q is not absolute", path)
	}
	work, err := os.MkdirTemp(n.opt.Home, backingUp)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	copied := filepath.Join(work, storeFile)
	if err := r.store.Snapshot(ctx, copied); err != nil {
		return fmt.Errorf("copying the store: %w", err)
	}
	files := map[string]string{storeFile: copied}
	if r.encrypted {
		wrapped, err := os.ReadFile(filepath.Join(n.opt.Home, keyFile))
		if err != nil {
			return fmt.Errorf("copying the key of the store: %w", err)
		}
		files[keyFile] = filepath.Join(work, keyFile)
		if err := os.WriteFile(files[keyFile], wrapped, 0o600); err != nil {
			return err
		}
	}
	return archive.Write(path, passphrase, r.opt.now(), files)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
