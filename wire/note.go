package wire

import (
	"errors"
	"fmt"

	"kith"
)

// A NoteKind says what a note is.
type NoteKind uint8

// The kinds of notes.
const (
	NoteOffer  NoteKind = 1 // the first half of a connection
	NoteAnswer NoteKind = 2 // the other half
	NoteMore   NoteKind = 3 // candidates that were found since
)

// A Note is what devices say to each other by way of a courier, sealed (see
// seal.MeetKey), to make a link.
type Note struct {
	Kind NoteKind
	// To is the device that is meant; zero: any of those who hold the key.
	To kith.DeviceID
	// Offer is the sender's half. In one of kind NoteMore only Device, ID and
	// Candidates count. Its Answer follows from Kind.
	Offer Offer
}

// MaxNote bounds the encoding of a note, in bytes: sealed, it fits into an item
// of the DHT.
const MaxNote = 928

type noteArray struct {
	_          struct{} `cbor:",toarray"`
	Kind       uint8
	To         optional32
	From       bytes32
	ID         blob
	Created    int64 // Unix milliseconds
	Ufrag      string
	Pwd        string
	Candidates []blob
}

// AppendNote appends what is sealed and carried. Candidates that find no room,
// the last ones first, are left out. An error is of kind kith.Invalid; dst is
// then returned as it was.
func AppendNote(dst []byte, n Note) ([]byte, error) {
	w := noteArray{
		Kind: uint8(n.Kind), To: optional32(n.To), From: bytes32(n.Offer.Device), ID: n.Offer.ID[:],
		Ufrag: n.Offer.Ufrag, Pwd: n.Offer.Pwd,
	}
	if n.Kind == NoteMore {
		w.Ufrag, w.Pwd = "", ""
	}
	var err error
	if w.Created, err = packTime(n.Offer.Created); err == nil {
		err = n.check()
	}
	const head = 1 + 1 + 34 + 34 + 9 + 9 + 2*(2+MaxCredential) + 2
	size := head
	for _, c := range n.Offer.Candidates {
		packed, packErr := c.pack()
		err = errors.Join(err, packErr)
		if size += 2 + len(packed); size > MaxNote {
			break
		}
		w.Candidates = append(w.Candidates, packed)
	}
	if err != nil {
		return dst, kith.Errorf(kith.Invalid, "write a note: %w", err)
	}
	return encode(dst, w)
}

// ParseNote undoes AppendNote. Candidates of a form that is not known are
// skipped. An error is of kind kith.BadPeer.
func ParseNote(data []byte) (Note, error) {
	n, err := parseNote(data)
	if err != nil {
		return Note{}, kith.Errorf(kith.BadPeer, "read a note: %w", err)
	}
	return n, nil
}

func parseNote(data []byte) (n Note, err error) {
	if len(data) > MaxNote {
		return n, fmt.Errorf("%d bytes, at most %d are allowed", len(data), MaxNote)
	}
	w, err := decode[noteArray](data)
	if err != nil {
		return n, err
	}
	n = Note{Kind: NoteKind(w.Kind), To: kith.DeviceID(w.To)}
	n.Offer = Offer{Answer: n.Kind == NoteAnswer, Device: kith.DeviceID(w.From), Ufrag: w.Ufrag, Pwd: w.Pwd}
	if copy(n.Offer.ID[:], w.ID) != len(n.Offer.ID) || len(w.ID) != len(n.Offer.ID) {
		return n, fmt.Errorf("an ID of %d bytes", len(w.ID))
	}
	if n.Offer.Created, err = parseTime(w.Created); err != nil {
		return n, err
	}
	if len(w.Candidates) > MaxCandidates {
		return n, fmt.Errorf("%d candidates, at most %d are allowed", len(w.Candidates), MaxCandidates)
	}
	for _, b := range w.Candidates {
		if c, ok := parseCandidateBytes(b); ok {
			n.Offer.Candidates = append(n.Offer.Candidates, c)
		}
	}
	return n, n.check()
}

func (n *Note) check() error {
	switch n.Kind {
	case NoteOffer, NoteAnswer:
		return n.Offer.check()
	case NoteMore:
		if n.Offer.Device.IsZero() {
			return errors.New("the device is missing")
		}
		if len(n.Offer.Candidates) > MaxCandidates {
			return fmt.Errorf("%d candidates, at most %d are allowed", len(n.Offer.Candidates), MaxCandidates)
		}
		return nil
	}
	return fmt.Errorf("a note of the kind %d, which this version does not know", n.Kind)
}
