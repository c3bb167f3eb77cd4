package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"slices"

	"kith"
)

// An OfferKey seals the lines that two people paste to each other to connect.
// Tag stands in the clear before what is sealed: by it the receiver finds the
// key, and somebody who sees two lines of a pair can tell that they belong
// together, as they can from the mail or chat that carried them.
type OfferKey struct {
	Tag [8]byte
	key [32]byte
}

// String hides the key.
func (OfferKey) String() string { return "secret" }

// GoString hides the key.
func (OfferKey) GoString() string { return "secret" }

// gcmNonce is the size of the nonce of AES-GCM. It is random: a pair pastes far
// fewer than the 2^32 lines that would be too many (NIST SP 800-38D).
const gcmNonce = 12

// PairOfferKey is the key of two contacts.
func PairOfferKey(pair kith.Secret) OfferKey { return offerKey(pair[:]) }

// InvitationOfferKey is the key of whoever holds an invitation.
func InvitationOfferKey(secret kith.InvitationSecret) OfferKey { return offerKey(secret[:]) }

func offerKey(secret []byte) OfferKey {
	return OfferKey{
		Tag: [8]byte(derive(secret, 8, labelOfferTag)),
		key: [32]byte(derive(secret, 32, labelOfferKey)),
	}
}

// SealOffer gives nonce ‖ AES-256-GCM(plain), bound to whether it is an offer or
// an answer: 28 bytes more than plain.
func SealOffer(key OfferKey, answer bool, plain []byte) []byte {
	var nonce [gcmNonce]byte
	rand.Read(nonce[:])
	return sealOffer(key, answer, plain, nonce)
}

func sealOffer(key OfferKey, answer bool, plain []byte, nonce [gcmNonce]byte) []byte {
	return newGCM(key.key[:]).Seal(slices.Clone(nonce[:]), nonce[:], plain, offerLabel(answer))
}

// OpenOffer undoes SealOffer. An error is of kind kith.Invalid: the line was
// made for somebody else.
func OpenOffer(key OfferKey, answer bool, sealed []byte) ([]byte, error) {
	if len(sealed) >= gcmNonce {
		plain, err := newGCM(key.key[:]).Open(nil, sealed[:gcmNonce], sealed[gcmNonce:], offerLabel(answer))
		if err == nil {
			return plain, nil
		}
	}
	return nil, kith.Errorf(kith.Invalid, "this line was not made for a connection between you and this contact: check whom you got it from")
}

func offerLabel(answer bool) []byte {
	if answer {
		return []byte(labelAnswer)
	}
	return []byte(labelOffer)
}

func newGCM(key []byte) cipher.AEAD {
	gcm, err := cipher.NewGCM(newAES(key))
	if err != nil {
		panic(err) // AES has the block size of GCM
	}
	return gcm
}
