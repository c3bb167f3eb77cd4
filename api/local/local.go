// Package local is the private way to the node of a home on the same machine:
// only the user who owns the home can take it, so that it needs no login.
//
// On Unix it is a socket, HOME/kith.sock, that nobody else may open. A path of
// a socket holds about 100 bytes; a home that is too long for that has its
// socket in a folder of the user's own under the folder for temporary files,
// named by a hash of the home.
//
// On Windows it is a loopback port and a random token, which HOME/kith.token
// names and every request carries (Authorization: Bearer).
//
// [Listen] is the node's side, [Client] the other.
package local

import (
	"net"
	"net/http"
	"path/filepath"

	"kith"
)

// A Listener is the node's end of the private way.
type Listener struct {
	net.Listener
	guard func(http.Handler) http.Handler // nil: the file system guards
	clean func()                          // removes what Listen left in files; once
}

// Guard lets only those pass who may take the private way. The handler of
// whatever serves the listener has to be wrapped by it.
func (l *Listener) Guard(h http.Handler) http.Handler {
	if l.guard == nil {
		return h
	}
	return l.guard(h)
}

// Close ends listening and removes the files, unless they are those of a node
// that started meanwhile.
func (l *Listener) Close() error {
	l.clean()
	return l.Listener.Close()
}

// Listen opens the private way to home. What a node that died left there is
// replaced; a live one makes it a Conflict.
func Listen(home string) (*Listener, error) {
	home, err := canonical(home)
	if err != nil {
		return nil, err
	}
	return listen(home)
}

// Client gives an http.Client that takes the private way to home, and the
// base of its addresses. It does not find out whether a node answers.
func Client(home string) (*http.Client, string, error) {
	home, err := canonical(home)
	if err != nil {
		return nil, "", err
	}
	transport, err := transport(home)
	return &http.Client{Transport: transport}, "http://kith.local", err
}

// canonical gives both ends the same name of a home.
func canonical(home string) (string, error) {
	abs, err := filepath.Abs(home)
	if err != nil {
		return "", kith.Errorf(kith.Invalid, "the home %q cannot be found: %w", home, err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	return abs, nil // not there yet, or not for us: opening it will tell
}
