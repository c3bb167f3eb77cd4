package preview

import (
	"bytes"
	"errors"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goexif "github.com/rwcarlsen/goexif/exif"

	"kith"
)

// placed are files that tell where they were made, by name, and words of the
// place that must be gone afterwards.
func placed(t testing.TB) map[string][]byte {
	jpg := encoded(t, "jpeg", picture(64, 48))
	png := encoded(t, "png", picture(64, 48))
	exifSegment := segment(0xe1, exifStart, exifBytes(little, 6, true, nil))
	long := strings.Repeat(" ", 100) + xmpWithPlace
	extended := func(s string) []byte {
		return segment(0xe1, extendedStart, []byte(strings.Repeat("0", 40)+s))
	}
	iptc := "8BIM\x04\x04\x00\x00\x00\x00\x00\x1a\x1c\x02\x05\x00\x04Name\x1c\x02\x5a\x00\x05Paris\x1c\x02\x65\x00\x06France"
	raw := "\nexif\n      10\n" + strings.ReplaceAll(hexOf(exifStart+string(exifBytes(big, 1, true, nil))), "4d4d", "\n4d4d") + "\n"
	film := append(box("ftyp", []byte("mp42")), box("moov", box("udta", box("\xa9xyz", []byte("\x00\x12\x15\xc7+48.8577+002.2950/"))))...)
	return map[string][]byte{
		"exif.jpg":      withSegments(jpg, exifSegment),
		"exif big.jpg":  withSegments(jpg, segment(0xe0, "JFIF\x00", make([]byte, 9)), segment(0xe1, exifStart, exifBytes(big, 3, true, jpg))),
		"xmp.jpg":       withSegments(jpg, segment(0xe1, xmpStart, []byte(xmpWithPlace))),
		"both.jpg":      withSegments(jpg, exifSegment, segment(0xe1, xmpStart, []byte(xmpWithPlace)), segment(0xed, iptcStart, []byte(iptc))),
		"iptc.jpg":      withSegments(jpg, segment(0xed, iptcStart, []byte(iptc))),
		"extended.jpg":  withSegments(jpg, extended(long[:230]), extended(long[230:])),
		"utf16.jpg":     withSegments(jpg, segment(0xe1, xmpStart, wide(xmpWithPlace))),
		"second.jpg":    append(bytes.Clone(jpg), withSegments(jpg, exifSegment)...),
		"moving.jpg":    append(bytes.Clone(jpg), film...),
		"exif.png":      withChunk(png, "eXIf", exifBytes(big, 8, true, nil)),
		"xmp.png":       withChunk(png, "iTXt", []byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00"+xmpWithPlace)),
		"xmp small.png": withChunk(png, "iTXt", append([]byte("XML:com.adobe.xmp\x00\x01\x00\x00\x00"), deflated([]byte(xmpWithPlace))...)),
		"raw.png":       withChunk(png, "zTXt", append([]byte("Raw profile type exif\x00\x00"), deflated([]byte(raw))...)),
		"text.png":      withChunk(png, "tEXt", []byte("exif:GPSLatitude\x0048/1, 51/1, 29/1")),
		"exif.webp":     webpFile(webpChunk("VP8X", make([]byte, 10)), webpChunk("EXIF", exifBytes(little, 6, true, nil)), webpChunk("XMP ", []byte(xmpWithPlace))),
		"only.tiff":     exifBytes(little, 1, true, nil),
		"xmp.gif":       append(bytes.TrimSuffix(encoded(t, "gif", picture(64, 48)), []byte{0x3b}), "\x21\xff\x0bXMP DataXMP"+xmpWithPlace...),
	}
}

func hexOf(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

// wide is text in UTF-16.
func wide(s string) []byte {
	var b []byte
	for _, c := range []byte(s) {
		b = append(b, c, 0)
	}
	return b
}

func TestStripLocation(t *testing.T) {
	for name, data := range placed(t) {
		src := saved(t, name, data)
		dst := filepath.Join(t.TempDir(), name)
		if has, err := HasLocation(src); err != nil || !has {
			t.Errorf("%s: has a place: %v, %v", name, has, err)
			continue
		}
		if err := StripLocation(src, dst); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if has, err := HasLocation(dst); err != nil || has {
			t.Errorf("%s: the copy has a place: %v, %v", name, has, err)
		}
		after, err := os.ReadFile(dst)
		if err != nil || len(after) != len(data) {
			t.Errorf("%s: the copy has %d bytes, the original %d", name, len(after), len(data))
		}
		if original, err := os.ReadFile(src); err != nil || !bytes.Equal(original, data) {
			t.Errorf("%s: the original was changed", name)
		}
		for _, word := range []string{"GPSL", "48,51", "Paris", "France", "Eiffel", "35/1", "48.85", "\x30\x00\x00\x00\x01\x00\x00\x00\x33\x00\x00\x00"} {
			if bytes.Contains(after, []byte(word)) {
				t.Errorf("%s: the copy still says %q", name, word)
			}
		}
		if exifOf(after).orientation() != exifOf(data).orientation() {
			t.Errorf("%s: the copy lies otherwise", name)
		}
		for _, word := range []string{"Holiday", `xmp:Rating="5"`, "Name"} {
			if bytes.Contains(data, []byte(word)) && !bytes.Contains(after, []byte(word)) && name != "extended.jpg" {
				t.Errorf("%s: the copy lost %q", name, word)
			}
		}
		before, _, err := image.Decode(bytes.NewReader(data))
		if err != nil {
			continue // a container without a picture
		}
		if pixels, _, err := image.Decode(bytes.NewReader(after)); err != nil || !samePixels(before, pixels) {
			t.Errorf("%s: the pixels differ: %v", name, err)
		}
	}
}

func samePixels(a, b image.Image) bool {
	if a.Bounds() != b.Bounds() {
		return false
	}
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			if a.At(x, y) != b.At(x, y) {
				return false
			}
		}
	}
	return true
}

