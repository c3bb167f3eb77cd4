package store_test

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"kith"
	"kith/store"
)

func TestPeople(t *testing.T) {
	s := fresh(t, alice)
	full := kith.Contact{
		Account: bob.Account, Relation: kith.Accepted,
		Card:   kith.Card{Account: bob.Account, Version: 3, Name: "Bob", Devices: []kith.DeviceID{bob.Device, device(bob, "phone").Device}},
		Signed: []byte("card"), Petname: "Bobby", Verified: start, Warning: "careful",
		Pair: kith.Secret{1}, Half: kith.Secret{2}, Invitation: kith.InvitationSecret{3},
		Addresses: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:7000"), netip.MustParseAddrPort("[fe80::1%eth0]:7000")},
		Added:     start, LastSeen: start.Add(time.Hour),
	}
	bare := kith.Contact{Account: carol.Account, Card: kith.Card{Account: carol.Account}, Relation: kith.Asking, Added: start.Add(time.Minute)}
	invitations := []kith.Invitation{
		{Secret: kith.InvitationSecret{9}, Created: start.Add(time.Minute), Expires: start.Add(time.Hour), Reusable: true, Revoked: true},
		{Secret: kith.InvitationSecret{8}, Created: start, Expires: start.Add(time.Hour), UsedBy: bob.Account},
	}
	blocks := []kith.Block{{Account: bob.Account, From: start.Add(time.Minute), Until: start.Add(time.Hour)}, {Account: bob.Account, From: start, Lifted: start.Add(time.Second)}}
	refused := errors.New("no")
	for _, failing := range []error{refused, nil} {
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			return errors.Join(
				tx.PutContact(full), tx.PutContact(bare),
				tx.PutInvitation(invitations[1]), tx.PutInvitation(invitations[0]),
				tx.PutBlock(blocks[1]), tx.PutBlock(blocks[0]),
				tx.PutSetting("name", []byte("value")), tx.PutSetting("empty", []byte{}),
				tx.EnsureDirect(chat, bob.Account), failing)
		})
		if !errors.Is(err, failing) {
			t.Fatal(err)
		}
		contacts := must[[]kith.Contact](t)(s.Contacts(t.Context()))
		if failing != nil {
			if len(contacts) != 0 {
				t.Fatal("half of an update was stored")
			}
			continue
		}
		if !reflect.DeepEqual(contacts, []kith.Contact{bare, full}) {
			t.Errorf("%+v", contacts)
		}
	}
	if got := must[[]kith.Invitation](t)(s.Invitations(t.Context())); !reflect.DeepEqual(got, invitations) {
		t.Errorf("%+v", got)
	}
	if got := must[[]kith.Block](t)(s.Blocks(t.Context())); !reflect.DeepEqual(got, blocks) {
		t.Errorf("%+v", got)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.DeleteContact(bob.Account), tx.PutSetting("name", nil))
	}); err != nil {
		t.Fatal(err)
	}
	if got := must[[]kith.Contact](t)(s.Contacts(t.Context())); len(got) != 1 || got[0].Account != carol.Account {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string][]byte{"name": nil, "empty": {}, "never": nil} {
		if got := must[[]byte](t)(s.Setting(t.Context(), name)); (got == nil) != (want == nil) || len(got) != len(want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
