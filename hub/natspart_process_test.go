package hub

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kith/hub/cluster/clustertest"
	"kith/internal/freeport"
)

// natsEnv makes the test binary a NATS server that is killed: its number, the
// ports of the clients and the cluster, its folder, and the cluster's routes.
const natsEnv = "KITH_HUB_NATS"

// serveNATS is the whole life of such a process.
func serveNATS(line string) {
	words := strings.Fields(line)
	var number, port, clusterPort int
	if _, err := fmt.Sscan(strings.Join(words[:3], " "), &number, &port, &clusterPort); err != nil {
		panic(err)
	}
	var routes []*url.URL
	for _, route := range words[4:] {
		u, err := url.Parse(route)
		if err != nil {
			panic(err)
		}
		routes = append(routes, u)
	}
	o := clustertest.Options(words[3])
	o.ServerName, o.Port, o.Routes = natsName(number), port, routes
	o.Cluster = server.ClusterOpts{Name: "kith", Host: "127.0.0.1", Port: clusterPort}
	s, err := server.NewServer(o)
	if err != nil {
		panic(err)
	}
	s.Start()
	s.WaitForShutdown()
}

func natsName(number int) string { return fmt.Sprint("n", number) }

// A natsCluster is three servers, each a process of its own.
type natsCluster struct {
	t         *testing.T
	lines     [3]string // what each is told
	processes [3]*exec.Cmd
	urls      []string
	js        jetstream.JetStream
}

func startCluster(t *testing.T) *natsCluster {
	t.Helper()
	c := &natsCluster{t: t}
	// Three take clients, the other three the servers.
	port, routes := freeport.Loopback(t, 6), ""
	for n := range c.lines {
		routes += fmt.Sprint(" nats://127.0.0.1:", port+3+n)
	}
	for n := range c.lines {
		c.lines[n] = fmt.Sprint(n, " ", port+n, " ", port+3+n, " ", t.TempDir(), routes)
		c.urls = append(c.urls, fmt.Sprint("nats://127.0.0.1:", port+n))
		c.start(n)
		t.Cleanup(func() { c.kill(n) })
	}
	conn, err := nats.Connect(strings.Join(c.urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if c.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	// They are ready when they can keep something three times.
	eventually(t, "the cluster has a leader and three servers", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.js.CreateStream(ctx, jetstream.StreamConfig{Name: "probe", Subjects: []string{"probe"}, Replicas: 3})
		return err == nil
	})
	return c
}

func (c *natsCluster) start(n int) {
	c.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), natsEnv+"="+c.lines[n])
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.processes[n] = cmd
}

// kill ends a server with SIGKILL.
func (c *natsCluster) kill(n int) {
	if cmd := c.processes[n]; cmd != nil {
		cmd.Process.Kill()
		cmd.Wait()
		c.processes[n] = nil
	}
}

// leader is the number of the server that leads a stream.
func (c *natsCluster) leader(stream string) int {
	c.t.Helper()
	info := c.info(stream)
	for n := range c.lines {
		if info != nil && info.Cluster != nil && info.Cluster.Leader == natsName(n) {
			return n
		}
	}
	c.t.Fatalf("nobody leads %s", stream)
	return 0
}

// whole reports whether all three servers have all of a stream.
func (c *natsCluster) whole(stream string) bool {
	info := c.info(stream)
	if info == nil || info.Cluster == nil || len(info.Cluster.Replicas) != 2 {
		return false
	}
	for _, r := range info.Cluster.Replicas {
		if !r.Current || r.Offline {
			return false
		}
	}
	return true
}

func (c *natsCluster) info(stream string) *jetstream.StreamInfo {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
	defer cancel()
	s, err := c.js.Stream(ctx, stream)
	if err != nil {
		return nil
	}
	return s.CachedInfo()
}

// config is how a hub stands on the cluster.
func (c *natsCluster) config(cfg *Config) {
	cfg.NATS = NATS{Servers: c.urls, Prefix: "kith", Replicas: 3}
	cfg.Limits = Limits{FramesPerSecond: 1000, QueuePerDevice: cfg.Limits.QueuePerDevice}
}
