package sync_test

import (
	"context"
	"testing"
	"time"

	"kith"
	"kith/link"
	"kith/link/linktest"
	"kith/sync"
	"kith/wire"
)

// A full disk makes a talk wait: what could not be taken in is taken in when
// there is room, over the same link. If the link ends meanwhile so does the
// talk.
func TestFullDiskWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, a, b *side) {
		a.write("is there room?")
		begin := time.Now()
		b.greeted = func(_ context.Context, hello wire.Hello) (sync.Open, error) {
			if time.Since(begin) < time.Minute {
				return sync.Open{}, kith.Errorf(kith.Full, "the disk is full")
			}
			return sync.Open{Direct: hello.Accepted}, nil
		}
		la, lb := linktest.Pair(a.own, b.own, linktest.Conditions{})
		ra, rb := a.run(la), b.run(lb)
		settle(30 * time.Second)
		if n := len(b.texts()); n != 0 {
			t.Errorf("%d messages without room", n)
		}
		settle(time.Minute)
		if n := len(b.texts()); n != 1 {
			t.Errorf("%d messages, now that there is room", n)
		}
		la.Close(link.Goodbye)
		<-ra
		<-rb

		begin = time.Now()
		la, lb = linktest.Pair(a.own, b.own, linktest.Conditions{})
		ra, rb = a.run(la), b.run(lb)
		settle(10 * time.Second)
		la.Close(link.Goodbye)
		<-ra
		if <-rb; time.Since(begin) > 20*time.Second {
			t.Errorf("a talk without room outlived its link: %v", time.Since(begin))
		}
	})
}
