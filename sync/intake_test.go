package sync_test

import (
	"testing"
	"time"

	"kith"
	"kith/seal"
	"kith/store"
	"kith/sync"
	"kith/wire"
)

// A letter brings what its sender's account wrote, checked as over a link, and
// nothing else.
func TestDelivery(t *testing.T) {
	ann, bob := kith.Peer{Account: kith.AccountID{1}, Device: kith.DeviceID{1}}, kith.Peer{Account: kith.AccountID{2}, Device: kith.DeviceID{2}}
	conv := kith.DirectConversation(ann.Account, bob.Account)
	write := func(author kith.Peer, seq uint64, named kith.AccountID) wire.SealedEvent {
		ev := kith.Event{ID: kith.NewEventID(conv, named), Seq: seq, Order: seq, Sent: time.UnixMilli(int64(seq)), Body: kith.Text{Text: "hello"}}
		raw, err := wire.AppendEvent(nil, &ev)
		if err != nil {
			t.Fatal(err)
		}
		return wire.SealedEvent{Raw: raw, Proof: make([]byte, 16)}
	}
	run := func(author kith.Peer, first uint64, events ...wire.SealedEvent) wire.Run {
		return wire.Run{Events: wire.Events{Conversation: conv, Author: author, First: first, Events: events}}
	}
	one := write(bob, 1, bob.Account)
	for name, test := range map[string]struct {
		run  wire.Run
		kind kith.ErrorKind // Internal: it is taken
		seq  uint64         // what is here of the sender after it
	}{
		"a word":                        {run(bob, 1, one), kith.Internal, 1},
		"a word that overtook another":  {run(bob, 2, write(bob, 2, bob.Account)), kith.Internal, 0},
		"words of somebody else":        {run(kith.Peer{Account: kith.AccountID{3}, Device: kith.DeviceID{3}}, 1, write(bob, 1, kith.AccountID{3})), kith.BadPeer, 0},
		"our own words":                 {run(ann, 1, write(ann, 1, ann.Account)), kith.BadPeer, 0},
		"under the name of this device": {run(kith.Peer{Account: bob.Account, Device: ann.Device}, 1, one), kith.BadPeer, 0},
		"an ID of somebody else's":      {run(bob, 1, write(bob, 1, ann.Account)), kith.BadPeer, 0},
		"a wrong number":                {run(bob, 2, one), kith.BadPeer, 0},
		"no event":                      {run(bob, 1, wire.SealedEvent{Raw: []byte{1}}), kith.BadPeer, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSide(t, 1, 1, bob.Account)
			d := &sync.Delivery{
				Own: ann, From: bob, SelfKey: s.key, Now: time.Now(),
				Proofs: sync.Proofs{Tag: seal.CheckSelfTag, Event: seal.VerifyEvent, Device: seal.VerifyDevice},
			}
			err := s.store.Update(t.Context(), func(tx *store.Tx) error {
				_, err := d.Apply(tx, test.run)
				return err
			})
			if err == nil != (test.kind == kith.Internal) || err != nil && kith.KindOf(err) != test.kind {
				t.Errorf("%v", err)
			}
			have, err := s.store.Have(t.Context(), conv)
			if err != nil || have[bob.Device].Seq != test.seq {
				t.Errorf("%+v, %v", have, err)
			}
		})
	}
}
