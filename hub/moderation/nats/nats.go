// Package nats keeps what a hub's moderator said and did in a cluster of NATS
// servers (JetStream), so that it holds on every hub that stands on it.
//
// Two streams hold it. PREFIX is cluster.Config.Prefix.
//
//	PREFIX.notice       a notice, as the frame that devices get; its number is
//	                    that of the stream
//	PREFIX.block.KEY    a block: the device's key and until when, in Unix
//	                    milliseconds; 0: it was ended. One message each
//	PREFIX.moderated    not kept: there is something new in the streams
//
// Each hub reads both streams to their ends when it starts, and from there on
// when it is told that there is more, when a broken connection is made anew, and
// every few seconds in case that word was lost.
//
// The hubs have to have the same notice key, as they have the same name: what is
// signed with another one is passed over.
package nats

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kith"
	"kith/hub/cluster"
	"kith/hub/moderation"
	"kith/hubapi"
)

// lookEvery is how often the streams are read without a reason.
const lookEvery = 5 * time.Second

// A Log is the record of moderation of several hubs.
type Log struct {
	moderation.Board
	cfg  cluster.Config
	key  ed25519.PrivateKey
	log  *slog.Logger
	conn *nats.Conn
	js   jetstream.JetStream

	notices, blocks jetstream.Stream
	wake            chan struct{} // holds one
	running         context.Context
	stop            context.CancelFunc
	worker          sync.WaitGroup

	reading           sync.Mutex // held while the streams are read; guards all below
	noticed, blocking uint64     // the last number that was read of each
}

var _ moderation.Log = (*Log)(nil)

// Open connects to a cluster and makes or adapts its streams. key signs notices.
// What a hub kept alone before, if it did, is taken over by a cluster that has
// nothing yet; alone may be nil.
func Open(ctx context.Context, cfg cluster.Config, key ed25519.PrivateKey, alone moderation.Log, log *slog.Logger) (_ *Log, err error) {
	if cfg, err = cfg.WithDefaults(); err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, key: key, log: log, wake: make(chan struct{}, 1)}
	l.running, l.stop = context.WithCancel(context.Background())
	if l.conn, err = cfg.Connect(nats.ReconnectHandler(func(*nats.Conn) { l.look() })); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.conn.Close()
		}
	}()
	if alone == nil {
		alone = nothing{}
	}
	if l.js, err = jetstream.New(l.conn); err == nil {
		err = l.makeStreams(ctx, alone)
	}
	if err == nil {
		_, err = l.conn.Subscribe(cfg.Subject("moderated"), func(*nats.Msg) { l.look() })
	}
	if err != nil {
		return nil, kith.Errorf(kith.Unreachable, "make the streams of notices and blocks in the NATS cluster (it needs JetStream, and %d servers): %w", cfg.Replicas, err)
	}
	if err := l.takeOver(ctx, alone); err != nil {
		return nil, err
	}
	if err := l.read(ctx); err != nil {
		return nil, err
	}
	l.worker.Go(l.follow)
	return l, nil
}

func (l *Log) makeStreams(ctx context.Context, alone moderation.Log) (err error) {
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	c := jetstream.StreamConfig{
		Name: l.cfg.Prefix + "-notice", Subjects: []string{l.cfg.Subject("notice")},
		Storage: jetstream.FileStorage, Replicas: l.cfg.Replicas, Discard: jetstream.DiscardOld,
		MaxMsgs: moderation.MaxNotices, MaxBytes: -1, MaxMsgsPerSubject: -1,
		// Reads are the leader's: another server may not have yet what was
		// acknowledged.
		AllowDirect: false,
	}
	if old := alone.All(); len(old) > 0 {
		c.FirstSeq = old[0].ID
	}
	if l.notices, err = l.makeStream(ctx, c); err != nil {
		return err
	}
	c.Name, c.Subjects, c.FirstSeq = l.cfg.Prefix+"-block", []string{l.cfg.Subject("block", ">")}, 0
	// The servers' clocks may be behind.
	c.MaxMsgs, c.MaxMsgsPerSubject, c.MaxAge = -1, 1, moderation.MaxBlock+time.Hour
	l.blocks, err = l.makeStream(ctx, c)
	return err
}

// makeStream makes a stream or adapts it: its first number stays what it is.
func (l *Log) makeStream(ctx context.Context, c jetstream.StreamConfig) (jetstream.Stream, error) {
	return cluster.Again(ctx, func(ctx context.Context) (jetstream.Stream, error) {
		is, err := l.js.CreateStream(ctx, c)
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return is, err
		}
		if is, err = l.js.Stream(ctx, c.Name); err != nil {
			return nil, err
		}
		c.FirstSeq = is.CachedInfo().Config.FirstSeq
		return l.js.UpdateStream(ctx, c)
	})
}

// look has the streams read soon.
func (l *Log) look() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// follow reads what is new, until the log is closed.
func (l *Log) follow() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.running.Done():
			return
		case <-l.wake:
		case <-tick.C:
		}
		if err := l.read(l.running); err != nil && l.running.Err() == nil {
			l.log.Warn("notices and blocks of the other hubs are not known", "error", err)
		}
	}
}

