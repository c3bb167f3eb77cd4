package preview

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"io"
	"regexp"
)

const maxText = 4 << 20 // bytes of a text in a PNG, unpacked

// placeNames are the properties of XMP that tell a place: of Exif, Photoshop and
// IPTC, whatever prefix a program gives them.
const placeNames = `GPS\w*|Location|LocationCreated|LocationShown|Sublocation|SubLocation|City|State|Country|CountryCode|CountryName|ProvinceState|WorldRegion`

var (
	placeAttribute = regexp.MustCompile(`\s[\w.-]+:(?:` + placeNames + `)\s*=\s*(?:"[^"]*"|'[^']*')`)
	placeElement   = regexp.MustCompile(`<([\w.-]+:(?:` + placeNames + `))(?:\s[^>]*)?>`)
	// placeLeft finds what the two above do not understand: another encoding.
	placeLeft = regexp.MustCompile(`(?i)g\x00?p\x00?s\x00?(?:l\x00?(?:a|o)|c\x00?o\x00?o|p\x00?o)`)
	// isoPlace is a place as films have it (ISO 6709): +48.8577+002.295+035/
	isoPlace = regexp.MustCompile(`[+-]\d{2,6}(?:\.\d{1,12})?[+-]\d{3,7}(?:\.\d{1,12})?(?:[+-]\d{1,6}(?:\.\d{1,12})?)?(?:CRS[\w:]{1,20})?/`)
)

// blank overwrites text with spaces, and reports whether there was anything.
func blank(text []byte) bool {
	changed := false
	for i := range text {
		changed = changed || text[i] != ' '
		text[i] = ' '
	}
	return changed
}

// scrubXMP blanks the properties of a packet that tell the place. A packet that
// still seems to tell one goes altogether.
func scrubXMP(packet []byte) (changed bool) {
	for _, at := range placeAttribute.FindAllIndex(packet, -1) {
		changed = blank(packet[at[0]:at[1]]) || changed
	}
	for rest := packet; ; {
		at := placeElement.FindSubmatchIndex(rest)
		if at == nil {
			break
		}
		end := at[1]
		if rest[end-2] != '/' {
			closing := append([]byte("</"), rest[at[2]:at[3]]...)
			i, j := bytes.Index(rest[end:], closing), -1
			if i >= 0 {
				j = bytes.IndexByte(rest[end+i:], '>')
			}
			if j < 0 {
				return blank(packet)
			}
			end += i + j + 1
		}
		changed = blank(rest[at[0]:end]) || changed
		rest = rest[end:]
	}
	if placeLeft.Match(packet) {
		return blank(packet)
	}
	return changed
}

// tellsPlace reports whether scrubXMP would find anything.
func tellsPlace(text []byte) bool {
	return placeAttribute.Match(text) || placeElement.Match(text) || placeLeft.Match(text)
}

// scrubIPTC blanks the names of places in image resources of Photoshop, which
// hold records of IPTC-IIM 4.2: 0x1c, record, number, length, value.
func scrubIPTC(data []byte) (changed bool) {
	for {
		i := bytes.Index(data, []byte{0x1c, 2})
		if i < 0 || len(data)-i < 5 {
			return changed
		}
		data = data[i:]
		number, size := data[2], int(data[3])<<8|int(data[4])
		if size > len(data)-5 {
			data = data[2:]
			continue
		}
		switch number {
		case 26, 27, 90, 92, 95, 100, 101: // location code and name, city, part, state, country code and name
			changed = blank(data[5:5+size]) || changed
		}
		data = data[5+size:]
	}
}

// scrubText takes the place out of a text chunk of a PNG: XMP, or Exif that
// ImageMagick wrote in hexadecimal. What can't be changed where it stands becomes
// a blank comment.
func scrubText(chunk []byte) bool {
	keyword, _, _ := bytes.Cut(chunk[4:], []byte{0})
	text, packed := textOf(string(chunk[:4]), chunk[4:])
	if string(keyword) == "XML:com.adobe.xmp" && !packed {
		return scrubXMP(text)
	}
	if !bytes.Contains(keyword, []byte("GPS")) && !tellsPlace(text) && !rawTells(keyword, text) {
		return false
	}
	copy(chunk, "tEXt")
	blank(chunk[4:])
	copy(chunk[4:], "Comment\x00")
	return true
}

// textOf gives the text of a chunk behind its keyword (PNG 3rd edition, 11.3.3):
// where it stands, or unpacked.
func textOf(kind string, body []byte) (text []byte, packed bool) {
	_, text, found := bytes.Cut(body, []byte{0})
	if !found {
		return nil, false
	}
	packed = kind == "zTXt"
	switch {
	case kind == "iTXt" && len(text) > 2:
		packed = text[0] == 1
		text = text[2:]
		for range 2 { // language and translated keyword
			_, text, _ = bytes.Cut(text, []byte{0})
		}
	case packed && len(text) > 1:
		text = text[1:]
	}
	if !packed {
		return text, false
	}
	r, err := zlib.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, true
	}
	text, _ = io.ReadAll(io.LimitReader(r, maxText)) // what came before an error counts
	return text, true
}

// rawTells reports whether a "Raw profile type …" tells the place: a name, a
// number and lines of hexadecimal.
func rawTells(keyword, text []byte) bool {
	if !bytes.HasPrefix(keyword, []byte("Raw profile type")) {
		return false
	}
	lines := bytes.SplitN(bytes.TrimSpace(text), []byte("\n"), 3)
	if len(lines) < 3 {
		return false
	}
	digits := bytes.ReplaceAll(lines[2], []byte("\n"), nil)
	raw := make([]byte, len(digits)/2)
	n, _ := hex.Decode(raw, digits[:len(raw)*2])
	raw = bytes.TrimPrefix(raw[:n], []byte(xmpStart))
	if e, ok := parseExif(raw); ok {
		return e.scrub()
	}
	return tellsPlace(raw) || scrubIPTC(raw)
}
