package sqlfile

import (
	"time"

	"github.com/ncruces/go-sqlite3"
)

// A Row hands out its columns from left to right. It is valid until the next.
type Row struct {
	stmt *sqlite3.Stmt
	next int
}

func (r *Row) col() int {
	r.next++
	return r.next - 1
}

// Int gives the next column, 0 if it is NULL.
func (r *Row) Int() int64 { return r.stmt.ColumnInt64(r.col()) }

// Uint gives the next column.
func (r *Row) Uint() uint64 { return uint64(r.Int()) }

// Bool gives the next column.
func (r *Row) Bool() bool { return r.Int() != 0 }

// Text gives the next column.
func (r *Row) Text() string { return r.stmt.ColumnText(r.col()) }

// Blob gives a copy of the next column.
func (r *Row) Blob() []byte { return r.stmt.ColumnBlob(r.col(), nil) }

// Time gives the next column, which holds Unix milliseconds.
func (r *Row) Time() time.Time { return FromMillis(r.Int()) }

// Rare gives the bytes of a column that is mostly NULL, which costs less than to
// ask for them. They are valid until the next row.
func (r *Row) Rare() []byte {
	col := r.col()
	if r.stmt.ColumnType(col) == sqlite3.NULL {
		return nil
	}
	return r.stmt.ColumnRawBlob(col)
}

// Fill copies the next column into an ID, which stays zero if the column is
// empty.
func (r *Row) Fill(id []byte) { copy(id, r.stmt.ColumnRawBlob(r.col())) }

// Millis gives a time as it is kept: Unix milliseconds, 0 for none.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// FromMillis is the reverse of [Millis].
func FromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
