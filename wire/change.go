package wire

import (
	"errors"
	"fmt"
	"time"

	"kith"
)

// A changeCodec translates one kind of roster change.
type changeCodec struct {
	append func(kith.Change) ([]byte, error)
	parse  func([]byte) (kith.Change, error)
}

// changeKind makes the codec of the change C out of the two directions between
// it and its array W, and the limits that hold in both.
func changeKind[C kith.Change, W any](pack func(C) W, parse func(W) C, check func(C) error) changeCodec {
	return changeCodec{
		append: func(change kith.Change) ([]byte, error) {
			c, ok := change.(C)
			if !ok {
				return nil, fmt.Errorf("a change must be passed as a value, this is a %T", change)
			}
			if err := check(c); err != nil {
				return nil, err
			}
			return encode(nil, pack(c))
		},
		parse: func(data []byte) (kith.Change, error) {
			w, err := decode[W](data)
			if err != nil {
				return nil, err
			}
			c := parse(w)
			if err := check(c); err != nil {
				return nil, err
			}
			return c, nil
		},
	}
}

var changeCodecs = map[kith.ChangeKind]changeCodec{
	kith.ChangeCreation: changeKind(
		func(c kith.Creation) creationArray {
			return creationArray{Nonce: c.Nonce, Profile: packProfile(c.Profile), Card: c.Card}
		},
		func(w creationArray) kith.Creation {
			return kith.Creation{Nonce: w.Nonce, Profile: w.Profile.profile(), Card: w.Card}
		},
		func(c kith.Creation) error { return errors.Join(checkProfile(c.Profile), checkCard(c.Card)) }),
	kith.ChangeAddition: changeKind(
		func(c kith.Addition) additionArray {
			return additionArray{Account: bytes32(c.Account), Card: c.Card, Since: cutList(c.Since)}
		},
		func(w additionArray) kith.Addition {
			return kith.Addition{Account: kith.AccountID(w.Account), Card: w.Card, Since: kith.Cut(w.Since)}
		},
		func(c kith.Addition) error { return errors.Join(checkSubject(c), checkCard(c.Card), checkCut(c.Since)) }),
	kith.ChangeRemoval: changeKind(
		func(c kith.Removal) removalArray {
			return removalArray{Account: bytes32(c.Account), Accepts: cutList(c.Accepts)}
		},
		func(w removalArray) kith.Removal {
			return kith.Removal{Account: kith.AccountID(w.Account), Accepts: kith.Cut(w.Accepts)}
		},
		func(c kith.Removal) error { return errors.Join(checkSubject(c), checkCut(c.Accepts)) }),
	kith.ChangeDeparture: changeKind(
		func(c kith.Departure) departureArray { return departureArray{Accepts: cutList(c.Accepts)} },
		func(w departureArray) kith.Departure { return kith.Departure{Accepts: kith.Cut(w.Accepts)} },
		func(c kith.Departure) error { return checkCut(c.Accepts) }),
	kith.ChangePromotion: changeKind(
		func(c kith.Promotion) accountArray { return accountArray{Account: bytes32(c.Account)} },
		func(w accountArray) kith.Promotion { return kith.Promotion{Account: kith.AccountID(w.Account)} },
		func(c kith.Promotion) error { return checkSubject(c) }),
	kith.ChangeDemotion: changeKind(
		func(c kith.Demotion) accountArray { return accountArray{Account: bytes32(c.Account)} },
		func(w accountArray) kith.Demotion { return kith.Demotion{Account: kith.AccountID(w.Account)} },
		func(c kith.Demotion) error { return checkSubject(c) }),
	kith.ChangeHandover: changeKind(
		func(c kith.Handover) accountArray { return accountArray{Account: bytes32(c.Account)} },
		func(w accountArray) kith.Handover { return kith.Handover{Account: kith.AccountID(w.Account)} },
		func(c kith.Handover) error { return checkSubject(c) }),
	kith.ChangeMuting: changeKind(
		func(c kith.Muting) mutingArray {
			w := mutingArray{Account: bytes32(c.Account), Accepts: cutList(c.Accepts)}
			if !c.Until.IsZero() {
				w.Until = c.Until.UnixMilli()
			}
			return w
		},
		func(w mutingArray) kith.Muting {
			c := kith.Muting{Account: kith.AccountID(w.Account), Accepts: kith.Cut(w.Accepts)}
			if w.Until != 0 {
				c.Until = time.UnixMilli(w.Until).UTC()
			}
			return c
		},
		func(c kith.Muting) error {
			return errors.Join(checkSubject(c), checkCut(c.Accepts), checkUntil(c.Until))
		}),
	kith.ChangeDescription: changeKind(
		func(c kith.Description) descriptionArray { return descriptionArray{Profile: packProfile(c.Profile)} },
		func(w descriptionArray) kith.Description { return kith.Description{Profile: w.Profile.profile()} },
		func(c kith.Description) error { return checkProfile(c.Profile) }),
}

type creationArray struct {
	_       struct{} `cbor:",toarray"`
	Nonce   bytes16
	Profile profileArray
	Card    blob
}

type profileArray struct {
	_           struct{} `cbor:",toarray"`
	Name        string
	About       string
	Picture     blob
	Public      bool
	FullHistory bool
}

type additionArray struct {
	_       struct{} `cbor:",toarray"`
	Account bytes32
	Card    blob
	Since   cutList
}

type removalArray struct {
	_       struct{} `cbor:",toarray"`
	Account bytes32
	Accepts cutList
}

type departureArray struct {
	_       struct{} `cbor:",toarray"`
	Accepts cutList
}

type accountArray struct {
	_       struct{} `cbor:",toarray"`
	Account bytes32
}

type mutingArray struct {
	_       struct{} `cbor:",toarray"`
	Account bytes32
	Until   int64 // Unix milliseconds; 0 ends it
	Accepts cutList
}

type descriptionArray struct {
	_       struct{} `cbor:",toarray"`
	Profile profileArray
}

func packProfile(p kith.Profile) profileArray {
	return profileArray{Name: p.Name, About: p.About, Picture: p.Picture, Public: p.Public, FullHistory: p.FullHistory}
}

func (w profileArray) profile() kith.Profile {
	return kith.Profile{Name: w.Name, About: w.About, Picture: w.Picture.orNil(), Public: w.Public, FullHistory: w.FullHistory}
}

func checkProfile(p kith.Profile) error {
	if p.Name == "" {
		return errors.New("the sphere has no name")
	}
	if len(p.Picture) > kith.MaxPicture {
		return fmt.Errorf("the picture has %d bytes, at most %d are allowed", len(p.Picture), kith.MaxPicture)
	}
	return errors.Join(checkLength("name", p.Name, kith.MaxName, kith.MaxNameSize), checkLength("description", p.About, kith.MaxAbout, kith.MaxAboutSize))
}

func checkSubject(c kith.Change) error {
	if c.Subject().IsZero() {
		return errors.New("it names no account")
	}
	return nil
}

func checkUntil(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	if t.UnixMilli() == 0 {
		return errors.New("the time at which the muting ends is that of none")
	}
	return checkTime(t.UnixMilli())
}
