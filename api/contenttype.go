package api

import (
	"bytes"
	"mime"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

const (
	// sniffed is how much of a file its type is told by.
	sniffed = 4 << 10
	// saved is the type of what a browser only saves.
	saved = "application/octet-stream"
	// shownText is the type of all text, source code and HTML included.
	shownText = "text/plain; charset=utf-8"
)

// shown maps what mimetype calls a file to the type that browsers show or play
// it by. Nothing is in here that could hold a script: no HTML, no SVG, no XML.
var shown = map[string]string{
	"image/jpeg":      "image/jpeg",
	"image/png":       "image/png",
	"image/apng":      "image/png",
	"image/gif":       "image/gif",
	"image/webp":      "image/webp",
	"image/avif":      "image/avif",
	"image/bmp":       "image/bmp",
	"video/mp4":       "video/mp4",
	"video/x-m4v":     "video/mp4",
	"video/webm":      "video/webm",
	"video/ogg":       "video/ogg",
	"video/quicktime": "video/quicktime",
	"audio/mpeg":      "audio/mpeg",
	"audio/mp4":       "audio/mp4",
	"audio/x-m4a":     "audio/mp4",
	"audio/aac":       "audio/aac",
	"audio/ogg":       "audio/ogg",
	"audio/flac":      "audio/flac",
	"audio/wav":       "audio/wav",
	"application/pdf": "application/pdf",
}

// sound are the containers that hold pictures or only sound, which the begin
// does not tell: there the name decides.
var sound = map[string]map[string]string{
	"video/mp4":       {".m4a": "audio/mp4", ".m4b": "audio/mp4"},
	"video/webm":      {".weba": "audio/webm", ".opus": "audio/webm"},
	"application/ogg": {".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg", ".ogv": "video/ogg"},
}

// contentType gives the type to serve a file with by its name and its begin,
// and whether a browser may show it. Those are hostile: it is told by the
// content, and is one of a short list whatever it is.
func contentType(name string, begin []byte) (mediaType string, show bool) {
	found, _, _ := strings.Cut(mimetype.Detect(begin).String(), ";")
	if t := sound[found][strings.ToLower(path.Ext(name))]; t != "" {
		return t, true
	}
	if t := shown[found]; t != "" {
		return t, true
	}
	if isText(begin) {
		return shownText, true
	}
	return saved, false
}

// isText tells UTF-8 without other control characters than those of text. The
// last character may be cut.
func isText(begin []byte) bool {
	for cut := range utf8.UTFMax {
		if len(begin) == sniffed && cut < len(begin) && utf8.Valid(begin[:len(begin)-cut]) {
			begin = begin[:len(begin)-cut]
			break
		}
	}
	return utf8.Valid(begin) && !bytes.ContainsFunc(begin, func(r rune) bool {
		return unicode.IsControl(r) && !slices.Contains([]rune("\t\n\r\f\x1b"), r)
	})
}

// disposition is the Content-Disposition of a file (RFC 6266): to be shown or
// saved, under its name.
func disposition(show bool, name string) string {
	kind := "attachment"
	if show {
		kind = "inline"
	}
	return mime.FormatMediaType(kind, map[string]string{"filename": saveName(name)})
}

// saveName is a name without what could break a header, make a path, or let a
// name look like another.
func saveName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '/', r == '\\':
			return '_'
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == utf8.RuneError:
			return -1
		}
		return r
	}, name)
	if strings.Trim(name, ". ") == "" {
		return "file"
	}
	return name
}
