// Package nats keeps a hub's mailbox in an external cluster of NATS servers
// (JetStream), for a hub that outgrew one machine: several hubs, side by side,
// stand on one cluster.
//
// Three streams, each on three servers, hold it. PREFIX is Config.Prefix.
//
//	PREFIX.box.KEY              a box: the hash of its token; one message each
//	PREFIX.mail.KEY.SIZE        an envelope; its number is that of the stream.
//	                            SIZE counts units of 256 bytes, so that a box's
//	                            size can be told by the subjects alone
//	PREFIX.bundle.NAME.OWNER    a bundle: until when, and the bytes
//	PREFIX.wake.KEY             not kept: something was left in a box
//
// What ends by time ends by the servers' clocks. A server acknowledges before
// its disk does, unless it is told sync_interval: always; what makes a message
// durable here is that two of three servers have it.
//
// The bounds of a box, and of a device's bundles, are checked before something
// is added, and of a box that is not half full they are believed for a few
// seconds: those who add at the same time, through several hubs, may go beyond
// them by as much as each of them adds.
package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kith"
	"kith/hub/mailbox"
	"kith/hubapi"
)

// Config says where the cluster is.
type Config struct {
	// Servers are URLs: nats://host:4222 or tls://…; any of the cluster will do.
	Servers []string
	// Credentials is a file of NATS credentials; empty: none.
	Credentials string
	// Prefix is the first word of every subject and stream; empty: "kith". Hubs
	// with the same one share their boxes.
	Prefix string
	// Replicas is on how many servers everything is; 0: 3.
	Replicas int
}

// sizeUnit is what SIZE in a subject counts, in bytes.
const sizeUnit = 256

// patience is how long a call waits for the cluster if its context knows no
// end: long enough for it to choose another leader.
const patience = 20 * time.Second

// A Store is a mailbox in a cluster.
type Store struct {
	cfg    Config
	limits mailbox.Limits
	conn   *nats.Conn
	js     jetstream.JetStream

	boxes, mail, bundles jetstream.Stream
	watchers             watchers

	mu     sync.Mutex // guards all below
	usages map[hubapi.Key]usage
}

var _ mailbox.Store = (*Store)(nil)

// Open connects to a cluster and makes or adapts its streams.
func Open(ctx context.Context, cfg Config, limits mailbox.Limits) (*Store, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = "kith"
	}
	if strings.ContainsAny(cfg.Prefix, ". *>\t\r\n/\\") {
		return nil, kith.Errorf(kith.Invalid, "the prefix %q of the NATS subjects must be one word without dots", cfg.Prefix)
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = 3
	}
	s := &Store{cfg: cfg, limits: limits, usages: map[hubapi.Key]usage{}}
	options := []nats.Option{
		nats.Name("kith hub"), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond), nats.RetryOnFailedConnect(false),
		// What was left while there was no connection was told to nobody.
		nats.ReconnectHandler(func(*nats.Conn) { s.watchers.wakeAll() }),
	}
	if cfg.Credentials != "" {
		options = append(options, nats.UserCredentials(cfg.Credentials))
	}
	var err error
	if s.conn, err = nats.Connect(strings.Join(cfg.Servers, ","), options...); err != nil {
		return nil, kith.Errorf(kith.Unreachable, "connect to the NATS cluster at %s: %w", strings.Join(cfg.Servers, ", "), err)
	}
	if s.js, err = jetstream.New(s.conn); err == nil {
		err = s.makeStreams(ctx)
	}
	if err != nil {
		s.conn.Close()
		return nil, kith.Errorf(kith.Unreachable, "make the streams of the mailbox in the NATS cluster (it needs JetStream, and %d servers): %w", cfg.Replicas, err)
	}
	return s, nil
}

func (s *Store) makeStreams(ctx context.Context) error {
	for _, make := range []struct {
		at     *jetstream.Stream
		name   string
		change func(c *jetstream.StreamConfig)
	}{
		{&s.boxes, "box", func(c *jetstream.StreamConfig) { c.MaxAge, c.MaxMsgsPerSubject = s.limits.Unused, 1 }},
		{&s.mail, "mail", func(c *jetstream.StreamConfig) { c.MaxAge, c.MaxBytes = s.limits.Keep, s.limits.TotalBytes }},
		{&s.bundles, "bundle", func(c *jetstream.StreamConfig) { c.MaxAge, c.MaxMsgsPerSubject = s.limits.KeepBundle, 1 }},
	} {
		c := jetstream.StreamConfig{
			Name: s.cfg.Prefix + "-" + make.name, Subjects: []string{s.subject(make.name, ">")},
			Storage: jetstream.FileStorage, Replicas: s.cfg.Replicas, Discard: jetstream.DiscardNew,
			MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1,
			// Reads are the leader's: another server may not have yet what was
			// acknowledged.
			AllowDirect: false,
		}
		make.change(&c)
		if c.MaxBytes == 0 {
			c.MaxBytes = -1
		}
		stream, err := s.js.CreateOrUpdateStream(ctx, c)
		if err != nil {
			return err
		}
		*make.at = stream
	}
	return nil
}

// subject joins words to one.
func (s *Store) subject(words ...string) string {
	return s.cfg.Prefix + "." + strings.Join(words, ".")
}

// Check reports whether the streams have leaders, so that they can be written
// to.
func (s *Store) Check(ctx context.Context) error {
	ctx, cancel := within(ctx)
	defer cancel()
	for _, stream := range []jetstream.Stream{s.boxes, s.mail, s.bundles} {
		info, err := stream.Info(ctx)
		if err != nil {
			return failed("ask the NATS cluster", err)
		}
		if info.Cluster != nil && info.Cluster.Leader == "" {
			return kith.Errorf(kith.Internal, "the NATS cluster has no leader for %s: are most of its servers running?", info.Config.Name)
		}
	}
	return nil
}

// Stats tells how full the mailbox is.
func (s *Store) Stats(ctx context.Context) (mailbox.Stats, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	var infos [3]*jetstream.StreamInfo
	for i, stream := range []jetstream.Stream{s.boxes, s.mail, s.bundles} {
		info, err := stream.Info(ctx)
		if err != nil {
			return mailbox.Stats{}, failed("ask the NATS cluster", err)
		}
		infos[i] = info
	}
	return mailbox.Stats{
		Boxes: int(infos[0].State.Msgs), Envelopes: int(infos[1].State.Msgs),
		Bytes: int64(infos[1].State.Bytes + infos[2].State.Bytes),
	}, nil
}

// Close ends the connection when what is being sent is sent.
func (s *Store) Close() error {
	err := s.conn.FlushTimeout(time.Second)
	s.conn.Close()
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return failed("end the connection to the NATS cluster", err)
	}
	return nil
}

// within bounds a call.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, patience)
}

// failed says what could not be done, and sorts it.
func failed(doing string, err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		for _, full := range []string{"maximum messages exceeded", "maximum bytes exceeded", "maximum messages per subject exceeded", "insufficient", "resource limits exceeded"} {
			if strings.Contains(api.Description, full) {
				return kith.Errorf(kith.Full, "%s: the mailbox is full", doing)
			}
		}
	}
	return kith.Errorf(kith.Internal, "%s: %w", doing, err)
}

// again does something until it works: while a server is down the others choose
// who leads, which takes them a few seconds.
func again[T any](ctx context.Context, do func(ctx context.Context) (T, error)) (T, error) {
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

// passing reports whether an error is one of a cluster that chooses a leader.
func passing(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code == 503 && !strings.Contains(api.Description, "exceeded") && !strings.Contains(api.Description, "insufficient")
	}
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionReconnecting)
}
