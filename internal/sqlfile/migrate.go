package sqlfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"kith"
)

// Connect opens the writing connection alone, makes the file if there is none,
// and brings its schema up to date.
func Connect(ctx context.Context, path string, o Options) (_ *Conn, err error) {
	// SQLite gives its log the mode of the file.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	c, err := connect(ctx, path, o, o.WriterCache)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if err := c.migrate(path, o); err != nil {
		return nil, err
	}
	err = c.DB.Exec(fmt.Sprintf("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = %d", o.Log, o.LogMost))
	if err != nil {
		return nil, err
	}
	return c, c.DB.Exec(o.Scripts.Connection)
}

// migrate runs the scripts that the file has not seen yet, each in a
// transaction, after copying the file to path.before-N.
func (c *Conn) migrate(path string, o Options) error {
	version, err := c.Pragma("user_version")
	if err != nil {
		return err
	}
	id, err := c.Pragma("application_id")
	if err != nil {
		return err
	}
	tables, err := c.Pragma("schema_version") // 0 if nothing was ever made
	if err != nil {
		return err
	}
	schema := o.Scripts.Schema
	if tables != 0 && id != int64(o.Application) {
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
			if err := c.VacuumInto(backup, o.VFS); err != nil {
				return fmt.Errorf("copy the database before format %d: %w", n, err)
			}
		}
		script := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT;", schema[n-1], n, o.Application)
		if err := c.DB.Exec(script); err != nil {
			if !c.DB.GetAutocommit() {
				c.DB.Exec("ROLLBACK")
			}
			return fmt.Errorf("bring the database to format %d: %w", n, err)
		}
	}
	if version == 0 {
		SyncDir(path)
	}
	return nil
}

// VacuumInto writes a compact copy of the database into a new file, durably and
// through the VFS that is named as in [Options]. What was deleted is not in it.
func (c *Conn) VacuumInto(path, vfs string) (err error) {
	defer func() {
		if err != nil {
			os.Remove(path)
			os.Remove(path + "-journal")
		}
	}()
	stmt, _, err := c.DB.Prepare("VACUUM INTO ?")
	if err != nil {
		return err
	}
	defer stmt.Close()
	if err := stmt.BindText(1, uri(path, vfs)); err != nil {
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
	SyncDir(path)
	return nil
}

// SyncDir makes a rename or a new name in path's folder durable, where the
// system can (Windows cannot and need not).
func SyncDir(path string) {
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		dir.Sync()
		dir.Close()
	}
}
