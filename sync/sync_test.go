package sync_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	stdsync "sync"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/convo"
	"kith/link"
	"kith/link/linktest"
	"kith/seal"
	"kith/store"
	"kith/sync"
	"kith/wire"
)

// A side is one device with its store, as far as a talk needs it.
type side struct {
	t     *testing.T
	store *store.Store
	own   kith.Peer
	key   kith.Secret
	conv  kith.ConversationID
	// greeted, if set, takes the place of Greeted.
	greeted func(context.Context, wire.Hello) (sync.Open, error)

	mu      stdsync.Mutex
	talk    *sync.Talk     // guarded by mu
	dropped map[string]int // guarded by mu
	typing  []bool         // guarded by mu
}

func newSide(t *testing.T, account, device byte, other kith.AccountID) *side {
	s := &side{t: t, own: kith.Peer{Account: kith.AccountID{account}, Device: kith.DeviceID{device}}, key: seal.NewSelfKey(), dropped: map[string]int{}}
	s.conv = kith.DirectConversation(s.own.Account, other)
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "kith.db"), store.Options{
		Account: s.own.Account,
		Rules:   store.Rules{Parse: wire.ParseEvent, Fold: convo.Fold},
		Observe: s.observe,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.store = st
	t.Cleanup(func() { st.Close() })
	if err := st.EnsureDirect(t.Context(), s.conv, other); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *side) observe(change store.Change) {
	s.mu.Lock()
	talk := s.talk
	s.mu.Unlock()
	if talk != nil && (change.Events || change.Read) {
		talk.Changed(change.Conversation)
	}
}

// event makes an event of this side's device.
func (s *side) event(seq, order uint64, body kith.Body) kith.Event {
	ev := kith.Event{ID: kith.NewEventID(s.conv, s.own.Account), Conversation: s.conv, Author: s.own, Seq: seq, Order: order, Sent: time.Now(), Body: body}
	raw, err := wire.AppendEvent(nil, &ev)
	if err != nil {
		s.t.Fatal(err)
	}
	ev.Raw, ev.Proof = raw, seal.SelfTag(s.key, s.conv, s.own.Device, raw)
	return ev
}

// write appends a text.
func (s *side) write(text string) kith.Event {
	ev, err := s.store.Append(s.t.Context(), s.conv, s.own.Device, func(seq, after uint64) (kith.Event, error) {
		return s.event(seq, convo.NextOrder(time.Now(), after), kith.Text{Text: text}), nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return ev
}

func (s *side) texts() []string {
	const page = 500
	list := []string{}
	for next := (store.Page{Limit: page}); ; {
		entries, err := s.store.Messages(s.t.Context(), s.conv, next)
		if err != nil {
			s.t.Fatal(err)
		}
		var part []string
		for _, e := range entries {
			part = append(part, e.Text)
		}
		list = append(part, list...)
		if len(entries) < page {
			return list
		}
		next.Before = entries[0].ID
	}
}

// The side as the host of its talk.

func (s *side) Hello() wire.Hello {
	return wire.Hello{Version: sync.Version, Accepted: true, Card: []byte{1}, Now: time.Now()}
}
func (s *side) Spheres() []sync.Sphere                                                { return nil }
func (s *side) HasRoster(context.Context, kith.ConversationID, []kith.RecordID) error { return nil }

func (s *side) Said(context.Context, wire.Frame) error {
	s.Dropped("a frame that does not belong into a talk")
	return nil
}
func (s *side) Greeted(ctx context.Context, hello wire.Hello) (sync.Open, error) {
	if s.greeted != nil {
		return s.greeted(ctx, hello)
	}
	return sync.Open{Direct: hello.Accepted, Spheres: true}, nil
}
func (s *side) Hidden(*kith.Event, time.Duration) bool { return false }
func (s *side) TellsRead() bool                        { return true }
func (s *side) Typing(_ kith.ConversationID, active bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.typing = append(s.typing, active)
}
func (s *side) Dropped(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped[what]++
}

// run leads a talk of this side over a link in the background and gives its
// result.
func (s *side) run(l link.Link) <-chan error {
	var stream link.Stream
	var err error
	if l.Initiator() {
		stream, err = l.Open(s.t.Context(), link.Talk)
	} else {
		_, stream, err = l.Accept(s.t.Context())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	talk := sync.New(sync.Config{
		Link: l, Stream: stream, Store: s.store, Own: s.own,
		SelfKey: s.key, Proofs: sync.Proofs{Tag: seal.CheckSelfTag, Event: seal.VerifyEvent, Device: seal.VerifyDevice},
		Conversations: []kith.ConversationID{s.conv}, Host: s, Now: time.Now,
	})
	s.mu.Lock()
	s.talk = talk
	s.mu.Unlock()
	result := make(chan error, 1)
	go func() { result <- talk.Run(s.t.Context()) }()
	return result
}

// inBubble runs a test with two sides that are contacts.
func inBubble(t *testing.T, test func(t *testing.T, a, b *side)) {
	synctest.Test(t, func(t *testing.T) {
		a := newSide(t, 1, 11, kith.AccountID{2})
		b := newSide(t, 2, 21, kith.AccountID{1})
		test(t, a, b)
	})
}

// meet links two sides until the function that it gives is called.
func meet(a, b *side, c linktest.Conditions) (part func()) {
	la, lb := linktest.Pair(a.own, b.own, c)
	ra := a.run(la)
	rb := b.run(lb)
	return func() {
		la.Close(link.Goodbye)
		<-ra
		<-rb
	}
}

func settle(d time.Duration) { <-time.After(d) }

func TestBothWays(t *testing.T) {
	inBubble(t, func(t *testing.T, a, b *side) {
		for i := range 3000 {
			a.write(fmt.Sprint("a", i))
		}
		b.write("b0")
		part := meet(a, b, linktest.Conditions{Delay: 50 * time.Millisecond})
		settle(time.Minute)
		b.write("live")
		settle(100 * time.Millisecond)
		if left, right := a.texts(), b.texts(); len(left) != 3002 || !slices.Equal(left, right) {
			t.Errorf("%d and %d messages", len(left), len(right))
		}
		marks, err := a.store.Marks(t.Context(), a.conv)
		if got := marks[b.own][a.own.Device].Seq; err != nil || got != 3000 {
			t.Errorf("receipt for %d, %v", got, err)
		}
		part()
	})
}

// Links that break at any moment lose and double nothing.
func TestCutAgainAndAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, a, b *side) {
		for i := range 20 {
			for j := range 30 {
				a.write(fmt.Sprint("a", i, " ", j))
				b.write(fmt.Sprint("b", i, " ", j))
			}
			la, lb := linktest.Pair(a.own, b.own, linktest.Conditions{Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.1, Rate: 100_000, Seed: uint64(i)})
			ra, rb := a.run(la), b.run(lb)
			settle(time.Duration(i*23) * time.Millisecond)
			la.Cut()
			<-ra
			<-rb
		}
		part := meet(a, b, linktest.Conditions{})
		settle(time.Minute)
		if left, right := a.texts(), b.texts(); len(left) != 1200 || !slices.Equal(left, right) {
			t.Errorf("%d and %d messages, equal: %v", len(left), len(right), slices.Equal(left, right))
		}
		part()
	})
}

