package meet

import (
	"context"

	"kith"
	"kith/seal"
)

// A Correspondent is with whom sealed notes are exchanged: the devices of one
// account, or whoever holds an invitation.
type Correspondent struct {
	// Account is zero for those who hold an invitation that was given out here.
	Account kith.AccountID
	// Key is derived from what we have in common with them.
	Key seal.MeetKey
	// Joining says that we hold an invitation of theirs, as others may: we
	// call, and never answer, for we can't tell who calls.
	Joining bool
}

// A Courier is a way that carries small sealed notes, of at most MaxNote bytes,
// between devices that can't reach each other yet. A note may be lost, come
// late, twice or out of order; who carries it can't read it. Methods may be
// called from any goroutine.
type Courier interface {
	Name() string
	// Live reports whether notes arrive at once or not at all. Else only the
	// last one to each is kept, until it is looked for.
	Live() bool
	// Run works until ctx ends. It gives every note that comes, with the key
	// of the Correspondent it is for, to Mail.Note, and tells Mail.Present when
	// somebody seems to wait for us.
	Run(ctx context.Context, mail Mail) error
	// SetCorrespondents replaces those with whom notes are exchanged.
	SetCorrespondents([]Correspondent)
	// Send gives a note to whoever else holds the key. heard tells how many it
	// reached by now; with known false the courier can't tell. An error says
	// why this courier does not work now, as a sentence for people.
	Send(ctx context.Context, to Correspondent, note []byte) (heard int, known bool, err error)
	// Hasten tells that somebody waits for word of a correspondent: a courier
	// that asks from time to time asks more often for a while.
	Hasten(Correspondent)
	NetworkChanged()
	State() State
}

// Mail is told what couriers bring. Its methods return at once.
type Mail interface {
	Note(from Correspondent, by Courier, note []byte)
	Present(who Correspondent, by Courier)
}

// MaxNote bounds a sealed note, in bytes. It fits into an item of the DHT (BEP
// 44 allows 1000 bytes of bencoded value).
const MaxNote = 960
