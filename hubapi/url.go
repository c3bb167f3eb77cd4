package hubapi

import (
	"encoding/base32"
	"encoding/base64"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"kith"
)

// ParseURL reads how a person names a hub, as hub.example.org or
// https://hub.example.org:8443/, and gives the one form in which it is kept:
// scheme, host and, if it is not the scheme's own, port. Plain HTTP is for hubs
// on this very machine, and what they speak if nothing else is said. An error is
// of kind kith.Invalid.
func ParseURL(text string) (string, error) {
	text = strings.TrimSpace(text)
	full := text
	if !strings.Contains(text, "://") {
		full = "https://" + text
		if u, err := url.Parse(full); err == nil && isHere(u.Hostname()) {
			full = "http://" + text
		}
	}
	u, err := url.Parse(full)
	if err != nil || u.Hostname() == "" || len(full) > MaxURL {
		return "", kith.Errorf(kith.Invalid, "%q is not the address of a hub, which looks like https://hub.example.org", text)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "", kith.Errorf(kith.Invalid, "%q holds more than the address of a hub, which looks like https://hub.example.org", text)
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	switch u.Scheme {
	case "https":
		if port == "443" {
			port = ""
		}
	case "http":
		if !isHere(host) {
			return "", kith.Errorf(kith.Invalid, "the hub %q is on another machine and has to be reached by https", text)
		}
		if port == "80" {
			port = ""
		}
	default:
		return "", kith.Errorf(kith.Invalid, "%q is not the address of a hub, which begins with https://", text)
	}
	if port != "" {
		return u.Scheme + "://" + net.JoinHostPort(host, port), nil
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return u.Scheme + "://" + host, nil
}

// isHere reports whether a host is this very machine.
func isHere(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

// MaxURL bounds the address of a hub, in bytes.
const MaxURL = 200

// Host is what a hub is called by people and in signatures: its host, and its
// port if that is not the scheme's own. The URL is one of ParseURL.
func Host(hub string) string {
	_, host, _ := strings.Cut(hub, "://")
	return host
}

// EncodeName is how 32 bytes stand in a path or a header.
func EncodeName(name [32]byte) string { return base64.RawURLEncoding.EncodeToString(name[:]) }

// DecodeName undoes EncodeName.
func DecodeName(text string) (name [32]byte, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(name) {
		return name, false
	}
	return [32]byte(b), true
}

var keyText = base32.StdEncoding.WithPadding(base32.NoPadding)

// String is the key as people see and type it.
func (k Key) String() string { return strings.ToLower(keyText.EncodeToString(k[:])) }

// Short is the beginning of String, enough to tell the devices of a hub apart.
func (k Key) Short() string { return k.String()[:16] }
