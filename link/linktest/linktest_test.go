package linktest

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/link"
)

var (
	ada = kith.Peer{Account: kith.AccountID{1}, Device: kith.DeviceID{1, 1}}
	bob = kith.Peer{Account: kith.AccountID{2}, Device: kith.DeviceID{2, 1}}
)

func TestConformance(t *testing.T) {
	for name, c := range map[string]Conditions{
		"perfect": {},
		"bad":     {Delay: time.Millisecond, Jitter: time.Millisecond, Loss: 0.001, Rate: 256 << 20, Seed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			Conformance(t, func(t *testing.T) (link.Link, link.Link) { return Pair(ada, bob, c) })
		})
	}
}

// In a bubble the worst line takes no time, and takes exactly its time.
func TestConditionsInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		a, b := Pair(ada, bob, Conditions{Delay: 50 * time.Millisecond, Rate: 1 << 20})
		defer a.Cut()
		s, err := a.Open(t.Context(), link.Talk)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			s.Write(make([]byte, 10<<20))
			s.Close()
		}()
		_, r, err := b.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); n != 10<<20 || err != nil {
			t.Fatal(n, err)
		}
		took := time.Since(start)
		if want := 10*time.Second + 50*time.Millisecond; took < want || took > want+time.Second {
			t.Errorf("10 MiB at 1 MiB/s and 50 ms took %v", took)
		}
	})
}

func TestLossIsDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slowest time.Duration
		for seed := range uint64(50) {
			a, b := Pair(ada, bob, Conditions{Delay: 50 * time.Millisecond, Loss: 0.2, Seed: seed})
			start := time.Now()
			s, _ := a.Open(t.Context(), link.Talk)
			s.Write([]byte("x"))
			if _, _, err := b.Accept(t.Context()); err != nil {
				t.Fatal(err)
			}
			took := time.Since(start)
			if took < 50*time.Millisecond {
				t.Fatalf("arrived after %v", took)
			}
			slowest = max(slowest, took)
			a.Cut()
		}
		if slowest < 150*time.Millisecond {
			t.Errorf("of 50 packets with 20 %% loss none was late: the slowest took %v", slowest)
		}
	})
}

func TestNewsTravels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pair(ada, bob, Conditions{Delay: time.Second})
		start := time.Now()
		a.Close(link.Goodbye)
		<-a.Done()
		if time.Since(start) != 0 {
			t.Error("the closing end waited")
		}
		<-b.Done()
		if d := time.Since(start); d != time.Second || b.Reason() != link.Goodbye {
			t.Errorf("the other end heard %v after %v", b.Reason(), d)
		}
	})
}

func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pair(ada, bob, Conditions{Delay: time.Hour})
		b.Cut()
		<-a.Done()
		<-b.Done()
		if a.Reason() != link.Lost || b.Reason() != link.Lost {
			t.Errorf("reasons %v and %v", a.Reason(), b.Reason())
		}
	})
}
