package seal

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kith"
)

func newAccount() kith.AccountID { return AccountOf(NewAccountKey()) }

func TestPairSecretIsTheSameOnBothSides(t *testing.T) {
	a, b, halfA, halfB := newAccount(), newAccount(), NewHalf(), NewHalf()
	pair := PairSecret(a, b, halfA, halfB)
	if PairSecret(b, a, halfB, halfA) != pair {
		t.Error("the order of the sides matters")
	}
	for name, other := range map[string]kith.Secret{
		"halves swapped":  PairSecret(a, b, halfB, halfA),
		"another half":    PairSecret(a, b, halfA, NewHalf()),
		"another account": PairSecret(a, newAccount(), halfA, halfB),
	} {
		if other == pair {
			t.Errorf("%s: the same secret", name)
		}
	}
}

func TestInvitationProof(t *testing.T) {
	secret, binding, joiner := kith.InvitationSecret{1}, bytes.Repeat([]byte{2}, 32), newAccount()
	proof := InvitationProof(secret, binding, joiner)
	if !CheckInvitationProof(proof, secret, binding, joiner) {
		t.Error("refused")
	}
	for name, ok := range map[string]bool{
		"another secret": CheckInvitationProof(proof, kith.InvitationSecret{2}, binding, joiner),
		"another link":   CheckInvitationProof(proof, secret, bytes.Repeat([]byte{3}, 32), joiner),
		"another joiner": CheckInvitationProof(proof, secret, binding, newAccount()),
		"nothing":        CheckInvitationProof([32]byte{}, secret, binding, joiner),
	} {
		if ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

func doorKeys(n int) []DoorKey {
	keys := make([]DoorKey, n)
	for i := range keys {
		keys[i] = PairDoor(randomSecret())
	}
	return keys
}

func TestDoors(t *testing.T) {
	keys := append(doorKeys(50), InvitationDoor(kith.InvitationSecret{1}))
	doors := NewDoors(keys)
	for i, key := range keys {
		username := key.Username()
		if len(username) != UsernameSize {
			t.Fatalf("%d bytes", len(username))
		}
		if got, ok := doors.Find(username); !ok || got != i {
			t.Errorf("door %d: found %d, %v", i, got, ok)
		}
		if bytes.Equal(username, key.Username()) {
			t.Error("two knocks are the same")
		}
		username[UsernameSize-1] ^= 1
		if _, ok := doors.Find(username); ok {
			t.Error("found a changed knock")
		}
	}
	for _, username := range [][]byte{nil, make([]byte, 31), make([]byte, 32), make([]byte, 33), PairDoor(randomSecret()).Username()} {
		if _, ok := doors.Find(username); ok {
			t.Errorf("found %x", username)
		}
	}
	if _, ok := NewDoors(nil).Find(keys[0].Username()); ok {
		t.Error("found one of none")
	}
	if keys[0].Tag == [16]byte(keys[0].Integrity[:16]) {
		t.Error("both keys of a door are the same")
	}
	username := keys[0].Username()
	if n := testing.AllocsPerRun(10, func() { doors.Find(username) }); n > 1 {
		t.Errorf("Find allocates %v times", n)
	}
}

func TestOffers(t *testing.T) {
	pair, secret := randomSecret(), kith.InvitationSecret{1}
	plain := []byte("where I am")
	for name, key := range map[string]OfferKey{"pair": PairOfferKey(pair), "invitation": InvitationOfferKey(secret)} {
		t.Run(name, func(t *testing.T) {
			for _, answer := range []bool{false, true} {
				sealed := SealOffer(key, answer, plain)
				if len(sealed) != len(plain)+28 {
					t.Errorf("%d bytes", len(sealed))
				}
				if got, err := OpenOffer(key, answer, sealed); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("got %q, %v", got, err)
				}
				if bytes.Equal(sealed, SealOffer(key, answer, plain)) {
					t.Error("sealed twice with one nonce")
				}
				_, err := OpenOffer(key, !answer, sealed)
				wantKind(t, err, kith.Invalid)
				_, err = OpenOffer(PairOfferKey(randomSecret()), answer, sealed)
				wantKind(t, err, kith.Invalid)
				for i := range sealed {
					sealed[i] ^= 1
					_, err = OpenOffer(key, answer, sealed)
					wantKind(t, err, kith.Invalid)
					sealed[i] ^= 1
				}
			}
			_, err := OpenOffer(key, false, make([]byte, 27))
			wantKind(t, err, kith.Invalid)
			_, err = OpenOffer(key, false, nil)
			wantKind(t, err, kith.Invalid)
		})
	}
	if PairOfferKey(pair).Tag == PairOfferKey(randomSecret()).Tag {
		t.Error("two pairs have one tag")
	}
}

func FuzzOpenOffer(f *testing.F) {
	key := PairOfferKey(kith.Secret{1})
	f.Add(SealOffer(key, false, []byte("plain")), false)
	f.Fuzz(func(t *testing.T, sealed []byte, answer bool) {
		if _, err := OpenOffer(key, answer, sealed); err != nil {
			wantKind(t, err, kith.Invalid)
		}
	})
}

func TestKeysDoNotShowInLogs(t *testing.T) {
	door, offer := PairDoor(kith.Secret{1}), PairOfferKey(kith.Secret{1})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb+verb, door, offer); got != "secretsecret" {
			t.Errorf("%s shows %s", verb, got)
		}
	}
}

