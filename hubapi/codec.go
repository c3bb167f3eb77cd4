package hubapi

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"kith"
)

var encMode = must(cbor.EncOptions{
	Sort:          cbor.SortCoreDeterministic,
	IndefLength:   cbor.IndefLengthForbidden,
	TagsMd:        cbor.TagsForbidden,
	NilContainers: cbor.NilContainerAsEmpty,
}.UserBufferEncMode())

var decMode = must(cbor.DecOptions{
	DupMapKey:         cbor.DupMapKeyEnforcedAPF,
	MaxNestedLevels:   4,
	MaxArrayElements:  max(MaxTags, MaxTaken, 16),
	MaxMapPairs:       16, // the least that the library takes; no frame has a map
	IndefLength:       cbor.IndefLengthForbidden,
	TagsMd:            cbor.TagsForbidden,
	UTF8:              cbor.UTF8RejectInvalid,
	ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	SimpleValues: must(cbor.NewSimpleValueRegistryFromDefaults(
		cbor.WithRejectedSimpleValue(22), cbor.WithRejectedSimpleValue(23))),
}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // the options above contradict one another
	}
	return v
}

// frameTypes makes an empty frame of each kind.
var frameTypes = map[kind]func() Frame{
	kindChallenge: func() Frame { return new(Challenge) },
	kindHello:     func() Frame { return new(Hello) },
	kindWelcome:   func() Frame { return new(Welcome) },
	kindBlocked:   func() Frame { return new(Blocked) },
	kindListen:    func() Frame { return new(Listen) },
	kindPresent:   func() Frame { return new(Present) },
	kindNote:      func() Frame { return new(Note) },
	kindSent:      func() Frame { return new(Sent) },
	kindOpenBox:   func() Frame { return new(OpenBox) },
	kindOpened:    func() Frame { return new(Opened) },
	kindMail:      func() Frame { return new(Mail) },
	kindTaken:     func() Frame { return new(Taken) },
	kindPublish:   func() Frame { return new(Publish) },
	kindPublished: func() Frame { return new(Published) },
	kindAskRelay:  func() Frame { return new(AskRelay) },
	kindRelay:     func() Frame { return new(Relay) },
	kindNotice:    func() Frame { return new(Notice) },
	kindRefused:   func() Frame { return new(Refused) },
	kindSpace:     func() Frame { return new(Space) },
}

// UnmarshalCBOR takes a byte string of exactly this size.
func (k *Key) UnmarshalCBOR(data []byte) error { return fixed(k[:], data) }

// UnmarshalCBOR takes a byte string of exactly this size.
func (h *Hash) UnmarshalCBOR(data []byte) error { return fixed(h[:], data) }

// UnmarshalCBOR takes a byte string of exactly this size.
func (t *Tag) UnmarshalCBOR(data []byte) error { return fixed(t[:], data) }

// fixed reads a byte string, of at least 16 and at most 32 bytes, of just the
// size of dst.
func fixed(dst, data []byte) error {
	head := []byte{0x40 | byte(len(dst))}
	if len(dst) > 23 {
		head = []byte{0x58, byte(len(dst))}
	}
	content, ok := bytes.CutPrefix(data, head)
	if !ok || len(content) != len(dst) {
		return fmt.Errorf("something else where a byte string of %d bytes belongs", len(dst))
	}
	copy(dst, content)
	return nil
}

// KindOf gives the first byte of a frame.
func KindOf(f Frame) uint8 { return uint8(f.kind()) }

// AppendFrame appends a frame. An error is of kind kith.Invalid: it breaks a
// limit.
func AppendFrame(dst []byte, f Frame) ([]byte, error) {
	if err := check(f); err != nil {
		return dst, kith.Errorf(kith.Invalid, "write a %T for a hub: %w", f, err)
	}
	buf := bytes.NewBuffer(append(dst, byte(f.kind())))
	if err := encMode.MarshalToBuffer(f, buf); err != nil {
		return dst, kith.Errorf(kith.Internal, "write a %T for a hub: %w", f, err)
	}
	return buf.Bytes(), nil
}

// ParseFrame undoes AppendFrame. A frame of an unknown kind is nil, and no
// error: a later version sent it. Errors are of kind kith.BadPeer.
func ParseFrame(data []byte) (Frame, error) {
	if len(data) == 0 || len(data) > MaxFrame {
		return nil, kith.Errorf(kith.BadPeer, "a frame of %d bytes came, where 1 to %d are allowed", len(data), MaxFrame)
	}
	make, ok := frameTypes[kind(data[0])]
	if !ok {
		return nil, nil
	}
	f := make()
	err := decMode.Unmarshal(data[1:], f)
	if err == nil {
		err = check(f)
	}
	if err != nil {
		return nil, kith.Errorf(kith.BadPeer, "read a %T: %w", f, err)
	}
	return f, nil
}

// check holds a frame against the limits.
func check(f Frame) error {
	switch f := f.(type) {
	case *Listen:
		return within(max(len(f.Add), len(f.Remove)), MaxTags, "tags")
	case *Note:
		return within(len(f.Body), MaxNote, "bytes")
	case *OpenBox:
		return within(len(f.Boxes), MaxBoxes, "boxes")
	case *Mail:
		return within(len(f.Body), MaxMail, "bytes")
	case *Taken:
		return within(len(f.IDs), MaxTaken, "envelopes")
	case *Publish:
		return within(len(f.Body), MaxBundle, "bytes")
	case *Relay:
		return within(len(f.URLs), 8, "servers")
	case *Space:
		return within(len(f.Token), MaxToken, "bytes")
	case *Notice:
		return within(len(f.Text), MaxText, "bytes")
	case *Refused:
		return within(len(f.Text), MaxText, "bytes")
	case *Blocked:
		return within(len(f.Text), MaxText, "bytes")
	}
	return nil
}

func within(n, most int, of string) error {
	if n > most {
		return fmt.Errorf("%d %s, at most %d are allowed", n, of, most)
	}
	return nil
}
