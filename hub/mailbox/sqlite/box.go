package sqlite

import (
	"bytes"
	"crypto/subtle"
	"time"

	"kith"
	"kith/hub/mailbox"
	"kith/hubapi"
	"kith/internal/sqlfile"
)

// A box is what the writer remembers of one, so that leaving an envelope need
// not count the others.
type box struct {
	id    int64
	token hubapi.Hash
	used  int64 // Unix milliseconds, to the day
	count int
	bytes int64
}

// maxRemembered bounds the boxes in memory, about 2 MiB.
const maxRemembered = 10_000

// box finds a box, in memory or on disk; nil if there is none.
func (w *writer) box(key hubapi.Key) *box {
	if b := w.boxes[key]; b != nil {
		return b
	}
	b := &box{}
	found := w.one("box", func(r *sqlfile.Row) {
		b.id = r.Int()
		r.Fill(b.token[:])
		b.used = r.Int()
	}, key[:])
	if !found {
		return nil
	}
	w.one("box use", func(r *sqlfile.Row) { b.count, b.bytes = int(r.Int()), r.Int() }, b.id)
	if w.broken != nil {
		return nil
	}
	w.remember(key, b)
	return b
}

func (w *writer) remember(key hubapi.Key, b *box) {
	if len(w.boxes) >= maxRemembered {
		for other := range w.boxes { // any
			delete(w.boxes, other)
			break
		}
	}
	w.boxes[key] = b
}

// today is a time that tells no more than the day.
func today(now time.Time) int64 { return now.Truncate(24 * time.Hour).UnixMilli() }

func (w *writer) open(key hubapi.Key, token hubapi.Hash, mayMake bool, now time.Time) (mailbox.Opened, error) {
	b := w.box(key)
	if b != nil {
		if day := today(now); b.token != token || b.used != day {
			w.exec("set box", token[:], day, b.id)
			b.token, b.used = token, day
		}
		return mailbox.Opened{Waiting: b.count}, nil
	}
	if w.broken == nil && !mayMake {
		return mailbox.Opened{}, kith.Errorf(kith.NotFound, "there is no such box on this hub")
	}
	if most := w.s.limits.Boxes; w.broken == nil && most > 0 && w.now.boxes >= most {
		return mailbox.Opened{}, kith.Errorf(kith.Full, "this hub has no room for further boxes; use another hub, or ask who runs it")
	}
	b = &box{token: token, used: today(now)}
	w.one("add box", func(r *sqlfile.Row) { b.id = r.Int() }, key[:], token[:], b.used)
	if w.broken == nil {
		w.remember(key, b)
		w.now.boxes++
	}
	return mailbox.Opened{Made: true}, nil
}

func (w *writer) leave(key hubapi.Key, token hubapi.Hash, body []byte, now time.Time) (time.Time, error) {
	b := w.box(key)
	size := int64(len(body)) + mailbox.Overhead
	l := &w.s.limits
	switch {
	case w.broken != nil:
		return time.Time{}, nil
	case b == nil:
		return time.Time{}, kith.Errorf(kith.NotFound, "there is no such box on this hub; its owner may have moved to another one")
	case subtle.ConstantTimeCompare(b.token[:], token[:]) != 1:
		return time.Time{}, kith.Errorf(kith.Forbidden, "this token does not open the box; its owner may have changed it")
	case l.BoxEnvelopes > 0 && b.count >= l.BoxEnvelopes, l.BoxBytes > 0 && b.bytes+size > l.BoxBytes:
		return time.Time{}, kith.Errorf(kith.Full, "the box is full; there is room again when its owner comes and takes something out")
	case l.TotalBytes > 0 && w.now.bytes+size > l.TotalBytes:
		return time.Time{}, kith.Errorf(kith.Full, "this hub's mailbox is full; try again later, or use another hub")
	}
	until := now.Add(l.Keep).Truncate(time.Millisecond)
	w.exec("leave", b.id, size, until.UnixMilli(), body)
	b.count++
	b.bytes += size
	w.now.envelopes++
	w.now.bytes += size
	w.filled = append(w.filled, key)
	return until, nil
}

func (w *writer) take(key hubapi.Key, ids []uint64) error {
	b := w.box(key)
	if b == nil {
		return nil // with all that was in it
	}
	for _, id := range ids {
		w.one("take", func(r *sqlfile.Row) {
			size := r.Int()
			b.count--
			b.bytes -= size
			w.now.envelopes--
			w.now.bytes -= size
		}, int64(id), b.id)
	}
	return nil
}

func (w *writer) publishBundle(owner hubapi.Key, name hubapi.Hash, body []byte, until, now time.Time) (time.Time, error) {
	var id, size, end int64
	var of []byte
	found := w.one("bundle", func(r *sqlfile.Row) {
		id, of, size, end = r.Int(), r.Blob(), r.Int(), r.Int()
	}, name[:])
	if w.broken != nil {
		return time.Time{}, nil
	}
	mine := found && bytes.Equal(of, owner[:])
	if found && !mine && end > now.UnixMilli() {
		return time.Time{}, kith.Errorf(kith.Forbidden, "another device has published something under this name")
	}
	l := &w.s.limits
	grown := int64(len(body)) + mailbox.Overhead
	if len(body) > 0 {
		if l.TotalBytes > 0 && w.now.bytes-size+grown > l.TotalBytes {
			return time.Time{}, kith.Errorf(kith.Full, "this hub is full; try again later, or use another hub")
		}
		count := 0
		w.one("bundles of", func(r *sqlfile.Row) { count = int(r.Int()) }, owner[:])
		if !mine && l.Bundles > 0 && count >= l.Bundles {
			return time.Time{}, kith.Errorf(kith.Full, "this device has published %d bundles already, as many as the hub allows", count)
		}
	}
	if found {
		w.exec("remove bundle", id)
		w.now.bytes -= size
	}
	if len(body) == 0 {
		return time.Time{}, nil
	}
	if last := now.Add(l.KeepBundle); until.After(last) {
		until = last
	}
	until = until.Truncate(time.Millisecond)
	w.exec("add bundle", name[:], owner[:], grown, until.UnixMilli(), body)
	w.now.bytes += grown
	return until, nil
}
