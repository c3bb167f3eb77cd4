package seal

import (
	"encoding/binary"
	"math/bits"

	"kith"
)

// An envelope is what is left for a device that is away. Its first byte tells
// its kind:
//
//	message  01 ‖ nonce:12 ‖ header:12+16 ‖ body
//	turn     02 ‖ nonce:12 ‖ header:12+1216+1120+16 ‖ body
//	opening  03 ‖ prekey id:8 ‖ enc:1120 ‖ sender:68+16 ‖ nonce:12 ‖ header:12+1216+16 ‖ body
//	reset    04 ‖ nonce:12 ‖ generation:4 ‖ prekey bundle ‖ tag:16, the last three sealed
//
// A body is the text, 0x80 and zeros up to a bucket, under AES-256-GCM with all
// that stands before it as additional data. So whoever carries it learns the
// bucket, whether a key was turned, and that a session began or broke; not who
// wrote, in which session, or what number it has.
const (
	kindMessage = 1
	kindTurn    = 2
	kindOpening = 3
	kindReset   = 4

	gcmTag      = 16
	headerPlain = 4 + 4 + 4 // number, and how many there were in the two epochs before
	senderPlain = 32 + 32 + 4
	openingHead = 1 + 8 + kemEncapsulation + senderPlain + gcmTag
)

const (
	// MaxEnvelopeText is the most that one envelope takes, in bytes.
	MaxEnvelopeText = 1 << 20
	// MaxEnvelope is the size of the largest envelope in bytes.
	MaxEnvelope = openingHead + gcmNonce + headerPlain + kemPublic + gcmTag + MaxEnvelopeText + MaxEnvelopeText/8 + gcmTag
)

const (
	smallBucket   = 256 // bytes: the step between the smallest buckets
	paddingMarker = 0x80
)

var (
	// ErrReplayed says that this envelope was opened before: drop it.
	ErrReplayed = kith.Errorf(kith.BadPeer, "this envelope was opened before")
	// ErrOutOfStep says that no session here opens the envelope: one of the two
	// devices lost its state or has an older copy of it, or the envelope is
	// forged. Ask for a new session by Sessions.Reset, but not for every
	// envelope: once, and again only after a while.
	ErrOutOfStep = kith.Errorf(kith.Conflict, "this envelope belongs to no session with its sender that is known here")
)

// EnvelopePrekey tells whether an envelope begins a session, and the ID of the
// prekey that it was begun with, for ReadOpening.
func EnvelopePrekey(envelope []byte) (id uint64, ok bool) {
	if len(envelope) < openingHead || envelope[0] != kindOpening {
		return 0, false
	}
	return binary.BigEndian.Uint64(envelope[1:]), true
}

// EnvelopeResets tells whether an envelope is a wish for a new session, for
// Sessions.Answer.
func EnvelopeResets(envelope []byte) bool {
	return len(envelope) == resetSize && envelope[0] == kindReset
}

// parts are an envelope of a session, cut up. They share its memory.
type parts struct {
	kind   byte
	head   []byte // of an opening, all before the nonce; else the kind
	nonce  []byte
	header []byte // sealed
	before []byte // all before the body
	body   []byte // sealed
}

// cut takes an envelope of a session apart; only sizes are checked.
func cut(envelope []byte) (p parts, err error) {
	if len(envelope) == 0 || len(envelope) > MaxEnvelope {
		return p, kith.Errorf(kith.BadPeer, "an envelope of %d bytes came, where 1 to %d are allowed", len(envelope), MaxEnvelope)
	}
	p.kind = envelope[0]
	head, header := 1, headerPlain+gcmTag
	switch p.kind {
	case kindMessage:
	case kindTurn:
		header += kemPublic + kemEncapsulation
	case kindOpening:
		head = openingHead
		header += kemPublic
	default:
		return p, kith.Errorf(kith.BadPeer, "an envelope of the kind %d came, which this version does not know", p.kind)
	}
	at := head + gcmNonce + header
	if len(envelope) < at+smallBucket+gcmTag {
		return p, kith.Errorf(kith.BadPeer, "an envelope is cut off: it has %d bytes", len(envelope))
	}
	p.head, p.nonce, p.header = envelope[:head], envelope[head:head+gcmNonce], envelope[head+gcmNonce:at]
	p.before, p.body = envelope[:at], envelope[at:]
	return p, nil
}

// bucket gives the size that n bytes are padded to: steps of 256 bytes up to
// 4096, and of an eighth of the power of two below from there on.
func bucket(n int) int {
	step := smallBucket
	if n > 1 {
		step = max(step, 1<<(bits.Len(uint(n-1))-1)/8)
	}
	return (n + step - 1) / step * step
}

// pad appends the marker and zeros (ISO/IEC 7816-4), in a slice of its own.
func pad(text []byte) []byte {
	padded := make([]byte, bucket(len(text)+1), bucket(len(text)+1)+gcmTag)
	copy(padded, text)
	padded[len(text)] = paddingMarker
	return padded
}

// unpad undoes pad. It need not be in constant time: it sees only what a
// contact sealed.
func unpad(padded []byte) ([]byte, error) {
	for i := len(padded) - 1; i >= 0; i-- {
		switch padded[i] {
		case 0:
		case paddingMarker:
			if i > MaxEnvelopeText || bucket(i+1) != len(padded) {
				return nil, kith.Errorf(kith.BadPeer, "an envelope has a size that nobody pads to")
			}
			return padded[:i:i], nil
		default:
			return nil, kith.Errorf(kith.BadPeer, "an envelope is not padded")
		}
	}
	return nil, kith.Errorf(kith.BadPeer, "an envelope is not padded")
}
