package nats

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"kith"
	"kith/hub/cluster"
	"kith/hub/mailbox"
	"kith/hubapi"
)

// A bundle begins with until when it is kept, in Unix milliseconds.
const bundleHead = 8

// bundle gives what is under a name; nil: nothing.
func (s *Store) bundle(ctx context.Context, name hubapi.Hash) (*jetstream.RawStreamMsg, error) {
	m, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return s.bundles.GetLastMsgForSubject(ctx, s.cfg.Subject("bundle", hex.EncodeToString(name[:]), "*"))
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, failed("look for a bundle", err)
	}
	if len(m.Data) < bundleHead {
		return nil, kith.Errorf(kith.Damaged, "a bundle in the NATS cluster has only %d bytes", len(m.Data))
	}
	return m, nil
}

func untilOf(m *jetstream.RawStreamMsg) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(m.Data)))
}

// Publish implements mailbox.Store.
func (s *Store) Publish(ctx context.Context, owner hubapi.Key, name hubapi.Hash, body []byte, until time.Time) (time.Time, error) {
	if len(body) > hubapi.MaxBundle {
		return time.Time{}, kith.Errorf(kith.Invalid, "a bundle has at most %d bytes, not %d", hubapi.MaxBundle, len(body))
	}
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	is, err := s.bundle(ctx, name)
	if err != nil {
		return time.Time{}, err
	}
	of := "." + owner.String()
	if is != nil && !strings.HasSuffix(is.Subject, of) {
		return time.Time{}, kith.Errorf(kith.Forbidden, "this name is another device's")
	}
	if len(body) == 0 {
		if is != nil {
			_, err := cluster.Again(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.bundles.DeleteMsg(ctx, is.Sequence) })
			if err != nil && !gone(err) {
				return time.Time{}, failed("withdraw a bundle", err)
			}
		}
		return until, nil
	}
	if most := time.Now().Add(s.limits.KeepBundle); s.limits.KeepBundle > 0 && until.After(most) {
		until = most
	}
	if err := s.roomForBundle(ctx, owner, is, body); err != nil {
		return time.Time{}, err
	}
	var last uint64
	if is != nil {
		last = is.Sequence
	}
	raw := append(binary.BigEndian.AppendUint64(nil, uint64(until.UnixMilli())), body...)
	subject := s.cfg.Subject("bundle", hex.EncodeToString(name[:]))
	// A name that somebody took in the meantime is theirs.
	_, err = cluster.Again(ctx, func(ctx context.Context) (*jetstream.PubAck, error) {
		return s.js.Publish(ctx, subject+of, raw, jetstream.WithExpectLastSequenceForSubject(last, subject+".*"))
	})
	if cluster.WrongSequence(err) {
		// Perhaps it was this call, and its answer was lost.
		if is, lookErr := s.bundle(ctx, name); lookErr == nil && is != nil && string(is.Data) == string(raw) && strings.HasSuffix(is.Subject, of) {
			return until.Truncate(time.Millisecond), nil
		}
		return time.Time{}, kith.Errorf(kith.Conflict, "this name was published at the same time: try again")
	}
	if err != nil {
		return time.Time{}, failed("publish a bundle", err)
	}
	return until.Truncate(time.Millisecond), nil
}

// roomForBundle checks the bounds: of the device, and of everything.
func (s *Store) roomForBundle(ctx context.Context, owner hubapi.Key, is *jetstream.RawStreamMsg, body []byte) error {
	if is == nil && s.limits.Bundles > 0 {
		info, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) {
			return s.bundles.Info(ctx, jetstream.WithSubjectFilter(s.cfg.Subject("bundle", "*", owner.String())))
		})
		if err != nil {
			return failed("count a device's bundles", err)
		}
		if len(info.State.Subjects) >= s.limits.Bundles {
			return kith.Errorf(kith.Full, "a device may publish %d bundles at a time", s.limits.Bundles)
		}
	}
	if s.limits.TotalBytes <= 0 {
		return nil
	}
	stats, err := s.Stats(ctx)
	if err != nil {
		return err
	}
	if stats.Bytes+int64(len(body))+mailbox.Overhead > s.limits.TotalBytes {
		return kith.Errorf(kith.Full, "the mailbox is full")
	}
	return nil
}

// Bundle implements mailbox.Store.
func (s *Store) Bundle(ctx context.Context, name hubapi.Hash) ([]byte, error) {
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	m, err := s.bundle(ctx, name)
	if err != nil {
		return nil, err
	}
	if m == nil || time.Now().After(untilOf(m)) {
		return nil, kith.Errorf(kith.NotFound, "nothing is published under this name")
	}
	return m.Data[bundleHead:], nil
}
