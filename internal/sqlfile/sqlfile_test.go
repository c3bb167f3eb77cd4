package sqlfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"kith"
)

// files are the SQL of the tests' database: a table of numbers.
var files = fstest.MapFS{
	"sql/schema.1.sql":   {Data: []byte("CREATE TABLE numbers (n INTEGER, v ANY)")},
	"sql/connection.sql": {Data: []byte("CREATE TEMP VIEW even AS SELECT n FROM main.numbers WHERE n % 2 = 0")},
	"sql/numbers.sql": {Data: []byte(`-- What is before the first name is no query.
-- name: add
INSERT INTO numbers (n) VALUES (?);
-- name: add up to
WITH RECURSIVE to_n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM to_n WHERE n < ?)
INSERT INTO numbers (n) SELECT n FROM to_n RETURNING n;
`)},
	"sql/reading.sql": {Data: []byte(`-- name: all
SELECT n FROM numbers ORDER BY n;
-- name: all even
SELECT n FROM even ORDER BY n;
-- name: for ever
WITH RECURSIVE to_n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM to_n) SELECT count(*) FROM to_n;
-- name: again
SELECT ?1, ?1, ?1, ?1, ?1, ?1;
`)},
}

func options(t testing.TB) Options {
	t.Helper()
	scripts, err := ReadScripts(files)
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Scripts: scripts, Application: 0x6b74657a,
		Words:   Words{Closed: "it is closed", Full: "there is no room", Damaged: "it is broken"},
		Readers: 2, Group: 100, WriterCache: 1000, ReaderCache: 1000,
	}
}

func open(t testing.TB, o Options) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "numbers ü%20#.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// add gives a write of numbers.
func add(numbers ...int) func(*Conn) (refused, lost error) {
	return func(c *Conn) (refused, lost error) {
		for _, n := range numbers {
			lost = errors.Join(lost, c.Exec("add", n))
		}
		return nil, lost
	}
}

func numbers(t testing.TB, c *Conn, query string) []int64 {
	t.Helper()
	var all []int64
	for r, err := range c.Rows(query) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r.Int())
	}
	return all
}

