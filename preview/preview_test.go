package preview

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"kith"
)

// opened checks that a preview is a small JPEG and gives its picture.
func opened(t *testing.T, name string, preview []byte) image.Image {
	t.Helper()
	p, err := jpeg.Decode(bytes.NewReader(preview))
	if err != nil {
		t.Fatalf("%s: the preview of %d bytes: %v", name, len(preview), err)
	}
	if len(preview) > kith.MaxPicture || max(p.Bounds().Dx(), p.Bounds().Dy()) > MaxSide {
		t.Errorf("%s: the preview has %d bytes and is %v large", name, len(preview), p.Bounds())
	}
	return p
}

func TestOfPictures(t *testing.T) {
	for format, mime := range map[string]string{"jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "bmp": "image/bmp", "tiff": "image/tiff"} {
		for _, size := range [][2]int{{640, 400}, {90, 200}, {1, 1}, {3000, 1}} {
			media, err := Of(saved(t, "no ending", encoded(t, format, picture(size[0], size[1]))))
			if err != nil {
				t.Fatal(err)
			}
			if media.Type != mime || media.Width != uint32(size[0]) || media.Height != uint32(size[1]) || media.Duration != 0 {
				t.Errorf("%s of %v is %s of %d×%d", format, size, media.Type, media.Width, media.Height)
			}
			w, h := fit(size[0], size[1], MaxSide)
			if p := opened(t, format, media.Preview); p.Bounds().Dx() != w || p.Bounds().Dy() != h {
				t.Errorf("%s of %v: the preview is %v large", format, size, p.Bounds())
			}
		}
	}
}

// near reports whether a pixel is about the colour.
func near(p image.Image, x, y int, r, b bool) bool {
	c := color.NRGBAModel.Convert(p.At(x, y)).(color.NRGBA)
	return (c.R > 100) == r && (c.B > 100) == b
}

// TestOfTurnedPictures turns a picture as each orientation says it lies, so that
// upright it is red at the left, blue at the right and bright at the top.
func TestOfTurnedPictures(t *testing.T) {
	const w, h = 160, 120
	for turn := 1; turn <= 8; turn++ {
		// The turns undo themselves, but for the quarters, which undo each other.
		back := map[int]int{6: 8, 8: 6}[turn]
		if back == 0 {
			back = turn
		}
		lying := upright(shrink(picture(w, h), 1), back)
		file := withSegments(encoded(t, "jpeg", lying), segment(0xe1, exifStart, exifBytes(big, uint16(turn), true, nil)))
		media, err := Of(saved(t, "a.jpg", file))
		if err != nil || media.Width != w || media.Height != h {
			t.Errorf("turn %d: %d×%d, %v", turn, media.Width, media.Height, err)
		}
		p := opened(t, "turned", media.Preview)
		if !near(p, 10, 10, true, false) || !near(p, w-10, 10, false, true) || !near(p, 10, h-5, false, false) || p.Bounds().Dx() != w {
			t.Errorf("turn %d: the preview does not stand upright", turn)
		}
		if bytes.Contains(media.Preview, []byte("Exif")) {
			t.Errorf("turn %d: the preview has Exif", turn)
		}
	}
	// One turn that is not made by the code under test: 6 lies on its left side.
	lying := image.NewNRGBA(image.Rect(0, 0, 40, 80)) // the camera's top is the picture's left
	for y := range 80 {
		for x := range 40 {
			lying.SetNRGBA(x, y, color.NRGBA{R: uint8(255 * (1 - y/40)), B: uint8(255 * (y / 40)), A: 255})
		}
	}
	file := withSegments(encoded(t, "jpeg", lying), segment(0xe1, exifStart, exifBytes(big, 6, false, nil)))
	media, _ := Of(saved(t, "a.jpg", file))
	if p := opened(t, "6", media.Preview); media.Width != 80 || !near(p, 70, 20, true, false) || !near(p, 10, 20, false, true) {
		t.Error("turn 6 goes the wrong way: what was at the top belongs to the right")
	}
}

func TestOfTransparentPicture(t *testing.T) {
	media, err := Of(saved(t, "a.png", encoded(t, "png", image.NewNRGBA(image.Rect(0, 0, 50, 50)))))
	if err != nil {
		t.Fatal(err)
	}
	if c := color.GrayModel.Convert(opened(t, "a.png", media.Preview).At(25, 25)).(color.Gray); c.Y < 250 {
		t.Errorf("what is transparent became %v, not white", c)
	}
}

