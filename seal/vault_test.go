package seal

import (
	"encoding/binary"
	"slices"
	"testing"

	"kith"
)

// cheap keeps tests fast; it is nothing to protect a key with.
var cheap = argonCost{time: 1, memory: 64, lanes: 1}

func TestVault(t *testing.T) {
	key := [32]byte(randomSecret())
	wrapped, err := WrapKey("four words in a row", key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := UnwrapKey("four words in a row", wrapped)
	if err != nil || got != key {
		t.Errorf("got %x, %v", got, err)
	}
	_, err = UnwrapKey("four words in a roW", wrapped)
	wantKind(t, err, kith.Invalid)
	if err.Error() != "wrong passphrase" {
		t.Errorf("says %q", err)
	}
	_, err = WrapKey("", key)
	wantKind(t, err, kith.Invalid)
}

func TestDamagedVault(t *testing.T) {
	wrapped := wrapKey("p", [32]byte{1}, cheap, [vaultSalt]byte{2}, [gcmNonce]byte{3})
	if got, err := UnwrapKey("p", wrapped); err != nil || got != [32]byte{1} {
		t.Fatal(got, err)
	}
	for i := vaultHead - vaultSalt; i < len(wrapped); i++ {
		changed := slices.Clone(wrapped)
		changed[i] ^= 1
		_, err := UnwrapKey("p", changed)
		wantKind(t, err, kith.Invalid)
	}
	number := func(at int, n uint32) []byte {
		changed := slices.Clone(wrapped)
		binary.BigEndian.PutUint32(changed[at:], n)
		return changed
	}
	lanes := func(n byte) []byte {
		changed := slices.Clone(wrapped)
		changed[9] = n
		return changed
	}
	newer := slices.Clone(wrapped)
	newer[0] = 2
	for name, bad := range map[string][]byte{
		"empty":             nil,
		"short":             wrapped[:len(wrapped)-1],
		"long":              append(slices.Clone(wrapped), 0),
		"version 0":         append([]byte{0}, wrapped[1:]...),
		"newer":             newer,
		"no passes":         number(1, 0),
		"endless passes":    number(1, vaultMost.time+1),
		"too little memory": number(5, 7),
		"all memory":        number(5, vaultMost.memory+1),
		"no lanes":          lanes(0),
		"many lanes":        lanes(65),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := UnwrapKey("p", bad)
			wantKind(t, err, kith.Damaged)
		})
	}
}

func FuzzUnwrapKey(f *testing.F) {
	f.Add(wrapKey("p", [32]byte{1}, cheap, [vaultSalt]byte{}, [gcmNonce]byte{}))
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, wrapped []byte) {
		if len(wrapped) == vaultSize {
			copy(wrapped[1:], []byte{0, 0, 0, 1, 0, 0, 0, 64, 1}) // dear parameters would only slow it down
		}
		_, err := UnwrapKey("q", wrapped)
		if err == nil {
			t.Fatal("opened by a wrong passphrase")
		}
		if kind := kith.KindOf(err); kind != kith.Invalid && kind != kith.Damaged {
			t.Errorf("%v is of kind %d", err, kind)
		}
	})
}

func BenchmarkWrapKey(b *testing.B) {
	for b.Loop() {
		if _, err := WrapKey("passphrase", [32]byte{}); err != nil {
			b.Fatal(err)
		}
	}
}
