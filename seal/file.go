package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/bits"

	"kith"
)

// labelFile derives a file's AES key and first counter block.
const labelFile = "kith v1 file"

// A FileCipher encrypts and decrypts the bytes of one version of a shared file
// or folder, beginning at any of them: AES-256 in counter mode (NIST SP
// 800-38A), where byte n is under block n/16:
//
//	key:32 ‖ iv:16 = HKDF-SHA-256(secret, no salt, "kith v1 file" ‖ 0x00, 48)
//	block i        = AES-256(key, iv + i modulo 2^128)
//
// The secret is random for every version, so no two contents meet under the
// same key stream. There is no tag: whoever knows the secret also knows a
// digest of the whole (kith.FileRef.Sum).
//
// It may be used by many goroutines at once.
type FileCipher struct {
	block  cipher.Block
	hi, lo uint64 // iv, as one number
}

// NewFileKey gives the secret of a new version.
func NewFileKey() kith.Secret { return randomSecret() }

// NewFileCipher makes the cipher of a version from its secret.
func NewFileCipher(secret kith.Secret) *FileCipher {
	derived := derive(secret[:], 48, labelFile)
	block, err := aes.NewCipher(derived[:32])
	if err != nil {
		panic(err) // 32 bytes is a size of AES
	}
	return &FileCipher{
		block: block,
		hi:    binary.BigEndian.Uint64(derived[32:]),
		lo:    binary.BigEndian.Uint64(derived[40:]),
	}
}

// XORKeyStreamAt encrypts src, whose first byte is byte number offset, to dst,
// or decrypts it, which is the same. dst must be as long as src at least, and
// may be src but not overlap it otherwise. offset is not negative.
func (c *FileCipher) XORKeyStreamAt(dst, src []byte, offset int64) {
	if offset < 0 {
		panic("seal: negative offset")
	}
	lo, carry := bits.Add64(c.lo, uint64(offset)/aes.BlockSize, 0)
	var counter [aes.BlockSize]byte
	binary.BigEndian.PutUint64(counter[:], c.hi+carry)
	binary.BigEndian.PutUint64(counter[8:], lo)
	stream := cipher.NewCTR(c.block, counter[:])
	if skip := offset % aes.BlockSize; skip > 0 {
		var waste [aes.BlockSize]byte
		stream.XORKeyStream(waste[:skip], waste[:skip])
	}
	stream.XORKeyStream(dst, src)
}
