package nats

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kith"
	"kith/hub/cluster"
	"kith/hub/mailbox"
	"kith/hubapi"
)

// box gives a box's token; ok is false if there is none.
func (s *Store) box(ctx context.Context, box hubapi.Key) (token hubapi.Hash, ok bool, err error) {
	m, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return s.boxes.GetLastMsgForSubject(ctx, s.cfg.Subject("box", box.String()))
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return token, false, nil
	}
	if err != nil {
		return token, false, failed("look for a box", err)
	}
	if len(m.Data) != len(token) {
		return token, false, kith.Errorf(kith.Damaged, "a box in the NATS cluster holds %d bytes where the hash of its token belongs", len(m.Data))
	}
	return hubapi.Hash(m.Data), true, nil
}

// A usage is how full a box was when it was asked for last.
type usage struct {
	envelopes int
	bytes     int64
	at        time.Time
}

const (
	// usageAge is how long it is believed of a box that is not half full.
	usageAge = 5 * time.Second
	// maxUsages bounds those that are remembered, about 2 MiB.
	maxUsages = 16 << 10
)

// room reports whether a box has room for an envelope.
func (s *Store) room(ctx context.Context, box hubapi.Key, size int64) (bool, error) {
	s.mu.Lock()
	u := s.usages[box]
	s.mu.Unlock()
	half := (s.limits.BoxEnvelopes == 0 || 2*u.envelopes < s.limits.BoxEnvelopes) && (s.limits.BoxBytes == 0 || 2*(u.bytes+size) < s.limits.BoxBytes)
	if time.Since(u.at) > usageAge || !half {
		var err error
		if u.envelopes, u.bytes, err = s.usage(ctx, box); err != nil {
			return false, err
		}
		u.at = time.Now()
	}
	if s.limits.BoxEnvelopes > 0 && u.envelopes >= s.limits.BoxEnvelopes || s.limits.BoxBytes > 0 && u.bytes+size > s.limits.BoxBytes {
		return false, nil
	}
	u.envelopes++
	u.bytes += size
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.usages) >= maxUsages {
		clear(s.usages)
	}
	s.usages[box] = u
	return true, nil
}

// usage tells how many envelopes a box holds, and how many bytes they count.
func (s *Store) usage(ctx context.Context, box hubapi.Key) (envelopes int, bytes int64, err error) {
	info, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) {
		return s.mail.Info(ctx, jetstream.WithSubjectFilter(s.cfg.Subject("mail", box.String(), "*")))
	})
	if err != nil {
		return 0, 0, failed("ask how full a box is", err)
	}
	for subject, n := range info.State.Subjects {
		units, err := strconv.ParseInt(subject[strings.LastIndexByte(subject, '.')+1:], 10, 64)
		if err != nil {
			continue // none of ours
		}
		envelopes += int(n)
		bytes += int64(n) * (units*sizeUnit + mailbox.Overhead)
	}
	return envelopes, bytes, nil
}

// units is the SIZE of a body.
func units(body []byte) int64 { return (int64(len(body)) + sizeUnit - 1) / sizeUnit }

// Open implements mailbox.Store.
func (s *Store) Open(ctx context.Context, box hubapi.Key, token hubapi.Hash, mayMake bool) (mailbox.Opened, error) {
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	_, was, err := s.box(ctx, box)
	if err != nil {
		return mailbox.Opened{}, err
	}
	if !was && !mayMake {
		return mailbox.Opened{}, kith.Errorf(kith.NotFound, "there is no such box, and it may not be made now")
	}
	if !was && s.limits.Boxes > 0 {
		// The stream's own limit would refuse to write a box anew, too.
		info, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return s.boxes.Info(ctx) })
		if err != nil {
			return mailbox.Opened{}, failed("count the boxes", err)
		}
		if info.State.Msgs >= uint64(s.limits.Boxes) {
			return mailbox.Opened{}, kith.Errorf(kith.Full, "this hub has as many boxes as it takes")
		}
	}
	// Written each time, so that it counts as used.
	if err := s.publish(ctx, s.cfg.Subject("box", box.String()), token[:]); err != nil {
		return mailbox.Opened{}, failed("open a box", err)
	}
	waiting, _, err := s.usage(ctx, box)
	return mailbox.Opened{Waiting: waiting, Made: !was}, err
}

// publish writes a message that may be written twice.
func (s *Store) publish(ctx context.Context, subject string, body []byte) error {
	_, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.PubAck, error) { return s.js.Publish(ctx, subject, body) })
	return err
}

