package shelf

import (
	"testing"
	"testing/synctest"
	"time"

	"kith"
)

func TestLimitsByTimeOfDay(t *testing.T) {
	o := Settings{Limits: Limits{Down: 1}, Hours: []Hours{
		{From: 22 * 60, Until: 7 * 60, Limits: Limits{Down: 2}},
		{From: 6 * 60, Until: 8*60 + 30, Limits: Limits{Down: 3}},
	}}
	for clock, want := range map[string]int64{
		"00:00": 2, "06:30": 2, "06:59": 2, "07:00": 3, "08:29": 3, "08:30": 1, "21:59": 1, "22:00": 2, "23:59": 2,
	} {
		now, err := time.Parse("15:04", clock)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.at(now).Down; got != want {
			t.Errorf("at %s the limit is %d, want %d", clock, got, want)
		}
	}
}

func TestCheckSettings(t *testing.T) {
	for name, spoil := range map[string]func(*Settings){
		"less than nothing":   func(o *Settings) { o.Up = -1 },
		"what to fetch":       func(o *Settings) { o.Fetch = "some" },
		"hours of no length":  func(o *Settings) { o.Hours = []Hours{{From: 60, Until: 60}} },
		"after the last hour": func(o *Settings) { o.Hours = []Hours{{From: 60, Until: 24 * 60}} },
		"hours less than 0":   func(o *Settings) { o.Hours = []Hours{{From: 0, Until: 60, Limits: Limits{Down: -1}}} },
	} {
		o := usual
		if err := o.check(); err != nil {
			t.Fatal(err)
		}
		spoil(&o)
		if err := o.check(); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Progress comes in order, four times a second at most, and its end always.
func TestTeller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []int64
		var ended bool
		tell := newTeller(time.Now, func(done, total int64, end bool) {
			told = append(told, done)
			ended = end
		})
		for done := range int64(100) {
			tell.progress(done, 100)
			tell.progress(done/2, 100) // another goroutine, later
			time.Sleep(10 * time.Millisecond)
		}
		tell.end()
		if len(told) != 5 || told[0] != 0 || told[4] != 99 || !ended {
			t.Errorf("%v, ended %v", told, ended)
		}
	})
}

func TestPlaceInside(t *testing.T) {
	used := map[string]bool{}
	for _, test := range [][2]string{
		{"a.txt", "a.txt"}, {"a.txt", "a (2).txt"}, {"a.txt", "a (3).txt"}, {"deep/CON", "deep/_CON"}, {"x:y", "x_y"},
	} {
		got := placeInside(test[0], func(rel string) bool { return used[rel] })
		used[got] = true
		if got != test[1] {
			t.Errorf("%q is placed at %q, want %q", test[0], got, test[1])
		}
	}
}
