package node

import (
	"testing"
	"testing/synctest"
	"time"

	"kith/link/linktest"
)

// Whoever accepts a contact over a link does not dial them beside it.
func TestOneLinkIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(linktest.Conditions{Delay: 40 * time.Millisecond})
		a, b := w.person(t, "A", 0), w.person(t, "B", 0)
		befriend(t, a.node, b.node)
		sleep(time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.links) != 1 {
			t.Errorf("%d links were made between two people who met", len(w.links))
		}
	})
}
