package sqlfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ncruces/go-sqlite3"

	"kith"
)

// Words tell a person what happened to a database, and what can be done.
type Words struct {
	Closed  string // it is, and was called
	Full    string // the disk is
	Damaged string // the file is
}

// Explain turns an error of SQLite, from what was done to the database at path,
// into one of the project's kinds; others stay as they are.
func (w Words) Explain(ctx context.Context, path, what string, err error) error {
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
		return kith.Errorf(kith.Full, "%s: %s: %w", what, w.Full, err)
	case code == sqlite3.INTERRUPT && ctx.Err() != nil:
		return ctx.Err()
	case code == sqlite3.CORRUPT || code == sqlite3.NOTADB || code == sqlite3.FORMAT:
		return kith.Errorf(kith.Damaged, "%s: %s: %w", what, w.Damaged, err)
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
