package outbox_test

import (
	"context"
	"testing"

	"kith"
	"kith/outbox"
)

var (
	own     = kith.Peer{Account: kith.AccountID{1}, Device: kith.DeviceID{11}}
	former  = kith.DeviceID{12} // of the same account
	contact = kith.Contact{Account: kith.AccountID{2}}
	phone   = kith.Peer{Account: contact.Account, Device: kith.DeviceID{21}}
	laptop  = kith.Peer{Account: contact.Account, Device: kith.DeviceID{22}}
	other   = kith.Peer{Account: kith.AccountID{3}, Device: kith.DeviceID{31}}
)

// A record in memory.
type record struct {
	have  kith.Vector
	marks map[kith.Peer]kith.Vector
}

func (r record) Have(context.Context, kith.ConversationID) (kith.Vector, error) { return r.have, nil }

func (r record) Marks(context.Context, kith.ConversationID) (map[kith.Peer]kith.Vector, error) {
	return r.marks, nil
}

func (r record) Devices(context.Context, kith.ConversationID) (map[kith.DeviceID]kith.AccountID, error) {
	return map[kith.DeviceID]kith.AccountID{
		own.Device: own.Account, former: own.Account, phone.Device: phone.Account, laptop.Device: laptop.Account,
	}, nil
}

func TestOwed(t *testing.T) {
	upTo := func(device kith.DeviceID, seq uint64) kith.Vector { return kith.Vector{device: {Seq: seq}} }
	tests := []struct {
		name string
		record
		want int
	}{
		{"nothing written", record{}, 0},
		{"nobody has anything", record{have: upTo(own.Device, 7)}, 7},
		{"one device has some", record{upTo(own.Device, 7), map[kith.Peer]kith.Vector{phone: upTo(own.Device, 4)}}, 3},
		{"the best device counts", record{upTo(own.Device, 7), map[kith.Peer]kith.Vector{phone: upTo(own.Device, 4), laptop: upTo(own.Device, 7)}}, 0},
		{"somebody else's device does not", record{upTo(own.Device, 7), map[kith.Peer]kith.Vector{other: upTo(own.Device, 7)}}, 7},
		{"their own events are not owed", record{have: upTo(phone.Device, 5)}, 0},
		{"a former device's are", record{kith.Vector{own.Device: {Seq: 2}, former: {Seq: 3}}, nil}, 5},
		{"a mark beyond what we have", record{upTo(own.Device, 7), map[kith.Peer]kith.Vector{phone: upTo(own.Device, 9)}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := outbox.New(tt.record, own.Account).Owed(t.Context(), &contact)
			if err != nil || got != tt.want {
				t.Errorf("owed %d, %v; want %d", got, err, tt.want)
			}
		})
	}
}
