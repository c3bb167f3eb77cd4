package sqlfile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"kith"
)

// A Conn is one connection with its prepared statements. One goroutine at a
// time uses it.
type Conn struct {
	DB      *sqlite3.Conn
	queries map[string]string // shared, never written
	stmts   map[string]*sqlite3.Stmt
}

// uri names a database file for SQLite.
func uri(path, vfs string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/… on Windows
	}
	if vfs == "" {
		vfs = "os"
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?vfs=" + vfs
}

// connect opens one connection with a cache of so many KiB. It reads nothing of
// the file yet.
func connect(ctx context.Context, path string, o Options, cache int) (*Conn, error) {
	db, err := sqlite3.OpenContext(ctx, uri(path, o.VFS))
	if err != nil {
		return nil, err
	}
	c := &Conn{DB: db, queries: o.Scripts.Queries, stmts: make(map[string]*sqlite3.Stmt)}
	// Temporary tables and sorters never touch the disk, where they would
	// outlive a passphrase.
	err = db.Exec(fmt.Sprintf(`
		PRAGMA busy_timeout = 10000;
		PRAGMA temp_store = memory;
		PRAGMA cache_size = -%d;
		PRAGMA synchronous = full;
		PRAGMA trusted_schema = off;
		PRAGMA cell_size_check = on;
		%s`, cache, o.Pragmas))
	if err == nil && o.Extend != nil {
		err = o.Extend(db)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Close ends the connection.
func (c *Conn) Close() error {
	for _, stmt := range c.stmts {
		stmt.Close()
	}
	clear(c.stmts)
	return c.DB.Close()
}

// Prepare gives a prepared statement, which stays the connection's.
func (c *Conn) Prepare(name string) (*sqlite3.Stmt, error) {
	if stmt := c.stmts[name]; stmt != nil {
		return stmt, nil
	}
	query, ok := c.queries[name]
	if !ok {
		query, ok = transactions[name]
	}
	if !ok {
		return nil, fmt.Errorf("there is no query %q", name)
	}
	stmt, _, err := c.DB.PrepareFlags(query, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c.stmts[name] = stmt
	return stmt, nil
}

// bound gives a prepared statement with its arguments.
func (c *Conn) bound(name string, args []any) (*sqlite3.Stmt, error) {
	stmt, err := c.Prepare(name)
	if err != nil {
		return nil, err
	}
	for i, arg := range args {
		if err := bind(stmt, i+1, arg); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return stmt, nil
}

func bind(stmt *sqlite3.Stmt, i int, arg any) error {
	switch v := arg.(type) {
	case nil:
		return stmt.BindNull(i)
	case int64:
		return stmt.BindInt64(i, v)
	case int:
		return stmt.BindInt(i, v)
	case uint64:
		return stmt.BindInt64(i, int64(v))
	case bool:
		return stmt.BindBool(i, v)
	case string:
		return stmt.BindText(i, v)
	case []byte:
		return stmt.BindBlob(i, v)
	case kith.AccountID:
		return stmt.BindBlob(i, v[:])
	case kith.DeviceID:
		return stmt.BindBlob(i, v[:])
	case kith.ConversationID:
		return stmt.BindBlob(i, v[:])
	case kith.EventID:
		return stmt.BindBlob(i, v[:])
	case time.Time:
		return stmt.BindInt64(i, Millis(v))
	}
	return fmt.Errorf("argument %d is a %T", i, arg)
}

// Exec runs a named query that gives no rows. Arguments are nil, numbers, bool,
// string, bytes, IDs of the project, or times, which are kept as Unix
// milliseconds.
func (c *Conn) Exec(name string, args ...any) error {
	stmt, err := c.bound(name, args)
	if err != nil {
		return err
	}
	if err := stmt.Exec(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Rows runs a named query. The same query must not be run inside the loop.
func (c *Conn) Rows(name string, args ...any) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		stmt, err := c.bound(name, args)
		if err != nil {
			yield(nil, err)
			return
		}
		r := Row{stmt: stmt}
		for stmt.Step() {
			r.next = 0
			if !yield(&r, nil) {
				stmt.Reset()
				return
			}
		}
		err = stmt.Err()
		stmt.Reset()
		if err != nil {
			yield(nil, fmt.Errorf("%s: %w", name, err))
		}
	}
}

// One runs a named query for its first row, and reports whether there was one.
// (One that writes has written everything before it gives its first row.)
func (c *Conn) One(name string, read func(*Row), args ...any) (bool, error) {
	for r, err := range c.Rows(name, args...) {
		if err != nil {
			return false, err
		}
		read(r)
		return true, nil
	}
	return false, nil
}

// Attempt does a part of a transaction that is undone alone if it fails: failed
// is the error of do. lost is one by which the whole transaction is lost.
func (c *Conn) Attempt(do func() error) (failed, lost error) {
	if err := c.Exec("savepoint"); err != nil {
		return err, err
	}
	if failed = do(); failed == nil {
		lost = c.Exec("release")
		return lost, lost
	}
	if c.DB.GetAutocommit() { // SQLite rolled everything back: a full disk
		return failed, failed
	}
	return failed, errors.Join(c.Exec("undo"), c.Exec("release"))
}

// Pragma reads an integer setting of the database file.
func (c *Conn) Pragma(name string) (int64, error) {
	stmt, _, err := c.DB.Prepare("PRAGMA " + name)
	if err != nil {
		return 0, err
	}
	defer stmt.Close()
	stmt.Step()
	return stmt.ColumnInt64(0), stmt.Err()
}