func TestSelfTag(t *testing.T) {
	key, conv, device, raw := NewSelfKey(), kith.ConversationID{1}, kith.DeviceID{2}, []byte("raw")
	tag := SelfTag(key, conv, device, raw)
	if len(tag) != SelfTagSize || !CheckSelfTag(key, conv, device, raw, tag) {
		t.Error("refused")
	}
	for name, ok := range map[string]bool{
		"another key":          CheckSelfTag(NewSelfKey(), conv, device, raw, tag),
		"another conversation": CheckSelfTag(key, kith.ConversationID{9}, device, raw, tag),
		"another device":       CheckSelfTag(key, conv, kith.DeviceID{9}, raw, tag),
		"other words":          CheckSelfTag(key, conv, device, []byte("rAw"), tag),
		"no tag":               CheckSelfTag(key, conv, device, raw, nil),
		"half a tag":           CheckSelfTag(key, conv, device, raw, tag[:8]),
	} {
		if ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSafetyNumber(t *testing.T) {
	a, b := newAccount(), newAccount()
	number := SafetyNumber(a, b)
	if SafetyNumber(b, a) != number {
		t.Error("the two sides see different numbers")
	}
	groups := strings.Split(number, " ")
	if len(groups) != 12 {
		t.Fatalf("%d groups", len(groups))
	}
	for _, g := range groups {
		if len(g) != 5 || strings.Trim(g, "0123456789") != "" {
			t.Errorf("group %q", g)
		}
	}
	if SafetyNumber(a, newAccount()) == number {
		t.Error("another account has the same number")
	}
}

func TestDayTag(t *testing.T) {
	key := randomSecret()
	if again := DayTag(key, 20000); again != DayTag(key, 20000) {
		t.Error("a day has two tags")
	}
	if DayTag(key, 20000) == DayTag(key, 20001) || DayTag(key, 20000) == DayTag(randomSecret(), 20000) {
		t.Error("a tag comes twice")
	}
}

func benchmarkFind(b *testing.B, n int) {
	doors := NewDoors(doorKeys(n))
	username := PairDoor(randomSecret()).Username()
	b.ReportAllocs()
	for b.Loop() {
		doors.Find(username)
	}
}

func BenchmarkFind1000(b *testing.B)  { benchmarkFind(b, 1000) }
func BenchmarkFind10000(b *testing.B) { benchmarkFind(b, 10000) }

func BenchmarkSafetyNumber(b *testing.B) {
	x, y := newAccount(), newAccount()
	for b.Loop() {
		SafetyNumber(x, y)
	}
}
