package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ncruces/go-sqlite3"

	"kith"
)

// errClosed is what calls give after Close.
var errClosed = kith.Errorf(kith.Conflict, "the mailbox is closed")

// fail turns an error of SQLite into one of the project's kinds; others stay as
// they are.
func (s *Store) fail(ctx context.Context, what string, err error) error {
	var code sqlite3.ErrorCode
	var told *kith.Error
	if err == nil || errors.As(err, &told) {
		return err
	}
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	if !full && !errors.As(err, &code) {
		return kith.Errorf(kith.Internal, "%s: %w", what, err)
	}
	switch {
	case full, code == sqlite3.FULL, code == sqlite3.IOERR && diskFull(s.path):
		return kith.Errorf(kith.Full, "%s: the disk of the mailbox is full; nothing was stored: %w", what, err)
	case code == sqlite3.INTERRUPT && ctx.Err() != nil:
		return ctx.Err()
	case code == sqlite3.CORRUPT || code == sqlite3.NOTADB || code == sqlite3.FORMAT:
		return kith.Errorf(kith.Damaged, "%s: the file of the mailbox is damaged; move it away, and a new one is made. Nothing is lost for good, for senders still owe what was not received: %w", what, err)
	}
	return kith.Errorf(kith.Internal, "%s: %w", what, err)
}

// diskFull reports whether the disk has no room. The driver tells a full disk
// only as a failure to write, so this tries.
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
