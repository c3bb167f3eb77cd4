package store

import (
	"bytes"
	"context"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"
	_ "github.com/ncruces/go-sqlite3/vfs/adiantum" // the encrypting VFS

	"kith"
	"kith/internal/sqlfile"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// applicationID marks the database files of this program: "kith".
const applicationID = 0x6b697468

// plainMagic begins every SQLite file that is not encrypted.
var plainMagic = []byte("SQLite format 3\x00")

// wording tells what happened to the database.
var wording = sqlfile.Words{
	Closed:  "the store is closed",
	Full:    "the disk is full; nothing was stored, make some room and try again",
	Damaged: "the database file is damaged, restore a backup",
}

// vfs gives what SQLite writes through: with a key, what encrypts.
func vfs(key *[32]byte) string {
	if key == nil {
		return ""
	}
	return "adiantum&hexkey=" + hex.EncodeToString(key[:])
}

func options(key *[32]byte, scripts sqlfile.Scripts) sqlfile.Options {
	return sqlfile.Options{
		Scripts: scripts, Application: applicationID, Words: wording,
		VFS: vfs(key), Extend: fts5.Register,
		// The log is cut back to 16 MiB when a flood of events is over.
		Log: 2000, LogMost: 16 << 20,
		// What a page of history or a search touches fits; more than that is the
		// system's file cache.
		WriterCache: 8 << 10, ReaderCache: 2 << 10,
		Readers: readers, Group: 128,
	}
}

// connect opens the writing connection of a database that no store has open.
func connect(ctx context.Context, path string, key *[32]byte) (conn, error) {
	scripts, err := sqlfile.ReadScripts(sqlFiles)
	if err != nil {
		return conn{}, err
	}
	c, err := sqlfile.Connect(ctx, path, options(key, scripts))
	return conn{c}, wrongKey(path, key, err)
}

// wrongKey says what "not a database" means of one that is encrypted.
func wrongKey(path string, key *[32]byte, err error) error {
	if key != nil && errors.Is(err, sqlite3.NOTADB) {
		return kith.Errorf(kith.Invalid, "open %s: the passphrase is wrong, or the file is damaged: %w", path, err)
	}
	return err
}

// isPlain reports whether path is an unencrypted database; exists, whether
// there is anything in it.
func isPlain(path string) (plain, exists bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	defer f.Close()
	head := make([]byte, len(plainMagic))
	n, err := io.ReadFull(f, head)
	if n == 0 && errors.Is(err, io.EOF) {
		return false, false, nil
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, true, err
	}
	return bytes.Equal(head, plainMagic), true, nil
}

// checkKind tells apart what SQLite would only call "not a database".
func checkKind(path string, key *[32]byte) error {
	plain, exists, err := isPlain(path)
	switch {
	case err != nil:
		return fmt.Errorf("open %s: %w", path, err)
	case !exists:
		return nil
	case plain && key != nil:
		return kith.Errorf(kith.Invalid, "%s is not encrypted, so no passphrase opens it: leave the passphrase out", path)
	case !plain && key == nil:
		return kith.Errorf(kith.Invalid, "%s can't be read without a passphrase: give it; if it never had one, the file is damaged or not one of Kith's", path)
	}
	return nil
}

// sweep removes what an interrupted Convert left, and, beside an encrypted
// database, the copies from before it was encrypted. It runs again at the next
// Open if it fails, so it reports nothing.
func sweep(path string, key *[32]byte) {
	for _, end := range []string{"", "-wal", "-shm", "-journal"} {
		os.Remove(path + convertSuffix + end)
	}
	if key == nil {
		return
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), filepath.Base(path)+".before-") {
			backup := filepath.Join(filepath.Dir(path), entry.Name())
			if plain, _, err := isPlain(backup); err == nil && plain {
				os.Remove(backup)
			}
		}
	}
}
