package keeping

import (
	"testing"
	"time"

	"kith"
)

func TestPlan(t *testing.T) {
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	file := func(n byte) kith.Infohash { return kith.Infohash{n} }
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	in := func(d time.Duration) time.Time { return now.Add(d) }
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		items []item
		want  step
	}{
		"nothing": {nil, step{}},
		"the oldest share first": {[]item{
			{file: file(1), wanted: true, shared: ago(time.Hour)},
			{file: file(2), wanted: true, shared: ago(2 * time.Hour), state: given},
			{file: file(3), wanted: true, shared: ago(0)},
		}, step{do: upload, file: file(2)}},
		"of two of a time always the same": {[]item{
			{file: file(2), wanted: true, shared: ago(time.Hour)},
			{file: file(1), wanted: true, shared: ago(time.Hour)},
		}, step{do: upload, file: file(1)}},
		"what takes a moment comes first": {[]item{
			{file: file(1), wanted: true, shared: ago(day)},
			{file: file(2), wanted: true, shared: ago(time.Hour), state: kept, heard: ago(25 * time.Hour), until: in(80 * day)},
			{file: file(3), state: kept},
		}, step{do: release, file: file(3)}},
		"a look before an upload": {[]item{
			{file: file(1), wanted: true, shared: ago(day)},
			{file: file(2), wanted: true, shared: ago(time.Hour), state: kept, heard: ago(25 * time.Hour), until: in(80 * day)},
		}, step{do: look, file: file(2)}},
		"a day later": {[]item{
			{file: file(1), wanted: true, state: kept, heard: ago(time.Hour), until: in(80 * day)},
		}, step{at: in(23 * time.Hour)}},
		"halfway, of a hub that keeps things for hours": {[]item{
			{file: file(1), wanted: true, state: kept, heard: ago(time.Hour), until: in(3 * time.Hour)},
		}, step{at: in(time.Hour)}},
		"what was refused waits, others go on": {[]item{
			{file: file(1), wanted: true, shared: ago(day), again: in(time.Minute)},
			{file: file(2), wanted: true, shared: ago(time.Hour)},
		}, step{do: upload, file: file(2)}},
		"until the first is due": {[]item{
			{file: file(1), wanted: true, again: in(time.Hour)},
			{file: file(2), wanted: true, again: in(time.Minute)},
		}, step{at: in(time.Minute)}},
		"what the hub freed is not brought again": {[]item{
			{file: file(1), wanted: true, state: freed, heard: ago(90 * day)},
		}, step{}},
		"and forgotten when it is not wanted": {[]item{{file: file(1), state: freed}}, step{do: release, file: file(1)}},
		"what was never there is not let go":  {[]item{{file: file(1)}}, step{}},
	} {
		if got := plan(c.items, now); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
