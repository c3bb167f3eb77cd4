package wire

import (
	"errors"
	"fmt"
	"time"

	"kith"
)

// An Offer is one half of a connection that two people make by pasting a line
// each: where the sender's device may be reached by ICE (RFC 8445), and with
// which credentials. An answer is the other half.
type Offer struct {
	Answer     bool
	Device     kith.DeviceID // of the sender
	ID         [8]byte       // random; an answer repeats that of its offer
	Created    time.Time     // the sender's wall clock
	Ufrag, Pwd string        // the sender's ICE credentials, at most MaxCredential bytes each
	Candidates []Candidate   // at most MaxCandidates
}

// Limits of an offer.
const (
	MaxCandidates = 32
	MaxCredential = 64
	MaxOffer      = 4 << 10 // bytes of its encoding

	minUfrag = 4 // RFC 8839 section 5.4
	minPwd   = 22
)

type offerArray struct {
	_          struct{} `cbor:",toarray"`
	Answer     bool
	Device     bytes32
	ID         blob
	Created    int64 // Unix milliseconds
	Ufrag      string
	Pwd        string
	Candidates []blob
}

// AppendOffer appends what is sealed and then pasted; see seal.SealOffer. An
// error is of kind kith.Invalid; dst is then returned as it was.
func AppendOffer(dst []byte, o Offer) ([]byte, error) {
	w := offerArray{Answer: o.Answer, Device: bytes32(o.Device), ID: o.ID[:], Ufrag: o.Ufrag, Pwd: o.Pwd}
	var err error
	if w.Created, err = packTime(o.Created); err == nil {
		err = o.check()
	}
	for _, c := range o.Candidates {
		packed, packErr := c.pack()
		err = errors.Join(err, packErr)
		w.Candidates = append(w.Candidates, packed)
	}
	if err != nil {
		return dst, kith.Errorf(kith.Invalid, "write a connection offer: %w", err)
	}
	return encode(dst, w)
}

// ParseOffer undoes AppendOffer. Candidates of a form that is not known are
// skipped. An error is of kind kith.BadPeer.
func ParseOffer(data []byte) (Offer, error) {
	o, err := parseOffer(data)
	if err != nil {
		return Offer{}, kith.Errorf(kith.BadPeer, "read a connection offer: %w", err)
	}
	return o, nil
}

func parseOffer(data []byte) (o Offer, err error) {
	if len(data) > MaxOffer {
		return o, fmt.Errorf("%d bytes, at most %d are allowed", len(data), MaxOffer)
	}
	w, err := decode[offerArray](data)
	if err != nil {
		return o, err
	}
	o = Offer{Answer: w.Answer, Device: kith.DeviceID(w.Device), Ufrag: w.Ufrag, Pwd: w.Pwd}
	if copy(o.ID[:], w.ID) != len(o.ID) || len(w.ID) != len(o.ID) {
		return o, fmt.Errorf("an ID of %d bytes", len(w.ID))
	}
	if o.Created, err = parseTime(w.Created); err != nil {
		return o, err
	}
	if len(w.Candidates) > MaxCandidates {
		return o, fmt.Errorf("%d candidates, at most %d are allowed", len(w.Candidates), MaxCandidates)
	}
	for _, b := range w.Candidates {
		if c, ok := parseCandidateBytes(b); ok {
			o.Candidates = append(o.Candidates, c)
		}
	}
	return o, o.check()
}

func (o *Offer) check() error {
	switch {
	case o.Device.IsZero():
		return errors.New("the device is missing")
	case len(o.Candidates) > MaxCandidates:
		return fmt.Errorf("%d candidates, at most %d are allowed", len(o.Candidates), MaxCandidates)
	case !iceChars(o.Ufrag, minUfrag) || !iceChars(o.Pwd, minPwd):
		return errors.New("the ICE credentials have a wrong length or wrong characters")
	}
	return nil
}

// iceChars reports whether s has at least least characters and only those that
// RFC 8839 allows in credentials.
func iceChars(s string, least int) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '+' && c != '/' {
			return false
		}
	}
	return len(s) >= least && len(s) <= MaxCredential
}

const (
	tagSize   = 8
	maxSealed = MaxOffer + 64
)

// OfferLine gives a sealed offer or answer as one line to paste. The tag tells
// the receiver which of its contacts it comes from; see seal.OfferKey.
func OfferLine(answer bool, tag [8]byte, sealed []byte) string {
	payload := make([]byte, 0, 1+tagSize+len(sealed)+checksumSize)
	payload = append(payload, lineVersion)
	payload = append(payload, tag[:]...)
	payload = append(payload, sealed...)
	if answer {
		return makeLine(answerPrefix, payload)
	}
	return makeLine(offerPrefix, payload)
}

// ParseOfferLine undoes OfferLine, with the tolerance of ParseInvitation.
// Errors are of kind kith.Invalid and in words for whoever pasted the line.
func ParseOfferLine(line string) (answer bool, tag [8]byte, sealed []byte, err error) {
	payload, err := parseLine(offerPrefix, line)
	if errors.Is(err, errNoLine) {
		answer = true
		payload, err = parseLine(answerPrefix, line)
	}
	if err == nil && (len(payload) <= 1+tagSize || len(payload) > 1+tagSize+maxSealed) {
		err = errGarbled
	}
	switch {
	case err == nil:
		return answer, [8]byte(payload[1:]), payload[1+tagSize:], nil
	case errors.Is(err, errNoLine):
		if _, err := parseLine(invitationPrefix, line); err == nil {
			err := kith.Errorf(kith.Invalid, "this is an invitation, not the line of a connection: use it with “kith join”")
			return false, tag, nil, err
		}
		return false, tag, nil, kith.Errorf(kith.Invalid, "this is not the line of a connection: it begins with %s or %s", offerPrefix, answerPrefix)
	case errors.Is(err, errNewer):
		return false, tag, nil, kith.Errorf(kith.Invalid, "this line was made by a newer version of Kith: update this one, then try again")
	}
	return false, tag, nil, kith.Errorf(kith.Invalid, "this line is damaged or incomplete: copy all of it again, or ask for a new one")
}
