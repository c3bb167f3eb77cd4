package kith

import (
	"errors"
	"fmt"
	"slices"
)

// An ErrorKind says who must hear of it and what they can do. The API turns
// it into a status code, the command line into an exit code.
type ErrorKind int

const (
	// Internal is a fault of ours or of the machine; the operator reads of it.
	Internal ErrorKind = iota
	// Invalid is bad input of the person at this node: they can mend it.
	Invalid
	// NotFound names something that does not exist here.
	NotFound
	// Conflict is a sound request that the present state does not allow.
	Conflict
	// Forbidden is something this person may not do.
	Forbidden
	// Unreachable means that the other side, or the network, does not answer.
	Unreachable
	// Full means that a disk or a quota is exhausted; nothing was stored.
	Full
	// Damaged means that stored data fails its own checks.
	Damaged
	// BadPeer is a violation of the protocol by another device. It is counted
	// and dropped, never shown as a fault of this person's.
	BadPeer
)

// kindNames is how each kind is written in the API, in its order above.
var kindNames = [...]string{"internal", "invalid", "not_found", "conflict", "forbidden", "unreachable", "full", "damaged", "bad_peer"}

// String is the kind's name.
func (k ErrorKind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		k = Internal
	}
	return kindNames[k]
}

// MarshalText gives the name.
func (k ErrorKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText parses a name; one of a later version is Internal.
func (k *ErrorKind) UnmarshalText(text []byte) error {
	*k = ErrorKind(max(0, slices.Index(kindNames[:], string(text))))
	return nil
}

// An Error carries its kind and a sentence for whoever must hear it: what was
// attempted, what went wrong and what they can do.
type Error struct {
	Kind ErrorKind
	Text string
	Err  error // what caused it, or nil
}

// Error gives the sentence.
func (e *Error) Error() string { return e.Text }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error. An argument for a %w verb becomes its cause.
func Errorf(kind ErrorKind, format string, args ...any) error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Text: wrapped.Error(), Err: errors.Unwrap(wrapped)}
}

// KindOf finds the kind of the outermost Error in err's chain; an error
// without one is Internal.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
