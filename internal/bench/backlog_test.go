//go:build linux

package bench

import (
	"path/filepath"
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
	"kith/node"
)

const backlog = 100_000

// backlogHomes are two contacts who were never linked since Ann wrote a
// hundred thousand messages.
type backlogHomes struct{ ann, bob string }

func withBacklog(b *testing.B) *backlogHomes {
	b.Helper()
	if shared.backlog != nil {
		return shared.backlog
	}
	homes := &backlogHomes{filepath.Join(shared.dir, "ann"), filepath.Join(shared.dir, "bob")}
	befriend(b, homes.ann, homes.bob)
	ann := mustOpen(b, homes.ann)
	defer mustClose(b, ann)
	begin := time.Now()
	err := sendAll(64, 1, backlog, func(text string) error {
		_, err := ann.Send(b.Context(), []string{"Bob"}, text, kith.EventID{})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("the backlog was written in %v", time.Since(begin).Round(time.Millisecond))
	shared.backlog = homes
	return homes
}

// BenchmarkBacklog: from linked to all durable at the receiver, both processes
// fresh.
func BenchmarkBacklog(b *testing.B) {
	homes := withBacklog(b)
	speed := newFigure(figure{
		what: "100,000 waiting messages of 200 B, from link to all durable", aim: "≥ 20,000 /s", unit: "/s",
		met: func(v, _ float64) bool { return v >= 20_000 },
	})
	receives := newFigure(figure{
		what: "… highest memory (RSS) of the receiver", aim: "≤ 120 MiB", unit: "MiB",
		met: func(v, _ float64) bool { return v <= 120 },
	})
	sends := newFigure(figure{
		what: "… highest memory (RSS) of the sender", aim: "≤ 120 MiB", unit: "MiB",
		met: func(v, _ float64) bool { return v <= 120 },
	})
	for b.Loop() {
		net := lab.New(b)
		lan := net.Switch("lan")
		annHost, bobHost := net.Host("ann", lan), net.Host("bob", lan)
		bob := bobHost.Kith(lab.Kith{Home: copyHome(b, homes.bob)})
		receiver := reach(b, bob.Home())
		notices := watch(b.Context(), receiver)
		ann := annHost.Kith(lab.Kith{Home: copyHome(b, homes.ann)})
		linked := await(b, notices, time.Minute, "linked", func(n *seen) bool {
			return n.Contact != nil && n.Contact.Connection == node.Connected
		})
		durable := make(chan time.Time)
		go func() {
			// The newest is not the last to come, so what counts is the number
			// that are here: all are of others, and none is read.
			for {
				c, err := receiver.Conversation(b.Context(), "Ann")
				if err != nil {
					close(durable)
					return
				}
				if c.Unread == backlog {
					durable <- time.Now()
					return
				}
				pause(20 * time.Millisecond)
			}
		}()
		for done := false; !done; {
			select {
			case at, ok := <-durable:
				if !ok {
					b.Fatal("the receiver does not answer")
				}
				speed.add(backlog / at.Sub(linked.at).Seconds())
				done = true
			case <-notices: // a page that is open reads along
			}
		}
		receives.add(memory(b, bob.PID(), "VmHWM"))
		sends.add(memory(b, ann.PID(), "VmHWM"))
		ann.Stop()
		bob.Stop()
	}
	speed.report(b, "messages")
	receives.report(b, "receiver")
	sends.report(b, "sender")
}
