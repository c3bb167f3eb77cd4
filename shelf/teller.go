package shelf

import (
	"sync"
	"time"
)

// tellEvery is how far apart two reports of progress are.
const tellEvery = 250 * time.Millisecond

// A teller passes progress on, not too often and in order.
type teller struct {
	now  func() time.Time
	tell func(done, total int64, ended bool)

	mu          sync.Mutex // guards the rest, and that one tells at a time
	done, total int64
	last        time.Time
}

func newTeller(now func() time.Time, tell func(done, total int64, ended bool)) *teller {
	return &teller{now: now, tell: tell}
}

// progress is called from several goroutines.
func (t *teller) progress(done, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done, t.total = max(t.done, done), total
	if now := t.now(); t.last.IsZero() || now.Sub(t.last) >= tellEvery {
		t.last = now
		t.tell(t.done, t.total, false)
	}
}

func (t *teller) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.last.IsZero() {
		t.tell(t.done, t.total, true)
	}
}
