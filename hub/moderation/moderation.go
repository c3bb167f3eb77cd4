// Package moderation is what the moderator of a hub said and did: signed
// notices, to everybody or to one device, and blocks for a time. A device is a
// key that it has for this hub alone.
//
// [Log] is the interface. [File] keeps it on one machine; package
// moderation/nats keeps it in a cluster, where it holds for all hubs side by
// side; moderation/moderationtest is the suite that both pass. Both hold a copy
// of all in memory, a [Board], since it is asked about every device that comes.
//
// Notices are numbered 1, 2, 3…; the last 1000 are kept, so that a device that
// comes back hears what it missed and people can read what was said.
package moderation

import (
	"context"
	"crypto/ed25519"
	"strings"
	"time"
	"unicode/utf8"

	"kith"
	"kith/hubapi"
)

// Limits of moderation.
const (
	// MaxNotices is how many notices are kept.
	MaxNotices = 1000
	// MinBlock and MaxBlock bound how long a device may be blocked.
	MinBlock = 30 * time.Minute
	MaxBlock = 24 * time.Hour
	// MaxBlocks bounds the blocks at a time.
	MaxBlocks = 10_000
)

// A Log is the record of a hub's moderation. Its methods may be called from any
// goroutine. Errors are of kind kith.Invalid, kith.NotFound, kith.Full and
// kith.Internal; their texts are for people.
type Log interface {
	// Notify signs and keeps a notice; a nil to is everybody. It is durable.
	Notify(ctx context.Context, to *hubapi.Key, text string, now time.Time) (*hubapi.Notice, error)
	// Since gives the notices after a number that are for a device, oldest
	// first.
	Since(device hubapi.Key, id uint64) []*hubapi.Notice
	// All gives every notice that is kept, oldest first.
	All() []*hubapi.Notice
	// Block keeps a device out for a time, from MinBlock to MaxBlock, instead
	// of how long it was to be kept out before. It is durable.
	Block(ctx context.Context, device hubapi.Key, length time.Duration, now time.Time) (until time.Time, err error)
	// Unblock ends a block, or says with kith.NotFound that there is none.
	Unblock(ctx context.Context, device hubapi.Key, now time.Time) error
	// Blocked tells until when a device is kept out.
	Blocked(device hubapi.Key, now time.Time) (until time.Time, blocked bool)
	// AllBlocks gives until when which devices are kept out.
	AllBlocks(now time.Time) map[hubapi.Key]time.Time
	// Watch has somebody told, from now on, what the moderator does, by
	// whatever process. It is called once.
	Watch(w Watcher)
	// Close ends it.
	Close() error
}

// A Watcher is told what a moderator does, in the order of doing. Its methods
// must not block, and must not call those of the Log that change it.
type Watcher interface {
	// Noticed tells of a new notice.
	Noticed(n *hubapi.Notice)
	// BlockedUntil tells of a new block.
	BlockedUntil(device hubapi.Key, until time.Time)
}

// NewNotice makes a notice and signs it; a nil to is everybody.
func NewNotice(key ed25519.PrivateKey, id uint64, to *hubapi.Key, text string, now time.Time) (*hubapi.Notice, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > hubapi.MaxText || !utf8.ValidString(text) {
		return nil, kith.Errorf(kith.Invalid, "a notice has 1 to %d bytes of text, this one has %d", hubapi.MaxText, len(text))
	}
	n := &hubapi.Notice{ID: id, At: now.UnixMilli(), To: []byte{}, Text: text}
	if to != nil {
		n.To = to[:]
	}
	n.Signature = ed25519.Sign(key, hubapi.NoticeMessage(n))
	return n, nil
}

// Until is when a block of this length ends, if it may be that long.
func Until(length time.Duration, now time.Time) (time.Time, error) {
	if length < MinBlock || length > MaxBlock {
		return time.Time{}, kith.Errorf(kith.Invalid, "a device can be blocked for 30m to 24h, not for %v", length)
	}
	return now.Add(length).Truncate(time.Second), nil
}
