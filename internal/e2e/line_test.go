//go:build linux

package e2e

import (
	"testing"
	"time"

	"kith/internal/lab"
)

// One frame of five is lost, and a round trip takes 300 or 600 ms.
func TestBadLineIsSurvived(t *testing.T) {
	for name, delay := range map[string]time.Duration{"300 ms there and back": 150 * time.Millisecond, "300 ms one way": 300 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net := lab.New(t)
			lan := net.Switch("lan", lab.Line{Delay: delay, Loss: 0.2})
			ann, bob := lives(t, net.Host("ann", lan), "Ann", lab.Kith{}), lives(t, net.Host("bob", lan), "Bob", lab.Kith{})

			start := time.Now()
			bob.Run(t, "join", ann.invite(t))
			know(t, ann, bob, 3*time.Minute)
			t.Logf("contacts after %v", time.Since(start).Round(time.Millisecond))

			all := append(ann.writers(bob, 1), bob.writers(ann, 1)...)
			start = time.Now()
			write(t.Context(), 10*time.Millisecond, 200, "", all...)
			arrive(t, 3*time.Minute, ann, bob)
			t.Logf("200 messages each way, written within 2 s, delivered after %v", time.Since(start).Round(time.Millisecond))
			if n := len(audit(t, ann, bob, all...)); n != 400 {
				t.Errorf("%d messages of 400", n)
			}
		})
	}
}
