package api

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"kith"
	"kith/node"
)

// mp4 is the begin of a film.
const mp4 = "\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2mp41"

// What others name and write decides only between harmless types.
func TestContentType(t *testing.T) {
	const (
		jpeg = "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
		png  = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
		gif  = "GIF89a"
		webm = "\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm"
		html = "<!DOCTYPE html><html><body><script>alert(document.domain)</script>"
	)
	tests := []struct{ name, begin, want string }{
		// Media, by what they are.
		{"beach.jpg", jpeg, "image/jpeg"},
		{"beach.html", jpeg, "image/jpeg"},
		{"beach.js", jpeg + "*/=alert(1)/*", "image/jpeg"},
		{"no name at all", jpeg, "image/jpeg"},
		{"beach.jpg", png, "image/png"},
		{"a.gif", gif + "\x01\x00\x01\x00", "image/gif"},
		{"polyglot.js", gif + "=1;alert(document.domain)//", "image/gif"},
		{"a.webp", "RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"},
		{"a.avif", "\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf", "image/avif"},
		{"a.mp4", mp4, "video/mp4"},
		{"a.html", mp4, "video/mp4"},
		{"a.M4A", mp4, "audio/mp4"},
		{"a.m4a", "\x00\x00\x00\x18ftypM4A \x00\x00\x02\x00", "audio/mp4"},
		{"a.mov", "\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ", "video/quicktime"},
		{"a.webm", webm, "video/webm"},
		{"a.weba", webm, "audio/webm"},
		{"a.mp3", "ID3\x03\x00\x00\x00\x00\x0f\x76TPE1", "audio/mpeg"},
		{"a.flac", "fLaC\x00\x00\x00\x22", "audio/flac"},
		{"a.wav", "RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"},
		{"a.opus", "OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x13OpusHead", "audio/ogg"},
		{"a.pdf", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"},
		{"a.html", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n<script>", "application/pdf"},
		// Text, whatever it pretends to be and would do.
		{"a.txt", "hello\r\n", shownText},
		{"a.html", html, shownText},
		{"a.jpg", html, shownText},
		{"a.mp4", html, shownText},
		{"a.txt", html, shownText},
		{"a.pdf", html, shownText},
		{"a.xhtml", `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>`, shownText},
		{"a.svg", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, shownText},
		{"a.png", `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, shownText},
		{"a.xml", `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#x"?><x/>`, shownText},
		{"a.js", "alert(document.domain)", shownText},
		{"a.css", "*{background:url(//evil.example)}", shownText},
		{"a.mht", "From: <Saved by Blink>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>", shownText},
		{"a.json", `{"a":1}`, shownText},
		{"a.csv", "a,b\n1,2\n", shownText},
		{"a.md", "# Zoë\n👩‍🚀", shownText},
		{"a.go", "package main\n", shownText},
		{"empty", "", shownText},
		{"empty.html", "", shownText},
		{"\x00\u202e\n", "hello", shownText},
		{"cut.txt", strings.Repeat("x", sniffed-1) + "ë"[:1], shownText},
		// Everything else is saved.
		{"a.txt", "\xff\xfe<\x00s\x00c\x00r\x00i\x00p\x00t\x00>\x00", saved}, // UTF-16
		{"a.txt", "+ADw-script+AD4-\x00", saved},
		{"a.txt", "Zo\xeb", saved}, // Latin-1
		{"a.txt", "ends in half a character \xc3", saved},
		{"a.zip", "PK\x03\x04\x14\x00", saved},
		{"a.docx", "PK\x03\x04\x14\x00\x06\x00[Content_Types].xml", saved},
		{"a.exe", "MZ\x90\x00\x03", saved},
		{"a.swf", "FWS\x09\x00\x00", saved},
		{"a.class", "\xca\xfe\xba\xbe\x00\x00\x00\x34", saved},
		{"a.wasm", "\x00asm\x01\x00\x00\x00", saved},
		{"a.mkv", "\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska", saved},
		{"a.tiff", "II*\x00\x08\x00\x00\x00", saved},
		{"a.jpg", "\x00\x01\x02\x03", saved},
	}
	for _, test := range tests {
		got, show := contentType(test.name, []byte(test.begin))
		if got != test.want || show != (got != saved) {
			t.Errorf("%q %.30q: %s, shown %v, want %s", test.name, test.begin, got, show, test.want)
		}
	}
}

// Nothing that a document or a script could be made of is ever a type.
func FuzzContentType(f *testing.F) {
	for _, begin := range []string{"", "<script>", mp4, "GIF89a=1;", "%PDF-", "\xff\xfe<\x00", "<svg/>", "{}"} {
		f.Add("a.svg", []byte(begin))
	}
	allowed := map[string]bool{shownText: true, saved: true, "audio/webm": true}
	for _, t := range shown {
		allowed[t] = true
	}
	f.Fuzz(func(t *testing.T, name string, begin []byte) {
		got, show := contentType(name, begin)
		if !allowed[got] || show == (got == saved) {
			t.Errorf("%s, shown %v", got, show)
		}
		line := disposition(show, name)
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("in a header: %q", line)
		}
		if _, p, err := mime.ParseMediaType(line); err != nil || p["filename"] != saveName(name) {
			t.Errorf("%q says %q, %v", line, p["filename"], err)
		}
	})
}

func TestDisposition(t *testing.T) {
	for name, want := range map[string]string{
		"beach.jpg":                   `inline; filename=beach.jpg`,
		"day one.jpg":                 `inline; filename="day one.jpg"`,
		`a"b;c.jpg`:                   `inline; filename="a\"b;c.jpg"`,
		"Zoë été.jpg":                 `inline; filename*=utf-8''Zo%C3%AB%20%C3%A9t%C3%A9.jpg`,
		"a\r\nSet-Cookie: x=1.jpg":    `inline; filename="aSet-Cookie: x=1.jpg"`,
		"photo\u202egpj.exe":          `inline; filename=photogpj.exe`,
		"../../.bashrc":               `inline; filename=.._.._.bashrc`,
		`C:\autoexec.bat`:             `inline; filename="C:_autoexec.bat"`,
		"\x00\x1b[2J":                 `inline; filename="[2J"`,
		"":                            `inline; filename=file`,
		"..":                          `inline; filename=file`,
		"\xff\xfe":                    `inline; filename=file`,
		"\u200f\u2067":                `inline; filename=file`,
		"خط\u200cکش.txt":              `inline; filename*=utf-8''%D8%AE%D8%B7%E2%80%8C%DA%A9%D8%B4.txt`,
		"👩‍🚀.png":                     `inline; filename*=utf-8''%F0%9F%91%A9%E2%80%8D%F0%9F%9A%80.png`,
		"100%.txt":                    `inline; filename=100%.txt`,
		"a'b*c.txt":                   `inline; filename=a'b*c.txt`,
		strings.Repeat("ë", 3) + "\t": `inline; filename*=utf-8''%C3%AB%C3%AB%C3%AB`,
	} {
		if got := disposition(true, name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	if got := disposition(false, "a.zip"); got != "attachment; filename=a.zip" {
		t.Error(got)
	}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// holding is a node with one file.
func holding(name, text string) *fakeNode {
	return &fakeNode{content: func() *node.Content {
		return &node.Content{
			ReadSeekCloser: nopCloser{strings.NewReader(text)}, Name: name, Size: int64(len(text)), Complete: true,
			Modified: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
		}
	}}
}

// get asks for a file with some headers, by pairs.
func get(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, Prefix+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestServing(t *testing.T) {
	const path = "/files/aebagbafay/content/3"
	text := mp4 + strings.Repeat("film ", 5000)
	f := holding("Zoë.mp4", text)
	h := newHandler(f, Options{})
	whole := get(h, "GET", path)
	etag := whole.Header().Get("ETag")
	if method, args := f.asked(); method != "OpenFile" || args[0] != "aebagbafay" || args[1] != 3 {
		t.Errorf("the node was asked %s%v", method, args)
	}
	if whole.Code != 200 || whole.Body.String() != text || !strings.HasPrefix(etag, `"`) {
		t.Fatalf("%d, %d bytes, %v", whole.Code, whole.Body.Len(), whole.Header())
	}
	tests := []struct {
		name, method string
		headers      []string
		status       int
		body, ranges string
	}{
		{"part", "GET", []string{"Range", "bytes=4-11"}, 206, text[4:12], "bytes 4-11/25028"},
		{"end", "GET", []string{"Range", "bytes=-5"}, 206, "film ", "bytes 25023-25027/25028"},
		{"from", "GET", []string{"Range", "bytes=25024-"}, 206, "ilm ", "bytes 25024-25027/25028"},
		{"beyond", "GET", []string{"Range", "bytes=99999-"}, 416, "", "bytes */25028"},
		{"nonsense", "GET", []string{"Range", "lines=1-2"}, 416, "", ""},
		{"same", "GET", []string{"Range", "bytes=0-3", "If-Range", etag}, 206, text[:4], "bytes 0-3/25028"},
		{"other", "GET", []string{"Range", "bytes=0-3", "If-Range", `"other"`}, 200, text, ""},
		{"not again", "GET", []string{"If-None-Match", etag}, 304, "", ""},
		{"only that", "GET", []string{"If-Match", `"other"`}, 412, "", ""},
		{"head", "HEAD", nil, 200, "", ""},
		{"head of a part", "HEAD", []string{"Range", "bytes=0-3"}, 206, "", "bytes 0-3/25028"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := get(h, test.method, path, test.headers...)
			if w.Code != test.status || w.Code < 300 && w.Body.String() != test.body || w.Header().Get("Content-Range") != test.ranges {
				t.Errorf("%d, %.40q, %v", w.Code, w.Body, w.Header())
			}
			if test.method == "HEAD" && test.status == 200 && w.Header().Get("Content-Length") != "25028" {
				t.Errorf("length %s", w.Header().Get("Content-Length"))
			}
		})
	}
}

// While a file arrives its date changes, and its parts are still of one file.
func TestServingWhileItArrives(t *testing.T) {
	f := holding("a.mp4", mp4)
	made, reads := f.content, 0
	f.content = func() *node.Content {
		c := made()
		reads++
		c.Complete, c.Modified = reads > 2, c.Modified.Add(time.Duration(reads)*time.Minute)
		return c
	}
	h := newHandler(f, Options{})
	first := get(h, "GET", "/files/a/content/0")
	if date := first.Header().Get("Last-Modified"); date != "" {
		t.Errorf("it is dated %s", date)
	}
	for range 2 {
		if w := get(h, "GET", "/files/a/content/0", "Range", "bytes=0-3", "If-Range", first.Header().Get("ETag")); w.Code != 206 {
			t.Errorf("%d", w.Code)
		}
	}
}

func TestHeadersOfContent(t *testing.T) {
	for _, test := range []struct{ name, text, path, mediaType, disposition, policy string }{
		{"a.mp4", mp4, "0", "video/mp4", "inline", policyOfContent},
		{"a.mp4", mp4, "0?download=1", saved, "attachment", policyOfContent},
		{"a.mp4", mp4, "0?download=true", saved, "attachment", policyOfContent},
		{"a.html", "<script>alert(1)</script>", "0", shownText, "inline", policyOfContent},
		{"a.pdf", "%PDF-1.7\n", "0", "application/pdf", "inline", policyOfPDF},
		{"a.pdf", "%PDF-1.7\n", "0?download=1", saved, "attachment", policyOfContent},
		{"a.pdf", "<script>alert(1)</script>", "0", shownText, "inline", policyOfContent},
		{"a.zip", "PK\x03\x04", "0", saved, "attachment", policyOfContent},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			w := get(newHandler(holding(test.name, test.text), Options{}), method, "/files/a/content/"+test.path)
			for name, want := range map[string]string{
				"Content-Type":                 test.mediaType,
				"Content-Disposition":          test.disposition + "; filename=" + test.name,
				"Content-Security-Policy":      test.policy,
				"X-Content-Type-Options":       "nosniff",
				"Cross-Origin-Resource-Policy": "same-origin",
				"Referrer-Policy":              "no-referrer",
				"Cache-Control":                "private, no-cache",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s %s: %s is %q, want %q", test.name, test.path, name, got, want)
				}
			}
		}
	}
	for _, policy := range []string{policyOfContent, policyOfPDF} {
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script-src") || strings.Contains(policy, "allow-") {
			t.Errorf("%s lets scripts run", policy)
		}
	}
}

// Nothing of a message is run by a page, whatever type it has.
func TestContentIsNotRun(t *testing.T) {
	h := newHandler(holding("a.js", "alert(1)"), Options{})
	for _, dest := range []string{"script", "style", "worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet", "manifest", "xslt", "font", "track", "report", "frame", "json", "webidentity", "anything new"} {
		checkProblem(t, get(h, "GET", "/files/a/content/0", "Sec-Fetch-Dest", dest), 403, kith.Forbidden)
	}
	for _, dest := range []string{"empty", "document", "iframe", "embed", "object", "image", "video", "audio"} {
		if w := get(h, "GET", "/files/a/content/0", "Sec-Fetch-Dest", dest); w.Code != 200 {
			t.Errorf("%s: %d", dest, w.Code)
		}
	}
}

func TestContentErrors(t *testing.T) {
	gone := &fakeNode{err: kith.Errorf(kith.NotFound, "there is no such file")}
	for _, path := range []string{"/files/a/content/0", "/files/a/content/0?download=1", "/files/a/preview"} {
		w := get(newHandler(gone, Options{}), "GET", path)
		if p := checkProblem(t, w, 404, kith.NotFound); p.Detail != gone.err.Error() {
			t.Error(p.Detail)
		}
		if w.Header().Get("ETag") != "" || w.Header().Get("Content-Disposition") != "" {
			t.Errorf("%v", w.Header())
		}
	}
	broken := &fakeNode{content: func() *node.Content {
		return &node.Content{ReadSeekCloser: struct {
			io.Reader
			io.Seeker
			io.Closer
		}{iotest.ErrReader(kith.Errorf(kith.Unreachable, "nobody who has it is connected")), nil, nopCloser{}}}
	}}
	checkProblem(t, get(newHandler(broken, Options{}), "GET", "/files/a/content/0"), 503, kith.Unreachable)
	for _, path := range []string{"/files/a/content/-1", "/files/a/content/x", "/files/a/content/99999999999999999999", "/files/a/content/0?download=maybe", "/files/a/content/0?callback=x"} {
		checkProblem(t, get(newHandler(gone, Options{}), "GET", path), 422, kith.Invalid)
	}
}

func TestPreview(t *testing.T) {
	f := &fakeNode{}
	w := get(newHandler(f, Options{}), "GET", "/files/aebagb/preview")
	if method, args := f.asked(); method != "Preview" || args[0] != "aebagb" {
		t.Errorf("the node was asked %s%v", method, args)
	}
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), []byte{0xa7}) || w.Header().Get("Content-Type") != "image/jpeg" ||
		w.Header().Get("Content-Security-Policy") != policyOfContent || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	again := get(newHandler(f, Options{}), "GET", "/files/aebagb/preview", "If-None-Match", w.Header().Get("ETag"))
	if again.Code != 304 {
		t.Errorf("again: %d", again.Code)
	}
}

// A program reads a file through the client as it would inside the node.
func TestClientReadsFiles(t *testing.T) {
	text := mp4 + strings.Repeat("film ", 5000)
	f := holding("Zoë's.mp4", text)
	c := serve(t, f, Options{})
	content, err := c.OpenFile(t.Context(), "../a b", 7)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if _, args := f.asked(); args[0] != "../a b" || args[1] != 7 {
		t.Errorf("the node was asked for %v", args)
	}
	if content.Name != "Zoë's.mp4" || content.Type != "video/mp4" || content.Size != int64(len(text)) || content.Modified.Year() != 2026 {
		t.Errorf("%+v", content)
	}
	if err := iotest.TestReader(content, []byte(text)); err != nil {
		t.Error(err)
	}
	f.content = nil
	f.err = kith.Errorf(kith.NotFound, "gone")
	if _, err := content.Seek(5, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := content.Read(make([]byte, 1)); kith.KindOf(err) != kith.NotFound || err == nil {
		t.Errorf("%v", err)
	}
	if _, err := c.OpenFile(t.Context(), "a", 0); kith.KindOf(err) != kith.NotFound || err == nil {
		t.Errorf("%v", err)
	}
}
