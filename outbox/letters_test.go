package outbox_test

import (
	"slices"
	"testing"
	"time"

	"kith"
	"kith/outbox"
)

func TestUnsent(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	one, other := kith.DeviceID{1}, kith.DeviceID{2}
	held := func(author kith.DeviceID, first, last uint64, until time.Duration) outbox.Held {
		return outbox.Held{Span: outbox.Span{Author: author, First: first, Last: last}, Until: now.Add(until)}
	}
	span := func(first, last uint64) outbox.Span { return outbox.Span{Author: one, First: first, Last: last} }
	for name, test := range map[string]struct {
		here, there uint64
		held        []outbox.Held
		want        []outbox.Span
	}{
		"nothing was written":               {},
		"all is there":                      {here: 7, there: 7},
		"more is there than here":           {here: 7, there: 9},
		"nothing lies anywhere":             {here: 7, there: 2, want: []outbox.Span{span(3, 7)}},
		"all lies with a hub":               {here: 7, there: 2, held: []outbox.Held{held(one, 3, 7, 1)}},
		"some was written since":            {here: 9, there: 2, held: []outbox.Held{held(one, 3, 7, 1)}, want: []outbox.Span{span(8, 9)}},
		"in two letters, out of order":      {here: 7, there: 2, held: []outbox.Held{held(one, 6, 7, 1), held(one, 3, 5, 1)}},
		"the first letter is gone":          {here: 7, there: 2, held: []outbox.Held{held(one, 3, 5, -1), held(one, 6, 7, 1)}, want: []outbox.Span{span(3, 5)}},
		"gone at this very moment":          {here: 7, there: 2, held: []outbox.Held{held(one, 3, 7, 0)}, want: []outbox.Span{span(3, 7)}},
		"one in the middle is gone":         {here: 9, there: 0, held: []outbox.Held{held(one, 1, 2, 1), held(one, 5, 6, 1)}, want: []outbox.Span{span(3, 4), span(7, 9)}},
		"letters that overlap":              {here: 9, there: 0, held: []outbox.Held{held(one, 1, 6, 1), held(one, 2, 3, 1), held(one, 5, 8, 1)}, want: []outbox.Span{span(9, 9)}},
		"part of a letter is there":         {here: 9, there: 5, held: []outbox.Held{held(one, 1, 7, 1)}, want: []outbox.Span{span(8, 9)}},
		"of another author":                 {here: 3, there: 2, held: []outbox.Held{held(other, 3, 7, 1)}, want: []outbox.Span{span(3, 3)}},
		"a letter of events that are gone":  {here: 3, there: 2, held: []outbox.Held{held(one, 5, 7, 1)}, want: []outbox.Span{span(3, 3)}},
		"a letter that begins before there": {here: 3, there: 2, held: []outbox.Held{held(one, 1, 1, 1)}, want: []outbox.Span{span(3, 3)}},
	} {
		if got := outbox.Unsent(one, test.here, test.there, test.held, now); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestDue(t *testing.T) {
	at := func(d time.Duration) time.Time { return time.Unix(1_000_000, 0).Add(d) }
	for name, test := range map[string]struct {
		first, last, parted time.Time
		pause               time.Duration
		want                time.Time
	}{
		"one line":                {at(0), at(0), time.Time{}, outbox.Pause, at(outbox.Pause)},
		"three lines":             {at(0), at(time.Second), time.Time{}, outbox.Pause, at(time.Second + outbox.Pause)},
		"somebody types on":       {at(0), at(time.Minute), time.Time{}, outbox.Pause, at(2 * time.Second)},
		"the link just broke":     {at(0), at(0), at(-time.Second), outbox.Pause, at(-time.Second + outbox.Grace)},
		"it broke a while ago":    {at(0), at(0), at(-time.Minute), outbox.Pause, at(outbox.Pause)},
		"it broke after the word": {at(0), at(0), at(time.Minute), outbox.Pause, at(time.Minute + outbox.Grace)},
		"others bring it":         {at(0), at(20 * time.Second), time.Time{}, 30 * time.Second, at(50 * time.Second)},
	} {
		if got := outbox.Due(test.first, test.last, test.parted, test.pause); !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", name, got.Sub(at(0)), test.want.Sub(at(0)))
		}
	}
}

func TestUntil(t *testing.T) {
	now, day := time.Unix(1_000_000_000, 0), 24*time.Hour
	for said, want := range map[time.Duration]time.Duration{
		30 * day: 30 * day, -4 * 365 * day: day, 10 * 365 * day: 31 * day, time.Minute: day,
	} {
		if got := outbox.Until(now.Add(said), now); !got.Equal(now.Add(want)) {
			t.Errorf("said %v: %v, want %v", said, got.Sub(now), want)
		}
	}
}

func TestAgain(t *testing.T) {
	var last time.Duration
	for failures := range 100 {
		again := outbox.Again(failures)
		if again < last || again > time.Hour || failures > 0 && again < 15*time.Second {
			t.Errorf("after %d failures %v", failures, again)
		}
		last = again
	}
	if last != time.Hour || outbox.Again(1) != 15*time.Second {
		t.Errorf("%v in the end", last)
	}
}

func TestRanking(t *testing.T) {
	var r outbox.Ranking
	drops := []outbox.Drop{{Hub: "a"}, {Hub: "b"}, {Hub: "c"}, {Hub: "d"}}
	order := func() (names string) {
		for _, d := range r.Order(drops) {
			names += d.Hub
		}
		return names
	}
	if got := order(); got != "abcd" {
		t.Errorf("before anything was tried: %s", got)
	}
	r.Note("a", false)
	r.Note("c", true)
	r.Note("b", false)
	if got := order(); got != "cdab" {
		t.Errorf("%s", got)
	}
	r.Note("c", false)
	r.Note("a", true)
	if got := order(); got != "adbc" {
		t.Errorf("%s", got)
	}
}
