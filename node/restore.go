package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"kith"
	"kith/convo"
	"kith/internal/archive"
	"kith/store"
	"kith/wire"
)

// A backup is restored in four steps, each of which a crash may interrupt:
//
//  1. it is unpacked, verified and marked in a folder of its own
//  2. that folder is renamed to HOME/.kith-restored: from here on it counts
//  3. the files in it are renamed into the home, the store last
//  4. what is left is removed
//
// Before the second step the next start removes the folder; after it, the next
// start does what is left (see finishRestore).
const restored = ".kith-restored"

// Restoring is the os.CreateTemp pattern of what is in a home while a backup is
// being restored. What a crash leaves of it, the next start removes.
const Restoring = ".kith-restoring-*"

// RestoreOptions say what to restore where.
type RestoreOptions struct {
	Home       string
	File       string
	Passphrase string // of the backup
	// Store is asked for the passphrase of the store in the backup, if it is
	// encrypted.
	Store func(context.Context) (string, error)
}

// Restore makes a home out of a backup: whole, or not at all. The home must
// hold no account yet and no node may run on it. The restored node goes on
// under a new device key, which takes the place of the old one.
func Restore(ctx context.Context, o RestoreOptions) (err error) {
	lock, err := takeHome(o.Home)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if _, err := os.Stat(filepath.Join(o.Home, storeFile)); !errors.Is(err, fs.ErrNotExist) {
		return kith.Errorf(kith.Conflict, "%s holds an account already; restore into another folder with --home", o.Home)
	}
	folder, _, err := unpack(ctx, o)
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := commitRestore(o.Home, folder); err != nil {
		return err
	}
	return finishRestore(o.Home)
}

// Passphrases open a backup.
type Passphrases struct {
	Backup string // of the file
	Store  string // of the store in it, if that is encrypted, and not with the same
}

// Restore makes this node the one that is in a backup, as Restore of a home
// does. It has to be a node that nobody has used yet: without a name and without
// contacts. Whoever reads its notices gets a reset.
func (n *Node) Restore(ctx context.Context, path string, p Passphrases) error {
	n.mu.RLock()
	old := n.run
	n.mu.RUnlock()
	if old == nil {
		return kith.Errorf(kith.Conflict, "this Kith is ending")
	}
	if err := old.checkUnused(); err != nil {
		return err
	}
	folder, key, err := unpack(ctx, RestoreOptions{
		Home: n.opt.Home, File: path, Passphrase: p.Backup,
		Store: func(context.Context) (string, error) {
			if p.Store == "" {
				return p.Backup, nil
			}
			return p.Store, nil
		},
	})
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	taken := false
	err = n.replace(ctx, old, func() error {
		taken = true
		if err := old.checkUnused(); err != nil { // somebody used it meanwhile
			return err
		}
		if err := commitRestore(n.opt.Home, folder); err != nil {
			return err
		}
		n.key = key
		return nil // the run that begins now does the rest
	})
	if err == nil && !taken {
		err = kith.Errorf(kith.Conflict, "nothing was restored, for this Kith was just beginning anew: try again")
	}
	if err == nil {
		n.notices.publish(Notice{Type: "reset"})
	}
	return err
}

// checkUnused refuses to lose anything that a person did here.
func (r *run) checkUnused() error {
	if r.card().Name != "" || len(r.people.all()) > 0 {
		return kith.Errorf(kith.Conflict, "this Kith is in use already, and a backup would take its place: restore it where nobody has chosen a name yet")
	}
	return nil
}

// unpack puts a verified backup, marked as such, into a new folder of the home,
// and gives the key of the store in it.
func unpack(ctx context.Context, o RestoreOptions) (string, *[32]byte, error) {
	folder, err := os.MkdirTemp(o.Home, Restoring)
	if err != nil {
		return "", nil, roomFor(err)
	}
	err = archive.Read(o.File, o.Passphrase, folder)
	var key *[32]byte
	if err == nil {
		key, err = markRestored(ctx, folder, o.Store)
	}
	if err != nil {
		os.RemoveAll(folder)
		return "", nil, roomFor(err)
	}
	return folder, key, nil
}

// roomFor tells a full disk from a damaged backup.
func roomFor(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return kith.Errorf(kith.Full, "the disk is full and nothing was restored; make some room and try again: %w", err)
	}
	return err
}

// markRestored checks an unpacked store, notes in it that it is an older copy,
// and gives its key.
func markRestored(ctx context.Context, folder string, passphrase func(context.Context) (string, error)) (*[32]byte, error) {
	key, err := unlock(ctx, Options{Home: folder, Passphrase: passphrase})
	if err != nil {
		return nil, fmt.Errorf("the backup was opened, but the history in it is encrypted with the passphrase of the Kith that it was made of: %w", err)
	}
	path := filepath.Join(folder, storeFile)
	if err := store.Check(ctx, path, key); err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, path, store.Options{Key: key, Rules: store.Rules{Parse: wire.ParseEvent, Fold: convo.Fold}})
	if err != nil {
		return nil, err
	}
	return key, errors.Join(
		st.Update(ctx, func(tx *store.Tx) error { return tx.PutSetting(setRestored, []byte("backup")) }),
		st.Close(),
	)
}

// commitRestore makes an unpacked backup the one that finishRestore takes.
func commitRestore(home, folder string) error {
	if err := syncFolder(folder); err != nil {
		return err
	}
	if err := os.Rename(folder, filepath.Join(home, restored)); err != nil {
		return err
	}
	return syncFolder(home)
}

// finishRestore takes over the backup in HOME/.kith-restored, if there is one. It may
// be interrupted anywhere and begun again. No store may be open.
func finishRestore(home string) error {
	from := filepath.Join(home, restored)
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(from, storeFile)); err == nil {
		// The log of the former store must not be taken for that of the new.
		for _, end := range []string{"-wal", "-shm", "-journal"} {
			if err := removeIfThere(filepath.Join(home, storeFile+end)); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{keyFile, storeFile} {
		if err := os.Rename(filepath.Join(from, name), filepath.Join(home, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := syncFolder(home); err != nil {
		return err
	}
	// What is left of the former store's keys would open nothing.
	left := []string{nextKey}
	if plain, err := isPlain(home); err != nil {
		return err
	} else if plain {
		left = append(left, keyFile)
	}
	for _, name := range left {
		if err := removeIfThere(filepath.Join(home, name)); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(from); err != nil {
		return err
	}
	return syncFolder(home)
}
