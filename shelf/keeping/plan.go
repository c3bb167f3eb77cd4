package keeping

import (
	"bytes"
	"time"

	"kith"
)

// The states of a row.
const (
	given = "given" // the hub may have some of it
	kept  = "kept"  // it had all of it when it was asked last
	freed = "freed" // it had, and has it no more
)

// Times of keeping.
const (
	lookEvery  = 24 * time.Hour
	renewWhen  = 30 * 24 * time.Hour // or less are left
	fullPause  = time.Hour           // after the hub had no room
	faultPause = 6 * time.Hour       // after a share could not be read or was refused
	soon       = time.Minute
)

// An item is one share as it stands at the hub.
type item struct {
	file   kith.Infohash
	wanted bool      // it is to be kept
	shared time.Time // when it was
	state  string    // of its row; empty: there is none
	until  time.Time // as the hub said
	heard  time.Time // when it did
	again  time.Time // not before then
}

// A do is what can be done about an item.
type do int

const (
	rest    do = iota
	release    // the hub is to let go of it
	look       // whether the hub has it still, and renew it
	upload     // what the hub lacks
)

// A step is what to do next. If that is to rest, at says until when; zero: until
// something changes.
type step struct {
	do   do
	file kith.Infohash
	at   time.Time
}

// due is what an item needs, and when.
func (i *item) due() (do, time.Time) {
	switch {
	case !i.wanted && i.state != "":
		return release, i.again
	case i.wanted && (i.state == "" || i.state == given):
		return upload, i.again
	case i.wanted && i.state == kept:
		// Halfway to its end, lest a hub that keeps things for hours is asked too late.
		at := i.heard.Add(min(lookEvery, max(soon, i.until.Sub(i.heard)/2)))
		if at.Before(i.again) {
			at = i.again
		}
		return look, at
	}
	return rest, time.Time{}
}

// renews reports whether what is kept until then is to be kept longer.
func renews(until, now time.Time) bool { return until.Sub(now) < renewWhen }

// plan decides what comes next: first what takes a moment, then the oldest share.
func plan(items []item, now time.Time) step {
	next := step{}
	var oldest time.Time
	for _, i := range items {
		what, at := i.due()
		switch {
		case what == rest:
		case at.After(now):
			if next.do == rest && (next.at.IsZero() || at.Before(next.at)) {
				next.at = at
			}
		case next.do == rest || what < next.do || what == next.do && (i.shared.Before(oldest) ||
			i.shared.Equal(oldest) && bytes.Compare(i.file[:], next.file[:]) < 0):
			next, oldest = step{do: what, file: i.file}, i.shared
		}
	}
	return next
}
