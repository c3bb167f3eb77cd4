// Package link is the interface between what is said and how it travels: a
// link is a live, authenticated, encrypted pipe to one device, which carries
// any number of ordered, reliable streams.
//
// Package session makes links across networks; package linktest, beside this
// one, is an in-memory twin with loss, delay and cuts, and holds the
// conformance tests that every implementation passes.
package link

import (
	"context"
	"io"
	"time"

	"kith"
)

// A Purpose is the first byte of a stream. It says which protocol speaks in it.
type Purpose byte

// The purposes of streams.
const (
	// Talk carries the frames of contacts: greeting, events, have vectors. The
	// link's initiator opens exactly one, both sides use it.
	Talk Purpose = 1
	// Join carries a request to become a contact and its answers. Whoever
	// holds an invitation opens it.
	Join Purpose = 2
	// Swarm carries pieces of files between members who share a conversation.
	// Either side opens as many as it needs. Such a stream is bulk: a link may
	// carry it over several connections side by side. If one of those is lost
	// the stream ends, though the link lives: open another one.
	Swarm Purpose = 3
)

// A Stream is an ordered, reliable, flow-controlled pipe in both directions.
// Read and Write may be used by one goroutine each. Close ends the own
// direction after all that was written; the other side then reads io.EOF.
type Stream interface {
	io.Reader
	io.Writer
	io.Closer
	// Cancel gives both directions up at once; pending calls return an error.
	Cancel()
}

// A Link is one live pipe to one device. Its methods may be called from any
// goroutine.
type Link interface {
	// Peer is who is at the other end, as its certificate proves.
	Peer() kith.Peer
	// Initiator reports whether this side asked for the link.
	Initiator() bool
	// Binding is 32 bytes that both ends of this link, and nobody else, share
	// (a TLS exporter, RFC 8446 section 7.5). What is proven over them cannot
	// be replayed over another link.
	Binding() []byte
	// Path describes how the link runs.
	Path() Path
	// RTT is the smoothed round-trip time.
	RTT() time.Duration

	// Open starts a stream. The other side sees it when something was written.
	Open(ctx context.Context, purpose Purpose) (Stream, error)
	// Accept waits for a stream that the other side opened.
	Accept(ctx context.Context) (Purpose, Stream, error)

	// Close ends the link and tells the other side why. Only the first call
	// counts.
	Close(reason Reason)
	// Done is closed when the link has ended, whoever ended it.
	Done() <-chan struct{}
	// Reason says why the link ended, after Done.
	Reason() Reason
}

// A Path describes how a link runs.
type Path struct {
	Way    string // which way found it: "direct", "lan", "offer", "hub", "dht", "friend", "link"
	Kind   string // Direct or Relayed
	Local  string // address and port of this side
	Remote string // and of the other
}

// The kinds of paths.
const (
	Direct  = "direct"  // nobody in between reads and writes the packets
	Relayed = "relayed" // a TURN server does
)

// A Reason says why a link ended. The positive ones travel to the other side.
type Reason int

// The reasons.
const (
	Lost      Reason = 0 // nothing was heard any more
	Goodbye   Reason = 1 // the other program ends, or its person hides
	Replaced  Reason = 2 // a newer link to the same device serves
	Unwanted  Reason = 3 // not a contact, or no longer
	Violation Reason = 4 // the protocol was broken
)

func (r Reason) String() string {
	switch r {
	case Lost:
		return "connection lost"
	case Goodbye:
		return "they went offline"
	case Replaced:
		return "replaced by a newer connection"
	case Unwanted:
		return "not connected: the other side does not know us as a contact"
	case Violation:
		return "closed because of a protocol error"
	}
	return "unknown reason"
}
