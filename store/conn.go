package store

import (
	"context"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"
	_ "github.com/ncruces/go-sqlite3/vfs/adiantum" // the encrypting VFS

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
		parts := strings.Split("\n"+string(text), "\n-- name: ")
		for _, part := range parts[1:] {
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

// Memory that each connection may take for pages, in KiB. What a page of
// history or a search touches fits; more than that is the system's file cache.
const (
	writerCache = 8 << 10
	readerCache = 2 << 10
)

// uri names a database file for SQLite. With a key it goes through the
// encrypting VFS.
func uri(path string, key *[32]byte) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/… on Windows
	}
	params := "?vfs=os"
	if key != nil {
		params = "?vfs=adiantum&hexkey=" + hex.EncodeToString(key[:])
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + params
}

// connect opens one connection. It reads nothing of the file yet.
func connect(ctx context.Context, path string, key *[32]byte, queries map[string]string, cache int) (*conn, error) {
	db, err := sqlite3.OpenContext(ctx, uri(path, key))
	if err != nil {
		return nil, err
	}
	c := &conn{db: db, queries: queries, stmts: make(map[string]*sqlite3.Stmt)}
	// Temporary tables and sorters never touch the disk, where they would
	// outlive a passphrase.
	err = db.Exec(fmt.Sprintf(`
		PRAGMA busy_timeout = 10000;
		PRAGMA temp_store = memory;
		PRAGMA cache_size = -%d;
		PRAGMA synchronous = full;
		PRAGMA trusted_schema = off;
		PRAGMA cell_size_check = on;`, cache))
	if err == nil {
		err = fts5.Register(db)
	}
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

// bound gives a prepared statement with its arguments.
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
		return stmt.BindInt64(i, millis(v))
	}
	return fmt.Errorf("argument %d is a %T", i, arg)
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
func (c *conn) rows(name string, args ...any) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		stmt, err := c.bound(name, args)
		if err != nil {
			yield(nil, err)
			return
		}
		r := row{stmt: stmt}
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

// one runs a named query for its first row, and reports whether there was one.
func (c *conn) one(name string, read func(*row), args ...any) (bool, error) {
	for r, err := range c.rows(name, args...) {
		if err != nil {
			return false, err
		}
		read(r)
		return true, nil
	}
	return false, nil
}

// A row hands out its columns from left to right.
type row struct {
	stmt *sqlite3.Stmt
	next int
}

func (r *row) col() int {
	r.next++
	return r.next - 1
}

func (r *row) int() int64      { return r.stmt.ColumnInt64(r.col()) }
func (r *row) uint() uint64    { return uint64(r.int()) }
func (r *row) bool() bool      { return r.int() != 0 }
func (r *row) text() string    { return r.stmt.ColumnText(r.col()) }
func (r *row) blob() []byte    { return r.stmt.ColumnBlob(r.col(), nil) }
func (r *row) time() time.Time { return fromMillis(r.int()) }

// rare gives the bytes of a column that is mostly NULL, which costs less than to
// ask for them. They are valid until the next row.
func (r *row) rare() []byte {
	col := r.col()
	if r.stmt.ColumnType(col) == sqlite3.NULL {
		return nil
	}
	return r.stmt.ColumnRawBlob(col)
}

// fill copies a blob into an ID, which stays zero if the column is empty.
func (r *row) fill(id []byte) { copy(id, r.stmt.ColumnRawBlob(r.col())) }

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