// TestStripAsOthersReadIt has another program's Exif reader look.
func TestStripAsOthersReadIt(t *testing.T) {
	thumb := encoded(t, "jpeg", picture(16, 12))
	for _, order := range []byteOrder{little, big} {
		data := withSegments(encoded(t, "jpeg", picture(64, 48)), segment(0xe1, exifStart, exifBytes(order, 6, true, thumb)))
		x, err := goexif.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if lat, long, err := x.LatLong(); err != nil || lat < 48.85 || lat > 48.86 || long < 2.29 || long > 2.3 {
			t.Fatalf("the test's own picture is at %v %v, %v", lat, long, err)
		}
		if !scrub(data) {
			t.Fatal("nothing was found")
		}
		if x, err = goexif.Decode(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := x.LatLong(); err == nil {
			t.Error("there is still a place")
		}
		for name, want := range map[goexif.FieldName]int{goexif.Orientation: 6, goexif.ISOSpeedRatings: 100} {
			tag, err := x.Get(name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got, err := tag.Int(0); err != nil || got != want {
				t.Errorf("%s is %d, %v", name, got, err)
			}
		}
		if got, err := x.JpegThumbnail(); err != nil || !bytes.Equal(got, thumb) {
			t.Errorf("the thumbnail: %v", err)
		}
	}
}

func TestStripLeavesTheRest(t *testing.T) {
	jpg := encoded(t, "jpeg", picture(64, 48))
	film := func(moov []byte) []byte {
		return append(append(box("ftyp", []byte("mp42mp42")), box("mdat", []byte("+48.8577+002.2950/ is no place here"))...), box("moov", moov)...)
	}
	apple := box("meta", append(box("keys", []byte("mdtacom.apple.quicktime.location.ISO6709")), box("data", []byte("+48.8577+002.2950+035.000/"))...))
	heic := append(box("ftyp", []byte("heicmif1")), box("mdat", append([]byte("\x00\x00\x00\x06Exif\x00\x00"), exifBytes(big, 6, true, nil)...))...)
	tests := []struct {
		name    string
		data    []byte
		has     bool
		refused bool
	}{
		{"plain.jpg", jpg, false, false},
		{"exif.jpg", withSegments(jpg, segment(0xe1, exifStart, exifBytes(big, 6, false, nil))), false, false},
		{"text.txt", []byte("exif:GPSLatitude=\"48\""), false, false},
		{"empty", nil, false, false},
		{"a.heic", heic, true, true},
		{"b.heic", append(box("ftyp", []byte("heicmif1")), box("mdat", exifBytes(big, 6, false, nil))...), false, false},
		{"apple.mov", film(apple), true, true},
		{"android.mp4", film(box("udta", box("\xa9xyz", []byte("\x00\x12\x15\xc7+48.8577+002.2950/")))), true, true},
		{"3gpp.mp4", film(box("udta", box("loci", make([]byte, 30)))), true, true},
		{"nowhere.mp4", film(box("mvhd", make([]byte, 100))), false, false},
		{"broken.mp4", []byte("\x00\x00\x00\x01ftypmp42"), false, false},
	}
	for _, test := range tests {
		src := saved(t, test.name, test.data)
		dst := filepath.Join(t.TempDir(), "copy")
		if has, err := HasLocation(src); err != nil || has != test.has {
			t.Errorf("%s: has a place: %v, %v", test.name, has, err)
		}
		err := StripLocation(src, dst)
		if errors.Is(err, ErrCannotStrip) != test.refused || err != nil && !test.refused {
			t.Errorf("%s: %v", test.name, err)
		}
		after, err := os.ReadFile(dst)
		if test.refused && err == nil || !test.refused && !bytes.Equal(after, test.data) {
			t.Errorf("%s: the copy is %.50q, %v", test.name, after, err)
		}
	}
}

func TestStripReplacesNothing(t *testing.T) {
	src, dst := saved(t, "a.jpg", placed(t)["exif.jpg"]), saved(t, "b.jpg", []byte("mine"))
	if err := StripLocation(src, dst); kith.KindOf(err) != kith.Conflict {
		t.Error(err)
	}
	if err := StripLocation(src, src); kith.KindOf(err) != kith.Conflict {
		t.Error(err)
	}
	if got, err := os.ReadFile(dst); err != nil || string(got) != "mine" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := HasLocation(filepath.Join(t.TempDir(), "none")); kith.KindOf(err) != kith.NotFound {
		t.Error(err)
	}
}

func FuzzScrub(f *testing.F) {
	for _, data := range placed(f) {
		f.Add(data)
	}
	f.Add([]byte("II*\x00\x08\x00\x00\x00\xff\xff\x25\x88\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00"))
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\x00\x01\x88\x25\x00\x04\x00\x00\x00\x01\x00\x00\x00\x08"))
	f.Fuzz(func(t *testing.T, data []byte) {
		original := bytes.Clone(data)
		if !scrub(data) && !bytes.Equal(data, original) {
			t.Error("changed without saying so")
		}
		exifOf(data).orientation()
		exifOf(data).thumbnail()
		boxesTell(data)
		isProgressive(data)
	})
}
