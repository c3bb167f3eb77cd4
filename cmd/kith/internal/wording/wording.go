// Package wording says in a few words and signs what a node's views hold, the
// same way in the terminal chat and in the commands. All that it returns is
// safe to print (see package printable).
//
//	○ disconnected   ◐ connecting   ● connected   ⊘ blocked
//	… pending        ⌂ held         ✓ delivered   ✓✓ read
package wording

import (
	"fmt"
	"strings"
	"time"

	"kith"
	"kith/cmd/kith/internal/printable"
	"kith/node"
)

// Dot is the sign of a connection. It differs in shape, not only in colour.
func Dot(c node.Connection) string {
	switch c {
	case node.Connected:
		return "●"
	case node.Connecting:
		return "◐"
	case node.Blocked:
		return "⊘"
	}
	return "○"
}

// Tick is the sign of where a message of one's own is.
func Tick(s kith.DeliveryState) string {
	switch s {
	case kith.Held:
		return "⌂"
	case kith.Delivered:
		return "✓"
	case kith.Read:
		return "✓✓"
	}
	return "…"
}

// Legend explains the signs.
func Legend() []string {
	return []string{
		"… pending   ⌂ held by a helper   ✓ delivered   ✓✓ read",
		"● connected   ◐ connecting   ⊘ blocked   ○ not connected",
	}
}

// Reactions lists the reactions of a message, equal ones together: 👍 2  ❤ Bob.
func Reactions(m node.Message) string {
	type group struct {
		names []string
		emoji string
	}
	var groups []*group
	for _, r := range m.Reactions {
		emoji := printable.Truncate(printable.Line(r.Emoji), 12)
		if emoji == "" {
			continue
		}
		var g *group
		for _, other := range groups {
			if other.emoji == emoji {
				g = other
			}
		}
		if g == nil {
			g = &group{emoji: emoji}
			groups = append(groups, g)
		}
		g.names = append(g.names, printable.Truncate(printable.Line(r.FromName), 20))
	}
	parts := make([]string, len(groups))
	for i, g := range groups {
		parts[i] = g.emoji + " " + strings.Join(g.names, ", ")
	}
	return strings.Join(parts, "  ")
}

// Author is who wrote a message.
func Author(m node.Message) string {
	if m.Mine {
		return "You"
	}
	return printable.Line(m.FromName)
}

// Quote is the start of a message on one line of at most width columns.
func Quote(m node.Message, width int) string {
	if m.Deleted {
		return printable.Truncate(Author(m)+": (deleted)", width)
	}
	text := m.Text
	if len(text) > 4*width {
		text = strings.ToValidUTF8(text[:4*width], "")
	}
	return printable.Truncate(Author(m)+": "+beside(Shared(m), printable.Line(text)), width)
}

// Connection is one clause on how things stand with a contact, and why.
func Connection(s node.ContactStatus, now time.Time, zone *time.Location) string {
	switch s.Connection {
	case node.Connected:
		if len(s.Links) == 0 {
			return "connected"
		}
		l := s.Links[0]
		said := "connected, " + path(l) + ", " + RTT(l.RTT)
		if n := len(s.Links); n > 1 {
			said += fmt.Sprintf(", %d devices", n)
		}
		return said
	case node.Connecting:
		if s.Tries > 0 {
			return fmt.Sprintf("connecting, try %d", s.Tries+1)
		}
		return "connecting"
	case node.Blocked:
		if s.Until == nil {
			return "blocked by you"
		}
		return "blocked by you until " + Clock(*s.Until, now, zone)
	}
	said := "not connected"
	if reason := why(s.Ways); reason != "" {
		said += ": " + reason
	}
	if s.NextTry != nil && s.NextTry.After(now) {
		said += "; next try " + s.NextTry.In(zone).Format("15:04:05")
	}
	return said
}

// Waiting says how many messages they don't have yet; empty if none.
func Waiting(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 message waits"
	}
	return fmt.Sprintf("%d messages wait", n)
}

// RTT is a round trip given in milliseconds.
func RTT(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// Clock is a local time: only the clock if it is today's date.
func Clock(t, now time.Time, zone *time.Location) string {
	t, now = t.In(zone), now.In(zone)
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

func path(l node.Link) string {
	if l.Way == "" || l.Way == l.Path {
		return printable.Line(l.Path)
	}
	return printable.Line(l.Path) + " (" + printable.Line(l.Way) + ")"
}

// Way is one line on a way of finding others.
func Way(w node.Way) string {
	sign := "–"
	if w.Working {
		sign = "✓"
	}
	return sign + " " + printable.Pad(printable.Line(w.Way), 7) + " " + printable.Line(w.Reason)
}

// why picks the reason to show where there is room for one: that of the way
// that changed last.
func why(ways []node.Way) string {
	var last node.Way
	for _, w := range ways {
		if w.Reason != "" && (last.Reason == "" || w.Since.After(last.Since)) {
			last = w
		}
	}
	return strings.TrimSuffix(printable.Line(last.Reason), ".")
}
