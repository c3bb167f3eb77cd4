package folder

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kith"
)

const (
	// maxSegment leaves room below the 255 bytes of most file systems for the
	// ending of a partial file.
	maxSegment = 240
	maxDepth   = 32 // segments of a path
	maxEnding  = 16 // bytes of ".ext"; longer is no extension
	unnamed    = "unnamed"
)

// Clean makes the path of somebody else one that is safe to create below a
// folder on Linux, macOS and Windows. It never fails: whatever can't stay is
// replaced by "_" or left out. Cleaning twice changes nothing more.
func Clean(shared string) string {
	var parts []string
	for s := range strings.FieldsFuncSeq(shared, func(r rune) bool { return r == '/' || r == '\\' }) {
		if s != "." && s != ".." {
			parts = append(parts, segment(s))
		}
	}
	if len(parts) == 0 {
		return unnamed
	}
	// Of a path too deep or too long, the file and the outermost folders stay.
	for len(parts) > 1 && (len(parts) > maxDepth || len(strings.Join(parts, "/")) > kith.MaxSharePath) {
		parts = slices.Delete(parts, len(parts)-2, len(parts)-1)
	}
	return strings.Join(parts, "/")
}

// Fold gives the form of a path in which two are equal that some file system
// takes for one: upper and lower case, composed and decomposed accents.
func Fold(rel string) string {
	return norm.NFC.String(strings.ToLower(strings.ToUpper(norm.NFC.String(rel))))
}

// segment makes one name safe. One rule may make work for another, so they run
// until nothing changes; two rounds do, almost always.
func segment(s string) string {
	for range 8 {
		next := shorten(spell(s), "")
		next = strings.TrimRight(next, " .")
		next = defuse(next)
		if next == s {
			return s
		}
		s = next
	}
	return unnamed
}

// flat keeps a name that is no path in one segment.
func flat(s string) string { return strings.NewReplacer("/", "_", "\\", "_").Replace(s) }

// spell keeps the characters that are safe in a name, in normal form C.
func spell(s string) string {
	var b strings.Builder
	last := rune(0)
	for _, r := range norm.NFC.String(strings.ToValidUTF8(s, "_")) {
		if r = safeRune(r, last); r >= 0 {
			b.WriteRune(r)
			last = r
		}
	}
	return strings.TrimLeft(norm.NFC.String(b.String()), " ")
}

// safeRune is what stands for r in a name, -1 for nothing.
func safeRune(r, last rune) rune {
	switch {
	case strings.ContainsRune(`<>:"/\|?*`, r), unicode.IsControl(r), r == utf8.RuneError:
		return '_'
	case r < utf8.RuneSelf:
		return r
	case r == '\u200c' || r == '\u200d':
		// Joiners make emoji and Persian; between ASCII they only hide.
		if last >= utf8.RuneSelf {
			return r
		}
		return -1
	case unicode.Is(unicode.Cf, r), r == '\u034f', r == '\u115f', r == '\u1160', r == '\u3164', r == '\uffa0':
		return -1 // not seen: direction marks, zero widths, fillers
	case unicode.IsSpace(r), unicode.Is(unicode.Z, r), r == '\u2800':
		return ' '
	case unicode.Is(unicode.Co, r), r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef:
		return '_' // private use and what is no character
	}
	return r
}

// shorten cuts a name so that it, with mid before its extension, fits into a
// segment. The extension stays, and no character is split.
func shorten(name, mid string) string {
	ending := path.Ext(name)
	if len(ending) > maxEnding || len(ending) == len(name) {
		ending = ""
	}
	stem := strings.TrimSuffix(name, ending)
	if room := maxSegment - len(ending) - len(mid); len(stem) > room {
		for room > 0 && !utf8.RuneStart(stem[room]) {
			room--
		}
		stem = stem[:room]
	}
	return stem + mid + ending
}

// Names that Windows takes for devices, whatever follows a dot. The digits
// above one are the superscripts, which count too.
var devices = []string{"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}

// Names of files that a system acts upon when it only sees them.
var acting = []string{"desktop.ini", "autorun.inf", "folder.htt", "thumbs.db", "ehthumbs.db"}

// Endings with the same effect: Windows fetches the icons of shortcuts from
// wherever they say, and sends a password's hash along. The last one is ours.
var actingEndings = []string{".lnk", ".url", ".scf", ".desktop", ".library-ms", ".searchconnector-ms", ".search-ms", ".theme", Part}

// defuse renames what a system treats in a special way: hidden files, options
// of a command that somebody runs on "*", devices, files that act.
func defuse(s string) string {
	if s == "" {
		return unnamed
	}
	if s[0] == '.' || s[0] == '-' {
		s = "_" + strings.TrimLeft(s, ".-")
	}
	low := strings.ToLower(s)
	stem, _, _ := strings.Cut(low, ".")
	if stem = strings.TrimRight(stem, " "); slices.Contains(devices, stem) || isPort(stem) || slices.Contains(acting, low) {
		return "_" + s
	}
	if slices.ContainsFunc(actingEndings, func(e string) bool { return strings.HasSuffix(low, e) }) {
		return s + "_"
	}
	return s
}

// isPort reports whether a name in small letters is COM1, LPT² and the like.
func isPort(s string) bool {
	rest, found := strings.CutPrefix(s, "com")
	if !found {
		rest, found = strings.CutPrefix(s, "lpt")
	}
	return found && utf8.RuneCountInString(rest) == 1 && strings.ContainsAny(rest, "0123456789¹²³")
}
