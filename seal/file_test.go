package seal

import (
	"bytes"
	"testing"

	"kith"
)

func TestFileCipherBeginsAnywhere(t *testing.T) {
	c := NewFileCipher(kith.Secret(count(0x11, 32)))
	plain := bytes.Repeat(count(0, 251), 20)
	whole := make([]byte, len(plain))
	c.XORKeyStreamAt(whole, plain, 0)
	for from := range 70 {
		for _, n := range []int{0, 1, 15, 16, 17, 333} {
			got := make([]byte, n)
			c.XORKeyStreamAt(got, plain[from:from+n], int64(from))
			if !bytes.Equal(got, whole[from:from+n]) {
				t.Fatalf("%d bytes from byte %d differ from the same bytes of the whole", n, from)
			}
		}
	}
	c.XORKeyStreamAt(whole[100:], whole[100:], 100)
	if !bytes.Equal(whole[100:], plain[100:]) {
		t.Fatal("decrypting in place does not undo encrypting")
	}
}

// TestFileCipherCarries puts the counter where its lower half overflows: the
// upper half must take the carry, as a counter of 128 bits does.
func TestFileCipherCarries(t *testing.T) {
	c := NewFileCipher(kith.Secret(count(0x11, 32)))
	c.hi, c.lo = 7, ^uint64(0)
	across := make([]byte, 48)
	c.XORKeyStreamAt(across, across, 0)
	second := make([]byte, 32)
	c.hi, c.lo = 8, 0
	c.XORKeyStreamAt(second, second, 0)
	if !bytes.Equal(across[16:], second) {
		t.Fatal("the counter does not carry")
	}
}

func TestVectorsOfFiles(t *testing.T) {
	type file struct {
		Secret hexBytes `json:"secret"`
		Offset int64    `json:"offset"`
		Plain  hexBytes `json:"plain"`
		Sealed hexBytes `json:"sealed"`
	}
	secret := count(0x30, 32)
	c := NewFileCipher(kith.Secret(secret))
	var files []file
	for _, offset := range []int64{0, 5, 1 << 20, 1<<40 + 15} {
		plain := count(0, 40)
		sealed := make([]byte, len(plain))
		c.XORKeyStreamAt(sealed, plain, offset)
		files = append(files, file{secret, offset, plain, sealed})
	}
	hold(t, "files", "What the bytes plain, which begin at byte offset of a shared file, become under its secret.", files)
}
