// Package outbox knows what is owed: which of this account's events no device
// of a contact is known to have.
//
// A debt is nothing that is written down when a message is. It is the
// difference between two vectors: what this node has, and what a device last
// said that it has. So it survives every crash, a device that was rolled back
// owes itself nothing and is owed again what it lost, and a debt is paid by
// the very word that proves the delivery.
//
// While a link is up package sync pays all debts to the device at its other
// end. Whom to seek a link to for the sake of a debt, and what to show as
// waiting, is told here.
//
// For a device that is away a letter is left with a hub. That does not pay the
// debt, it only need not be left again while it lies there: what a hub loses is
// owed as before. What to leave, when, and where, is told here too.
package outbox

import (
	"context"
	"fmt"

	"kith"
)

// Record is what the outbox reads of the store.
type Record interface {
	Have(ctx context.Context, conv kith.ConversationID) (kith.Vector, error)
	Devices(ctx context.Context, conv kith.ConversationID) (map[kith.DeviceID]kith.AccountID, error)
	Marks(ctx context.Context, conv kith.ConversationID) (map[kith.Peer]kith.Vector, error)
}

// An Outbox tells the debts of one account.
type Outbox struct {
	record Record
	own    kith.AccountID
}

// New makes the outbox of an account.
func New(record Record, own kith.AccountID) *Outbox {
	return &Outbox{record: record, own: own}
}

// Owed counts the events of this account in the conversation with a contact
// that none of the contact's devices has.
func (o *Outbox) Owed(ctx context.Context, contact *kith.Contact) (int, error) {
	conv := kith.DirectConversation(o.own, contact.Account)
	have, err := o.record.Have(ctx, conv)
	if err != nil {
		return 0, fmt.Errorf("counting what waits for a contact: %w", err)
	}
	devices, err := o.record.Devices(ctx, conv)
	if err != nil {
		return 0, fmt.Errorf("counting what waits for a contact: %w", err)
	}
	marks, err := o.record.Marks(ctx, conv)
	if err != nil {
		return 0, fmt.Errorf("counting what waits for a contact: %w", err)
	}
	owed := 0
	for author, mark := range have {
		if devices[author] == o.own {
			owed += int(mark.Seq - min(mark.Seq, best(marks, contact.Account, author)))
		}
	}
	return owed, nil
}

// best is the highest number of an author's that any device of an account has.
func best(marks map[kith.Peer]kith.Vector, account kith.AccountID, author kith.DeviceID) (seq uint64) {
	for peer, vector := range marks {
		if peer.Account == account {
			seq = max(seq, vector[author].Seq)
		}
	}
	return seq
}
