// Package mailbox is what a hub keeps for devices that are away: envelopes in
// boxes, and bundles under opaque names. It sees keys, hashes and ciphertext.
//
//	box      an Ed25519 key, and the hash of the token by which others may leave
//	envelope bytes, and a number that rises in its box
//	bundle   bytes under a name, of the device that used the name first
//
// [Store] is the interface. Package mailbox/sqlite keeps it in one file,
// mailbox/nats in a cluster; mailbox/mailboxtest is the suite that both pass.
// Nothing in it assumes that who leaves an envelope and who fetches it do so in
// the same process: several hubs may stand on one store.
//
// A store does not check signatures. Whoever calls Open, Fetch, Take or Watch
// has seen that of the box's key.
package mailbox

import (
	"context"
	"time"

	"kith/hubapi"
)

// A Store is a mailbox. Its methods may be called from any goroutine.
//
// Errors are of kind kith.NotFound (no such box or bundle), kith.Forbidden (a
// wrong token, a name of somebody else), kith.Full (a quota or the disk),
// kith.Invalid (too big) and kith.Internal. Their texts are for people.
type Store interface {
	// Open sets the hash of a box's token and notes that the box is used. If
	// there is none it is made, or kith.NotFound if it may not be. It is
	// durable.
	Open(ctx context.Context, box hubapi.Key, token hubapi.Hash, mayMake bool) (Opened, error)
	// Leave puts an envelope into a box, and returns when it is durable. token
	// is the hash of what the sender showed.
	Leave(ctx context.Context, box hubapi.Key, token hubapi.Hash, body []byte) (until time.Time, err error)
	// Fetch gives the envelopes after a number, oldest first: at most n, and no
	// further one once they hold size bytes together.
	Fetch(ctx context.Context, box hubapi.Key, after uint64, n, size int) ([]Envelope, error)
	// Take removes envelopes. Those that are not there do not matter.
	Take(ctx context.Context, box hubapi.Key, ids []uint64) error
	// Watch has wake called soon after something was left in a box, by whatever
	// process, and perhaps without need. It must not block. What was left
	// before is not told.
	Watch(box hubapi.Key, wake func()) (stop func(), err error)
	// Publish keeps a bundle under a name until a time at most, and tells until
	// when; an empty body withdraws it. It is durable.
	Publish(ctx context.Context, owner hubapi.Key, name hubapi.Hash, body []byte, until time.Time) (time.Time, error)
	// Bundle gives what was published under a name.
	Bundle(ctx context.Context, name hubapi.Hash) ([]byte, error)
	// Check reports whether the store can be written to.
	Check(ctx context.Context) error
	// Stats tells how full it is.
	Stats(ctx context.Context) (Stats, error)
	// Close finishes what is being written.
	Close() error
}

// Opened tells what a box holds when it is opened.
type Opened struct {
	Waiting int
	Made    bool // there was none
}

// An Envelope is what somebody left in a box.
type Envelope struct {
	ID   uint64
	Body []byte
}

// Stats tell how full a store is.
type Stats struct {
	Boxes, Envelopes int
	Bytes            int64 // of envelopes and bundles
}

// Limits bound a store. Zero is no limit where it makes sense.
type Limits struct {
	Keep         time.Duration // of an envelope
	Unused       time.Duration // after which a box goes that nobody opened
	Boxes        int           // in all
	BoxEnvelopes int           // in one box
	BoxBytes     int64         // in one box
	TotalBytes   int64         // of envelopes and bundles together
	KeepBundle   time.Duration // at most
	Bundles      int           // of one device
}

// Overhead is what an envelope or a bundle counts beyond its bytes, so that
// many small ones do not come for free.
const Overhead = 128

// DefaultLimits are those of a hub that was told nothing else.
func DefaultLimits() Limits {
	const day = 24 * time.Hour
	return Limits{
		Keep: 30 * day, Unused: 60 * day,
		Boxes: 1_000_000, BoxEnvelopes: 20_000, BoxBytes: 64 << 20, TotalBytes: 10 << 30,
		KeepBundle: 30 * day, Bundles: 64,
	}
}
