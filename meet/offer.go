package meet

import (
	"sync"
	"time"

	"kith"
	"kith/seal"
	"kith/wire"
)

// Limits of the offers that wait for their answer.
const (
	offerWait  = 24 * time.Hour // by our own clock; the other side's decides nothing
	maxWaiting = 64             // the oldest gives way
)

// Offers makes and reads the lines that two people paste to each other:
//
//	kith connect NAME        ── offer ──▶  kith connect NAME LINE
//	kith connect NAME LINE  ◀── answer ──
//
// It seals, recognises and remembers; what the lines say about reaching each
// other is package session's. Its methods may be called from any goroutine.
type Offers struct {
	device kith.DeviceID

	mu      sync.Mutex
	waiting map[[8]byte]waiting // offers made here that no answer came for; guarded by mu
}

type waiting struct {
	tag  [8]byte // of the key that the answer must be sealed with
	made time.Time
}

// An OpenedOffer is what a pasted line says.
type OpenedOffer struct {
	wire.Offer
	Key int // the place of the key that it was made with
}

// NewOffers makes the offers of one device.
func NewOffers(device kith.DeviceID) *Offers {
	return &Offers{device: device, waiting: make(map[[8]byte]waiting)}
}

// Seal makes the line of an offer or an answer. An offer then waits for its
// answer until it is used up or a day has passed.
func (o *Offers) Seal(key seal.OfferKey, offer wire.Offer) (line string, err error) {
	plain, err := wire.AppendOffer(nil, offer)
	if err != nil {
		return "", err
	}
	if !offer.Answer {
		o.mu.Lock()
		o.makeRoom()
		o.waiting[offer.ID] = waiting{key.Tag, time.Now()}
		o.mu.Unlock()
	}
	return wire.OfferLine(offer.Answer, key.Tag, seal.SealOffer(key, offer.Answer, plain)), nil
}

// Forget ends the wait for an answer: the answer was used, or nobody can use
// it any more.
func (o *Offers) Forget(id [8]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waiting, id)
}

// Open reads a line that somebody pasted here. It is for one of the keys. An
// answer keeps waiting until Forget, so that it can be pasted again after a
// mishap. Errors are of kind kith.Invalid or kith.Conflict, in words for
// whoever pasted the line.
func (o *Offers) Open(line string, keys []seal.OfferKey) (OpenedOffer, error) {
	answer, tag, sealed, err := wire.ParseOfferLine(line)
	if err != nil {
		return OpenedOffer{}, err
	}
	opened, err := openSealed(answer, tag, sealed, keys)
	if err != nil {
		return OpenedOffer{}, err
	}
	switch {
	case opened.Device == o.device && answer:
		return OpenedOffer{}, kith.Errorf(kith.Invalid, "this is the answer that you made yourself: send it to the other person, who pastes it on their side")
	case opened.Device == o.device:
		return OpenedOffer{}, kith.Errorf(kith.Invalid, "this is the line that you made yourself: send it to the other person, and paste here what they send back")
	case answer && !o.awaits(opened.ID, tag):
		return OpenedOffer{}, kith.Errorf(kith.Conflict, "this is an answer, but no line made on this device waits for it any more: make a new line with “kith connect”, send it, and paste the answer that comes back")
	}
	return opened, nil
}

func openSealed(answer bool, tag [8]byte, sealed []byte, keys []seal.OfferKey) (OpenedOffer, error) {
	for i, key := range keys {
		if key.Tag != tag {
			continue
		}
		plain, err := seal.OpenOffer(key, answer, sealed)
		if err != nil {
			continue // another key may have the same tag
		}
		offer, err := wire.ParseOffer(plain)
		if err != nil {
			return OpenedOffer{}, kith.Errorf(kith.Invalid, "this line was made by a version of Kith that this one does not understand: update both, then try again: %w", err)
		}
		if offer.Answer != answer {
			return OpenedOffer{}, kith.Errorf(kith.Invalid, "this line says that it is both an offer and an answer: ask for a new one")
		}
		return OpenedOffer{Offer: offer, Key: i}, nil
	}
	return OpenedOffer{}, kith.Errorf(kith.Invalid, "this line was not made for you, or not by one of your contacts: check whom you got it from")
}

// awaits reports whether an offer waits for the answer with its ID, sealed with
// the key that has the tag.
func (o *Offers) awaits(id, tag [8]byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	w, ok := o.waiting[id]
	return ok && w.tag == tag && time.Since(w.made) < offerWait
}

// makeRoom drops what waited too long, and the oldest if there are too many.
// o.mu is held.
func (o *Offers) makeRoom() {
	var oldest [8]byte
	var made time.Time
	for id, w := range o.waiting {
		if time.Since(w.made) >= offerWait {
			delete(o.waiting, id)
		} else if made.IsZero() || w.made.Before(made) {
			oldest, made = id, w.made
		}
	}
	if len(o.waiting) >= maxWaiting {
		delete(o.waiting, oldest)
	}
}
