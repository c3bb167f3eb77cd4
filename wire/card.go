package wire

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"kith"
)

type cardArray struct {
	_       struct{} `cbor:",toarray"`
	Account bytes32
	Version uint64
	Name    string
	Devices []bytes32
	Door    optional32 `added:"empty"`
	Hubs    []string   `added:"empty"`
}

type signedArray struct {
	_         struct{} `cbor:",toarray"`
	Card      blob
	Signature blob
}

// signatureSize is the size of an Ed25519 signature.
const signatureSize = 64

// AppendCard appends what the account signs. An error is of kind kith.Invalid;
// dst is then returned as it was.
func AppendCard(dst []byte, card kith.Card) ([]byte, error) {
	if err := checkCardContent(card); err != nil {
		return dst, kith.Errorf(kith.Invalid, "write a card: %w", err)
	}
	w := cardArray{Account: bytes32(card.Account), Version: card.Version, Name: card.Name, Door: optional32(card.Door), Hubs: card.Hubs}
	for _, d := range card.Devices {
		w.Devices = append(w.Devices, bytes32(d))
	}
	return encode(dst, w)
}

// ParseCard undoes AppendCard. An error is of kind kith.BadPeer.
func ParseCard(data []byte) (kith.Card, error) {
	w, err := decode[cardArray](data)
	if err != nil {
		return kith.Card{}, kith.Errorf(kith.BadPeer, "read a card: %w", err)
	}
	card := kith.Card{Account: kith.AccountID(w.Account), Version: w.Version, Name: w.Name, Door: w.Door}
	if len(w.Hubs) > 0 {
		card.Hubs = w.Hubs
	}
	for _, d := range w.Devices {
		card.Devices = append(card.Devices, kith.DeviceID(d))
	}
	if err := checkCardContent(card); err != nil {
		return kith.Card{}, kith.Errorf(kith.BadPeer, "read a card: %w", err)
	}
	return card, nil
}

func checkCardContent(card kith.Card) error {
	switch {
	case card.Account.IsZero():
		return errors.New("the account is missing")
	case card.Version >= maxInt:
		return fmt.Errorf("the version %d is too high", card.Version)
	case len(card.Name) > kith.MaxNameSize || utf8.RuneCountInString(card.Name) > kith.MaxName:
		return fmt.Errorf("the name is too long, at most %d characters are allowed", kith.MaxName)
	case !utf8.ValidString(card.Name):
		return errors.New("the name is not valid UTF-8")
	case len(card.Devices) > kith.MaxDevices:
		return fmt.Errorf("%d devices, at most %d are allowed", len(card.Devices), kith.MaxDevices)
	case len(card.Hubs) > kith.MaxHubs:
		return fmt.Errorf("%d hubs, at most %d are allowed", len(card.Hubs), kith.MaxHubs)
	}
	for _, hub := range card.Hubs {
		if hub == "" || len(hub) > kith.MaxHub || !utf8.ValidString(hub) {
			return errors.New("a hub has no address that could be used")
		}
	}
	seen := make(map[kith.DeviceID]bool, len(card.Devices))
	for _, d := range card.Devices {
		if d.IsZero() || seen[d] {
			return errors.New("a device is missing or named twice")
		}
		seen[d] = true
	}
	return nil
}

// AppendSignedCard appends a card's bytes, from AppendCard, and the 64-byte
// signature over them.
func AppendSignedCard(dst, card, signature []byte) []byte {
	out, err := encode(dst, signedArray{Card: card, Signature: signature})
	if err != nil {
		panic(err) // two byte strings always have an encoding
	}
	return out
}

// ParseSignedCard takes a signed card apart: the card, the bytes that the
// signature is over, and the signature. It does not verify it; see seal.OpenCard.
// An error is of kind kith.BadPeer.
func ParseSignedCard(data []byte) (card kith.Card, signed, signature []byte, err error) {
	if len(data) > MaxSignedCard {
		return kith.Card{}, nil, nil, kith.Errorf(kith.BadPeer, "read a signed card: %d bytes, at most %d are allowed", len(data), MaxSignedCard)
	}
	w, err := decode[signedArray](data)
	if err != nil {
		return kith.Card{}, nil, nil, kith.Errorf(kith.BadPeer, "read a signed card: %w", err)
	}
	if len(w.Signature) != signatureSize {
		return kith.Card{}, nil, nil, kith.Errorf(kith.BadPeer, "read a signed card: the signature has %d bytes", len(w.Signature))
	}
	if card, err = ParseCard(w.Card); err != nil {
		return kith.Card{}, nil, nil, err
	}
	return card, w.Card, w.Signature, nil
}
