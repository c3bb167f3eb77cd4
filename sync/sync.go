// Package sync brings two devices' copies of their common conversations
// together over a link.
//
// Each side first says who it is (a Hello). Once both have accepted each other
// it tells, for each common conversation, what it has: its have vector. From
// then on each side sends, author by author and in order, every event that the
// other lacks, and tells its new have vector whenever it has made events
// durable. That vector is the receipt; there is no other.
//
//	reader                                  pump
//	Hello  ─▶ Host.Greeted                  Hello  when something in it changed
//	Have   ─▶ store the marks ─▶ pump       Have   when something was received or read
//	Events ─▶ check, store.Apply ─▶ pump    Events for what the peer lacks
//	Typing ─▶ Host.Typing                   Typing
//
// Two goroutines serve a link: the reader, which never writes to the stream,
// and the pump, which alone does. What the reader learns for the pump lies
// under one lock, with a wake-up; the pump takes it all at once, so a slow
// link coalesces what is newer and memory stays bounded by one frame each way
// whatever the backlog.
//
// # An author whose history was rolled back
//
// A device whose store is an older copy of itself (a restored disk image)
// would give its next events numbers that it used before. A peer's mark for
// that device shows it: it names a higher number, or at its number another
// event. The device then says that it has only what is beyond doubt, so that
// the peer hands its own events back; each carries a tag that only the account
// itself can make, so a lying peer proves nothing. The first proven one ends
// the link with [ErrRolledBack], and the node goes on as a new device.
package sync

import (
	"context"
	"errors"
	"sync"
	"time"

	"kith"
	"kith/link"
	"kith/store"
	"kith/wire"
)

// Version of the protocol that is spoken in talk streams.
const Version = 1

// batchSize is how many bytes of events are read from the store and put into a
// frame at a time.
const batchSize = 192 << 10

// maxAuthors bounds the devices that ever wrote in a direct conversation, so
// that a peer can't make up devices without end.
const maxAuthors = 256

// ErrRolledBack ends a talk when the peer proved that this device's store is
// an older copy of itself.
var ErrRolledBack = errors.New("this device's history was rolled back: a peer has later events of it")

// A Host is the node around a talk. Its methods are called from the talk's own
// goroutines.
type Host interface {
	// Hello is what this node says of itself to the peer at this moment.
	Hello() wire.Hello
	// Greeted takes what the peer said of itself. Events flow while it last
	// returned true.
	Greeted(ctx context.Context, hello wire.Hello) (open bool, err error)
	// Hidden reports whether an event was written while its author was
	// blocked. ahead is how much the peer's clock is ahead of this one.
	Hidden(ev *kith.Event, ahead time.Duration) bool
	// TellsRead reports whether the person wants others to know what they
	// have read.
	TellsRead() bool
	// Typing tells that the peer's person writes, or stopped.
	Typing(conv kith.ConversationID, active bool)
	// Dropped counts bad input by what was wrong with it.
	Dropped(what string)
}

// A Config says between whom and about what a talk is.
type Config struct {
	Link          link.Link
	Stream        link.Stream // for talk; the link's initiator opened it
	Store         *store.Store
	Own           kith.Peer
	SelfKey       kith.Secret           // see seal.SelfTag
	CheckTag      TagChecker            // seal.CheckSelfTag
	Conversations []kith.ConversationID // the common ones
	Host          Host
	Now           func() time.Time
}

// A TagChecker tells whether an event's proof was made with a self key. It is
// seal.CheckSelfTag, handed in because this package may not import seal.
type TagChecker func(key kith.Secret, conv kith.ConversationID, device kith.DeviceID, raw, tag []byte) bool

// A Talk is the exchange over one link.
type Talk struct {
	Config
	peer  kith.Peer
	wake  chan struct{} // capacity 1: something below changed
	lanes map[kith.ConversationID]*lane

	mu     sync.Mutex // guards the rest
	hello  bool       // a Hello is to be sent
	open   bool       // the peer may have our events, and we want theirs
	ahead  time.Duration
	typing []wire.Typing // to be sent, at most one a conversation
}

// New prepares a talk; Run leads it.
func New(cfg Config) *Talk {
	t := &Talk{
		Config: cfg,
		peer:   cfg.Link.Peer(),
		wake:   make(chan struct{}, 1),
		lanes:  map[kith.ConversationID]*lane{},
		hello:  true,
	}
	for _, id := range cfg.Conversations {
		t.lanes[id] = newLane(id)
	}
	return t
}

// Run talks until the link ends, ctx is cancelled or something goes wrong. An
// error of kind kith.BadPeer is a violation by the peer.
func (t *Talk) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer t.Stream.Cancel()
	stop := context.AfterFunc(ctx, t.Stream.Cancel)
	defer stop()

	results := make(chan error, 2)
	go func() { results <- t.read(ctx) }()
	go func() { results <- t.pump(ctx) }()
	err := <-results
	cancel()
	t.Stream.Cancel()
	<-results
	return err
}

// Greet sends a Hello again, since something in it changed.
func (t *Talk) Greet() {
	t.mu.Lock()
	t.hello = true
	t.mu.Unlock()
	t.signal()
}

// Changed tells that the store has something new in a conversation: events to
// send, or marks to tell.
func (t *Talk) Changed(conv kith.ConversationID) {
	if _, ok := t.lanes[conv]; ok {
		t.signal()
	}
}

// ChangedAll tells that any conversation may have something new.
func (t *Talk) ChangedAll() { t.signal() }

// SetTyping tells the peer that this person writes, or stopped.
func (t *Talk) SetTyping(conv kith.ConversationID, active bool) {
	if _, ok := t.lanes[conv]; !ok {
		return
	}
	t.mu.Lock()
	kept := t.typing[:0]
	for _, typing := range t.typing {
		if typing.Conversation != conv {
			kept = append(kept, typing)
		}
	}
	t.typing = append(kept, wire.Typing{Conversation: conv, Active: active})
	t.mu.Unlock()
	t.signal()
}

func (t *Talk) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}
