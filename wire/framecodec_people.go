package wire

import (
	"errors"
	"fmt"

	"kith"
)

// The arrays of the frames by which people become contacts and greet.

type helloArray struct {
	_         struct{} `cbor:",toarray"`
	Version   uint16
	Accepted  bool
	Card      blob
	Holds     blob
	Addresses []blob
	Now       int64
}

func packHello(f Hello) (w helloArray, err error) {
	w = helloArray{Version: f.Version, Accepted: f.Accepted, Card: f.Card, Holds: f.Holds}
	if w.Addresses, err = packAddrs(f.Addresses); err != nil {
		return w, err
	}
	if w.Now, err = packTime(f.Now); err != nil {
		return w, err
	}
	return w, errors.Join(checkVersion(f.Version), checkCard(f.Card), checkHeld(f.Holds))
}

func parseHello(w helloArray) (f Hello, err error) {
	f = Hello{Version: w.Version, Accepted: w.Accepted, Card: w.Card, Holds: w.Holds}
	if f.Addresses, err = parseAddrs(w.Addresses); err != nil {
		return f, err
	}
	if f.Now, err = parseTime(w.Now); err != nil {
		return f, err
	}
	return f, errors.Join(checkVersion(f.Version), checkCard(f.Card), checkHeld(f.Holds))
}

type joinRequestArray struct {
	_         struct{} `cbor:",toarray"`
	Version   uint16
	Proof     bytes32
	Card      blob
	Half      bytes32
	Addresses []blob
}

func packJoinRequest(f JoinRequest) (w joinRequestArray, err error) {
	w = joinRequestArray{Version: f.Version, Proof: f.Proof, Card: f.Card, Half: bytes32(f.Half)}
	if w.Addresses, err = packAddrs(f.Addresses); err != nil {
		return w, err
	}
	return w, errors.Join(checkVersion(f.Version), checkCard(f.Card), checkHalf(f.Half))
}

func parseJoinRequest(w joinRequestArray) (f JoinRequest, err error) {
	f = JoinRequest{Version: w.Version, Proof: w.Proof, Card: w.Card, Half: kith.Secret(w.Half)}
	if f.Addresses, err = parseAddrs(w.Addresses); err != nil {
		return f, err
	}
	return f, errors.Join(checkVersion(f.Version), checkCard(f.Card), checkHalf(f.Half))
}

type joinReplyArray struct {
	_         struct{} `cbor:",toarray"`
	Status    uint8
	Card      blob
	Half      optional32
	Addresses []blob
	Sphere    optional32 `added:"empty"`
}

func packJoinReply(f JoinReply) (w joinReplyArray, err error) {
	w = joinReplyArray{Status: uint8(f.Status), Card: f.Card, Half: optional32(f.Half), Sphere: optional32(f.Sphere)}
	if w.Addresses, err = packAddrs(f.Addresses); err != nil {
		return w, err
	}
	return w, checkJoinReply(f)
}

func parseJoinReply(w joinReplyArray) (f JoinReply, err error) {
	f = JoinReply{Status: JoinStatus(w.Status), Card: w.Card, Half: kith.Secret(w.Half), Sphere: kith.ConversationID(w.Sphere)}
	if f.Addresses, err = parseAddrs(w.Addresses); err != nil {
		return f, err
	}
	return f, checkJoinReply(f)
}

func checkJoinReply(f JoinReply) error {
	if f.Status == 0 {
		return errors.New("the status is missing")
	}
	if len(f.Card) == 0 {
		return nil
	}
	return checkCard(f.Card)
}

func checkVersion(version uint16) error {
	if version == 0 {
		return errors.New("the protocol version is missing")
	}
	return nil
}

func checkCard(signed []byte) error {
	if len(signed) == 0 || len(signed) > MaxSignedCard {
		return fmt.Errorf("a signed card of %d bytes, 1 to %d are allowed", len(signed), MaxSignedCard)
	}
	return nil
}

func checkHeld(signed []byte) error {
	if len(signed) == 0 {
		return nil
	}
	return checkCard(signed)
}

func checkHalf(half kith.Secret) error {
	if half.IsZero() {
		return errors.New("the half of the pair secret is missing")
	}
	return nil
}
