//go:build linux

package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
	"kith/node"
)

// flowAgain bounds the time until messages flow again in both directions after
// a host has a network again. Seconds are usual; the machine may be busy.
const flowAgain = 40 * time.Second

// While two people write all the time, each of them moves to another address:
// at once, and after some seconds without a cable.
func TestChangeOfAddressIsSurvived(t *testing.T) {
	t.Parallel()
	net := lab.New(t)
	lan := net.Switch("lan")
	ann, bob := lives(t, net.Host("ann", lan), "Ann", lab.Kith{}), lives(t, net.Host("bob", lan), "Bob", lab.Kith{})
	befriend(t, ann, bob)

	ctx, stop := context.WithCancel(t.Context())
	all := append(ann.writers(bob, 2), bob.writers(ann, 2)...)
	var writing sync.WaitGroup
	writing.Go(func() { write(ctx, 50*time.Millisecond, 0, "", all...) })
	defer writing.Wait()
	defer stop()

	took := flows(t, ann, bob)
	t.Logf("with a network: %v for a message each way", took)
	for _, mover := range []*person{bob, ann} {
		mover.Host().ChangeAddress()
		t.Logf("%s moved: messages flow both ways after %v", mover.name, flows(t, ann, bob))

		mover.Host().Unplug()
		pause(t, 3*time.Second)
		mover.Host().ChangeAddress()
		mover.Host().Plug()
		t.Logf("%s moved while unplugged for 3 s: messages flow both ways after %v", mover.name, flows(t, ann, bob))
	}
	stop()
	writing.Wait()
	t.Logf("%d messages", len(audit(t, ann, bob, all...)))
}

// flows writes a message each way and tells how long it takes until both are
// delivered.
func flows(t *testing.T, a, b *person) time.Duration {
	t.Helper()
	start := time.Now()
	var ids [2]kith.EventID
	for i, pair := range [][2]*person{{a, b}, {b, a}} {
		sent, err := pair[0].api.Send(t.Context(), []string{pair[1].name}, fmt.Sprintf("%s asks at %v", pair[0].name, start), kith.EventID{})
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = sent[0].ID
	}
	lab.Eventually(t, flowAgain, func() error {
		for i, p := range []*person{a, b} {
			var m node.Message
			m, err := p.api.Message(t.Context(), ids[i].String())
			if err != nil {
				return err
			}
			if m.State != kith.Delivered {
				return fmt.Errorf("%q is %s", m.Text, m.State)
			}
		}
		return nil
	})
	return time.Since(start).Round(time.Millisecond)
}
