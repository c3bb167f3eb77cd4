package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	"kith"
	"kith/internal/sqlfile"
)

// convertSuffix names the file that Convert is writing.
const convertSuffix = ".convert"

// Snapshot writes a consistent copy into a new file, with the same key, while
// the store goes on. It fails with kith.Conflict if the file exists.
func (s *Store) Snapshot(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return kith.Errorf(kith.Conflict, "copy the database to %s: there is a file of this name already", path)
	}
	return s.db.Borrow(ctx, "copy the database to "+path, func(c *sqlfile.Conn) error {
		return c.VacuumInto(path, s.vfs)
	})
}

// Convert gives the database at path, which nobody has open, another key: it
// becomes encrypted, plain, or changes its key. Whenever it is interrupted, the
// file is whole and has either the old key or the new one. Unencrypted copies
// from before are removed, as far as a file system ever forgets.
func Convert(ctx context.Context, path string, from, to *[32]byte) error {
	return wording.Explain(ctx, path, "convert "+path, convert(ctx, path, from, to))
}

func convert(ctx context.Context, path string, from, to *[32]byte) error {
	if err := checkExists(path, from); err != nil {
		return err
	}
	sweep(path, from)
	c, err := connect(ctx, path, from)
	if err != nil {
		return err
	}
	c.DB.SetInterrupt(ctx)
	err = c.VacuumInto(path+convertSuffix, vfs(to))
	c.DB.SetInterrupt(context.Background())
	// The last connection that closes empties the log into the file.
	if err := errors.Join(err, c.Close()); err != nil {
		os.Remove(path + convertSuffix)
		return err
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		os.Remove(path + convertSuffix)
		return kith.Errorf(kith.Conflict, "convert %s: it is still in use: stop Kith first", path)
	}
	if err := os.Rename(path+convertSuffix, path); err != nil {
		os.Remove(path + convertSuffix)
		return fmt.Errorf("convert %s: %w", path, err)
	}
	sqlfile.SyncDir(path)
	sweep(path, to)
	return nil
}

// Check reads the whole database at path, which nobody has open, and tells
// whether it is sound: kith.Damaged if not.
func Check(ctx context.Context, path string, key *[32]byte) error {
	return wording.Explain(ctx, path, "check "+path, check(ctx, path, key))
}

func check(ctx context.Context, path string, key *[32]byte) error {
	if err := checkExists(path, key); err != nil {
		return err
	}
	c, err := connect(ctx, path, key)
	if err != nil {
		return err
	}
	defer c.Close()
	c.DB.SetInterrupt(ctx)
	defer c.DB.SetInterrupt(context.Background())
	stmt, _, err := c.DB.Prepare("PRAGMA quick_check(1)")
	if err != nil {
		return err
	}
	defer stmt.Close()
	found := "nothing could be read"
	if stmt.Step() {
		found = stmt.ColumnText(0)
	}
	if err := stmt.Err(); err != nil {
		return err
	}
	if found != "ok" {
		return kith.Errorf(kith.Damaged, "the database %s is damaged, restore a backup: %s", path, found)
	}
	return nil
}

func checkExists(path string, key *[32]byte) error {
	if _, exists, err := isPlain(path); err == nil && !exists {
		return kith.Errorf(kith.NotFound, "there is no database at %s", path)
	}
	return checkKind(path, key)
}
