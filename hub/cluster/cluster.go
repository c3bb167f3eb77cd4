// Package cluster is how a hub stands on an external cluster of NATS servers:
// how it connects, and its patience while a server is down and the others choose
// who leads.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kith"
)

// Config says where the cluster is.
type Config struct {
	// Servers are URLs: nats://host:4222 or tls://…; any of the cluster will do.
	Servers []string
	// Credentials is a file of NATS credentials; empty: none.
	Credentials string
	// Prefix is the first word of every subject and stream; empty: "kith". Hubs
	// with the same one share all that they keep there.
	Prefix string
	// Replicas is on how many servers everything is that is kept; 0: 3.
	Replicas int
}

// WithDefaults fills in what is zero, and checks the rest.
func (c Config) WithDefaults() (Config, error) {
	if c.Prefix == "" {
		c.Prefix = "kith"
	}
	if strings.ContainsAny(c.Prefix, ". *>\t\r\n/\\") {
		return c, kith.Errorf(kith.Invalid, "the prefix %q of the NATS subjects must be one word without dots", c.Prefix)
	}
	if c.Replicas == 0 {
		c.Replicas = 3
	}
	return c, nil
}

// Subject joins words to the name of a subject.
func (c Config) Subject(words ...string) string {
	return c.Prefix + "." + strings.Join(words, ".")
}

// Connect connects to a server of the cluster. A connection that breaks is made
// anew, with whichever server answers, for as long as it is not closed.
func (c Config) Connect(more ...nats.Option) (*nats.Conn, error) {
	options := append([]nats.Option{nats.Name("kith hub"), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond)}, more...)
	if c.Credentials != "" {
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	conn, err := nats.Connect(strings.Join(c.Servers, ","), options...)
	if err != nil {
		return nil, kith.Errorf(kith.Unreachable, "connect to the NATS cluster at %s: %w", strings.Join(c.Servers, ", "), err)
	}
	return conn, nil
}

// Close ends a connection when what is being sent is sent.
func Close(conn *nats.Conn) error {
	err := conn.FlushTimeout(time.Second)
	conn.Close()
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return kith.Errorf(kith.Internal, "end the connection to the NATS cluster: %w", err)
	}
	return nil
}

// patience is how long a call waits for the cluster if its context knows no
// end: long enough for it to choose another leader.
const patience = 20 * time.Second

// Within bounds a call.
func Within(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, patience)
}

// Again does something until it works: while a server is down the others choose
// who leads, and while servers start not all have found each other, which takes
// them a few seconds.
func Again[T any](ctx context.Context, do func(ctx context.Context) (T, error)) (T, error) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		try, cancel := context.WithTimeout(ctx, 3*time.Second)
		got, err := do(try)
		cancel()
		if err == nil || !passing(err) || ctx.Err() != nil {
			return got, err
		}
		select {
		case <-ctx.Done():
			return got, fmt.Errorf("%w (%w)", ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}

// noPeers is the server's JSClusterNoPeersErrF, which the client has no name for:
// too few servers may keep a new stream, for reasons that its text tells.
const noPeers = 10005

// passing reports whether an error is one of a cluster that chooses a leader or
// waits for a server.
func passing(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		if api.ErrorCode == noPeers {
			return strings.Contains(api.Description, "offline")
		}
		return api.Code == 503 && !strings.Contains(api.Description, "exceeded") && !strings.Contains(api.Description, "insufficient")
	}
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionReconnecting)
}

// WrongSequence reports whether something was not written because something
// else was, since it was looked.
func WrongSequence(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
