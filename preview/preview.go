// Package preview says what a file is before anybody fetched it: its type, the
// size of a picture, the length of a film, and a small JPEG to look at.
//
// The sharer makes all that with [Of]. A receiver believes none of it: [Check]
// keeps only what is well-formed, and makes the JPEG anew, so that a list of
// files shows nothing but pixels that this program wrote.
//
// Photos tell where they were taken. [HasLocation] finds that out and
// [StripLocation] makes a copy without it, of the same size and with every
// pixel as it was: what tells the place is overwritten where it stands.
//
// Every picture may be hostile. Its size is read before its pixels, decoding
// has a limit of memory and of time, and one picture is decoded at a time.
// Films and sound are left to ffmpeg and ffprobe where they are installed; they
// may read that one file and talk to nobody.
package preview

import (
	"bytes"
	"context"
	"mime"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/gabriel-vasile/mimetype"

	"kith"
)

// Limits of what is said about a file.
const (
	MaxSide     = 320     // pixels of a preview's longer side
	maxPixels   = 1 << 16 // of a side of a picture or film, more is not believed
	maxDuration = 100 * 24 * time.Hour
	patience    = 15 * time.Second // for one file
)

// Of describes a file. What can't be found out stays empty: a file that is
// broken, unknown or too large for a preview is shared all the same. The only
// error is that the file can't be read. A folder has no description.
func Of(path string) (kith.Media, error) {
	f, err := os.Open(path)
	if err != nil {
		return kith.Media{}, unreadable(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return kith.Media{}, unreadable(path, err)
	}
	if !info.Mode().IsRegular() {
		return kith.Media{}, nil
	}
	found, err := mimetype.DetectReader(f)
	if err != nil {
		return kith.Media{}, unreadable(path, err)
	}
	media := kith.Media{Type: wellFormed(found.String())}
	if media.Type == "application/octet-stream" {
		media.Type = ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch kind, _, _ := strings.Cut(media.Type, "/"); kind {
	case "image":
		describePicture(ctx, &media, f, info.Size())
	case "video", "audio":
		describeFilm(ctx, &media, path)
	}
	return media, nil
}

// Check gives what to believe of a description that somebody else made.
func Check(media kith.Media) kith.Media {
	checked := kith.Media{Type: wellFormed(media.Type)}
	if media.Width > 0 && media.Height > 0 && media.Width <= maxPixels && media.Height <= maxPixels {
		checked.Width, checked.Height = media.Width, media.Height
	}
	checked.Duration = min(media.Duration, uint32(min(maxDuration.Milliseconds(), 1<<32-1)))
	if len(media.Preview) == 0 || len(media.Preview) > kith.MaxPicture || !bytes.HasPrefix(media.Preview, []byte("\xff\xd8\xff")) {
		return checked
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	const side = 4 * MaxSide // a later version may make larger ones
	if p, err := decode(ctx, media.Preview, side*side); err == nil && max(p.Bounds().Dx(), p.Bounds().Dy()) <= side {
		checked.Preview = encode(shrink(p, 1))
	}
	return checked
}

// typePattern is a type as RFC 6838 allows to register it.
var typePattern = regexp.MustCompile(`^[a-z]{1,32}/[a-z0-9][a-z0-9!#$&^_.+-]{0,94}$`)

// wellFormed gives a MIME type in small letters without parameters, or nothing.
func wellFormed(s string) string {
	if len(s) > 256 {
		return ""
	}
	s, _, err := mime.ParseMediaType(s)
	if err != nil || !typePattern.MatchString(s) {
		return ""
	}
	return s
}

func unreadable(path string, err error) error {
	kind := kith.Internal
	switch {
	case os.IsNotExist(err):
		kind = kith.NotFound
	case os.IsPermission(err):
		kind = kith.Forbidden
	}
	return kith.Errorf(kind, "cannot read %q: %w", path, err)
}
