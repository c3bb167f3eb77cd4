// Package clustertest runs the NATS servers that tests of hubs stand on: the real
// server, within the process of the test. A test takes Options, changes what it
// wants otherwise, such as to have three of them make a cluster, and starts them.
package clustertest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// readyTime bounds how long a server may take to start on a busy machine.
const readyTime = time.Minute

// Options are those of one server alone, on a port that is free, which keeps
// streams in dir.
func Options(dir string) *server.Options {
	return &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: dir, JetStreamMaxStore: 1 << 40, JetStreamMaxMemory: 1 << 30,
	}
}

// Start starts a server that ends with the test.
func Start(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

// Serve starts a server and waits until it takes connections.
func Serve(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	s := Start(t, o)
	if !s.ReadyForConnections(readyTime) {
		t.Fatal("the NATS server does not start")
	}
	return s
}
