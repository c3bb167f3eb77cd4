package seal

import (
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"slices"

	"kith"
)

// The labels of what carriers of offers see.
const (
	labelMeet     = "kith v1 meet"
	labelMeetNote = "kith v1 meet note"
	labelMeetTag  = "kith v1 meet tag"
	labelMeetItem = "kith v1 meet item"
	labelHub      = "kith v1 hub key"
	labelBoxKey   = "kith v1 box key"
	labelBoxToken = "kith v1 box token"

	labelBundleName        = "kith v1 bundle name"
	labelBundle            = "kith v1 bundle"
	labelInvitationSession = "kith v1 invitation session"
	labelJoinLetter        = "kith v1 join letter"
)

// A MeetKey is by what two who share a secret find each other with the help of
// others, who learn nothing: a tag of the day, an item of the DHT, and sealed
// notes.
type MeetKey struct{ secret [32]byte }

// PairMeet is the key of two contacts, or of two fellow members.
func PairMeet(pair kith.Secret) MeetKey {
	return MeetKey{[32]byte(derive(pair[:], 32, labelMeet))}
}

// InvitationMeet is the key of whoever holds an invitation.
func InvitationMeet(secret kith.InvitationSecret) MeetKey {
	return MeetKey{[32]byte(derive(secret[:], 32, labelMeet))}
}

// String hides the key.
func (MeetKey) String() string { return "secret" }

// GoString hides the key.
func (MeetKey) GoString() string { return "secret" }

// IsZero reports whether there is no key.
func (k MeetKey) IsZero() bool { return k == MeetKey{} }

// Tag is the opaque name of a day, counted from 1970 in UTC, under which the
// holders of the key listen at a place. Tags of different places and days have
// nothing in common for others.
func (k MeetKey) Tag(place string, day uint32) [16]byte {
	return [16]byte(derive(k.secret[:], 16, labelMeetTag, binary.BigEndian.AppendUint32(nil, day), []byte(place)))
}

// Item is the key of a day with which an account's side signs its item of the
// DHT (BEP 44). Both sides can compute both keys.
func (k MeetKey) Item(day uint32, writer []byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(derive(k.secret[:], 32, labelMeetItem, binary.BigEndian.AppendUint32(nil, day), writer))
}

// SealNote gives nonce ‖ AES-256-GCM(plain), 28 bytes more than plain.
func (k MeetKey) SealNote(plain []byte) []byte {
	var nonce [gcmNonce]byte
	rand.Read(nonce[:])
	return k.cipher().Seal(slices.Clone(nonce[:]), nonce[:], plain, []byte(labelMeetNote))
}

// OpenNote undoes SealNote. An error is of kind kith.BadPeer.
func (k MeetKey) OpenNote(sealed []byte) ([]byte, error) {
	if len(sealed) >= gcmNonce {
		plain, err := k.cipher().Open(nil, sealed[:gcmNonce], sealed[gcmNonce:], []byte(labelMeetNote))
		if err == nil {
			return plain, nil
		}
	}
	return nil, kith.Errorf(kith.BadPeer, "a note came that none of those wrote who could have")
}

func (k MeetKey) cipher() cipher.AEAD { return newGCM(derive(k.secret[:], 32, labelMeetNote)) }

// HubKey is what a device is called on one hub, named by its host. Keys of
// different hubs have nothing in common for others.
func HubKey(device ed25519.PrivateKey, host string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(derive(device.Seed(), 32, labelHub, []byte(host)))
}

// BoxKey is the key of the box in which, at one hub, one account leaves
// envelopes for this device; token is what lets it.
func BoxKey(device ed25519.PrivateKey, host string, from kith.AccountID) (key ed25519.PrivateKey, token [32]byte) {
	key = ed25519.NewKeyFromSeed(derive(device.Seed(), 32, labelBoxKey, from[:], []byte(host)))
	return key, [32]byte(derive(device.Seed(), 32, labelBoxToken, from[:], []byte(host)))
}

// Bundle is the opaque name under which the giver of an invitation publishes at
// hubs what it takes to write to them while they are away.
func (k MeetKey) Bundle() [32]byte { return [32]byte(derive(k.secret[:], 32, labelBundleName)) }

// SealBundle seals what is published under that name.
func (k MeetKey) SealBundle(plain []byte) []byte {
	var nonce [gcmNonce]byte
	rand.Read(nonce[:])
	return newGCM(derive(k.secret[:], 32, labelBundle)).Seal(slices.Clone(nonce[:]), nonce[:], plain, []byte(labelBundle))
}

// OpenBundle undoes SealBundle. An error is of kind kith.BadPeer.
func (k MeetKey) OpenBundle(sealed []byte) ([]byte, error) {
	if len(sealed) >= gcmNonce {
		plain, err := newGCM(derive(k.secret[:], 32, labelBundle)).Open(nil, sealed[:gcmNonce], sealed[gcmNonce:], []byte(labelBundle))
		if err == nil {
			return plain, nil
		}
	}
	return nil, kith.Errorf(kith.BadPeer, "what a hub keeps for this invitation was not made by its giver")
}

// InvitationSession is what two share who begin an envelope session by a prekey
// that was published for an invitation.
func InvitationSession(secret kith.InvitationSecret) kith.Secret {
	return kith.Secret(derive(secret[:], 32, labelInvitationSession))
}

// SignJoin signs what a letter says about an invitation, as the device of its
// sender: no link proves there who it is.
func SignJoin(device ed25519.PrivateKey, to kith.Peer, join []byte) []byte {
	return ed25519.Sign(device, message(labelJoinLetter, to.Account[:], to.Device[:], join))
}

// VerifyJoin checks what SignJoin gave. An error is of kind kith.BadPeer.
func VerifyJoin(from kith.DeviceID, to kith.Peer, join, signature []byte) error {
	if len(signature) != ed25519.SignatureSize || !ed25519.Verify(from[:], message(labelJoinLetter, to.Account[:], to.Device[:], join), signature) {
		return kith.Errorf(kith.BadPeer, "a letter about an invitation is not signed by the device %s", from.Short())
	}
	return nil
}
