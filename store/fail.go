package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ncruces/go-sqlite3"

	"kith"
)

// fail turns an error of SQLite on the database at path into one of the
// project's kinds; others stay as they are.
func fail(ctx context.Context, path, what string, err error) error {
	var code sqlite3.ErrorCode
	var told *kith.Error
	if err == nil || errors.As(err, &told) {
		return err
	}
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	if !full && !errors.As(err, &code) {
		return err
	}
	switch {
	case full, code == sqlite3.FULL, code == sqlite3.IOERR && diskFull(path):
		return kith.Errorf(kith.Full, "%s: the disk is full; nothing was stored, make some room and try again: %w", what, err)
	case code == sqlite3.INTERRUPT && ctx.Err() != nil:
		return ctx.Err()
	case code == sqlite3.CORRUPT || code == sqlite3.NOTADB || code == sqlite3.FORMAT:
		return kith.Errorf(kith.Damaged, "%s: the database file is damaged, restore a backup: %w", what, err)
	}
	return kith.Errorf(kith.Internal, "%s: %w", what, err)
}

// diskFull reports whether the disk of the database has no room. The driver
// tells a full disk only as a failure to write (in v0.35.6 its VFS looks for
// ENOSPC without unwrapping *os.PathError), so this tries.
func diskFull(path string) bool {
	f, err := os.CreateTemp(filepath.Dir(path), ".room-*")
	if err == nil {
		_, err = f.Write(make([]byte, 1<<20))
		f.Close()
		os.Remove(f.Name())
	}
	const windowsDiskFull = syscall.Errno(112) // ERROR_DISK_FULL
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		os.PathSeparator == '\\' && errors.Is(err, windowsDiskFull)
}
