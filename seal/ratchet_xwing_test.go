package seal

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/sha256"
	"crypto/sha3"
	"testing"

	"kith"
)

// xwing decapsulates as draft-connolly-cfrg-xwing-kem-09 writes it, by the parts:
// a second reading of what crypto/hpke does.
func xwing(t *testing.T, seed kith.Secret, enc []byte) []byte {
	t.Helper()
	expanded := make([]byte, 96)
	shake := sha3.NewSHAKE256()
	shake.Write(seed[:])
	shake.Read(expanded)
	pq := must(mlkem.NewDecapsulationKey768(expanded[:64]))
	classic := must(ecdh.X25519().NewPrivateKey(expanded[64:]))
	pqSecret := must(pq.Decapsulate(enc[:mlkem.CiphertextSize768]))
	ephemeral := must(ecdh.X25519().NewPublicKey(enc[mlkem.CiphertextSize768:]))
	h := sha3.New256()
	h.Write(pqSecret)
	h.Write(must(classic.ECDH(ephemeral)))
	h.Write(ephemeral.Bytes())
	h.Write(classic.PublicKey().Bytes())
	h.Write([]byte(`\.//^\`))
	return h.Sum(nil)
}

func hmacSHA256(key, data []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return mac.Sum(nil)
}
