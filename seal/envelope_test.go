package seal

import (
	"bytes"
	"testing"

	"kith"
)

func TestBuckets(t *testing.T) {
	for _, c := range []struct{ size, want int }{
		{1, 256}, {256, 256}, {257, 512}, {2048, 2048}, {2049, 2304}, {4096, 4096}, {4097, 4608}, {8192, 8192}, {8193, 9216}, {1 << 20, 1 << 20}, {1<<20 + 1, 1<<20 + 1<<17},
	} {
		if got := bucket(c.size); got != c.want {
			t.Errorf("%d bytes are padded to %d, want %d", c.size, got, c.want)
		}
	}
	for n := range 20000 {
		got := bucket(n + 1)
		if got < n+1 || bucket(got) != got || n > 4096 && got-n-1 > n/8+1 {
			t.Fatalf("%d bytes are padded to %d", n+1, got)
		}
	}
}

func TestPadding(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 2047, 2048, 5000, MaxEnvelopeText} {
		for _, last := range []byte{0, 1, paddingMarker} {
			text := bytes.Repeat([]byte{last}, n)
			got, err := unpad(pad(text))
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("%d bytes of %d came back as %d, %v", n, last, len(got), err)
			}
		}
	}
	larger := append(pad([]byte("x")), make([]byte, 256)...)
	for _, padded := range [][]byte{nil, make([]byte, 256), bytes.Repeat([]byte{1}, 256), larger} {
		if _, err := unpad(padded); kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%d bytes that nobody padded gave %v", len(padded), err)
		}
	}
}

// What the sizes in docs/protocol.md say.
func TestEnvelopeSizes(t *testing.T) {
	text := string(bytes.Repeat([]byte("x"), 200))
	bundle, _ := NewPrekey(benDeviceKey, ben, 1)
	r := must(beginRatchet(annaPeer, pairSecret, must(OpenPrekey(bundle, benPeer)), 1, fresh))
	_, opening, err := r.Seal([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	_, b := begin(t)
	turn, small := b.seal(text), b.seal(text)
	if len(bundle) != 1321 || len(opening) != 2741 || len(turn) != 2649 || len(small) != 313 || resetSize != 1354 {
		t.Errorf("prekey %d, opening %d, turn %d, message %d, reset %d bytes", len(bundle), len(opening), len(turn), len(small), resetSize)
	}
	_, largest, err := r.Seal(make([]byte, MaxEnvelopeText))
	if err != nil || len(largest) > MaxEnvelope {
		t.Errorf("the largest envelope has %d bytes, %v, more than %d", len(largest), err, MaxEnvelope)
	}
}

func BenchmarkEnvelopes(b *testing.B) {
	text := bytes.Repeat([]byte("x"), 200)
	bundle, seed := NewPrekey(benDeviceKey, ben, 1)
	first := must(beginRatchet(annaPeer, pairSecret, must(OpenPrekey(bundle, benPeer)), 1, fresh))
	r, opening, err := first.Seal(text)
	if err != nil {
		b.Fatal(err)
	}
	other, _, err := must(ReadOpening(benPeer, seed, opening)).ratchet(pairSecret)
	if err != nil {
		b.Fatal(err)
	}
	turned, turn, err := other.Seal(text)
	if err != nil {
		b.Fatal(err)
	}
	_, small, err := turned.Seal(text)
	if err != nil {
		b.Fatal(err)
	}
	after, _, err := r.Open(turn)
	if err != nil {
		b.Fatal(err)
	}
	run := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("seal", func() error { _, _, err := turned.Seal(text); return err })
	run("open", func() error { _, _, err := after.Open(small); return err })
	run("seal a turn", func() error { _, _, err := other.Seal(text); return err })
	run("open a turn", func() error { _, _, err := r.Open(turn); return err })
	run("begin", func() error {
		_, err := beginRatchet(annaPeer, pairSecret, must(OpenPrekey(bundle, benPeer)), 1, fresh)
		return err
	})
	run("accept", func() error {
		_, _, err := must(ReadOpening(benPeer, seed, opening)).ratchet(pairSecret)
		return err
	})
	run("store and load", func() error { return new(Ratchet).UnmarshalBinary(stateOf(after)) })
}
