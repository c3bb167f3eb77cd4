package wire

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"kith"
)

// An Invitation is what one person gives another out of band: enough to be
// found and to prove that one was invited.
type Invitation struct {
	Account kith.AccountID
	Secret  kith.InvitationSecret
	// Expires is a whole second from 2020 until 2156; zero: never.
	Expires time.Time
	// Sphere says that it is for a sphere; the reply tells for which.
	Sphere bool
	// Name is what the giver calls themselves, or the sphere's name, at most
	// MaxInvitationName bytes. It is a courtesy, and unproven; the signed card,
	// or the roster, tells the name.
	Name string
	// Hub is where the giver can be met: a URL. One that is too long is left
	// out.
	Hub string
	// Addresses are where the giver may be reached, best first.
	Addresses []netip.AddrPort
}

// Limits of an invitation.
const (
	// MaxInvitation bounds what a line holds, in bytes with the checksum, so
	// that its QR code can be read from a screen.
	MaxInvitation = 99
	// MaxInvitationName bounds the name in it, in bytes.
	MaxInvitationName = 24
	// invitationHead is version, account, secret and expiry.
	invitationHead = 1 + 32 + 16 + 4
	// sureAddresses go in before the name does, one less beside a hub.
	sureAddresses = 2
	// maxInvitationHub bounds the hub in it, in bytes; https:// is not written.
	maxInvitationHub = 31
)

// The fields that follow the head: type, length, value. A reader skips types
// that it does not know.
const (
	fieldName    byte = 1
	fieldAddress byte = 2 // 4 or 16 bytes, then the port
	fieldSphere  byte = 3 // it is for a sphere; instead of fieldName, may be empty
	fieldHub     byte = 4 // host, or host:port, or a URL that is not https
)

// httpsScheme begins the URL of every hub on another machine.
const httpsScheme = "https://"

// invitationEpoch is second zero of Expires.
var invitationEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// Line gives the invitation as one line "kith:…". Account, secret and expiry
// are always in it. The rest is filled in as long as there is room: the hub, the
// first addresses, the name, then the other addresses in their order. A name
// that is too long is cut.
func (inv Invitation) Line() string {
	b := make([]byte, 0, MaxInvitation)
	b = append(b, lineVersion)
	b = append(b, inv.Account[:]...)
	b = append(b, inv.Secret[:]...)
	b = binary.BigEndian.AppendUint32(b, packExpiry(inv.Expires))

	add := func(field byte, value []byte) {
		if len(value) > 0 && len(b)+2+len(value)+checksumSize <= MaxInvitation {
			b = append(b, field, byte(len(value)))
			b = append(b, value...)
		}
	}
	var addrs [][]byte
	for _, a := range inv.Addresses {
		if dialable(a) {
			addrs = append(addrs, addrBytes(a))
		}
	}
	sure := min(len(addrs), sureAddresses)
	if hub := strings.TrimPrefix(inv.Hub, httpsScheme); hub != "" && len(hub) <= maxInvitationHub {
		add(fieldHub, []byte(hub))
		sure = min(sure, sureAddresses-1)
	}
	for _, a := range addrs[:sure] {
		add(fieldAddress, a)
	}
	if inv.Sphere {
		room := max(0, MaxInvitation-checksumSize-len(b)-2)
		name := cut(inv.Name, min(room, MaxInvitationName))
		b = append(append(b, fieldSphere, byte(len(name))), name...)
	} else {
		add(fieldName, []byte(cut(inv.Name, MaxInvitationName)))
	}
	for _, a := range addrs[sure:] {
		add(fieldAddress, a)
	}
	return makeLine(invitationPrefix, b)
}

// ParseInvitation reads a line made by Line, with white space, quotes and
// brackets anywhere around and in it. Errors are of kind kith.Invalid and in
// words for whoever pasted it.
func ParseInvitation(line string) (Invitation, error) {
	payload, err := parseLine(invitationPrefix, line)
	if err == nil {
		var inv Invitation
		if inv, err = parseInvitation(payload); err == nil {
			return inv, nil
		}
	}
	switch {
	case errors.Is(err, errNoLine):
		if _, _, _, err := ParseOfferLine(line); err == nil {
			err := kith.Errorf(kith.Invalid, "this is not an invitation but one half of a connection to a contact: use it with “kith connect”")
			return Invitation{}, err
		}
		return Invitation{}, kith.Errorf(kith.Invalid, "this is not an invitation: an invitation is one line that begins with %s", invitationPrefix)
	case errors.Is(err, errNewer):
		return Invitation{}, kith.Errorf(kith.Invalid, "this invitation was made by a newer version of Kith: update this one, then try again")
	}
	return Invitation{}, kith.Errorf(kith.Invalid, "this invitation is damaged or incomplete: copy the whole line again, or ask for it once more")
}

func parseInvitation(payload []byte) (inv Invitation, err error) {
	if len(payload) < invitationHead {
		return inv, errGarbled
	}
	copy(inv.Account[:], payload[1:33])
	copy(inv.Secret[:], payload[33:49])
	inv.Expires = parseExpiry(binary.BigEndian.Uint32(payload[49:53]))
	if inv.Account.IsZero() || inv.Secret.IsZero() {
		return inv, errGarbled
	}
	for rest := payload[invitationHead:]; len(rest) > 0; {
		if len(rest) < 2 || len(rest) < 2+int(rest[1]) {
			return inv, errGarbled
		}
		field, value := rest[0], rest[2:2+int(rest[1])]
		rest = rest[2+len(value):]
		switch field {
		case fieldName, fieldSphere:
			inv.Sphere = inv.Sphere || field == fieldSphere
			if len(value) > MaxInvitationName || !utf8.Valid(value) {
				return inv, errGarbled
			}
			inv.Name = string(value)
		case fieldHub:
			if len(value) > maxInvitationHub || !utf8.Valid(value) {
				return inv, errGarbled
			}
			if inv.Hub = string(value); !strings.Contains(inv.Hub, "://") {
				inv.Hub = httpsScheme + inv.Hub
			}
		case fieldAddress:
			if a, ok := parseAddr(value); ok && len(inv.Addresses) < kith.MaxAddresses {
				inv.Addresses = append(inv.Addresses, a)
			}
		}
	}
	return inv, nil
}

// packExpiry gives seconds since 2020. A time out of range becomes the nearest
// one in it.
func packExpiry(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	const most = 1<<32 - 1
	return uint32(min(max(t.Unix()-invitationEpoch.Unix(), 1), most))
}

func parseExpiry(seconds uint32) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(invitationEpoch.Unix()+int64(seconds), 0).UTC()
}

// cut shortens s to at most n bytes without splitting a character, and drops
// what is not UTF-8.
func cut(s string, n int) string {
	for i, r := range s {
		if r == utf8.RuneError || i+utf8.RuneLen(r) > n {
			return s[:i]
		}
	}
	return s
}
