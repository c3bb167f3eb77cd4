//go:build linux

package bench

import (
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
)

// BenchmarkOffer: two contacts who can't find each other paste lines. The
// clock runs from the moment the answer is given to the node that made the
// offer to the first message delivered, which was written before.
func BenchmarkOffer(b *testing.B) {
	const roundTrip = 100 * time.Millisecond
	met := func(v, _ float64) bool { return v <= 5 }
	there := newFigure(figure{
		what: "pasted answer → first message shown there, at 100 ms", aim: "≤ 5 round trips", unit: "round trips", met: met,
	})
	back := newFigure(figure{
		what: "… and known here to be delivered", unit: "round trips",
	})
	net := lab.New(b)
	lan := net.Switch("lan", lab.Line{Delay: roundTrip / 2})
	ann, bob := couple(b, lan, net)
	lan.Multicast(false)
	// They remember each other's link-local addresses too, which never change.
	for _, n := range []*lab.Node{ann, bob} {
		configure(b, n.Host(), "add table ip6 offer; add chain ip6 offer in { type filter hook input priority 0; }; add rule ip6 offer in ip6 saddr fe80::/10 meta l4proto udp drop")
	}
	for b.Loop() {
		ann.Stop()
		bob.Stop()
		// Where they were is nobody any more.
		ann.Host().ChangeAddress()
		bob.Host().ChangeAddress()
		ann.Start()
		bob.Start()
		a, z := reach(b, ann.Home()), reach(b, bob.Home())
		offer, err := a.Offer(b.Context(), "Bob")
		if err != nil {
			b.Fatal(err)
		}
		answer, err := z.AnswerOffer(b.Context(), "Ann", offer)
		if err != nil {
			b.Fatal(err)
		}
		shown, delivered := watch(b.Context(), z), watch(b.Context(), a)
		sent, err := a.Send(b.Context(), []string{"Bob"}, "hello", kith.EventID{})
		if err != nil {
			b.Fatal(err)
		}
		// A person takes longer. Meanwhile each host learns the other's hardware
		// address, which on the internet, behind a router, it never needs.
		pause(time.Second)
		pasted := time.Now()
		if _, err := a.AnswerOffer(b.Context(), "Bob", answer); err != nil {
			b.Fatal(err)
		}
		first := await(b, shown, 10*time.Second, "the message is shown", func(n *seen) bool {
			return n.Message != nil && n.Message.ID == sent[0].ID
		})
		known := await(b, delivered, 10*time.Second, "the message is delivered", func(n *seen) bool {
			return n.Conversation != nil && *n.Conversation == sent[0].Conversation
		})
		there.add(first.at.Sub(pasted).Seconds() / roundTrip.Seconds())
		back.add(known.at.Sub(pasted).Seconds() / roundTrip.Seconds())
	}
	there.report(b, "shown")
	back.report(b, "delivered")
}
