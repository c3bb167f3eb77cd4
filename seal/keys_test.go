package seal

import (
	"crypto/ed25519"
	"testing"

	"kith"
	"kith/wire"
)

func wantKind(t *testing.T, err error, kind kith.ErrorKind) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := kith.KindOf(err); got != kind {
		t.Fatalf("error %q is of kind %d, want %d", err, got, kind)
	}
}

func TestDeviceCertification(t *testing.T) {
	account, device := NewAccountKey(), NewDeviceKey()
	cert := CertifyDevice(account, DeviceOf(device))
	if err := VerifyDevice(AccountOf(account), DeviceOf(device), cert); err != nil {
		t.Fatal(err)
	}
	changed := append([]byte{}, cert...)
	changed[0] ^= 1
	device2, account2 := DeviceOf(NewDeviceKey()), AccountOf(NewAccountKey())
	bare := DeviceOf(device)
	for name, err := range map[string]error{
		"other device":     VerifyDevice(AccountOf(account), device2, cert),
		"other account":    VerifyDevice(account2, DeviceOf(device), cert),
		"changed":          VerifyDevice(AccountOf(account), DeviceOf(device), changed),
		"none":             VerifyDevice(AccountOf(account), DeviceOf(device), nil),
		"no account":       VerifyDevice(kith.AccountID{}, DeviceOf(device), cert),
		"of another label": VerifyDevice(AccountOf(account), DeviceOf(device), ed25519.Sign(account, message(labelCard, bare[:]))),
		"without a label":  VerifyDevice(AccountOf(account), DeviceOf(device), ed25519.Sign(account, bare[:])),
	} {
		if kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignedCard(t *testing.T) {
	account := NewAccountKey()
	card := kith.Card{Account: AccountOf(account), Version: 2, Name: "Zoë", Devices: []kith.DeviceID{DeviceOf(NewDeviceKey())}}
	signed, err := SignCard(account, card)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenCard(signed)
	if err != nil || got.Name != card.Name || got.Devices[0] != card.Devices[0] {
		t.Fatalf("got %+v, %v", got, err)
	}
	for i := range signed {
		changed := append([]byte{}, signed...)
		changed[i] ^= 1
		if _, err := OpenCard(changed); err == nil {
			t.Fatalf("byte %d may be changed", i)
		}
	}
	if _, err := SignCard(NewAccountKey(), card); err == nil {
		t.Error("signed a card of somebody else")
	}
	_, err = SignCard(account, kith.Card{Account: AccountOf(account), Name: "\xff"})
	wantKind(t, err, kith.Invalid)

	// Signed by a key that is not the account's.
	content, err := wire.AppendCard(nil, card)
	if err != nil {
		t.Fatal(err)
	}
	_, err = OpenCard(wire.AppendSignedCard(nil, content, ed25519.Sign(NewAccountKey(), message(labelCard, content))))
	wantKind(t, err, kith.BadPeer)
}

func FuzzOpenCard(f *testing.F) {
	account := NewAccountKey()
	signed, err := SignCard(account, kith.Card{Account: AccountOf(account)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := OpenCard(b); err != nil {
			wantKind(t, err, kith.BadPeer)
		}
	})
}
