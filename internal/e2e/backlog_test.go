//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"kith/internal/lab"
)

// Many messages of 200 bytes wait for somebody who was away. With KITH_SOAK it
// is 100,000.
func TestBacklog(t *testing.T) {
	count, most := 20_000, int64(300<<20)
	if soak(t) > 0 {
		count = 100_000
	}
	people := inhabit(t, lab.Kith{Binary: lab.Plain(t)}, "Ann", "Bob")
	ann, bob := people[0], people[1]
	befriend(t, ann, bob)
	bob.Stop()

	const hands = 32
	all := ann.writers(bob, hands)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	start := time.Now()
	write(ctx, 0, count/hands, strings.Repeat("·", 93), all...) // 14 bytes and 93 of 2 bytes
	wrote := time.Since(start)
	if waiting := ann.to(t, bob).Waiting; waiting != count {
		t.Fatalf("%d of %d messages wait", waiting, count)
	}

	start = time.Now()
	bob.Start()
	ready := time.Since(start)
	arrive(t, 2*time.Minute, ann, bob)
	took := time.Since(start)
	t.Logf("%d messages: written by %d hands in %v (%.0f/s); bob ready %v after his start, all there after %v (%.0f/s)",
		count, hands, wrote.Round(time.Millisecond), float64(count)/wrote.Seconds(), ready.Round(time.Millisecond),
		took.Round(time.Millisecond), float64(count)/(took-ready).Seconds())
	for _, p := range people {
		peak := peakRSS(t, p)
		t.Logf("%s's node used %d MiB at most", p.name, peak>>20)
		if peak > most {
			t.Errorf("%s's node used more than %d MiB", p.name, most>>20)
		}
	}
	if n := len(audit(t, ann, bob, all...)); n != count {
		t.Errorf("%d messages of %d", n, count)
	}
}

// peakRSS is the most memory that a node has had resident, in bytes.
func peakRSS(t *testing.T, p *person) (bytes int64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscanf(rest, "%d kB", &bytes); !ok || err != nil {
		t.Fatalf("no VmHWM in %s", status)
	}
	return bytes << 10
}
