package outbox

import (
	"cmp"
	"slices"
	"time"

	"kith"
)

// A Drop is where envelopes for one device may be left by one account: a box at
// a hub, named by a key, and the token that lets others leave something there.
type Drop struct {
	Hub   string // URL
	Box   [32]byte
	Token [32]byte
}

// A Span is some consecutive events of one author device.
type Span struct {
	Author      kith.DeviceID
	First, Last uint64
}

// A Held is a span that lies with a hub until a time.
type Held struct {
	Span
	Until time.Time
}

// Unsent gives what is to be left for a device that has an author's events up to
// number there, of those up to number here: what lies nowhere, or no longer.
func Unsent(author kith.DeviceID, here, there uint64, held []Held, now time.Time) []Span {
	held = slices.DeleteFunc(slices.Clone(held), func(h Held) bool {
		return h.Author != author || !now.Before(h.Until)
	})
	slices.SortFunc(held, func(a, b Held) int { return cmp.Compare(a.First, b.First) })
	var unsent []Span
	next := there + 1
	for _, h := range held {
		if h.First > here {
			break
		}
		if h.First > next {
			unsent = append(unsent, Span{author, next, h.First - 1})
		}
		next = max(next, h.Last+1)
	}
	if next <= here {
		unsent = append(unsent, Span{author, next, here})
	}
	return unsent
}

const (
	// Pause is how long a letter waits for more to be written.
	Pause = 300 * time.Millisecond
	// maxPause is how long it waits at most.
	maxPause = 2 * time.Second
	// Grace is how long after the end of a link another one is waited for.
	Grace = 5 * time.Second
	// Quiet is how long word of what came is put off, since more may come.
	Quiet = time.Minute
)

// Due is when a letter leaves for a device to which something is owed since
// first, and something more since last; pause is Pause, or longer for one that
// probably gets it from others. parted is when the last link to it ended; zero if
// there was none lately.
func Due(first, last, parted time.Time, pause time.Duration) time.Time {
	due := last.Add(pause)
	if latest := first.Add(max(maxPause, 2*pause)); due.After(latest) {
		due = latest
	}
	if !parted.IsZero() && due.Before(parted.Add(Grace)) {
		due = parted.Add(Grace)
	}
	return due
}

// Hubs keep a letter for about a month. A clock that is wrong by years, here or
// there, makes it neither a moment nor for good.
const (
	leastHeld = 24 * time.Hour
	mostHeld  = 31 * 24 * time.Hour
)

// Until is when a letter that was left now is taken to be gone, if the hub says
// that it keeps it until then.
func Until(said, now time.Time) time.Time {
	switch {
	case said.Before(now.Add(leastHeld)):
		return now.Add(leastHeld)
	case said.After(now.Add(mostHeld)):
		return now.Add(mostHeld)
	}
	return said
}

// Again is how long to wait after so many failures in a row, the last included.
func Again(failures int) time.Duration {
	const least, most = 15 * time.Second, time.Hour
	if failures < 1 {
		return 0
	}
	return min(least<<min(failures-1, 20), most)
}

// A Ranking remembers which hubs took letters. Its methods may not be called at
// the same time.
type Ranking struct {
	at map[string]int // by URL: when it took one last, negative: when it refused one
	n  int
}

// Note remembers what came of an attempt.
func (r *Ranking) Note(hub string, taken bool) {
	if r.at == nil {
		r.at = map[string]int{}
	}
	if r.n++; taken {
		r.at[hub] = r.n
	} else {
		r.at[hub] = -r.n
	}
}

// Order gives drops in the order in which to try them: first what took a letter
// last, then what was not tried, then what failed, the longest ago first.
func (r *Ranking) Order(drops []Drop) []Drop {
	ordered := slices.Clone(drops)
	rank := func(d Drop) (class, place int) {
		switch at := r.at[d.Hub]; {
		case at > 0:
			return 0, -at
		case at < 0:
			return 2, -at
		}
		return 1, 0
	}
	slices.SortStableFunc(ordered, func(a, b Drop) int {
		classA, placeA := rank(a)
		classB, placeB := rank(b)
		return cmp.Or(classA-classB, placeA-placeB)
	})
	return ordered
}
