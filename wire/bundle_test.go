package wire

import (
	"reflect"
	"testing"

	"kith"
)

func sampleBundle() Bundle {
	return Bundle{Card: pattern(1, 200), Prekey: pattern(2, 1321), Drops: []Drop{{Hub: "https://hub.example.org", Box: [32]byte(pattern(3, 32)), Token: [32]byte(pattern(4, 32))}}}
}

func TestBundleRoundTrip(t *testing.T) {
	b, err := AppendBundle([]byte("x"), sampleBundle())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseBundle(b[1:]); err != nil || !reflect.DeepEqual(got, sampleBundle()) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestBundlesThatNobodyPublishes(t *testing.T) {
	for name, change := range map[string]func(*Bundle){
		"no card":       func(b *Bundle) { b.Card = nil },
		"a long card":   func(b *Bundle) { b.Card = make([]byte, MaxSignedCard+1) },
		"no key":        func(b *Bundle) { b.Prekey = nil },
		"a long key":    func(b *Bundle) { b.Prekey = make([]byte, MaxPrekey+1) },
		"no box":        func(b *Bundle) { b.Drops = nil },
		"many boxes":    func(b *Bundle) { b.Drops = make([]Drop, MaxDrops+1) },
		"a strange hub": func(b *Bundle) { b.Drops = []Drop{{Hub: "gopher://hub", Box: [32]byte{1}}} },
	} {
		bundle := sampleBundle()
		change(&bundle)
		if _, err := AppendBundle(nil, bundle); kith.KindOf(err) != kith.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, data := range [][]byte{nil, {0x80}, make([]byte, MaxBundle+1)} {
		if _, err := ParseBundle(data); kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%d bytes: %v", len(data), err)
		}
	}
}

func TestJoinsAreAFrameAndASignature(t *testing.T) {
	frame, err := AppendFrame(nil, Typing{Conversation: conversation, Active: true})
	if err != nil {
		t.Fatal(err)
	}
	join := AppendJoin(nil, pattern(5, signatureSize), frame)
	got, signed, signature, err := ParseJoin(join)
	if err != nil || !reflect.DeepEqual(got, Typing{Conversation: conversation, Active: true}) || string(signed) != string(frame) || string(signature) != string(pattern(5, signatureSize)) {
		t.Errorf("%v, %v", got, err)
	}
	for _, data := range [][]byte{nil, join[:signatureSize], join[:len(join)-1]} {
		if _, _, _, err := ParseJoin(data); kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%d bytes: %v", len(data), err)
		}
	}
}

func FuzzParseBundle(f *testing.F) {
	b, err := AppendBundle(nil, sampleBundle())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		bundle, err := ParseBundle(data)
		if err != nil {
			return
		}
		once, err := AppendBundle(nil, bundle)
		if err != nil {
			t.Fatalf("%+v was read and can't be written: %v", bundle, err)
		}
		if again, err := ParseBundle(once); err != nil || !reflect.DeepEqual(again, bundle) {
			t.Fatalf("%+v became %+v: %v", bundle, again, err)
		}
	})
}
