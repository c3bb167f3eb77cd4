//go:build linux

package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	random "math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/convo"
	"kith/node"
	"kith/store"
	"kith/wire"
)

// A pageHome is the home of Ann, for whose page the figures are. Bob is a real
// contact of hers, with a home of his own; the others are never there.
type pageHome struct {
	ann, bob string
	friends  []kith.Contact
}

// newPageHome makes homes in which Ann has a number of conversations of a few
// messages each. The one with the first friend is of 100,000 if that is wanted.
// Only the few newest of them are unread.
func newPageHome(b *testing.B, conversations int, long bool) *pageHome {
	b.Helper()
	h := &pageHome{ann: newDir(b), bob: newDir(b)}
	befriend(b, h.ann, h.bob)
	n := mustOpen(b, h.ann)
	me, err := n.Me(b.Context())
	mustClose(b, n)
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	if err := h.fill(b.Context(), me, conversations-1, long); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d conversations were written in %v", conversations, time.Since(begin).Round(time.Millisecond))
	return h
}

const (
	longTalk  = 100_000
	shortTalk = 5
	leftOver  = 3 // unread messages of the long talk
)

func (h *pageHome) fill(ctx context.Context, me node.Me, friends int, long bool) (err error) {
	st, err := store.Open(ctx, filepath.Join(h.ann, "kith.db"), store.Options{
		Account: me.Account, Rules: store.Rules{Parse: wire.ParseEvent, Fold: convo.Fold},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	for i := range friends {
		h.friends = append(h.friends, somebody(i))
	}
	for some := range slices.Chunk(h.friends, 500) {
		err := st.Update(ctx, func(tx *store.Tx) error {
			var errs []error
			for _, c := range some {
				errs = append(errs, tx.PutContact(c), tx.EnsureDirect(kith.DirectConversation(me.Account, c.Account), c.Account))
			}
			return errors.Join(errs...)
		})
		if err != nil {
			return err
		}
	}
	rng := random.New(random.NewPCG(5, 6))
	now := time.Now()
	for i, c := range h.friends {
		count, every := shortTalk, 10*time.Minute
		if long && i == 0 {
			count, every = longTalk, 5*time.Minute
		}
		// The first friend has written last.
		t := &talk{st: st, conv: kith.DirectConversation(me.Account, c.Account), rng: rng, at: now.Add(-time.Duration(i+1)*time.Minute - time.Duration(count)*every), every: every}
		t.sides[0].Peer = kith.Peer{Account: c.Account, Device: c.Card.Devices[0]}
		t.sides[1].Peer.Account = me.Account
		rand.Read(t.sides[1].Device[:])
		if err := t.write(ctx, count); err != nil {
			return err
		}
	}
	_, err = st.Search(ctx, "lake", nil, 1) // waits for the index
	return err
}

// A talk is a conversation in the making: of a contact and this account, on a
// device that it had before.
type talk struct {
	st    *store.Store
	conv  kith.ConversationID
	rng   *random.Rand
	at    time.Time
	every time.Duration
	sides [2]struct {
		kith.Peer
		written uint64
	}
	said int
}

// write lets the two say count things.
func (t *talk) write(ctx context.Context, count int) error {
	var last [2]kith.EventID
	for t.said < count {
		var some [2][]kith.Event
		side := t.rng.IntN(2)
		for range min(together, count-t.said) {
			if t.rng.IntN(3) == 0 {
				side = 1 - side
			}
			ev, err := t.say(side, len(some[side]))
			if err != nil {
				return err
			}
			some[side] = append(some[side], ev)
			if t.said <= count-leftOver {
				last[side] = ev.ID
			}
		}
		for i, events := range some {
			s := &t.sides[i]
			if _, err := t.st.Apply(ctx, t.conv, s.Peer, s.written+1, events, store.ApplyOptions{}); err != nil {
				return err
			}
			s.written += uint64(len(events))
		}
	}
	if last[0].IsZero() {
		return nil
	}
	_, err := t.st.MarkRead(ctx, t.conv, last[0])
	return err
}

// say makes the event of the next message.
func (t *talk) say(side, before int) (kith.Event, error) {
	t.said++
	t.at = t.at.Add(t.every)
	ev := kith.Event{
		ID: kith.NewEventID(t.conv, t.sides[side].Account), Seq: t.sides[side].written + uint64(before) + 1,
		Order: uint64(t.at.UnixMilli()), Sent: t.at.Truncate(time.Millisecond),
		Body: kith.Text{Text: fmt.Sprintf("%d %s", t.said, smallTalk(t.rng))}, Proof: make([]byte, 16),
	}
	var err error
	ev.Raw, err = wire.AppendEvent(nil, &ev)
	return ev, err
}

// smallTalk is what people write to each other: mostly little, sometimes a
// lot, now and then with some formatting.
func smallTalk(rng *random.Rand) string {
	words := strings.Fields("did you see the photos from our lake yesterday they are great I will send more when we get home see you at eight maybe nine if my train is late again")
	some := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(words[rng.IntN(len(words))] + " ")
		}
		return strings.TrimSpace(b.String())
	}
	switch rng.IntN(20) {
	case 0:
		return some(60) + "\n\n" + some(40)
	case 1:
		return fmt.Sprintf("**%s** and _%s_, see https://example.org/%d", some(2), some(3), rng.IntN(1000))
	case 2:
		return fmt.Sprintf("\n- %s\n- %s\n- %s", some(3), some(4), some(2))
	case 3:
		return "\n> " + some(6) + "\n" + some(5) + " 😀"
	case 4:
		return "\n```\n" + some(8) + "\n```"
	default:
		return some(1 + rng.IntN(20))
	}
}