func want(t testing.TB, db *DB, wanted ...int64) {
	t.Helper()
	err := db.Borrow(t.Context(), "read", func(c *Conn) error {
		if got := numbers(t, c, "all"); !slices.Equal(got, wanted) {
			t.Errorf("the database holds %v, want %v", got, wanted)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, kind kith.ErrorKind, words string) {
	t.Helper()
	if err == nil || kith.KindOf(err) != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("error %v of kind %d, want kind %d and %q", err, kith.KindOf(err), kind, words)
	}
}

func TestScripts(t *testing.T) {
	scripts, err := ReadScripts(files)
	if err != nil {
		t.Fatal(err)
	}
	if len(scripts.Schema) != 1 || !strings.HasPrefix(scripts.Schema[0], "CREATE TABLE") || !strings.HasPrefix(scripts.Connection, "CREATE TEMP VIEW") {
		t.Errorf("%+v", scripts)
	}
	if len(scripts.Queries) != 6 || scripts.Queries["add"] != "INSERT INTO numbers (n) VALUES (?);" {
		t.Errorf("%q", scripts.Queries)
	}
}

func TestValues(t *testing.T) {
	db := open(t, options(t))
	at := time.UnixMilli(1_700_000_000_123).UTC()
	id := kith.EventID{1, 2, 3}
	err := db.Borrow(t.Context(), "read", func(c *Conn) error {
		for _, value := range []struct {
			in   any
			want string
			read func(*Row) any
		}{
			{nil, "0", func(r *Row) any { return r.Int() }},
			{nil, "[]", func(r *Row) any { return r.Rare() }},
			{-5, "-5", func(r *Row) any { return r.Int() }},
			{int64(-1) << 62, "-4611686018427387904", func(r *Row) any { return r.Int() }},
			{^uint64(0), "18446744073709551615", func(r *Row) any { return r.Uint() }},
			{true, "true", func(r *Row) any { return r.Bool() }},
			{"a\x00ü", "a\x00ü", func(r *Row) any { return r.Text() }},
			{[]byte{7, 0}, "[7 0]", func(r *Row) any { return r.Blob() }},
			{[]byte{7, 0}, "[7 0]", func(r *Row) any { return slices.Clone(r.Rare()) }},
			{id, id.String(), func(r *Row) any { var id kith.EventID; r.Fill(id[:]); return id }},
			{at, at.String(), func(r *Row) any { return r.Time() }},
			{time.Time{}, time.Time{}.String(), func(r *Row) any { return r.Time() }},
		} {
			found, err := c.One("again", func(r *Row) {
				for column := range 6 { // from left to right
					if got := fmt.Sprint(value.read(r)); got != value.want {
						t.Errorf("column %d of %v: %q, want %q", column, value.in, got, value.want)
					}
				}
			}, value.in)
			if err != nil || !found {
				t.Errorf("%v: %v %v", value.in, found, err)
			}
		}
		if err := c.Exec("again", struct{}{}); err == nil {
			t.Error("a struct was bound")
		}
		if err := c.Exec("nonsense"); err == nil {
			t.Error("a query that is not there")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// One stops reading at the first row, not writing.
func TestOneWritesEverything(t *testing.T) {
	db := open(t, options(t))
	first := int64(0)
	err := db.Write(t.Context(), "write", func(c *Conn) (refused, lost error) {
		_, lost = c.One("add up to", func(r *Row) { first = r.Int() }, 5)
		return nil, lost
	}, nil)
	if err != nil || first != 1 {
		t.Errorf("%v, first row %d", err, first)
	}
	want(t, db, 1, 2, 3, 4, 5)
}

// inOneGroup runs the writes in one transaction, and gives what became of them.
// It must be called in a synctest bubble.
func inOneGroup(t *testing.T, db *DB, writes []func(*Conn) (refused, lost error), committed func(i int)) []error {
	t.Helper()
	errs := make([]error, len(writes))
	gate := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		err := db.Write(t.Context(), "hold the writer up", func(*Conn) (refused, lost error) { <-gate; return nil, nil }, nil)
		if err != nil && !errors.Is(err, errBroken) {
			t.Error(err)
		}
	})
	synctest.Wait()
	for i, write := range writes {
		all.Go(func() { errs[i] = db.Write(t.Context(), "write", write, func() { committed(i) }) })
		synctest.Wait() // it is queued, behind those before it
	}
	close(gate)
	all.Wait()
	return errs
}

var errBroken = errors.New("broken")

func TestWritesThatWaitShareATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		var settled []error
		o.Settled = func(lost error) { settled = append(settled, lost) }
		db := open(t, o)
		refuse := func(c *Conn) (refused, lost error) {
			return c.Attempt(func() error {
				if err := c.Exec("add", 66); err != nil {
					t.Error(err)
				}
				return kith.Errorf(kith.Forbidden, "not this one")
			})
		}
		var told []int
		errs := inOneGroup(t, db, []func(*Conn) (refused, lost error){add(1), refuse, add(2, 3), add(4)}, func(i int) { told = append(told, i) })
		if errs[0] != nil || errs[2] != nil || errs[3] != nil {
			t.Errorf("%v", errs)
		}
		wantKind(t, errs[1], kith.Forbidden, "not this one")
		if !slices.Equal(told, []int{0, 2, 3}) {
			t.Errorf("told of %v", told)
		}
		if len(settled) != 1 || settled[0] != nil {
			t.Errorf("%d transactions: %v", len(settled), settled)
		}
		want(t, db, 1, 2, 3, 4)
	})
}

func TestAGroupIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.Group = 3
		settled := 0
		o.Settled = func(error) { settled++ }
		db := open(t, o)
		errs := inOneGroup(t, db, []func(*Conn) (refused, lost error){add(1), add(2), add(3)}, func(int) {})
		if err := errors.Join(errs...); err != nil || settled != 2 {
			t.Errorf("%d transactions, %v", settled, err)
		}
	})
}

