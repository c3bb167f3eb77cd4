// Package seal holds the cryptography: bytes in, bytes out. It knows no clock,
// no socket and no disk.
//
// Only published constructions are used, from the standard library and
// x/crypto/argon2:
//
//	who            Ed25519 (RFC 8032). The account key certifies device keys
//	               and signs the card; a device key makes links.
//	links          TLS 1.3 with X25519MLKEM768, both ends with self-signed
//	               certificates of their device keys that carry the account
//	               and its certification.
//	derivations    HKDF-SHA-256 (RFC 5869), each with a label of its own.
//	recognition    AES-128 of a nonce: who may knock, before a link.
//	own history    HMAC-SHA-256, which only the author's account can check, so
//	               that direct conversations stay deniable.
//	spheres        Ed25519 signatures of devices over events and roster
//	               records; X25519 (RFC 7748) between members' door keys.
//	pasted offers  AES-256-GCM.
//	envelopes      a double ratchet (Perrin, Marlinspike 2016) whose asymmetric
//	               step is X-Wing by crypto/hpke (RFC 9180); AES-256-GCM.
//	passphrase     argon2id (RFC 9106) around AES-256-GCM.
//
// How secrets hang together, an arrow being one derivation:
//
//	half + half → pair secret → door (tag, integrity)   knocks of contacts
//	                          → offer (tag, key)        pasted lines
//	                          → envelope session        with a prekey
//	                          → meet key                notes, tags, DHT items
//	door keys   → fellow secret → door                  knocks of fellow members
//	invitation secret         → door, offer             the same before the pair
//	                          → proof                   in a JoinRequest
//	                          → meet key, bundle, envelope session
//	device key                → its names and boxes at hubs
//	self key                  → self tags               one's own events
//	                          → day tags                discovery on a LAN
//
// Every signature, tag and derivation is over "kith v1 " and a word, and no two
// share that. What is signed is label ‖ 0x00 ‖ content. docs/protocol.md has it
// byte by byte, testdata/vectors the known answers.
package seal

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"slices"

	"kith"
)

// The labels. Each is used in one place, for one purpose.
const (
	labelDevice        = "kith v1 device certification"
	labelCard          = "kith v1 card"
	labelPair          = "kith v1 pair secret"
	labelDoorTag       = "kith v1 door tag"
	labelDoorIntegrity = "kith v1 door integrity"
	labelJoin          = "kith v1 invitation proof"
	labelOfferTag      = "kith v1 offer tag"
	labelOfferKey      = "kith v1 offer key"
	labelOffer         = "kith v1 offer"
	labelAnswer        = "kith v1 answer"
	labelSelfTag       = "kith v1 self tag"
	labelSafety        = "kith v1 safety number"
	labelVault         = "kith v1 vault"
	labelDay           = "kith v1 day tag"
	labelSphereEvent   = "kith v1 sphere event"
	labelRecord        = "kith v1 record"
	labelFellow        = "kith v1 fellow secret"
	labelBinding       = "EXPORTER-kith-v1-binding"
)

// derive gives n bytes by HKDF-SHA-256 without salt; info is the label and
// what it is bound to.
func derive(secret []byte, n int, label string, bound ...[]byte) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, string(message(label, bound...)), n)
	if err != nil {
		panic(err) // n is a constant far below the limit of HKDF
	}
	return key
}

// message gives label ‖ 0x00 ‖ content. No label holds a zero byte, so none can
// be taken for another followed by content.
func message(label string, content ...[]byte) []byte {
	return slices.Concat([]byte(label), []byte{0}, slices.Concat(content...))
}

func randomSecret() (s kith.Secret) {
	rand.Read(s[:])
	return s
}