// read takes what is new in the streams.
func (l *Log) read(ctx context.Context) error {
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	l.reading.Lock()
	defer l.reading.Unlock()
	now, foreign := time.Now(), 0
	err := l.readStream(ctx, l.blocks, "block.*", &l.blocking, func(m *jetstream.RawStreamMsg) {
		if device, until, ok := parseBlock(m.Data); ok {
			l.Set(device, until, now)
		}
	})
	if err == nil {
		err = l.readStream(ctx, l.notices, "notice", &l.noticed, func(m *jetstream.RawStreamMsg) {
			n, ok := l.parseNotice(m)
			if !ok {
				foreign++
				return
			}
			l.Add(n)
		})
	}
	if foreign > 0 {
		l.log.Error("notices in the NATS cluster are not signed with this hub's notice_key: give all hubs on it the same", "notices", foreign)
	}
	return err
}

func (l *Log) readStream(ctx context.Context, s jetstream.Stream, filter string, last *uint64, take func(*jetstream.RawStreamMsg)) error {
	only := jetstream.WithGetMsgSubject(l.cfg.Subject(filter))
	for {
		m, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) { return s.GetMsg(ctx, *last+1, only) })
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return failed("read what the moderator did", err)
		}
		*last = m.Sequence
		take(m)
	}
}

// parseNotice takes a notice that this hub's key signed.
func (l *Log) parseNotice(m *jetstream.RawStreamMsg) (*hubapi.Notice, bool) {
	f, err := hubapi.ParseFrame(m.Data)
	n, ok := f.(*hubapi.Notice)
	if err != nil || !ok || n.ID != m.Sequence || !hubapi.KeyOf(l.key).Verify(hubapi.NoticeMessage(n), n.Signature) {
		return nil, false
	}
	return n, true
}

func appendBlock(device hubapi.Key, until time.Time) []byte {
	at := uint64(0)
	if !until.IsZero() {
		at = uint64(until.UnixMilli())
	}
	return binary.BigEndian.AppendUint64(device[:], at)
}

func parseBlock(b []byte) (device hubapi.Key, until time.Time, ok bool) {
	if len(b) != len(device)+8 {
		return device, until, false
	}
	device = hubapi.Key(b)
	if at := binary.BigEndian.Uint64(b[len(device):]); at > 0 {
		until = time.UnixMilli(int64(at))
	}
	return device, until, true
}

// Notify implements moderation.Log. Of several who give a notice at the same
// time one gets the next number, and the others try the one after it.
func (l *Log) Notify(ctx context.Context, to *hubapi.Key, text string, now time.Time) (*hubapi.Notice, error) {
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	for {
		last, err := l.lastNotice(ctx)
		if err != nil {
			return nil, err
		}
		n, err := moderation.NewNotice(l.key, last+1, to, text, now)
		if err != nil {
			return nil, err
		}
		if kept, err := l.keep(ctx, n); err != nil {
			return nil, err
		} else if kept {
			l.told()
			// It is kept; devices of this hub hear it when the cluster answers.
			_ = l.read(ctx)
			return n, nil
		}
	}
}

// lastNotice is the number of the latest notice.
func (l *Log) lastNotice(ctx context.Context) (uint64, error) {
	info, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return l.notices.Info(ctx) })
	if err != nil {
		return 0, failed("count the notices", err)
	}
	return info.State.LastSeq, nil
}

// keep writes a notice under its number, unless there is another one already.
func (l *Log) keep(ctx context.Context, n *hubapi.Notice) (bool, error) {
	raw, err := hubapi.AppendFrame(nil, n)
	if err != nil {
		return false, err
	}
	_, err = cluster.Again(ctx, func(ctx context.Context) (*jetstream.PubAck, error) {
		return l.js.Publish(ctx, l.cfg.Subject("notice"), raw, jetstream.WithExpectLastSequence(n.ID-1))
	})
	if cluster.WrongSequence(err) {
		// Perhaps it was this call, and its answer was lost.
		m, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) { return l.notices.GetMsg(ctx, n.ID) })
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return false, failed("keep a notice", err)
		}
		return err == nil && bytes.Equal(m.Data, raw), ctx.Err()
	}
	if err != nil {
		return false, failed("keep a notice", err)
	}
	return true, nil
}

// Block implements moderation.Log.
func (l *Log) Block(ctx context.Context, device hubapi.Key, length time.Duration, now time.Time) (time.Time, error) {
	until, err := moderation.Until(length, now)
	if err == nil {
		err = l.MayBlock(device, now)
	}
	if err != nil {
		return time.Time{}, err
	}
	return until, l.set(ctx, device, until, now)
}

// Unblock implements moderation.Log.
func (l *Log) Unblock(ctx context.Context, device hubapi.Key, now time.Time) error {
	if err := l.MayUnblock(device, now); err != nil {
		return err
	}
	return l.set(ctx, device, time.Time{}, now)
}

// set writes until when a device is kept out.
func (l *Log) set(ctx context.Context, device hubapi.Key, until, now time.Time) error {
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	_, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.PubAck, error) {
		return l.js.Publish(ctx, l.cfg.Subject("block", device.String()), appendBlock(device, until))
	})
	if err != nil {
		return failed("keep a block", err)
	}
	l.told()
	if l.read(ctx) != nil { // here it holds at once all the same
		l.Set(device, until, now)
	}
	return nil
}

// told tells the other hubs that there is something new; they look themselves
// after a while if they don't hear it.
func (l *Log) told() { _ = l.conn.Publish(l.cfg.Subject("moderated"), nil) }

// Close ends the connection.
func (l *Log) Close() error {
	l.stop()
	l.worker.Wait()
	return cluster.Close(l.conn)
}

func failed(doing string, err error) error {
	return kith.Errorf(kith.Internal, "%s: %w", doing, err)
}
