//go:build linux

package bench

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
	"kith/node"
)

// couple runs Ann and Bob as contacts on two hosts of a network, and waits
// until they are linked.
func couple(b *testing.B, lan *lab.Switch, net *lab.Network) (ann, bob *lab.Node) {
	b.Helper()
	ann, bob = net.Host("ann", lan).Kith(lab.Kith{}), net.Host("bob", lan).Kith(lab.Kith{})
	ann.Run(b, "me", "--name", "Ann")
	bob.Run(b, "me", "--name", "Bob")
	bob.Run(b, "join", ann.Run(b, "invite"))
	connected(b, ann, "Bob")
	connected(b, bob, "Ann")
	return ann, bob
}

// connected waits until a node is linked to a contact.
func connected(b *testing.B, n *lab.Node, name string) {
	b.Helper()
	c := reach(b, n.Home())
	lab.Eventually(b, 30*time.Second, func() error {
		contact, err := c.Contact(b.Context(), name)
		if err == nil && (contact.Relation != kith.Accepted || contact.Connection != node.Connected) {
			err = fmt.Errorf("%s is %s and %s", name, contact.Relation, contact.Connection)
		}
		return err
	})
}

// messagesPerRun are sent one at a time, with pauses of up to maxPause.
const (
	messagesPerRun = 400
	maxPause       = 50 * time.Millisecond
)

// BenchmarkLatency: from `send` returned, so durable here, to shown there,
// which is after it is durable there.
func BenchmarkLatency(b *testing.B) {
	for _, rtt := range []int{0, 50, 100} {
		b.Run(fmt.Sprintf("rtt=%dms", rtt), func(b *testing.B) {
			half := float64(rtt) / 2
			f := newFigure(figure{
				what: fmt.Sprintf("`send` returned → shown at the other node, %d ms round trip", rtt),
				aim:  fmt.Sprintf("p50 ≤ %.0f ms, p99 ≤ %.0f ms", half+3, half+15),
				unit: "ms",
				met:  func(p50, p99 float64) bool { return p50 <= half+3 && p99 <= half+15 },
			})
			net := lab.New(b)
			line := []lab.Line{{Delay: time.Duration(rtt) * time.Millisecond / 2}}
			if rtt == 0 {
				line = nil
			}
			ann, bob := couple(b, net.Switch("lan", line...), net)
			defer beExact()()
			sender, shown := reach(b, ann.Home()), watch(b.Context(), reach(b, bob.Home()))
			for b.Loop() {
				samples := make([]float64, 0, messagesPerRun)
				for i := range messagesPerRun {
					pause(rand.N(maxPause))
					sent, err := sender.Send(b.Context(), []string{"Bob"}, text(i), kith.EventID{})
					if err != nil {
						b.Fatal(err)
					}
					returned := time.Now()
					n := await(b, shown, 10*time.Second, "a message is shown", func(n *seen) bool {
						return n.Message != nil && n.Message.ID == sent[0].ID
					})
					samples = append(samples, milliseconds(n.at.Sub(returned)))
				}
				f.addSamples(samples)
			}
			f.report(b, "shown")
		})
	}
}
