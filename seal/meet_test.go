package seal

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"kith"
)

func TestNotesOpenForWhoHoldsTheKey(t *testing.T) {
	key := PairMeet(kith.Secret{1})
	sealed := key.SealNote([]byte("an offer"))
	if plain, err := key.OpenNote(sealed); err != nil || string(plain) != "an offer" {
		t.Errorf("%q, %v", plain, err)
	}
	bundle := key.SealBundle([]byte("a bundle"))
	if plain, err := key.OpenBundle(bundle); err != nil || string(plain) != "a bundle" {
		t.Errorf("%q, %v", plain, err)
	}
	for name, err := range map[string]error{
		"another pair":        second(PairMeet(kith.Secret{2}).OpenNote(sealed)),
		"an invitation":       second(InvitationMeet(kith.InvitationSecret{1}).OpenNote(sealed)),
		"changed":             second(key.OpenNote(flip(sealed))),
		"cut off":             second(key.OpenNote(sealed[:20])),
		"nothing":             second(key.OpenNote(nil)),
		"a bundle for a note": second(key.OpenNote(bundle)),
		"a note for a bundle": second(key.OpenBundle(sealed)),
	} {
		if kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ []byte, err error) error { return err }

func flip(b []byte) []byte {
	changed := bytes.Clone(b)
	changed[len(changed)-1] ^= 1
	return changed
}

// What others see of a key differs by day, place and secret, and from all else
// that is made of the secret.
func TestWhatOthersSeeOfAMeetKeyIsUnlinkable(t *testing.T) {
	seen := map[string]string{}
	see := func(name string, b []byte) {
		if before, ok := seen[string(b)]; ok {
			t.Errorf("%s is the same as %s", name, before)
		}
		seen[string(b)] = name
	}
	for _, key := range []MeetKey{PairMeet(kith.Secret{1}), PairMeet(kith.Secret{2}), InvitationMeet(kith.InvitationSecret{1})} {
		for day := range uint32(3) {
			for _, place := range []string{"hub.example", "friend", ""} {
				tag := key.Tag(place, day)
				see(place, tag[:])
			}
			for _, writer := range []string{"ann", "ben"} {
				see(writer, key.Item(day, []byte(writer)).Public().(ed25519.PublicKey))
			}
		}
		name := key.Bundle()
		see("bundle", name[:])
	}
	device := NewDeviceKey()
	for _, host := range []string{"a.example", "b.example"} {
		see("device at "+host, HubKey(device, host).Public().(ed25519.PublicKey))
		for _, from := range []kith.AccountID{{1}, {2}} {
			key, token := BoxKey(device, host, from)
			see("box at "+host, key.Public().(ed25519.PublicKey))
			see("token at "+host, token[:])
		}
	}
}

func TestJoinLettersAreSignedForTheirReceiver(t *testing.T) {
	device := NewDeviceKey()
	to := kith.Peer{Account: kith.AccountID{1}, Device: kith.DeviceID{2}}
	signature := SignJoin(device, to, []byte("request"))
	if err := VerifyJoin(DeviceOf(device), to, []byte("request"), signature); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"another device":   VerifyJoin(DeviceOf(NewDeviceKey()), to, []byte("request"), signature),
		"another receiver": VerifyJoin(DeviceOf(device), kith.Peer{Account: to.Account, Device: kith.DeviceID{3}}, []byte("request"), signature),
		"another text":     VerifyJoin(DeviceOf(device), to, []byte("Request"), signature),
		"no signature":     VerifyJoin(DeviceOf(device), to, []byte("request"), nil),
	} {
		if kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%s: %v", name, err)
		}
	}
}
