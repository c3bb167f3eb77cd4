package folder

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kith"
)

// TestNamesFromHell reads testdata/names.txt: on each line a quoted name and
// what must become of it.
func TestNamesFromHell(t *testing.T) {
	f, err := os.Open("testdata/names.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	count := 0
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		left, right, _ := strings.Cut(line, "\t")
		name, err := strconv.Unquote(left)
		want, err2 := strconv.Unquote(strings.TrimSpace(right))
		if err != nil || err2 != nil {
			t.Fatalf("names.txt:%d: %v %v", n, err, err2)
		}
		count++
		if got := Clean(name); got != want {
			t.Errorf("names.txt:%d: Clean(%q) = %q, want %q", n, name, got, want)
		}
		checkClean(t, name)
	}
	if count < 60 {
		t.Errorf("only %d names were checked", count)
	}
}

func TestCleanCutsLongNames(t *testing.T) {
	tests := []struct{ name, start, end string }{
		{strings.Repeat("a", 300) + ".jpeg", "aaa", "a.jpeg"},
		{strings.Repeat("ö", 300) + ".jpeg", "öö", "ö.jpeg"},
		{strings.Repeat("👪", 300), "👪👪", "👪"},
		{"a." + strings.Repeat("x", 300), "a.xx", "xx"},
		{strings.Repeat("a", maxSegment-4) + ".lnkxxxxxxxxxxxxxxxxxxxxxxxx", "aaa", "a.lnk_"},
		{strings.Repeat("deep/", 300) + "file.txt", "deep/deep/", "/file.txt"},
		{strings.Repeat(strings.Repeat("l", 200)+"/", 20) + "file.txt", "lll", "/file.txt"},
	}
	for _, test := range tests {
		got := Clean(test.name)
		if !strings.HasPrefix(got, test.start) || !strings.HasSuffix(got, test.end) {
			t.Errorf("Clean(%.20q…) = %q, want it to start with %q and end with %q", test.name, got, test.start, test.end)
		}
		checkClean(t, test.name)
	}
}

func TestFold(t *testing.T) {
	for _, pair := range [][2]string{{"Films/A.MP4", "films/a.mp4"}, {"Ärger", "A\u0308RGER"}, {"ſ", "S"}, {"\u212a", "k"}, {"Σίσυφος", "ΣΊΣΥΦΟΣ"}} {
		if Fold(pair[0]) != Fold(pair[1]) {
			t.Errorf("Fold(%q) = %q and Fold(%q) = %q", pair[0], Fold(pair[0]), pair[1], Fold(pair[1]))
		}
	}
	if Fold("a") == Fold("b") {
		t.Error("two names fold to one")
	}
}

// checkClean holds every property that a safe path has.
func checkClean(t *testing.T, shared string) {
	t.Helper()
	got := Clean(shared)
	fail := func(why string) { t.Helper(); t.Errorf("Clean(%q) = %q: %s", shared, got, why) }
	if again := Clean(got); again != got {
		fail("cleaned again it is " + strconv.Quote(again))
	}
	if !filepath.IsLocal(filepath.FromSlash(got)) || !utf8.ValidString(got) || !norm.NFC.IsNormalString(got) {
		fail("not local, UTF-8 and in form C")
	}
	if len(got) > kith.MaxSharePath+1 {
		fail("too long")
	}
	if strings.ContainsAny(got, `\:<>"|?*`) || strings.ContainsFunc(got, unicode.IsControl) || strings.ContainsFunc(got, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }) {
		fail("a character is not safe")
	}
	for s := range strings.SplitSeq(got, "/") {
		low := strings.ToLower(s)
		stem, _, _ := strings.Cut(low, ".")
		switch {
		case s == "" || s[0] == '.' || s[0] == '-' || s[0] == ' ':
			fail("a segment is empty, hidden, an option or begins with a space")
		case s[len(s)-1] == '.' || s[len(s)-1] == ' ':
			fail("a segment ends with a dot or space")
		case len(s) > kith.MaxShareName-len(Part):
			fail("a segment is too long")
		case stem == "con" || stem == "nul" || stem == "com1" || stem == "lpt9":
			fail("a segment is a device")
		case strings.HasSuffix(low, Part) || strings.HasSuffix(low, ".lnk"):
			fail("a segment ends with " + filepath.Ext(low))
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "/", "..", "../../etc/passwd", `C:\con`, "a\x00b", "CON.txt", ".bashrc", "x.kith-part", "a\u202egpj.exe", "e\u0301", "\xff\xfe", "👨\u200d👩\u200d👧", ". .", "aux .c", "nul\u200b.txt", strings.Repeat("a.", 150)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, shared string) { checkClean(t, shared) })
}
