package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"

	"kith"
	"kith/wire"
)

// SignEvent gives a device's 64-byte signature over an event of a sphere. Unlike
// the self tag of a direct conversation it proves to everybody who wrote it, so
// that members can take it from each other.
func SignEvent(device ed25519.PrivateKey, conv kith.ConversationID, author kith.AccountID, raw []byte) []byte {
	return ed25519.Sign(device, message(labelSphereEvent, conv[:], author[:], raw))
}

// VerifyEvent checks what SignEvent gave. That the device speaks for the account
// is for VerifyDevice. An error is of kind kith.BadPeer.
func VerifyEvent(author kith.Peer, conv kith.ConversationID, raw, proof []byte) error {
	if author.Device.IsZero() || !ed25519.Verify(author.Device[:], message(labelSphereEvent, conv[:], author.Account[:], raw), proof) {
		return kith.Errorf(kith.BadPeer, "an event of a sphere is not signed by the device %s that it names", author.Device.Short())
	}
	return nil
}

// SignRecord completes a roster record that has Sphere (unless it is a
// Creation), Parents, Order, Sent and Change: author, encoding, ID, proof and
// certificate. cert is what CertifyDevice gave. An error is of kind
// kith.Invalid and says which limit the record breaks.
func SignRecord(device ed25519.PrivateKey, author kith.AccountID, cert []byte, rec *kith.Record) error {
	raw, err := wire.AppendRecord(nil, rec)
	if err != nil {
		return err
	}
	rec.Author = kith.Peer{Account: author, Device: DeviceOf(device)}
	rec.Raw, rec.ID = raw, kith.NewRecordID(rec.Author, raw)
	if rec.Change.Kind() == kith.ChangeCreation {
		rec.Sphere = kith.ConversationID(rec.ID)
	}
	rec.Proof = ed25519.Sign(device, message(labelRecord, author[:], raw))
	rec.Certificate = cert
	return nil
}

// VerifyRecord checks the certificate and the proof of a record that
// wire.ParseRecord read, and the card that it brings, if any: it must be signed
// by the account that it is of. An error is of kind kith.BadPeer.
func VerifyRecord(rec *kith.Record) error {
	if err := VerifyDevice(rec.Author.Account, rec.Author.Device, rec.Certificate); err != nil {
		return err
	}
	if !ed25519.Verify(rec.Author.Device[:], message(labelRecord, rec.Author.Account[:], rec.Raw), rec.Proof) {
		return kith.Errorf(kith.BadPeer, "a record of a sphere is not signed by the device %s that it names", rec.Author.Device.Short())
	}
	switch change := rec.Change.(type) {
	case kith.Creation:
		return checkCardOf(change.Card, rec.Author.Account)
	case kith.Addition:
		return checkCardOf(change.Card, change.Account)
	}
	return nil
}

func checkCardOf(signed []byte, account kith.AccountID) error {
	card, err := OpenCard(signed)
	if err != nil {
		return err
	}
	if card.Account != account {
		return kith.Errorf(kith.BadPeer, "a record of a sphere brings the card of %s for %s", card.Account.Short(), account.Short())
	}
	return nil
}

// NewDoorSecret draws the secret half of Card.Door, an X25519 private key
// (RFC 7748). All devices of an account share it.
func NewDoorSecret() kith.Secret { return randomSecret() }

// DoorPublic is the public half of a door secret, for Card.Door.
func DoorPublic(secret kith.Secret) [32]byte {
	return [32]byte(doorPrivate(secret).PublicKey().Bytes())
}

// FellowSecret is what two accounts have in common who know each other's cards
// only, from a sphere: they recognise each other's knocks by it, with PairDoor.
// Both compute the same, each from its own door secret and the other's public
// key. It protects no content: links have a key exchange of their own. An error
// is of kind kith.BadPeer: the key is none.
func FellowSecret(own kith.Secret, me kith.AccountID, theirs [32]byte, them kith.AccountID) (kith.Secret, error) {
	public, err := ecdh.X25519().NewPublicKey(theirs[:])
	if err != nil {
		return kith.Secret{}, kith.Errorf(kith.BadPeer, "the door key of %s is no key: %w", them.Short(), err)
	}
	shared, err := doorPrivate(own).ECDH(public)
	if err != nil { // all zero: of low order
		return kith.Secret{}, kith.Errorf(kith.BadPeer, "the door key of %s is no key: %w", them.Short(), err)
	}
	a, b, doorA, doorB := me, them, DoorPublic(own), theirs
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b, doorA, doorB = b, a, doorB, doorA
	}
	return kith.Secret(derive(shared, 32, labelFellow, a[:], b[:], doorA[:], doorB[:])), nil
}

func doorPrivate(secret kith.Secret) *ecdh.PrivateKey {
	key, err := ecdh.X25519().NewPrivateKey(secret[:])
	if err != nil {
		panic(err) // any 32 bytes are a key
	}
	return key
}
