// Package printable makes text from other people safe to show in a terminal.
//
// A terminal obeys what is written to it: an escape sequence in a message
// could move the cursor, forge the lines of somebody else, or set the title.
// And Unicode has characters that reorder or hide their neighbours, by which a
// name can pose as another. So everything that came from a peer goes through
// [Text] or [Line] before it is written:
//
//   - C0 controls and DEL become their pictures (␛, ␀, ␡), C1 controls and
//     invalid UTF-8 become �;
//   - the characters that embed, override or isolate a direction become
//     visible, as ⟨U+202E⟩ (Unicode UTS #39 and "Trojan Source", 2021);
//   - characters without ink or a purpose here (zero-width space, byte order
//     mark, soft hyphen, tags, Hangul fillers) are left out; joiners and
//     variation selectors stay, for Persian, Indic scripts and emoji need them;
//   - at most [MaxMarks] combining marks stay on one character.
package printable

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// MaxMarks is how many combining marks one character keeps. No living script
// stacks more; stacks of hundreds are drawn over other lines.
const MaxMarks = 6

// tabStop is what a tab becomes: a terminal would jump, and the measured width
// would be wrong.
const tabStop = "    "

// Text makes text of several lines safe. Line ends are kept, all as "\n".
func Text(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	marks := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		bad := r == utf8.RuneError && size == 1
		i += size
		if !bad && unicode.In(r, unicode.Mn, unicode.Me) && !variation(r) {
			if marks++; marks > MaxMarks {
				continue
			}
		} else {
			marks = 0
		}
		switch {
		case bad:
			b.WriteRune(utf8.RuneError)
		case r == '\r':
			if !strings.HasPrefix(s[i:], "\n") {
				b.WriteByte('\n')
			}
		case r == '\u2028' || r == '\u2029':
			b.WriteByte('\n')
		default:
			write(&b, r)
		}
	}
	return b.String()
}

// Line makes text safe and puts it on one line: line ends become a space, and
// space around the text goes.
func Line(s string) string {
	s = Text(s)
	if strings.Contains(s, "\n") {
		s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' }), " ")
	}
	return strings.TrimSpace(s)
}

// Width is how many columns of a terminal one line of safe text takes.
func Width(s string) int { return ansi.StringWidth(s) }

// Truncate shortens one line of safe text to at most width columns, with an
// ellipsis if something was cut off.
func Truncate(s string, width int) string { return ansi.Truncate(s, width, "…") }

// Pad fills one line of safe text with spaces up to width columns.
func Pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-Width(s)))
}

// Wrap breaks safe text into lines of at most width columns, at spaces where
// there are any.
func Wrap(s string, width int) []string {
	return strings.Split(ansi.Wrap(s, max(1, width), ""), "\n")
}

// clean reports the common case: printable ASCII and line ends only.
func clean(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' && c != '\n') || c >= 0x7f {
			return false
		}
	}
	return true
}

func write(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteByte('\n')
	case r == '\t':
		b.WriteString(tabStop)
	case r < ' ':
		b.WriteRune('\u2400' + r)
	case r == 0x7f:
		b.WriteRune('\u2421')
	case r >= 0x80 && r < 0xa0:
		b.WriteRune(utf8.RuneError)
	case reorders(r):
		fmt.Fprintf(b, "⟨U+%04X⟩", r)
	case hidden(r):
	default:
		b.WriteRune(r)
	}
}

// reorders reports a character that changes the direction of what follows.
func reorders(r rune) bool {
	return (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
}

// hidden reports a character that shows nothing and that no text here needs.
func hidden(r rune) bool {
	switch r {
	case 0x00ad, 0x034f, 0x061c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180e,
		0x200b, 0x200e, 0x200f, 0x3164, 0xfeff, 0xffa0:
		return true
	}
	return (r >= 0x2060 && r <= 0x206f) || (r >= 0xfff0 && r <= 0xfffb) || (r >= 0xe0000 && r <= 0xe007f)
}

// variation reports a variation selector, which says how the character before
// it is drawn.
func variation(r rune) bool {
	return (r >= 0xfe00 && r <= 0xfe0f) || (r >= 0xe0100 && r <= 0xe01ef)
}
