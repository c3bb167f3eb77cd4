package sqlite

import (
	"kith/hubapi"
	"kith/internal/sqlfile"
)

// A writer is what the writer's goroutine knows.
//
// A write that is refused changes nothing, for it looks before it writes. One
// that fails inside SQLite fails its whole group.
type writer struct {
	s         *Store
	c         *sqlfile.Conn
	broken    error // what SQLite said in this group
	filled    []hubapi.Key
	boxes     map[hubapi.Key]*box // some of them
	now       totals              // with what this group changes
	committed totals
}

// totals are what the store holds in all.
type totals struct {
	boxes, envelopes int
	bytes            int64
}

// settle makes memory agree with the disk after a group, and wakes who watches.
func (w *writer) settle(lost error) {
	if lost == nil {
		w.committed = w.now
		w.s.publish(w.now)
		w.s.wake(w.filled)
	} else {
		clear(w.boxes)
		w.now = w.committed
	}
	w.broken, w.filled = nil, w.filled[:0]
}

// exec runs a query; if it fails, so does the group.
func (w *writer) exec(name string, args ...any) {
	if w.broken == nil {
		w.broken = w.c.Exec(name, args...)
	}
}

// one runs a query for its first row; if it fails, so does the group.
func (w *writer) one(name string, read func(*sqlfile.Row), args ...any) bool {
	if w.broken != nil {
		return false
	}
	found, err := w.c.One(name, read, args...)
	w.broken = err
	return found
}
