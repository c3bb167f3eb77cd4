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
//	Hello   ─▶ Host.Greeted                 Hello   when something in it changed
//	Roster  ─▶ pump                         Roster  when records came or were written
//	Records ─▶ Sphere.Take ─▶ pump          Records that the peer lacks, before all events
//	Have    ─▶ store the marks ─▶ pump      Have    when something was received or read
//	Events  ─▶ check, store.Apply ─▶ pump   Events  for what the peer lacks
//	Typing  ─▶ Host.Typing                  Typing
//	others  ─▶ Host.Said                    others  by Talk.Say
//
// Each conversation is a lane. In a direct one a peer hands on the words of its
// own account, and gives ours back. In a sphere any member hands on what any
// member wrote, since events are signed; who is a member is told by the roster
// (package convo), which is brought together first.
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
//
// # Letters
//
// What comes in a letter, left by a device while this one was away, is checked
// and applied by the same rules ([Delivery]).
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
// that a peer can't make up devices without end. In a sphere a vector of all of
// them has to fit into a frame.
const (
	maxAuthors       = 256
	maxSphereAuthors = wire.MaxMarks
)

// ErrRolledBack ends a talk when the peer proved that this device's store is
// an older copy of itself.
var ErrRolledBack = errors.New("this device's history was rolled back: a peer has later events of it")

// A Host is the node around a talk. Its methods are called from the talk's own
// goroutines.
type Host interface {
	// Hello is what this node says of itself to the peer at this moment.
	Hello() wire.Hello
	// Greeted takes what the peer said of itself. What it last returned is
	// what may be talked of.
	Greeted(ctx context.Context, hello wire.Hello) (Open, error)
	// Spheres are those that this account and the peer's may talk of now.
	Spheres() []Sphere
	// HasRoster tells up to where the peer has the roster of a sphere.
	HasRoster(ctx context.Context, sphere kith.ConversationID, heads []kith.RecordID) error
	// Said takes a frame that is about something else than conversations.
	Said(ctx context.Context, frame wire.Frame) error
	// Hidden reports whether an event was written while its author was
	// blocked. ahead is how much the clock of the author is ahead of this one,
	// as far as it is known.
	Hidden(ev *kith.Event, ahead time.Duration) bool
	// TellsRead reports whether the person wants others to know what they
	// have read.
	TellsRead() bool
	// Typing tells that the peer's person writes, or stopped.
	Typing(conv kith.ConversationID, active bool)
	// Dropped counts bad input by what was wrong with it.
	Dropped(what string)
}

// Open says what two devices may talk of.
type Open struct {
	Direct  bool // their persons have accepted each other
	Spheres bool // the peer is a device of its account
}

// A Config says between whom and about what a talk is.
type Config struct {
	Link          link.Link
	Stream        link.Stream // for talk; the link's initiator opened it
	Store         *store.Store
	Own           kith.Peer
	Certificate   []byte      // of the own device; see seal.CertifyDevice
	SelfKey       kith.Secret // see seal.SelfTag
	Proofs        Proofs
	Conversations []kith.ConversationID // the direct one
	Host          Host
	Now           func() time.Time
}

// Proofs are the checks of package seal, handed in because this package may
// not import it.
type Proofs struct {
	// Tag is seal.CheckSelfTag: was a proof made with a self key?
	Tag func(key kith.Secret, conv kith.ConversationID, device kith.DeviceID, raw, tag []byte) bool
	// Event is seal.VerifyEvent, for events of spheres.
	Event func(author kith.Peer, conv kith.ConversationID, raw, proof []byte) error
	// Device is seal.VerifyDevice.
	Device func(account kith.AccountID, device kith.DeviceID, cert []byte) error
}

// A Talk is the exchange over one link.
type Talk struct {
	Config
	peer kith.Peer
	wake chan struct{} // capacity 1: something below changed

	mu     sync.Mutex // guards the rest
	lanes  map[kith.ConversationID]*lane
	hello  bool // a Hello is to be sent
	open   Open
	ahead  time.Duration
	typing []wire.Typing // to be sent, at most one a conversation
	say    []wire.Frame  // to be sent once spheres may be talked of
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
	if _, ok := t.lane(conv); ok {
		t.signal()
	}
}

// SpheresChanged tells that a roster changed, or that a sphere may have become
// common.
func (t *Talk) SpheresChanged() {
	t.enterSpheres()
	t.signal()
}

// maxSay bounds the frames that wait to be said.
const maxSay = 256

// Say sends a frame that is about something else than conversations, when the
// peer has greeted. It is forgotten if the link ends before, or if too many
// wait: whoever says it says it again on the next link.
func (t *Talk) Say(frame wire.Frame) {
	t.mu.Lock()
	if len(t.say) < maxSay {
		t.say = append(t.say, frame)
	}
	t.mu.Unlock()
	t.signal()
}

func (t *Talk) lane(conv kith.ConversationID) (*lane, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lane, ok := t.lanes[conv]
	return lane, ok
}

// opened lists the lanes in which events, or records, may flow at present.
func (t *Talk) opened() []*lane {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*lane
	for _, lane := range t.lanes {
		if lane.sphere == nil && t.open.Direct || lane.sphere != nil && t.open.Spheres {
			list = append(list, lane)
		}
	}
	return list
}

// flows reports whether events of a lane may come and go.
func (t *Talk) flows(lane *lane) bool {
	t.mu.Lock()
	open := t.open
	t.mu.Unlock()
	if lane.sphere == nil {
		return open.Direct
	}
	return open.Spheres && lane.sphere.Shared(t.peer.Account)
}

// ChangedAll tells that any conversation may have something new.
func (t *Talk) ChangedAll() { t.signal() }

// SetTyping tells the peer that this person writes, or stopped.
func (t *Talk) SetTyping(conv kith.ConversationID, active bool) {
	if _, ok := t.lane(conv); !ok {
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
