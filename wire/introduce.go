package wire

import (
	"errors"
	"fmt"
)

// Frames by which somebody to whom two devices have links brings these two
// together. What they look for each other under is a tag of the day, and what
// they say to each other is sealed (see seal.MeetKey): so the one in the middle
// learns that two of those it knows want to meet, and nothing else.

// MaxSought bounds the tags of one Seek.
const MaxSought = 64

// Seek tells under which tags the sender looks for others now, in place of
// those of its last Seek.
type Seek struct{ Tags [][16]byte }

// Sought tells that somebody else with a link to the sender seeks under a tag,
// too.
type Sought struct{ Tag [16]byte }

// Pass asks to hand a note to everybody else who seeks under the tag; to those
// it comes as it is. With the tag PassSelf it is for the receiver: by such notes
// two devices look for a better path than that of the link between them.
type Pass struct {
	Tag  [16]byte
	Note []byte // 1 to MaxSealedNote bytes
}

// MaxSealedNote bounds a note as it is passed on, in bytes.
const MaxSealedNote = MaxNote + 32

// PassSelf is the tag of a note for who receives it.
var PassSelf [16]byte

func (Seek) kind() byte   { return kindSeek }
func (Sought) kind() byte { return kindSought }
func (Pass) kind() byte   { return kindPass }

type seekArray struct {
	_    struct{} `cbor:",toarray"`
	Tags []bytes16
}

func packSeek(f Seek) (w seekArray, err error) {
	w.Tags = make([]bytes16, len(f.Tags))
	for i, tag := range f.Tags {
		w.Tags[i] = tag
	}
	return w, checkSeek(f)
}

func parseSeek(w seekArray) (f Seek, err error) {
	f.Tags = make([][16]byte, len(w.Tags))
	for i, tag := range w.Tags {
		f.Tags[i] = tag
	}
	return f, checkSeek(f)
}

func checkSeek(f Seek) error {
	if len(f.Tags) > MaxSought {
		return fmt.Errorf("%d tags, at most %d are allowed", len(f.Tags), MaxSought)
	}
	return nil
}

type soughtArray struct {
	_   struct{} `cbor:",toarray"`
	Tag bytes16
}

func packSought(f Sought) (soughtArray, error)  { return soughtArray{Tag: f.Tag}, nil }
func parseSought(w soughtArray) (Sought, error) { return Sought{Tag: w.Tag}, nil }

type passArray struct {
	_    struct{} `cbor:",toarray"`
	Tag  bytes16
	Note blob
}

func packPass(f Pass) (passArray, error) { return passArray{Tag: f.Tag, Note: f.Note}, checkPass(f) }

func parsePass(w passArray) (Pass, error) {
	f := Pass{Tag: w.Tag, Note: w.Note}
	return f, checkPass(f)
}

func checkPass(f Pass) error {
	if len(f.Note) == 0 || len(f.Note) > MaxSealedNote {
		return errors.New("the note is missing or too long")
	}
	return nil
}
