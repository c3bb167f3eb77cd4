// Package people holds the rules about who may reach this account, as pure
// functions over the nouns of package kith.
//
// An account becomes a contact through an invitation:
//
//	joiner                                     giver of the invitation
//	(no contact) ── kith join LINE ──▶ asked
//	                    request ─────────────▶ single use, unused: accepted
//	                                           reusable: asking ── accept ──▶ accepted
//	asked ◀───────────── accepted ───────────                  ── refuse ──▶ (no contact)
//	accepted
//
// A request may be repeated any number of times, over crashes on both sides,
// and comes to the same.
//
// A block keeps an account out for a time or for good. While it holds, the
// account finds nobody here; what its people write meanwhile is hidden when it
// arrives later, unless the block was lifted by choice.
package people

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kith"
	"kith/wire"
)

// Limits of a timed block.
const (
	MinBlock = 30 * time.Minute
	MaxBlock = 24 * time.Hour
)

// CleanName makes a display name or petname fit to be stored: surrounding
// white space goes, invisible characters and too many characters are refused.
func CleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if !utf8.ValidString(name) {
		return "", kith.Errorf(kith.Invalid, "the name is not valid UTF-8 text")
	}
	if n := utf8.RuneCountInString(name); n > kith.MaxName {
		return "", kith.Errorf(kith.Invalid, "the name has %d characters; at most %d fit", n, kith.MaxName)
	}
	if shown(name) != name {
		return "", kith.Errorf(kith.Invalid, "the name contains characters that can't be seen; a name is one line of text")
	}
	return name, nil
}

// shown takes out of a name what could break a line or feign another name:
// control characters, what changes the direction of text around it, and
// spaces without width. The joiners that scripts and emoji need stay.
func shown(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsControl(c), unicode.Is(unicode.Bidi_Control, c), unicode.Is(unicode.Zl, c), unicode.Is(unicode.Zp, c),
			c == '\u200b', c == '\u2060', c == '\ufeff', c == utf8.RuneError:
			return -1
		}
		return c
	}, name)
}

// OwnName is what a contact calls themselves, fit to be shown.
func OwnName(c *kith.Contact) string { return strings.TrimSpace(shown(c.Card.Name)) }

// DisplayName is how a contact is shown: by petname, else by their own name,
// else by the start of their account.
func DisplayName(c *kith.Contact) string {
	if c.Petname != "" {
		return c.Petname
	}
	if name := OwnName(c); name != "" {
		return name
	}
	return c.Account.Short()
}

// Find resolves what a person typed to name a contact: a petname, a name
// (upper and lower case are the same), an account ID or at least six
// characters of its start.
func Find(contacts []kith.Contact, ref string) (kith.Contact, error) {
	ref = strings.TrimSpace(ref)
	if ref == "" {
		return kith.Contact{}, kith.Errorf(kith.Invalid, "no name was given")
	}
	matchers := []func(*kith.Contact) bool{
		func(c *kith.Contact) bool { return c.Account.String() == strings.ToLower(ref) },
		func(c *kith.Contact) bool { return c.Petname == ref },
		func(c *kith.Contact) bool { return DisplayName(c) == ref },
		func(c *kith.Contact) bool { return strings.EqualFold(DisplayName(c), ref) },
		func(c *kith.Contact) bool { return strings.EqualFold(OwnName(c), ref) },
		func(c *kith.Contact) bool {
			return len(ref) >= 6 && strings.HasPrefix(c.Account.String(), strings.ToLower(ref))
		},
	}
	for _, matches := range matchers {
		var found []kith.Contact
		for i := range contacts {
			if contacts[i].Relation != kith.Removed && matches(&contacts[i]) {
				found = append(found, contacts[i])
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0], nil
		}
		var ids []string
		for _, c := range found {
			ids = append(ids, c.Account.Short())
		}
		return kith.Contact{}, kith.Errorf(kith.Conflict, "%q could be %d contacts; name one by the start of its account: %s", ref, len(found), strings.Join(ids, ", "))
	}
	return kith.Contact{}, kith.Errorf(kith.NotFound, "there is no contact %q", ref)
}

// NameWarning is the warning for a new contact who calls themselves as one
// whom this person knows already under another key; empty if there is none.
func NameWarning(contacts []kith.Contact, card kith.Card) string {
	name := OwnName(&kith.Contact{Card: card})
	for i := range contacts {
		c := &contacts[i]
		if c.Account == card.Account || name == "" {
			continue
		}
		if strings.EqualFold(c.Petname, name) || strings.EqualFold(OwnName(c), name) {
			return "You already know somebody called " + DisplayName(c) + ", and this is a different key. " +
				"It may be a new account of theirs, or somebody who pretends to be them: compare safety numbers before you trust it."
		}
	}
	return ""
}

