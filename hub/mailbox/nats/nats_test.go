package nats_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"kith/hub/cluster"
	"kith/hub/cluster/clustertest"
	"kith/hub/mailbox"
	"kith/hub/mailbox/mailboxtest"
	"kith/hub/mailbox/nats"
	"kith/hubapi"
	"kith/internal/freeport"
)

// threeServers runs a cluster.
func threeServers(t testing.TB) []*server.Server {
	t.Helper()
	var servers []*server.Server
	var routes []*url.URL // all know all from the start: JetStream wants it
	port := freeport.Loopback(t, 3)
	for i := range 3 {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprint("127.0.0.1:", port+i)})
	}
	for i := range 3 {
		o := clustertest.Options(t.TempDir())
		o.ServerName, o.Routes = fmt.Sprint("n", i), routes
		o.Cluster = server.ClusterOpts{Name: "kith", Host: "127.0.0.1", Port: port + i}
		servers = append(servers, clustertest.Start(t, o))
	}
	waitFor(t, "the cluster", func() bool {
		for _, s := range servers {
			if s.ReadyForConnections(time.Second) && s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == 3 {
				return true
			}
		}
		return false
	})
	return servers
}

func waitFor(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(60 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not in a minute", what)
		}
	}
}

func urls(servers []*server.Server) (all []string) {
	for _, s := range servers {
		all = append(all, s.ClientURL())
	}
	return all
}

func open(t testing.TB, servers []*server.Server, prefix string, limits mailbox.Limits) *nats.Store {
	t.Helper()
	s, err := nats.Open(t.Context(), cluster.Config{Servers: urls(servers), Prefix: prefix}, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestConformance runs the suite with two hubs side by side.
func TestConformance(t *testing.T) {
	t.Parallel()
	servers := threeServers(t)
	var n atomic.Int32
	mailboxtest.Conformance(t, func(t *testing.T, limits mailbox.Limits) (a, b mailbox.Store) {
		prefix := fmt.Sprint("t", n.Add(1))
		return open(t, servers, prefix, limits), open(t, servers, prefix, limits)
	})
}

// TestAServerIsKilled: while envelopes are left and fetched, the server that
// leads them is killed. What was acknowledged is there, once.
func TestAServerIsKilled(t *testing.T) {
	t.Parallel()
	servers := threeServers(t)
	a, b := open(t, servers, "kith", mailbox.DefaultLimits()), open(t, servers, "kith", mailbox.DefaultLimits())
	box, token := mailboxtest.Key(), hubapi.Hash{1}
	if _, err := a.Open(t.Context(), box, token, true); err != nil {
		t.Fatal(err)
	}
	woken := make(chan struct{}, 1)
	stop, err := b.Watch(box, func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()

	const senders, each = 4, 40
	var all sync.WaitGroup
	var left atomic.Int32
	half := make(chan struct{})
	for i := range senders {
		all.Go(func() {
			for n := range each {
				if _, err := a.Leave(t.Context(), box, token, fmt.Appendf(nil, "%d %d", i, n)); err != nil {
					t.Errorf("sender %d: envelope %d: %v", i, n, err)
					return
				}
				if left.Add(1) == senders*each/2 {
					close(half)
				}
			}
		})
	}
	<-half
	killed := leader(t, servers)
	servers[killed].Shutdown()
	all.Wait()

	got := map[string]int{}
	for after := uint64(0); len(got) < senders*each; {
		mail, err := b.Fetch(t.Context(), box, after, 256, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(mail) == 0 {
			break
		}
		var ids []uint64
		for _, e := range mail {
			got[string(e.Body)]++
			after = e.ID
			ids = append(ids, e.ID)
		}
		if err := b.Take(t.Context(), box, ids); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != senders*each {
		t.Errorf("%d envelopes of %d are there", len(got), senders*each)
	}
	for body, n := range got {
		if n != 1 {
			t.Errorf("%q is there %d times", body, n)
		}
	}
	// Who watches hears of what comes now.
	for range len(woken) {
		<-woken
	}
	if _, err := a.Leave(t.Context(), box, token, []byte("after")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-woken:
	case <-time.After(20 * time.Second):
		t.Error("nobody was told of an envelope after a server was killed")
	}
	if err := a.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// leader finds the server that leads the envelopes.
func leader(t *testing.T, servers []*server.Server) int {
	for i, s := range servers {
		if s.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, "kith-mail") {
			return i
		}
	}
	t.Fatal("nobody leads the envelopes")
	return 0
}

// TestNoCluster: a hub says what it lacks.
func TestNoCluster(t *testing.T) {
	for name, cfg := range map[string]cluster.Config{
		"no server":    {Servers: []string{"nats://127.0.0.1:1"}},
		"a bad prefix": {Servers: []string{"nats://127.0.0.1:1"}, Prefix: "a.b"},
	} {
		if s, err := nats.Open(t.Context(), cfg, mailbox.DefaultLimits()); err == nil {
			s.Close()
			t.Errorf("%s: it opens", name)
		}
	}
}

// BenchmarkLeave is durable leaves a second by 64 clients.
func BenchmarkLeave(b *testing.B) {
	s := open(b, threeServers(b), "kith", mailbox.DefaultLimits())
	var boxes [64]hubapi.Key
	for i := range boxes {
		boxes[i] = mailboxtest.Key()
		if _, err := s.Open(b.Context(), boxes[i], hubapi.Hash{1}, true); err != nil {
			b.Fatal(err)
		}
	}
	body := []byte(strings.Repeat("x", 1024))
	var n atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		box := boxes[n.Add(1)%64]
		for pb.Next() {
			if _, err := s.Leave(b.Context(), box, hubapi.Hash{1}, body); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}
