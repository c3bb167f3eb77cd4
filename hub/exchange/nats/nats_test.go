package nats_test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"kith/hub/cluster"
	"kith/hub/cluster/clustertest"
	"kith/hub/exchange"
	"kith/hub/exchange/exchangetest"
	"kith/hub/exchange/nats"
	"kith/hubapi"
)

// serve runs a server.
func serve(t *testing.T, port int) *server.Server {
	t.Helper()
	o := clustertest.Options(t.TempDir())
	o.Port = port
	return clustertest.Serve(t, o)
}

func open(t *testing.T, url, prefix string, most int) *nats.Exchange {
	t.Helper()
	e, err := nats.Open(cluster.Config{Servers: []string{url}, Prefix: prefix}, most)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// TestConformance runs the suite with two hubs side by side.
func TestConformance(t *testing.T) {
	s := serve(t, -1)
	var n atomic.Int32
	exchangetest.Conformance(t, func(t *testing.T, most int) (a, b exchange.Exchange) {
		prefix := fmt.Sprint("t", n.Add(1))
		return open(t, s.ClientURL(), prefix, most), open(t, s.ClientURL(), prefix, most)
	})
}

// TestLeaveAndJoin: who leaves and comes back at once is there.
func TestLeaveAndJoin(t *testing.T) {
	s := serve(t, -1)
	a, b := open(t, s.ClientURL(), "kith", 9), open(t, s.ClientURL(), "kith", 9)
	ann, bob := make(ear, 1000), make(ear, 1000)
	if a.Join(hubapi.Tag{1}, ann) != nil || b.Join(hubapi.Tag{1}, bob) != nil {
		t.Fatal("nobody may join")
	}
	bob.wait(t, "present")
	for range 100 {
		b.Leave(hubapi.Tag{1}, bob)
		if b.Join(hubapi.Tag{1}, bob) != nil {
			t.Fatal("bob may not join")
		}
		bob.wait(t, "present") // as ann's answer to that tells
		if heard, err := a.Say(t.Context(), hubapi.Tag{1}, ann, []byte("hello")); heard != 1 || err != nil {
			t.Fatalf("%d heard it, %v", heard, err)
		}
		bob.wait(t, "hello")
	}
}

// An ear passes on what it hears.
type ear chan string

func (e ear) Present(hubapi.Tag)             { e <- "present" }
func (e ear) Note(_ hubapi.Tag, body []byte) { e <- string(body) }

func (e ear) wait(t *testing.T, want string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case got := <-e:
			if got == want {
				return
			}
		case <-late:
			t.Fatalf("%q was not heard", want)
		}
	}
}

// TestAProcessIsGone: one that ends is told nothing any more.
func TestAProcessIsGone(t *testing.T) {
	s := serve(t, -1)
	a, b := open(t, s.ClientURL(), "kith", 9), open(t, s.ClientURL(), "kith", 9)
	ann, bob := make(ear, 9), make(ear, 9)
	if a.Join(hubapi.Tag{1}, ann) != nil || b.Join(hubapi.Tag{1}, bob) != nil {
		t.Fatal("nobody may join")
	}
	ann.wait(t, "present")
	b.Close()
	for range 2 {
		if heard, err := a.Say(t.Context(), hubapi.Tag{1}, ann, []byte("hello")); heard != 0 || err != nil {
			t.Errorf("%d heard it, %v", heard, err)
		}
	}
}

// TestTheServerRestarts: those who came in the meantime are found after it.
func TestTheServerRestarts(t *testing.T) {
	s := serve(t, -1)
	port := s.Addr().(*net.TCPAddr).Port
	a, b := open(t, s.ClientURL(), "kith", 9), open(t, s.ClientURL(), "kith", 9)
	ann, bob := make(ear, 9), make(ear, 9)
	if a.Join(hubapi.Tag{1}, ann) != nil {
		t.Fatal("ann may not join")
	}
	s.Shutdown()
	s.WaitForShutdown()
	if b.Join(hubapi.Tag{1}, bob) != nil { // and nobody hears of it
		t.Fatal("bob may not join")
	}
	serve(t, port)
	ann.wait(t, "present")
	if heard, err := a.Say(t.Context(), hubapi.Tag{1}, ann, []byte("hello")); heard != 1 || err != nil {
		t.Errorf("%d heard it, %v", heard, err)
	}
	bob.wait(t, "hello")
}

// TestNoServer: a hub says what it lacks.
func TestNoServer(t *testing.T) {
	for _, prefix := range []string{"kith", "a.b"} {
		if e, err := nats.Open(cluster.Config{Servers: []string{"nats://127.0.0.1:1"}, Prefix: prefix}, 9); err == nil {
			e.Close()
			t.Errorf("it opens without a server, with the prefix %q", prefix)
		}
	}
}