// TestOfBombs has pictures that say they are larger than memory.
func TestOfBombs(t *testing.T) {
	bomb := encoded(t, "png", picture(8, 8))
	copy(bomb[16:], "\x00\x00\xff\xff\x00\x00\xff\xff") // 65535×65535, with a wrong checksum
	bomb = fixPNG(bomb)
	media, err := Of(saved(t, "bomb.png", bomb))
	if err != nil || media.Type != "image/png" || media.Preview != nil || media.Width != 65535 {
		t.Errorf("%s %d, preview of %d bytes, %v", media.Type, media.Width, len(media.Preview), err)
	}
	// A camera's thumbnail stands in for a picture that is too large.
	thumb := encoded(t, "jpeg", picture(160, 120))
	large := encoded(t, "jpeg", picture(8, 8))
	i := bytes.Index(large, []byte{0xff, 0xc0})
	copy(large[i+5:], "\xff\xff\xff\xff")
	large = withSegments(large, segment(0xe1, exifStart, exifBytes(big, 1, true, thumb)))
	media, err = Of(saved(t, "large.jpg", large))
	if err != nil || media.Width != 65535 || opened(t, "large.jpg", media.Preview).Bounds().Dx() != 160 {
		t.Errorf("%d, %v", media.Width, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := decode(ctx, encoded(t, "jpeg", picture(800, 800)), maxArea); err == nil {
		t.Error("decoding goes on after its time")
	}
}

// fixPNG corrects the checksum of a PNG's header.
func fixPNG(data []byte) []byte {
	var header []byte
	header = append(header, data[16:29]...)
	body := encodedChunk("IHDR", header)
	return append(append(bytes.Clone(data[:8]), body...), data[33:]...)
}

func encodedChunk(kind string, body []byte) []byte {
	file := withChunk(append([]byte(pngMagic), make([]byte, 12)...), kind, body)
	return file[8 : len(file)-12]
}

func TestOfOthers(t *testing.T) {
	tests := []struct {
		name, data, want string
	}{
		{"empty", "", "text/plain"},
		{"a.jpg", "\xff\xd8\xff\xe0 broken", "image/jpeg"},
		{"a.txt", "hello", "text/plain"},
		{"a.pdf", "%PDF-1.7\n", "application/pdf"},
		{"a.bin", "\x00\x01\x02\x03\xff\xfe", ""},
		{"evil.png", "<html><script>alert(1)</script>", "text/html"},
	}
	for _, test := range tests {
		media, err := Of(saved(t, test.name, []byte(test.data)))
		if err != nil || media.Type != test.want || media.Preview != nil {
			t.Errorf("%s: %q, %v", test.name, media.Type, err)
		}
	}
	if media, err := Of(t.TempDir()); err != nil || media.Type != "" {
		t.Errorf("a folder: %q, %v", media.Type, err)
	}
	if _, err := Of(filepath.Join(t.TempDir(), "none")); kith.KindOf(err) != kith.NotFound {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	small := encoded(t, "jpeg", picture(100, 50))
	withPlace := withSegments(small, segment(0xe1, exifStart, exifBytes(big, 6, true, nil)))
	got := Check(kith.Media{Type: "Image/JPEG; charset=x", Width: 4000, Height: 2000, Duration: 5, Preview: withPlace})
	if got.Type != "image/jpeg" || got.Width != 4000 || got.Height != 2000 || got.Duration != 5 {
		t.Errorf("a good one became %+v", got)
	}
	opened(t, "checked", got.Preview)
	if bytes.Contains(got.Preview, []byte("Exif")) || bytes.Equal(got.Preview, withPlace) {
		t.Error("the preview was not made anew")
	}
	again := Check(got)
	if again.Type != got.Type || again.Preview == nil {
		t.Error("checked twice it is gone")
	}
	for name, preview := range map[string][]byte{
		"no picture":       []byte("hello"),
		"a PNG":            encoded(t, "png", picture(10, 10)),
		"a broken JPEG":    small[:len(small)/2],
		"too many bytes":   append(bytes.Clone(small), make([]byte, kith.MaxPicture)...),
		"too many pixels":  encoded(t, "jpeg", image.NewGray(image.Rect(0, 0, 1400, 1400))),
		"a script":         []byte("\xff\xd8\xff<script>"),
		"too long a strip": encoded(t, "jpeg", image.NewGray(image.Rect(0, 0, 5000, 1))),
	} {
		if got := Check(kith.Media{Preview: preview}); got.Preview != nil {
			t.Errorf("%s was kept", name)
		}
	}
	for _, bad := range []string{"image", "image/", "/png", "image/png/x", "image/<script>", "a b/c", "image/p\u00f6ng", strings.Repeat("a", 300) + "/b", "text/html\nX: y"} {
		if got := Check(kith.Media{Type: bad}); got.Type != "" {
			t.Errorf("the type %q became %q", bad, got.Type)
		}
	}
	if got := Check(kith.Media{Width: 1 << 31, Height: 5, Duration: 1<<32 - 1}); got.Width != 0 || got.Height != 0 {
		t.Errorf("%+v", got)
	}
	if got := Check(kith.Media{Width: 0, Height: 5}); got.Height != 0 {
		t.Errorf("%+v", got)
	}
}

func FuzzCheck(f *testing.F) {
	small := encoded(f, "jpeg", picture(20, 10))
	f.Add("image/jpeg", uint32(1), uint32(1), uint32(1), small)
	f.Add("", uint32(0), uint32(0), uint32(0), small[:100])
	f.Add("text/html; a=b", uint32(1<<31), uint32(1), uint32(1<<31), []byte("\xff\xd8\xff"))
	f.Fuzz(func(t *testing.T, kind string, w, h, d uint32, preview []byte) {
		got := Check(kith.Media{Type: kind, Width: w, Height: h, Duration: d, Preview: preview})
		if got.Type != "" && !typePattern.MatchString(got.Type) || got.Width > maxPixels || got.Height > maxPixels {
			t.Errorf("%+v", got)
		}
		if got.Preview != nil {
			opened(t, "fuzzed", got.Preview)
		}
	})
}

// TestFilmByScript has a false ffprobe that tells of an upright film and writes
// down how it was called, and no ffmpeg.
func TestFilmByScript(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the false ffprobe is a shell script")
	}
	bin := t.TempDir()
	script := "#!/bin/sh\necho \"$@\" > '" + bin + "/called'\n" +
		`echo '{"streams":[{"codec_type":"audio"},{"codec_type":"video","width":1920,"height":1080,"side_data_list":[{"rotation":-90}]}],"format":{"duration":"12.5"}}'`
	if err := os.WriteFile(filepath.Join(bin, "ffprobe"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	media, err := Of(saved(t, "-film.mp4", append(box("ftyp", []byte("isom\x00\x00\x02\x00isomiso2mp41")), box("moov", nil)...)))
	if err != nil || media.Type != "video/mp4" || media.Width != 1080 || media.Height != 1920 || media.Duration != 12500 || media.Preview != nil {
		t.Errorf("%+v, %v", media, err)
	}
	called, err := os.ReadFile(filepath.Join(bin, "called"))
	if err != nil || !strings.Contains(string(called), "-protocol_whitelist file ") || !strings.Contains(string(called), " file:/") {
		t.Errorf("ffprobe was called with %q, %v", called, err)
	}
}

// TestFilmProgramsAreBounded: one that never ends, one that prints for ever, and
// none at all.
func TestFilmProgramsAreBounded(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("these programs are Unix's")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if out := run(ctx, 100, "sleep", "60"); out != nil || time.Since(start) > 20*time.Second {
		t.Errorf("after %v: %q", time.Since(start), out)
	}
	if out := run(t.Context(), 100, "yes"); out != nil {
		t.Errorf("%d bytes", len(out))
	}
	if out := run(t.Context(), 100, "kith-has-no-such-program"); out != nil {
		t.Errorf("%q", out)
	}
	if out := run(t.Context(), 100, "echo", "a"); string(out) != "a\n" {
		t.Errorf("%q", out)
	}
}

// TestFilmForReal needs ffmpeg and ffprobe.
func TestFilmForReal(t *testing.T) {
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	film, playlist := filepath.Join(dir, "a.mkv"), filepath.Join(dir, "evil.mkv")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=400x300:rate=5:duration=2", "-c:v", "mjpeg", film).CombinedOutput()
	if err != nil {
		t.Skipf("%v: %s", err, out)
	}
	media, err := Of(film)
	if err != nil || !strings.HasPrefix(media.Type, "video/") || media.Width != 400 || media.Height != 300 || media.Duration < 1500 || media.Duration > 2500 {
		t.Errorf("%s %d×%d %d ms, %v", media.Type, media.Width, media.Height, media.Duration, err)
	}
	opened(t, "film", media.Preview)
	// A playlist names other files, which must not be read for it.
	if err := os.WriteFile(playlist, []byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.mkv\n#EXT-X-ENDLIST\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	media = kith.Media{}
	describeFilm(t.Context(), &media, playlist)
	if media.Width != 0 || media.Duration != 0 || media.Preview != nil {
		t.Errorf("the playlist was followed: %+v", media)
	}
}