// A transaction that is lost takes all its writes with it, and no later one.
func TestLostTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		var settled []error
		o.Settled = func(lost error) { settled = append(settled, lost) }
		db := open(t, o)
		lose := func(c *Conn) (refused, lost error) { return nil, errBroken }
		errs := inOneGroup(t, db, []func(*Conn) (refused, lost error){add(1), lose, add(2)}, func(i int) {
			if i != 2 {
				t.Errorf("write %d was called durable", i)
			}
		})
		if !errors.Is(errs[0], errBroken) || !errors.Is(errs[1], errBroken) || errs[2] != nil {
			t.Errorf("%v", errs)
		}
		if len(settled) != 2 || !errors.Is(settled[0], errBroken) || settled[1] != nil {
			t.Errorf("%v", settled)
		}
		want(t, db, 2)
	})
}

// Who gives up before the write has begun can be sure that it never is; who
// gives up later gets what became of it.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, options(t))
		begun, cancelBegun := context.WithCancel(t.Context())
		waiting, cancelWaiting := context.WithCancel(t.Context())
		gate := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			err := db.Write(begun, "write", func(c *Conn) (refused, lost error) { <-gate; return add(1)(c) }, nil)
			if err != nil {
				t.Errorf("a write that had begun: %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if err := db.Write(waiting, "write", add(2), nil); !errors.Is(err, context.Canceled) {
				t.Errorf("a write that had not begun: %v", err)
			}
		})
		synctest.Wait()
		cancelBegun()
		cancelWaiting()
		synctest.Wait()
		close(gate)
		all.Wait()
		if err := db.Write(waiting, "write", add(3), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("a write that nobody waits for: %v", err)
		}
		want(t, db, 1)
	})
}

func TestCloseWritesWhatWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numbers.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), path, options(t))
		if err != nil {
			t.Fatal(err)
		}
		gate := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			if err := db.Write(t.Context(), "write", func(c *Conn) (refused, lost error) { <-gate; return errBroken, nil }, nil); !errors.Is(err, errBroken) {
				t.Errorf("the first: %v", err)
			}
		})
		synctest.Wait()
		for n := range 3 {
			all.Go(func() {
				if err := db.Write(t.Context(), "write", add(n), nil); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		all.Go(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		close(gate)
		all.Wait()
		wantKind(t, db.Write(t.Context(), "write", add(9), nil), kith.Conflict, "it is closed")
		wantKind(t, db.Borrow(t.Context(), "read", func(*Conn) error { return nil }), kith.Conflict, "it is closed")
		if err := db.Close(); err != nil {
			t.Errorf("closing again: %v", err)
		}
	})
	db, err := Open(t.Context(), path, options(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want(t, db, 0, 1, 2)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others may read the file: %v %v", info.Mode(), err)
	}
}

// Who reads is not held up by who writes, and sees one state.
func TestReadSeesOneState(t *testing.T) {
	db := open(t, options(t))
	err := db.Read(t.Context(), "read", func(c *Conn) error {
		before := numbers(t, c, "all even")
		if err := db.Write(t.Context(), "write", add(1, 2), nil); err != nil {
			t.Error(err)
		}
		if after := numbers(t, c, "all even"); len(before) != 0 || len(after) != 0 {
			t.Errorf("%v, then %v", before, after)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Read(t.Context(), "read", func(c *Conn) error {
		if got := numbers(t, c, "all even"); !slices.Equal(got, []int64{2}) {
			t.Errorf("%v", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A query that would never end ends with its context, and the connection is of
// use afterwards.
func TestReadingIsInterrupted(t *testing.T) {
	o := options(t)
	o.Readers = 1
	db := open(t, o)
	for _, read := range []func(context.Context, string, func(*Conn) error) error{db.Read, db.Borrow} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err := read(ctx, "read", func(c *Conn) error {
			_, err := c.One("for ever", func(*Row) {})
			return err
		})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		want(t, db)
	}
}
