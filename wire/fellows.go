package wire

import (
	"errors"
	"fmt"
	"net/netip"

	"kith"
)

// MaxFellows bounds the members in one Fellows.
const MaxFellows = 64

// Fellows tells where members of a sphere were seen last, so that those who are
// not contacts can find each other. The cards prove themselves; the addresses
// are hints.
type Fellows struct {
	Conversation kith.ConversationID
	Fellows      []Fellow
}

// A Fellow is one member.
type Fellow struct {
	Card      []byte // signed
	Addresses []netip.AddrPort
}

func (Fellows) kind() byte { return kindFellows }

type fellowsArray struct {
	_            struct{} `cbor:",toarray"`
	Conversation bytes32
	Fellows      []fellowArray
}

type fellowArray struct {
	_         struct{} `cbor:",toarray"`
	Card      blob
	Addresses []blob
}

func packFellows(f Fellows) (fellowsArray, error) {
	w := fellowsArray{Conversation: bytes32(f.Conversation), Fellows: make([]fellowArray, len(f.Fellows))}
	for i, one := range f.Fellows {
		addrs, err := packAddrs(one.Addresses)
		if err != nil {
			return w, err
		}
		w.Fellows[i] = fellowArray{Card: one.Card, Addresses: addrs}
	}
	return w, checkFellows(f)
}

func parseFellows(w fellowsArray) (f Fellows, err error) {
	f = Fellows{Conversation: kith.ConversationID(w.Conversation), Fellows: make([]Fellow, len(w.Fellows))}
	for i, one := range w.Fellows {
		f.Fellows[i].Card = one.Card
		if f.Fellows[i].Addresses, err = parseAddrs(one.Addresses); err != nil {
			return f, err
		}
	}
	return f, checkFellows(f)
}

func checkFellows(f Fellows) error {
	if f.Conversation.IsZero() {
		return errors.New("the conversation is missing")
	}
	if len(f.Fellows) == 0 || len(f.Fellows) > MaxFellows {
		return fmt.Errorf("%d members, 1 to %d are allowed", len(f.Fellows), MaxFellows)
	}
	for _, one := range f.Fellows {
		if err := checkCard(one.Card); err != nil {
			return err
		}
	}
	return nil
}
