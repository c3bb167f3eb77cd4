package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"

	"kith"
)

// NewHalf draws one account's contribution to a pair secret.
func NewHalf() kith.Secret { return randomSecret() }

// PairSecret is what two contacts share, made of a contribution of each. Both
// compute the same, whichever of them is a. Since the halves cross an
// authenticated post-quantum link, nobody else knows it.
func PairSecret(a, b kith.AccountID, halfA, halfB kith.Secret) kith.Secret {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b, halfA, halfB = b, a, halfB, halfA
	}
	return kith.Secret(derive(bytes.Join([][]byte{halfA[:], halfB[:]}, nil), 32, labelPair, a[:], b[:]))
}

// InvitationProof shows knowledge of an invitation's secret to whoever gave it
// out, over the link with this binding and as this account only.
func InvitationProof(secret kith.InvitationSecret, binding []byte, joiner kith.AccountID) [32]byte {
	mac := hmac.New(sha256.New, derive(secret[:], 32, labelJoin))
	mac.Write(binding)
	mac.Write(joiner[:])
	return [32]byte(mac.Sum(nil))
}

// CheckInvitationProof compares in constant time.
func CheckInvitationProof(proof [32]byte, secret kith.InvitationSecret, binding []byte, joiner kith.AccountID) bool {
	want := InvitationProof(secret, binding, joiner)
	return hmac.Equal(proof[:], want[:])
}
