package wire

import (
	"bytes"
	"errors"
	"fmt"

	"kith"
)

// A Bundle is what the giver of an invitation publishes at a hub, sealed (see
// seal.MeetKey), so that the invitation works while they are away.
type Bundle struct {
	Card   []byte // signed
	Prekey []byte // of one of its devices; see package seal
	Drops  []Drop // where the first letter may be left
}

// MaxBundle bounds the encoding of a Bundle, in bytes.
const MaxBundle = 14 << 10

type bundleArray struct {
	_      struct{} `cbor:",toarray"`
	Card   blob
	Prekey blob
	Drops  []dropArray
}

// AppendBundle appends what is sealed and published. An error is of kind
// kith.Invalid; dst is then returned as it was.
func AppendBundle(dst []byte, b Bundle) ([]byte, error) {
	w := bundleArray{Card: b.Card, Prekey: b.Prekey}
	for _, d := range b.Drops {
		w.Drops = append(w.Drops, dropArray{Hub: d.Hub, Box: d.Box, Token: d.Token})
	}
	if err := checkBundle(b); err != nil {
		return dst, kith.Errorf(kith.Invalid, "write what is published for an invitation: %w", err)
	}
	return encode(dst, w)
}

// ParseBundle undoes AppendBundle. An error is of kind kith.BadPeer.
func ParseBundle(data []byte) (b Bundle, err error) {
	if len(data) > MaxBundle {
		return b, kith.Errorf(kith.BadPeer, "read what was published for an invitation: %d bytes, at most %d are allowed", len(data), MaxBundle)
	}
	w, err := decode[bundleArray](data)
	if err == nil {
		b = Bundle{Card: w.Card, Prekey: w.Prekey}
		for _, d := range w.Drops {
			b.Drops = append(b.Drops, Drop{Hub: d.Hub, Box: d.Box, Token: d.Token})
		}
		err = checkBundle(b)
	}
	if err != nil {
		return Bundle{}, kith.Errorf(kith.BadPeer, "read what was published for an invitation: %w", err)
	}
	return b, nil
}

func checkBundle(b Bundle) error {
	switch {
	case len(b.Card) == 0 || len(b.Card) > MaxSignedCard:
		return errors.New("the card is missing or too long")
	case len(b.Prekey) == 0 || len(b.Prekey) > MaxPrekey:
		return errors.New("the key is missing or too long")
	case len(b.Drops) == 0 || len(b.Drops) > MaxDrops:
		return fmt.Errorf("%d boxes, 1 to %d are allowed", len(b.Drops), MaxDrops)
	}
	for _, d := range b.Drops {
		if err := checkDrop(d); err != nil {
			return err
		}
	}
	return nil
}

// AppendJoin appends what a letter says about an invitation: the sender's
// signature over the frame (see seal.SignJoin), and the frame, a JoinRequest or a
// JoinReply.
func AppendJoin(dst, signature, frame []byte) []byte {
	return append(append(dst, signature...), frame...)
}

// ParseJoin takes it apart. An error is of kind kith.BadPeer.
func ParseJoin(join []byte) (frame Frame, signed, signature []byte, err error) {
	if len(join) <= signatureSize {
		return nil, nil, nil, kith.Errorf(kith.BadPeer, "read a letter about an invitation: it has %d bytes", len(join))
	}
	signature, signed = join[:signatureSize], join[signatureSize:]
	r := NewReader(bytes.NewReader(signed))
	if frame, err = r.Read(); err != nil {
		return nil, nil, nil, kith.Errorf(kith.BadPeer, "read a letter about an invitation: %w", err)
	}
	return frame, signed, signature, nil
}
