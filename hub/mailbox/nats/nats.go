// Package nats keeps a hub's mailbox in an external cluster of NATS servers
// (JetStream), for a hub that outgrew one machine: several hubs, side by side,
// stand on one cluster.
//
// Three streams, each on three servers, hold it. PREFIX is cluster.Config.Prefix.
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
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kith"
	"kith/hub/cluster"
	"kith/hub/mailbox"
	"kith/hubapi"
)

// sizeUnit is what SIZE in a subject counts, in bytes.
const sizeUnit = 256

// A Store is a mailbox in a cluster.
type Store struct {
	cfg    cluster.Config
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
func Open(ctx context.Context, cfg cluster.Config, limits mailbox.Limits) (*Store, error) {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, limits: limits, usages: map[hubapi.Key]usage{}}
	// What was left while there was no connection was told to nobody.
	if s.conn, err = cfg.Connect(nats.ReconnectHandler(func(*nats.Conn) { s.watchers.wakeAll() })); err != nil {
		return nil, err
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
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
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
			Name: s.cfg.Prefix + "-" + make.name, Subjects: []string{s.cfg.Subject(make.name, ">")},
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
		stream, err := cluster.Again(ctx, func(ctx context.Context) (jetstream.Stream, error) { return s.js.CreateOrUpdateStream(ctx, c) })
		if err != nil {
			return err
		}
		*make.at = stream
	}
	return nil
}

// Check reports whether the streams have leaders, so that they can be written
// to.
func (s *Store) Check(ctx context.Context) error {
	ctx, cancel := cluster.Within(ctx)
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
	ctx, cancel := cluster.Within(ctx)
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
func (s *Store) Close() error { return cluster.Close(s.conn) }

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
