package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"kith"
)

// applicationID marks the database files of this program (PRAGMA
// application_id): "kith".
const applicationID = 0x6b697468

// plainMagic begins every SQLite file that is not encrypted.
var plainMagic = []byte("SQLite format 3\x00")

// schemaFiles gives the scripts that lead from each version of the schema to
// the next; the first makes version 1.
func schemaFiles() ([]string, error) {
	var scripts []string
	for {
		text, err := sqlFiles.ReadFile(fmt.Sprintf("sql/schema.%d.sql", len(scripts)+1))
		if errors.Is(err, os.ErrNotExist) {
			return scripts, nil
		}
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, string(text))
	}
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

// prepare opens the writing connection, makes the file if there is none, and brings the schema up to date.
func prepare(ctx context.Context, path string, key *[32]byte, queries map[string]string, schema []string) (_ *conn, err error) {
	var c *conn
	defer func() {
		if err == nil {
			return
		}
		if c != nil {
			c.close()
		}
		if key != nil && errors.Is(err, sqlite3.NOTADB) {
			err = kith.Errorf(kith.Invalid, "open %s: the passphrase is wrong, or the file is damaged: %w", path, err)
		}
	}()
	// SQLite gives its log the mode of the file.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f.Close()
	if c, err = connect(ctx, path, key, queries, writerCache); err != nil {
		return nil, err
	}
	if err := c.migrate(ctx, path, key, schema); err != nil {
		return nil, err
	}
	// The log is cut back to 16 MiB when a flood of events is over.
	if err := c.db.Exec(`PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 16777216`); err != nil {
		return nil, err
	}
	return c, c.views()
}

func (c *conn) views() error {
	script, err := sqlFiles.ReadFile("sql/connection.sql")
	if err != nil {
		return err
	}
	return c.db.Exec(string(script))
}

// pragma reads an integer setting of the database file.
func (c *conn) pragma(name string) (int64, error) {
	stmt, _, err := c.db.Prepare("PRAGMA " + name)
	if err != nil {
		return 0, err
	}
	defer stmt.Close()
	stmt.Step()
	return stmt.ColumnInt64(0), stmt.Err()
}

// migrate runs the scripts that the file has not seen yet, each in a
// transaction, after copying the file to path.before-N.
func (c *conn) migrate(ctx context.Context, path string, key *[32]byte, schema []string) error {
	version, err := c.pragma("user_version")
	if err != nil {
		return err
	}
	id, err := c.pragma("application_id")
	if err != nil {
		return err
	}
	tables, err := c.pragma("schema_version") // 0 if nothing was ever made
	if err != nil {
		return err
	}
	if tables != 0 && id != applicationID {
		return kith.Errorf(kith.Invalid, "%s is a database of another program", path)
	}
	if version > int64(len(schema)) {
		return kith.Errorf(kith.Conflict, "%s was written by a newer version of Kith (format %d, this one knows %d): update Kith", path, version, len(schema))
	}
	for n := version + 1; n <= int64(len(schema)); n++ {
		if version > 0 { // there is something to lose
			backup := fmt.Sprintf("%s.before-%d", path, n)
			if err := os.Remove(backup); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			if err := c.vacuumInto(backup, key); err != nil {
				return fmt.Errorf("copy the database before format %d: %w", n, err)
			}
		}
		script := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT;", schema[n-1], n, applicationID)
		if err := c.db.Exec(script); err != nil {
			if !c.db.GetAutocommit() {
				c.db.Exec("ROLLBACK")
			}
			return fmt.Errorf("bring the database to format %d: %w", n, err)
		}
	}
	if version == 0 {
		syncDir(path)
	}
	return nil
}

// vacuumInto writes a compact copy of the database into a new file, durably.
// What was deleted is not in it.
func (c *conn) vacuumInto(path string, key *[32]byte) (err error) {
	defer func() {
		if err != nil {
			os.Remove(path)
			os.Remove(path + "-journal")
		}
	}()
	stmt, _, err := c.db.Prepare("VACUUM INTO ?")
	if err != nil {
		return err
	}
	defer stmt.Close()
	if err := stmt.BindText(1, uri(path, key)); err != nil {
		return err
	}
	if err := stmt.Exec(); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0) // Windows syncs only what it may write
	if err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	syncDir(path)
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
