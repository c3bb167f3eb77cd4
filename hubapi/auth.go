package hubapi

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"

	"kith"
)

// What is signed is label ‖ 0x00 ‖ content, and no two share a label.
const (
	labelHello  = "kith hub v1 hello"
	labelBox    = "kith hub v1 box"
	labelNotice = "kith hub v1 notice"
)

// HelloMessage is what a device signs to say who it is: the nonce of this
// connection's Challenge and the host (and port, if it is not the scheme's own)
// that it believes to speak with, so that no hub can use it at another.
func HelloMessage(nonce Hash, host string) []byte {
	return signed(labelHello, nonce[:], []byte(host))
}

// BoxMessage is what a box's key signs to open it on this connection.
func BoxMessage(nonce Hash, host string, token Hash) []byte {
	return signed(labelBox, nonce[:], token[:], []byte(host))
}

// NoticeMessage is what a hub signs of a notice.
func NoticeMessage(n *Notice) []byte {
	numbers := binary.BigEndian.AppendUint64(nil, n.ID)
	numbers = binary.BigEndian.AppendUint64(numbers, uint64(n.At))
	to := sha256.Sum256(n.To)
	return signed(labelNotice, numbers, to[:], []byte(n.Text))
}

func signed(label string, parts ...[]byte) []byte {
	return append(append([]byte(label), 0), bytes.Join(parts, nil)...)
}

// KeyOf gives the public half.
func KeyOf(key ed25519.PrivateKey) Key { return Key(key.Public().(ed25519.PublicKey)) }

// Verify reports whether a signature is this key's.
func (k Key) Verify(message, signature []byte) bool {
	return len(signature) == ed25519.SignatureSize && ed25519.Verify(k[:], message, signature)
}

// TokenHash is what a hub knows of a box's token.
func TokenHash(token Hash) Hash { return sha256.Sum256(token[:]) }

// CheckNotice verifies that a notice is of the hub with this key and for this
// device. An error is of kind kith.BadPeer.
func CheckNotice(n *Notice, hub, device Key) error {
	if len(n.To) > 0 && !bytes.Equal(n.To, device[:]) {
		return kith.Errorf(kith.BadPeer, "a notice for another device came")
	}
	if !hub.Verify(NoticeMessage(n), n.Signature) {
		return kith.Errorf(kith.BadPeer, "a notice came that the hub did not sign")
	}
	return nil
}
