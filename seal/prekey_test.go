package seal

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"kith"
)

func TestPrekeys(t *testing.T) {
	bundle, seed := NewPrekey(benDeviceKey, ben, 1<<40)
	prekey, err := OpenPrekey(bundle, benPeer)
	if err != nil || prekey.ID != 1<<40 || prekey.Owner != benPeer || !slices.Equal(prekey.public, kemPublicOf(seed)) {
		t.Fatalf("a prekey came back as %d of %v, %v", prekey.ID, prekey.Owner, err)
	}
	for _, peer := range []kith.Peer{annaPeer, {Account: anna, Device: benDevice}, {Account: ben, Device: annaDevice}, {}} {
		if _, err := OpenPrekey(bundle, peer); kith.KindOf(err) != kith.BadPeer {
			t.Errorf("a prekey passed as one of %v: %v", peer, err)
		}
	}
	for at := range bundle {
		forged := slices.Clone(bundle)
		forged[at] ^= 1
		if _, err := OpenPrekey(forged, benPeer); kith.KindOf(err) != kith.BadPeer {
			t.Fatalf("a prekey with another byte %d gave %v", at, err)
		}
	}
	for _, n := range []int{0, 1, PrekeySize - 1} {
		if _, err := OpenPrekey(bundle[:n], benPeer); kith.KindOf(err) != kith.BadPeer {
			t.Errorf("a prekey of %d bytes gave %v", n, err)
		}
	}
	// Signed, but no key of ML-KEM: its coefficients are too large.
	signed := slices.Concat(bundle[:41], slices.Repeat([]byte{0xff}, kemPublic))
	signed = append(signed, ed25519.Sign(benDeviceKey, message(labelPrekey, ben[:], signed))...)
	if _, err := OpenPrekey(signed, benPeer); kith.KindOf(err) != kith.BadPeer {
		t.Errorf("a prekey that is no key gave %v", err)
	}
}

// The two halves find the same secret, and nobody else does.
func TestEncapsulation(t *testing.T) {
	seed, other := randomSecret(), randomSecret()
	enc, secret, err := encapsulate(kemPublicOf(seed))
	if err != nil || len(enc) != kemEncapsulation || len(secret) != kemSecret {
		t.Fatalf("%d and %d bytes, %v", len(enc), len(secret), err)
	}
	if got := must(decapsulate(seed, enc)); !slices.Equal(got, secret) {
		t.Error("the owner finds another secret")
	}
	if got, err := decapsulate(other, enc); err == nil && slices.Equal(got, secret) {
		t.Error("somebody else finds the secret")
	}
}