// Leave implements mailbox.Store. The name of the message keeps a repetition
// from being kept twice.
func (s *Store) Leave(ctx context.Context, box hubapi.Key, token hubapi.Hash, body []byte) (time.Time, error) {
	if len(body) == 0 || len(body) > hubapi.MaxMail {
		return time.Time{}, kith.Errorf(kith.Invalid, "an envelope has 1 to %d bytes, not %d", hubapi.MaxMail, len(body))
	}
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	n := units(body)
	var (
		asked   sync.WaitGroup
		room    bool
		roomErr error
	)
	asked.Go(func() { room, roomErr = s.room(ctx, box, n*sizeUnit+mailbox.Overhead) })
	has, ok, err := s.box(ctx, box)
	asked.Wait()
	switch {
	case err != nil:
		return time.Time{}, err
	case !ok:
		return time.Time{}, kith.Errorf(kith.NotFound, "there is no such box")
	case has != token:
		return time.Time{}, kith.Errorf(kith.Forbidden, "this is not the token of that box")
	case roomErr != nil:
		return time.Time{}, roomErr
	case !room:
		return time.Time{}, kith.Errorf(kith.Full, "the box is full until its owner fetches what is in it")
	}
	name := nats.NewInbox()
	_, err = cluster.Again(ctx, func(ctx context.Context) (*jetstream.PubAck, error) {
		return s.js.Publish(ctx, s.cfg.Subject("mail", box.String(), strconv.FormatInt(n, 10)), body, jetstream.WithMsgID(name))
	})
	if err != nil {
		return time.Time{}, failed("leave an envelope", err)
	}
	_ = s.conn.Publish(s.cfg.Subject("wake", box.String()), nil) // without a connection its owner is woken by the next one
	return time.Now().Add(s.limits.Keep), nil
}

// Fetch implements mailbox.Store.
func (s *Store) Fetch(ctx context.Context, box hubapi.Key, after uint64, n, size int) ([]mailbox.Envelope, error) {
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	var out []mailbox.Envelope
	filter := jetstream.WithGetMsgSubject(s.cfg.Subject("mail", box.String(), "*"))
	for held := 0; len(out) < n && (held < size || len(out) == 0); {
		m, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) { return s.mail.GetMsg(ctx, after+1, filter) })
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return out, nil
		}
		if err != nil {
			return nil, failed("fetch envelopes", err)
		}
		out = append(out, mailbox.Envelope{ID: m.Sequence, Body: m.Data})
		after = m.Sequence
		held += len(m.Data)
	}
	return out, nil
}

// takers is how many envelopes are taken out at a time.
const takers = 16

// Take implements mailbox.Store.
func (s *Store) Take(ctx context.Context, box hubapi.Key, ids []uint64) error {
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	var (
		all   sync.WaitGroup
		mu    sync.Mutex // guards first
		first error
	)
	free := make(chan struct{}, takers)
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for _, id := range ids {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			if err := s.take(ctx, box, id); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
			}
		})
	}
	all.Wait()
	return first
}

// take removes one envelope, if it is this box's.
func (s *Store) take(ctx context.Context, box hubapi.Key, id uint64) error {
	m, err := cluster.Again(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) { return s.mail.GetMsg(ctx, id) })
	if err == nil && strings.HasPrefix(m.Subject, s.cfg.Subject("mail", box.String())+".") {
		_, err = cluster.Again(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.mail.DeleteMsg(ctx, id) })
	}
	if err != nil && !gone(err) {
		return failed("take out an envelope", err)
	}
	return nil
}

// gone reports whether a message is not there.
func gone(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrMsgNotFound) ||
		errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeMessageNotFound || strings.Contains(api.Description, "not found"))
}

// watchers are those who want to hear of boxes.
type watchers struct {
	mu  sync.Mutex // guards all
	all map[*func()]bool
}

func (w *watchers) wakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for wake := range w.all {
		(*wake)()
	}
}

// Watch implements mailbox.Store.
func (s *Store) Watch(box hubapi.Key, wake func()) (stop func(), err error) {
	sub, err := s.conn.Subscribe(s.cfg.Subject("wake", box.String()), func(*nats.Msg) { wake() })
	if err == nil {
		err = s.conn.Flush() // the cluster knows of it before this returns
	}
	if err != nil {
		return nil, failed("watch a box", err)
	}
	w := &s.watchers
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[*func()]bool{}
	}
	w.all[&wake] = true
	return func() {
		_ = sub.Unsubscribe() // fails only without a connection, which ends it, too
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, &wake)
	}, nil
}
