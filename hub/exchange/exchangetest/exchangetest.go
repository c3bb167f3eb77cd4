// Package exchangetest is the suite that every implementation of
// exchange.Exchange passes: in one process, or in several side by side.
//
// It asks for two ends of one exchange, as two processes have them, and has
// listeners at both.
package exchangetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/hub/exchange"
	"kith/hubapi"
)

// patience is how long the suite waits for what should happen at once.
const patience = 20 * time.Second

// Open makes an exchange at which at most so many listen under one tag, and
// gives two ends of it, as two processes have them; b may be a itself.
type Open func(t *testing.T, most int) (a, b exchange.Exchange)

// Conformance runs the suite.
func Conformance(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"both hear that they are not alone", notAlone},
		{"what is said", said},
		{"who left hears nothing", left},
		{"listening twice", twice},
		{"too many", tooMany},
		{"many at once", manyAtOnce},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
}

// An ear writes down what it hears.
type ear struct {
	mu    sync.Mutex
	heard []string
	more  chan struct{}
}

func newEar() *ear { return &ear{more: make(chan struct{}, 1)} }

func (e *ear) add(what string) {
	e.mu.Lock()
	e.heard = append(e.heard, what)
	e.mu.Unlock()
	select {
	case e.more <- struct{}{}:
	default:
	}
}

func (e *ear) Present(tag hubapi.Tag)           { e.add(fmt.Sprintf("present %x", tag[:2])) }
func (e *ear) Note(tag hubapi.Tag, body []byte) { e.add(fmt.Sprintf("note %x %s", tag[:2], body)) }

func (e *ear) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

// wait waits until the ear has heard just this.
func (e *ear) wait(t *testing.T, want ...string) {
	t.Helper()
	for deadline := time.After(patience); !slices.Equal(e.all(), want); {
		select {
		case <-e.more:
		case <-deadline:
			t.Fatalf("heard %q, not %q", e.all(), want)
		}
	}
}

func join(t *testing.T, e exchange.Exchange, tag hubapi.Tag, l exchange.Listener) {
	t.Helper()
	if err := e.Join(tag, l); err != nil {
		t.Fatal(err)
	}
}

func say(t *testing.T, e exchange.Exchange, tag hubapi.Tag, from exchange.Listener, body string, want int) {
	t.Helper()
	if heard, err := e.Say(t.Context(), tag, from, []byte(body)); err != nil || heard != want {
		t.Errorf("%q was heard by %d, %v; want %d", body, heard, err, want)
	}
}

var one, two = hubapi.Tag{1, 1}, hubapi.Tag{2, 2}

func notAlone(t *testing.T, open Open) {
	a, b := open(t, 10)
	ann, bob, carol := newEar(), newEar(), newEar()
	join(t, a, one, ann)
	join(t, b, two, carol)
	if got := ann.all(); len(got) > 0 {
		t.Errorf("who is alone heard %q", got)
	}
	join(t, b, one, bob)
	ann.wait(t, "present 0101")
	bob.wait(t, "present 0101")
	if got := carol.all(); len(got) > 0 {
		t.Errorf("who listens elsewhere heard %q", got)
	}
}

func said(t *testing.T, open Open) {
	a, b := open(t, 10)
	ann, bob := newEar(), newEar()
	join(t, a, one, ann)
	say(t, a, one, ann, "is anybody there?", 0)
	join(t, b, one, bob)
	ann.wait(t, "present 0101")
	say(t, a, one, ann, "hello", 1)
	say(t, b, one, bob, "hi", 1)
	bob.wait(t, "present 0101", "note 0101 hello")
	ann.wait(t, "present 0101", "note 0101 hi")
	say(t, a, two, ann, "elsewhere", 0)
	// Who does not listen may speak.
	say(t, a, one, newEar(), "from outside", 2)
	bob.wait(t, "present 0101", "note 0101 hello", "note 0101 from outside")
}

func left(t *testing.T, open Open) {
	a, b := open(t, 10)
	ann, bob := newEar(), newEar()
	join(t, a, one, ann)
	join(t, b, one, bob)
	bob.wait(t, "present 0101")
	b.Leave(one, bob)
	b.Leave(one, bob) // again
	b.Leave(two, bob) // never was
	say(t, a, one, ann, "still there?", 0)
	a.Leave(one, ann)
	if n := a.Tags() + b.Tags(); n != 0 {
		t.Errorf("%d tags are left", n)
	}
	join(t, b, one, bob)
	bob.wait(t, "present 0101")
}

func twice(t *testing.T, open Open) {
	a, b := open(t, 10)
	ann, bob := newEar(), newEar()
	join(t, a, one, ann)
	join(t, a, one, ann)
	if got := ann.all(); len(got) > 0 {
		t.Errorf("who is alone heard %q", got)
	}
	join(t, b, one, bob)
	bob.wait(t, "present 0101")
	join(t, b, one, bob)
	bob.wait(t, "present 0101", "present 0101")
	ann.wait(t, "present 0101")
	say(t, b, one, bob, "once", 1)
	ann.wait(t, "present 0101", "note 0101 once")
}

func tooMany(t *testing.T, open Open) {
	a, _ := open(t, 2)
	first := newEar()
	join(t, a, one, first)
	join(t, a, one, newEar())
	if err := a.Join(one, newEar()); kith.KindOf(err) != kith.Full {
		t.Errorf("a third of two: %v", err)
	}
	a.Leave(one, first)
	join(t, a, one, newEar())
}

func manyAtOnce(t *testing.T, open Open) {
	a, b := open(t, 10)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			tag, ears := hubapi.Tag{byte(i), 9}, [2]*ear{newEar(), newEar()}
			for range 10 {
				join(t, a, tag, ears[0])
				join(t, b, tag, ears[1])
				a.Leave(tag, ears[0])
				b.Leave(tag, ears[1])
			}
		})
	}
	all.Wait()
	if n := a.Tags() + b.Tags(); n != 0 {
		t.Errorf("%d tags are left", n)
	}
}
