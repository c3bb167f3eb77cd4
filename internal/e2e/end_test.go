//go:build linux

package e2e

import (
	"testing"
	"time"

	"kith/internal/lab"
	"kith/node"
)

// SIGTERM ends a node within 2 seconds (see lab.Node.Stop) and with a goodbye:
// the other side knows at once, and not after half a minute of silence as when
// a node is killed.
func TestGoodbye(t *testing.T) {
	t.Parallel()
	people := inhabit(t, lab.Kith{}, "Ann", "Bob")
	ann, bob := people[0], people[1]
	befriend(t, ann, bob)
	start := time.Now()
	ann.Stop()
	t.Logf("ended after %v", time.Since(start).Round(time.Millisecond))
	bob.unlinked(t, ann, 2*time.Second)
	ann.Start()
	know(t, ann, bob, soon)
	ann.Kill()
	pause(t, silence)
	if c := bob.to(t, ann); c.Connection != node.Connected {
		t.Errorf("bob sees ann %s although nobody could tell him: what does this test show?", c.Connection)
	}
}

// A second node on the same home says so and harms nothing.
func TestSecondNodeOnTheSameHome(t *testing.T) {
	t.Parallel()
	ann := inhabit(t, lab.Kith{}, "Ann")[0]
	out, code := ann.Try(t, "up", "--no-open")
	if want := "kith: another Kith runs on " + ann.Home(); code != 4 || len(out) < len(want) || out[:len(want)] != want {
		t.Errorf("a second node ends with %d: %s", code, out)
	}
	ann.Run(t, "me")
}