// A peer that lost what it had (an older copy of its store) gets it again.
func TestPeerWithLess(t *testing.T) {
	inBubble(t, func(t *testing.T, a, b *side) {
		for i := range 5 {
			a.write(fmt.Sprint(i))
		}
		meet(a, b, linktest.Conditions{})()
		part := meet(a, b, linktest.Conditions{})
		settle(time.Second)
		part()
		fresh := newSide(t, 2, 21, a.own.Account)
		fresh.key = b.key
		part = meet(a, fresh, linktest.Conditions{})
		settle(time.Second)
		if got := fresh.texts(); len(got) != 5 {
			t.Errorf("it has %q", got)
		}
		part()
	})
}

func TestTyping(t *testing.T) {
	inBubble(t, func(t *testing.T, a, b *side) {
		part := meet(a, b, linktest.Conditions{})
		settle(time.Second)
		a.talk.SetTyping(a.conv, true)
		settle(time.Second)
		a.talk.SetTyping(a.conv, true)
		a.talk.SetTyping(a.conv, false)
		settle(time.Second)
		part()
		if !slices.Equal(b.typing, []bool{true, false}) {
			t.Errorf("b saw %v", b.typing)
		}
	})
}

// What a peer sends that it may not send changes nothing; it ends the link
// where it breaks the protocol.
func TestModifiedPeer(t *testing.T) {
	var (
		long    = kith.Text{Text: "hello"}
		forgery = errors.New("the link ends as a violation")
	)
	sealed := func(events ...kith.Event) (list []wire.SealedEvent) {
		for _, ev := range events {
			list = append(list, wire.SealedEvent{Raw: ev.Raw, Proof: ev.Proof})
		}
		return list
	}
	tests := []struct {
		name  string
		send  func(a, b *side) []wire.Frame
		ends  error
		drops string
		texts int // at the end, beside the one that a wrote
	}{
		{"an honest event", func(_, b *side) []wire.Frame {
			return []wire.Frame{wire.Events{Conversation: b.conv, Author: b.own, First: 1, Events: sealed(b.event(1, 5, long))}}
		}, nil, "", 1},
		{"an event twice", func(_, b *side) []wire.Frame {
			f := wire.Events{Conversation: b.conv, Author: b.own, First: 1, Events: sealed(b.event(1, 5, long))}
			return []wire.Frame{f, f}
		}, nil, "", 1},
		{"a gap", func(_, b *side) []wire.Frame {
			return []wire.Frame{wire.Events{Conversation: b.conv, Author: b.own, First: 3, Events: sealed(b.event(3, 5, long))}}
		}, nil, "", 0},
		{"a number in the wrong place", func(_, b *side) []wire.Frame {
			return []wire.Frame{wire.Events{Conversation: b.conv, Author: b.own, First: 1, Events: sealed(b.event(2, 5, long))}}
		}, forgery, "", 0},
		{"another account's event", func(_, b *side) []wire.Frame {
			stranger := kith.Peer{Account: kith.AccountID{9}, Device: kith.DeviceID{91}}
			return []wire.Frame{wire.Events{Conversation: b.conv, Author: stranger, First: 1, Events: sealed(b.event(1, 5, long))}}
		}, forgery, "", 0},
		{"an event in our name", func(a, b *side) []wire.Frame {
			ours := kith.Peer{Account: a.own.Account, Device: kith.DeviceID{12}}
			return []wire.Frame{wire.Events{Conversation: b.conv, Author: ours, First: 1, Events: sealed(b.event(1, 5, long))}}
		}, forgery, "", 0},
		{"an event under our device, of their account", func(a, b *side) []wire.Frame {
			ours := kith.Peer{Account: b.own.Account, Device: a.own.Device}
			return []wire.Frame{wire.Events{Conversation: b.conv, Author: ours, First: 2, Events: sealed(b.event(2, 5, long))}}
		}, forgery, "", 0},
		{"our own event, handed back", func(a, b *side) []wire.Frame {
			ev, err := a.store.EventsAfter(a.t.Context(), a.conv, a.own.Device, 0, 1<<20)
			if err != nil {
				a.t.Fatal(err)
			}
			return []wire.Frame{wire.Events{Conversation: b.conv, Author: a.own, First: 1, Events: []wire.SealedEvent{{Raw: ev[0].Raw, Proof: ev[0].Proof}}}}
		}, nil, "", 0},
		{"an edit of our message", func(a, b *side) []wire.Frame {
			msgs, err := a.store.Messages(a.t.Context(), a.conv, store.Page{Limit: 1})
			if err != nil {
				a.t.Fatal(err)
			}
			edit := b.event(1, 99, kith.Edit{Message: msgs[0].ID, Text: "hacked"})
			return []wire.Frame{wire.Events{Conversation: b.conv, Author: b.own, First: 1, Events: sealed(edit)}}
		}, nil, "an event that its author may not write", 0},
		{"another conversation", func(_, b *side) []wire.Frame {
			return []wire.Frame{wire.Events{Conversation: kith.ConversationID{7}, Author: b.own, First: 1, Events: sealed(b.event(1, 5, long))}}
		}, nil, "events of a conversation that is not common", 0},
		{"a sphere that is not known here", func(_, b *side) []wire.Frame {
			return []wire.Frame{wire.Roster{Conversation: kith.ConversationID{7}, Heads: []kith.RecordID{{1}}}}
		}, nil, "", 0},
		{"a request in the middle of a talk", func(_, b *side) []wire.Frame {
			return []wire.Frame{wire.JoinRequest{Version: 1, Card: []byte{1}, Half: kith.Secret{1}}}
		}, nil, "a frame that does not belong into a talk", 0},
		{"a false claim that we were rolled back", func(a, b *side) []wire.Frame {
			return []wire.Frame{
				wire.Have{Conversation: b.conv, Marks: kith.Vector{a.own.Device: {Seq: 50, ID: kith.EventID{5}}}},
				wire.Events{Conversation: b.conv, Author: b.own, First: 1, Events: sealed(b.event(1, 5, long))},
			}
		}, nil, "", 1},
		{"devices without end", func(_, b *side) (frames []wire.Frame) {
			for i := range 300 {
				author := kith.Peer{Account: b.own.Account, Device: kith.DeviceID{200, byte(i), byte(i >> 8)}}
				frames = append(frames, wire.Events{Conversation: b.conv, Author: author, First: 1, Events: sealed(b.event(1, 5, long))})
			}
			return frames
		}, forgery, "", 255},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, a, b *side) {
				a.write("ours")
				la, lb := linktest.Pair(a.own, b.own, linktest.Conditions{})
				result := a.run(la)
				_, stream, err := lb.Accept(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				out := wire.NewWriter(stream)
				for _, frame := range append([]wire.Frame{b.Hello()}, tt.send(a, b)...) {
					if err := out.Write(frame); err != nil {
						break // the other side has had enough
					}
				}
				settle(time.Minute)
				if tt.ends == nil {
					stream.Close()
				}
				if err := <-result; (tt.ends == nil) != (err == nil) || tt.ends != nil && kith.KindOf(err) != kith.BadPeer {
					t.Errorf("the talk ended with %v", err)
				}
				if strings.HasPrefix(tt.name, "a sphere") && len(a.dropped) > 0 {
					t.Errorf("counted as bad: %v", a.dropped)
				}
				if tt.drops != "" && a.dropped[tt.drops] == 0 {
					t.Errorf("dropped %v", slices.Collect(maps.Keys(a.dropped)))
				}
				if got := a.texts(); len(got) != tt.texts+1 || !slices.Contains(got, "ours") {
					t.Errorf("it reads %d texts: %.100q", len(got), got)
				}
			})
		})
	}
}
