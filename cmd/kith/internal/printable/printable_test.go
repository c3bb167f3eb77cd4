package printable

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "hello there", "hello there"},
		{"lines", "a\nb", "a\nb"},
		{"windows lines", "a\r\nb\rc", "a\nb\nc"},
		{"unicode lines", "a\u2028b\u2029c", "a\nb\nc"},
		{"colour sequence", "\x1b[31mred\x1b[0m", "␛[31mred␛[0m"},
		{"title sequence", "\x1b]0;root\x07", "␛]0;root␇"},
		{"backspace", "pay 10\b\b99", "pay 10␈␈99"},
		{"8-bit CSI", "\u009b31m", "�31m"},
		{"raw 8-bit CSI", "\x9b31m", "�31m"},
		{"invalid UTF-8", "a\xffb", "a�b"},
		{"NUL and DEL", "\x00\x7f", "␀␡"},
		{"tab", "a\tb", "a    b"},
		{"override", "invoice\u202etxt.exe", "invoice⟨U+202E⟩txt.exe"},
		{"isolate", "\u2066x\u2069", "⟨U+2066⟩x⟨U+2069⟩"},
		{"zero width", "b\u200bo\ufeffb\u2060", "bob"},
		{"tags", "x\U000e0041\U000e007fy", "xy"},
		{"family", "👨‍👩‍👧", "👨‍👩‍👧"},
		{"heart", "❤️", "❤️"},
		{"persian", "می\u200cخواهم", "می\u200cخواهم"},
		{"french", "déjà vu", "déjà vu"},
		{"a zalgo stack", "a" + strings.Repeat("\u0301", 50) + "b", "a" + strings.Repeat("\u0301", MaxMarks) + "b"},
	} {
		if got := Text(c.in); got != c.want {
			t.Errorf("%s: Text(%q) = %q, want %q", c.name, c.in, got, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"  Bob \n":        "Bob",
		"Bob\nAlice: hi":  "Bob Alice: hi",
		"\n\na\n\n\nb\n":  "a b",
		"Bob\x1b[2K\rEve": "Bob␛[2K Eve",
		"":                "",
		"\u200b\u202e":    "⟨U+202E⟩",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"abc": 3, "日本": 4, "👨‍👩‍👧": 2, "e\u0301": 1, "": 0} {
		if got := Width(s); got != want {
			t.Errorf("Width(%q) = %d, want %d", s, got, want)
		}
	}
	if got := Truncate("日本語です", 5); Width(got) > 5 || !strings.HasSuffix(got, "…") {
		t.Errorf("Truncate gave %q, %d columns", got, Width(got))
	}
	if got := Pad("日本", 6); got != "日本  " {
		t.Errorf("Pad gave %q", got)
	}
	for _, line := range Wrap("one two three 日本語日本語日本語 "+strings.Repeat("x", 40), 10) {
		if Width(line) > 10 {
			t.Errorf("Wrap left a line of %d columns: %q", Width(line), line)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"hi", "\x1b[2J", "\xff\x9b", "a\u0301\u202e\r\n", "👨‍👩‍👧"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if !utf8.ValidString(got) {
			t.Fatalf("invalid UTF-8: %q", got)
		}
		for _, r := range got {
			if r != '\n' && unicode.IsControl(r) {
				t.Fatalf("control character %U left in %q", r, got)
			}
			if reorders(r) || hidden(r) {
				t.Fatalf("%U left in %q", r, got)
			}
		}
		if again := Text(got); again != got {
			t.Fatalf("not stable: %q, then %q", got, again)
		}
		if strings.Contains(Line(s), "\n") {
			t.Fatalf("Line left a line end in %q", s)
		}
	})
}
