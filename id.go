package kith

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
)

// An AccountID names a person: their Ed25519 public key (RFC 8032).
type AccountID [32]byte

// A DeviceID names one installation of Kith: its Ed25519 public key.
type DeviceID [32]byte

// A ConversationID names a direct conversation or a sphere.
type ConversationID [32]byte

// An EventID names one event, everywhere and for good: 8 random bytes, and 8
// that bind them to the conversation and the author's account. So an event
// keeps its name when its author has to number it anew, and nobody can give an
// event of theirs the name of somebody else's.
type EventID [16]byte

// A Peer is who stands at the other end of a link, as its certificate proves.
type Peer struct {
	Account AccountID
	Device  DeviceID
}

// idText is the text form of every ID: base32 (RFC 4648) in lower case,
// without padding, so that an ID can be read out, double-clicked and used as
// a file name on every platform.
var idText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewEventID draws the ID of an event that author writes in conv.
func NewEventID(conv ConversationID, author AccountID) EventID {
	var nonce [8]byte
	rand.Read(nonce[:])
	return bindEventID(nonce, conv, author)
}

// Of reports whether the event is one of author's in conv.
func (id EventID) Of(conv ConversationID, author AccountID) bool {
	return id == bindEventID([8]byte(id[:8]), conv, author)
}

func bindEventID(nonce [8]byte, conv ConversationID, author AccountID) EventID {
	h := sha256.New()
	h.Write([]byte("kith event v1"))
	h.Write(nonce[:])
	h.Write(conv[:])
	h.Write(author[:])
	return EventID(append(nonce[:], h.Sum(nil)[:8]...))
}

// DirectConversation is the conversation of two accounts. Both compute the
// same ID: SHA-256 over a label and the two keys, the smaller one first.
func DirectConversation(a, b AccountID) ConversationID {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	h := sha256.New()
	h.Write([]byte("kith direct conversation v1"))
	h.Write(a[:])
	h.Write(b[:])
	return ConversationID(h.Sum(nil))
}

func (id AccountID) String() string      { return idText.EncodeToString(id[:]) }
func (id DeviceID) String() string       { return idText.EncodeToString(id[:]) }
func (id ConversationID) String() string { return idText.EncodeToString(id[:]) }
func (id EventID) String() string        { return idText.EncodeToString(id[:]) }

// Short is the first eight characters of the text form, for logs and lists.
func (id AccountID) Short() string { return id.String()[:8] }

// Short is the first eight characters of the text form, for logs and lists.
func (id DeviceID) Short() string { return id.String()[:8] }

// IsZero reports whether the ID is unset.
func (id AccountID) IsZero() bool { return id == AccountID{} }

// IsZero reports whether the ID is unset.
func (id DeviceID) IsZero() bool { return id == DeviceID{} }

// IsZero reports whether the ID is unset.
func (id ConversationID) IsZero() bool { return id == ConversationID{} }

// IsZero reports whether the ID is unset.
func (id EventID) IsZero() bool { return id == EventID{} }

// MarshalText gives the text form.
func (id AccountID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText gives the text form.
func (id DeviceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText gives the text form.
func (id ConversationID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText gives the text form.
func (id EventID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText parses the text form.
func (id *AccountID) UnmarshalText(text []byte) error { return parseID(id[:], text, "account") }

// UnmarshalText parses the text form.
func (id *DeviceID) UnmarshalText(text []byte) error { return parseID(id[:], text, "device") }

// UnmarshalText parses the text form.
func (id *ConversationID) UnmarshalText(text []byte) error {
	return parseID(id[:], text, "conversation")
}

// UnmarshalText parses the text form.
func (id *EventID) UnmarshalText(text []byte) error { return parseID(id[:], text, "message") }

func parseID(dst, text []byte, what string) error {
	if len(text) != idText.EncodedLen(len(dst)) {
		return Errorf(Invalid, "%q is not %s ID: it should have %d characters", clip(text), article(what), idText.EncodedLen(len(dst)))
	}
	raw, err := idText.DecodeString(string(bytes.ToLower(text)))
	if err != nil {
		return Errorf(Invalid, "%q is not %s ID: %v", clip(text), article(what), err)
	}
	copy(dst, raw)
	return nil
}

// clip keeps an echo of bad input short.
func clip(text []byte) []byte {
	const most = 64
	if len(text) > most {
		return fmt.Appendf(nil, "%s…", text[:most])
	}
	return text
}

func article(noun string) string {
	if noun == "account" {
		return "an " + noun
	}
	return "a " + noun
}
