package sqlite

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"kith"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// readQueries collects the named queries of all files in sql: each follows a
// line "-- name: ..." and ends at the next one or with its file.
func readQueries() map[string]string {
	queries := make(map[string]string)
	files, _ := fs.Glob(sqlFiles, "sql/*.sql") // the pattern is sound
	for _, file := range files {
		text, _ := sqlFiles.ReadFile(file) // it is embedded
		for _, part := range strings.Split("\n"+string(text), "\n-- name: ")[1:] {
			name, query, _ := strings.Cut(part, "\n")
			queries[name] = query
		}
	}
	return queries
}

// A conn is one connection with its prepared statements. One goroutine at a
// time uses it.
type conn struct {
	db      *sqlite3.Conn
	queries map[string]string // shared, never written
	stmts   map[string]*sqlite3.Stmt
}

// Memory that each connection may take for pages, in KiB. The writer's holds
// the inner pages of the indexes of 100,000 boxes.
const (
	writerCache = 8 << 10
	readerCache = 1 << 10
)

func connect(path string, queries map[string]string, cache int) (*conn, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/… on Windows
	}
	db, err := sqlite3.Open("file:" + (&url.URL{Path: path}).EscapedPath() + "?vfs=os")
	if err != nil {
		return nil, err
	}
	c := &conn{db: db, queries: queries, stmts: make(map[string]*sqlite3.Stmt)}
	// What was taken is overwritten where that costs no further writing.
	err = db.Exec(fmt.Sprintf(`
		PRAGMA busy_timeout = 10000;
		PRAGMA temp_store = memory;
		PRAGMA cache_size = -%d;
		PRAGMA synchronous = full;
		PRAGMA secure_delete = fast;
		PRAGMA trusted_schema = off;
		PRAGMA cell_size_check = on;`, cache))
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *conn) close() error {
	for _, stmt := range c.stmts {
		stmt.Close()
	}
	clear(c.stmts)
	return c.db.Close()
}

// applicationID marks the file as a mailbox (PRAGMA application_id): "kmbx".
const applicationID = 0x6b6d6278

// format is the version of the schema.
const format = 1

// prepare opens the writing connection, and makes the file if there is none.
func prepare(path string, queries map[string]string) (_ *conn, err error) {
	// SQLite gives its log the mode of the file.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	c, err := connect(path, queries, writerCache)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := c.migrate(path); err != nil {
		return nil, err
	}
	// A checkpoint syncs the file once more, so it comes rarely; the log is cut
	// back when a flood is over.
	return c, c.db.Exec(`PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 33554432`)
}

func (c *conn) migrate(path string) error {
	version, err := c.pragma("user_version")
	if err != nil {
		return err
	}
	id, err := c.pragma("application_id")
	if err != nil {
		return err
	}
	tables, err := c.pragma("schema_version") // 0 if nothing was ever made
	switch {
	case err != nil:
		return err
	case tables != 0 && id != applicationID:
		return kith.Errorf(kith.Invalid, "%s is a database of another program", path)
	case version > format:
		return kith.Errorf(kith.Conflict, "%s was written by a newer version of Kith (format %d, this one knows %d): update Kith", path, version, format)
	case version == format:
		return nil
	}
	script, err := sqlFiles.ReadFile("sql/schema.1.sql")
	if err != nil {
		return err
	}
	err = c.db.Exec(fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT;", script, format, applicationID))
	if err != nil {
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil { // Windows can't and need not
		dir.Sync()
		dir.Close()
	}
	return nil
}

// pragma reads an integer setting of the file.
func (c *conn) pragma(name string) (int64, error) {
	stmt, _, err := c.db.Prepare("PRAGMA " + name)
	if err != nil {
		return 0, err
	}
	defer stmt.Close()
	stmt.Step()
	return stmt.ColumnInt64(0), stmt.Err()
}

// bound gives a prepared statement with its arguments: int64, int or []byte.
func (c *conn) bound(name string, args []any) (*sqlite3.Stmt, error) {
	stmt := c.stmts[name]
	if stmt == nil {
		query, ok := c.queries[name]
		if !ok {
			return nil, fmt.Errorf("there is no query %q", name)
		}
		var err error
		if stmt, _, err = c.db.PrepareFlags(query, sqlite3.PREPARE_PERSISTENT); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		c.stmts[name] = stmt
	}
	for i, arg := range args {
		var err error
		switch v := arg.(type) {
		case int64:
			err = stmt.BindInt64(i+1, v)
		case int:
			err = stmt.BindInt(i+1, v)
		case []byte:
			err = stmt.BindBlob(i+1, v)
		default:
			err = fmt.Errorf("argument %d is a %T", i, arg)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return stmt, nil
}

// exec runs a named query that gives no rows.
func (c *conn) exec(name string, args ...any) error {
	stmt, err := c.bound(name, args)
	if err != nil {
		return err
	}
	if err := stmt.Exec(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// rows runs a named query. The same query must not be run inside the loop.
func (c *conn) rows(name string, args ...any) iter.Seq2[*sqlite3.Stmt, error] {
	return func(yield func(*sqlite3.Stmt, error) bool) {
		stmt, err := c.bound(name, args)
		if err != nil {
			yield(nil, err)
			return
		}
		for stmt.Step() {
			if !yield(stmt, nil) {
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

// one runs a named query to its end, reads its first row, and reports whether
// there was one.
func (c *conn) one(name string, read func(*sqlite3.Stmt), args ...any) (found bool, err error) {
	for row, err := range c.rows(name, args...) {
		if err != nil {
			return false, err
		}
		if !found {
			read(row)
		}
		found = true
	}
	return found, nil
}

// reader runs f with a connection of its own, which ctx interrupts.
func (s *Store) reader(ctx context.Context, what string, f func(*conn) error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	case c := <-s.readers:
		c.db.SetInterrupt(ctx)
		err := f(c)
		c.db.SetInterrupt(context.Background())
		s.readers <- c
		return s.fail(ctx, what, err)
	}
}