// TakeCard updates a contact with a card that its account signed, and reports
// whether anything changed. A card that is not newer changes nothing. A new
// device key in it leaves a warning.
func TakeCard(c *kith.Contact, card kith.Card, signed []byte) bool {
	if card.Account != c.Account || card.Version <= c.Card.Version {
		return false
	}
	known := c.Card.Devices
	c.Card, c.Signed = card, signed
	if len(known) == 0 || c.Relation != kith.Accepted {
		return true
	}
	for _, device := range card.Devices {
		if !slices.Contains(known, device) {
			c.Warning = DisplayName(c) + " uses a new device key (" + device.Short() + "). " +
				"That is so after a new installation or a restored backup; if they know of none, compare safety numbers."
		}
	}
	return true
}

// Answer decides what a sound request over an invitation comes to at the
// account that gave it. known is what this account knows of the joiner, or
// nil. It returns the invitation and the contact as they are to be stored, and
// the status to answer; for a refusal the contact is nil.
func Answer(inv kith.Invitation, known *kith.Contact, joiner kith.AccountID, now time.Time) (kith.Invitation, *kith.Contact, wire.JoinStatus) {
	contact := kith.Contact{Account: joiner, Added: now}
	if known != nil {
		contact = *known
	}
	if !inv.Sphere.IsZero() {
		return answerSphere(inv, contact, now)
	}
	switch {
	case contact.Relation == kith.Accepted:
		return inv, &contact, wire.JoinAccepted
	case contact.Relation == kith.Asked:
		// Each used the other's invitation: both want it.
		contact.Relation = kith.Accepted
		return inv, &contact, wire.JoinAccepted
	case inv.UsedBy == joiner && contact.Relation == kith.Asking:
		return inv, &contact, wire.JoinWaiting
	case inv.Revoked:
		return inv, nil, wire.JoinRevoked
	case !inv.Reusable && !inv.UsedBy.IsZero():
		return inv, nil, wire.JoinUsed
	case !now.Before(inv.Expires):
		return inv, nil, wire.JoinExpired
	case inv.Reusable:
		contact.Relation = kith.Asking
		return inv, &contact, wire.JoinWaiting
	}
	inv.UsedBy = joiner
	contact.Relation = kith.Accepted
	return inv, &contact, wire.JoinAccepted
}

// answerSphere decides what a request over an invitation into a sphere comes
// to: whoever holds it comes in, the first one only unless it is reusable. It
// does not make them a contact.
func answerSphere(inv kith.Invitation, joiner kith.Contact, now time.Time) (kith.Invitation, *kith.Contact, wire.JoinStatus) {
	switch {
	case inv.UsedBy == joiner.Account: // again, after a crash
	case inv.Revoked:
		return inv, nil, wire.JoinRevoked
	case !inv.Reusable && !inv.UsedBy.IsZero():
		return inv, nil, wire.JoinUsed
	case !now.Before(inv.Expires):
		return inv, nil, wire.JoinExpired
	}
	if !inv.Reusable {
		inv.UsedBy = joiner.Account
	}
	if joiner.Relation == "" || joiner.Relation == kith.Removed {
		joiner.Relation = kith.Fellow
	}
	return inv, &joiner, wire.JoinAccepted
}

// Refusal puts a refusing status into words for the joiner.
func Refusal(status wire.JoinStatus) error {
	switch status {
	case wire.JoinUsed:
		return kith.Errorf(kith.Conflict, "this invitation was used already; ask for a new one")
	case wire.JoinExpired:
		return kith.Errorf(kith.Conflict, "this invitation has expired; ask for a new one")
	case wire.JoinRevoked:
		return kith.Errorf(kith.Conflict, "this invitation was taken back; ask for a new one")
	}
	return kith.Errorf(kith.BadPeer, "the other side answered a request with status %d, which this version does not know", status)
}

// NewBlock makes a block from now for d, or for good if d is zero.
func NewBlock(account kith.AccountID, now time.Time, d time.Duration) (kith.Block, error) {
	b := kith.Block{Account: account, From: now}
	if d == 0 {
		return b, nil
	}
	if d < MinBlock || d > MaxBlock {
		return kith.Block{}, kith.Errorf(kith.Invalid, "a timed block lasts from 30 minutes to 24 hours; without a time it is for good")
	}
	b.Until = now.Add(d)
	return b, nil
}

// ActiveBlock finds the block that keeps account out at now.
func ActiveBlock(blocks []kith.Block, account kith.AccountID, now time.Time) (kith.Block, bool) {
	for _, b := range blocks {
		if b.Account == account && b.Active(now) {
			return b, true
		}
	}
	return kith.Block{}, false
}

// Hidden reports whether something that account wrote at sent was written
// while a block held that nobody lifted.
func Hidden(blocks []kith.Block, account kith.AccountID, sent time.Time) bool {
	return slices.ContainsFunc(blocks, func(b kith.Block) bool {
		return b.Account == account && b.Lifted.IsZero() && !sent.Before(b.From) && (b.Until.IsZero() || sent.Before(b.Until))
	})
}
