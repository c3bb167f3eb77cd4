//go:build linux

package lab

import (
	"testing"
	"time"
)

// Eventually calls f until it returns nil, 50 times a second, and fails the
// test with f's last error when the time is up. Within bounds the waiting, not
// a single call of f.
func Eventually(t testing.TB, within time.Duration, f func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("lab: still not after %v: %v", within, err)
		}
	}
}
