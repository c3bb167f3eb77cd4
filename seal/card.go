package seal

import (
	"crypto/ed25519"

	"kith"
	"kith/wire"
)

// SignCard gives the card as it travels: its bytes and the account's signature.
// An error is of kind kith.Invalid if the card breaks a limit.
func SignCard(account ed25519.PrivateKey, card kith.Card) ([]byte, error) {
	if card.Account != AccountOf(account) {
		return nil, kith.Errorf(kith.Internal, "sign a card: it is of the account %s, the key of %s", card.Account.Short(), AccountOf(account).Short())
	}
	content, err := wire.AppendCard(nil, card)
	if err != nil {
		return nil, err
	}
	return wire.AppendSignedCard(nil, content, ed25519.Sign(account, message(labelCard, content))), nil
}

// OpenCard reads a signed card and verifies it against the account that it
// names. Who that account should be is for the caller to compare. An error is
// of kind kith.BadPeer.
func OpenCard(signed []byte) (kith.Card, error) {
	card, content, signature, err := wire.ParseSignedCard(signed)
	if err != nil {
		return kith.Card{}, err
	}
	if !ed25519.Verify(card.Account[:], message(labelCard, content), signature) {
		return kith.Card{}, kith.Errorf(kith.BadPeer, "the card of the account %s is not signed by it", card.Account.Short())
	}
	return card, nil
}
