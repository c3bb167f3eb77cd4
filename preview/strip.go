package preview

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"kith"
)

// ErrCannotStrip is behind the error of [StripLocation] for a file that tells
// where it was made in a way that this package finds but can't take out.
var ErrCannotStrip = errors.New("the place can't be taken out of this kind of file")

// maxHeader is how much of a film's description is looked at.
const maxHeader = 64 << 20

// HasLocation reports whether a file tells where it was made: by GPS in Exif, by
// a place in XMP or IPTC, or by the coordinates of a film. It reads JPEG, PNG,
// WebP, GIF and TIFF, and the raw formats that are TIFF; HEIC, AVIF and JPEG XL;
// MP4 and QuickTime. Of others it says no.
//
// It does not see what a camera's maker keeps in a format of their own, nor
// tracks of a film that record a way (GoPro, DJI).
func HasLocation(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, unreadable(path, err)
	}
	defer f.Close()
	data, kind, err := load(f)
	if err != nil {
		return false, unreadable(path, err)
	}
	if kind == strippable {
		return scrub(data), nil
	}
	return kind == boxes && boxesTell(data), nil
}

// StripLocation writes a copy of src to dst, which must not exist, without what
// tells where it was made. Everything else stays as it was: same size, same
// pixels, same orientation. A name of a place in IPTC becomes blank.
//
// It fails with [ErrCannotStrip], and leaves no dst, for HEIC, AVIF, JPEG XL and
// films that do tell a place; pictures beyond 128 MiB are not read at all.
func StripLocation(src, dst string) error {
	f, err := os.Open(src)
	if err != nil {
		return unreadable(src, err)
	}
	defer f.Close()
	data, kind, err := load(f)
	if err != nil {
		return unreadable(src, err)
	}
	var clean io.Reader
	switch {
	case kind == strippable:
		scrub(data)
		if scrub(data) {
			return cannotStrip(src)
		}
		clean = bytes.NewReader(data)
	case kind == boxes && boxesTell(data):
		return cannotStrip(src)
	default:
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return unreadable(src, err)
		}
		clean = f
	}
	return write(dst, clean)
}

func cannotStrip(src string) error {
	return kith.Errorf(kith.Conflict, "cannot take the place out of %q: %w; export it as JPEG, or share it with the place", src, ErrCannotStrip)
}

// write makes a new file, or none.
func write(dst string, clean io.Reader) error {
	f, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		kind := kith.Internal
		if os.IsExist(err) {
			kind = kith.Conflict
		}
		return kith.Errorf(kind, "cannot write the copy without its place: %w", err)
	}
	_, err = io.Copy(f, clean)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		os.Remove(dst)
		return kith.Errorf(kith.Internal, "cannot write the copy without its place: %w", err)
	}
	return nil
}

type fileKind int

const (
	other fileKind = iota
	strippable
	boxes // ISO base media: HEIC, AVIF, JPEG XL, MP4, QuickTime
)

// load reads as much of a file as may tell a place.
func load(f *os.File) ([]byte, fileKind, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, other, err
	}
	head := make([]byte, 16)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, other, err
	}
	kind := other
	switch head = head[:n]; {
	case blocks(head, func(block) bool { return false }):
		kind = strippable
	case n < 12:
	case isBox(string(head[4:8])):
		kind = boxes
		if !isPicture(string(head[8:12])) {
			header, err := filmHeader(f, info.Size())
			return header, boxes, err
		}
	}
	if kind == other {
		return nil, other, nil
	}
	if info.Size() > maxFile {
		return nil, other, fmt.Errorf("it is larger than %d MiB, too large to look for a place in it", maxFile>>20)
	}
	data := make([]byte, info.Size())
	if _, err := f.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, other, err
	}
	return data, kind, nil
}

// scrub overwrites in a picture what tells the place, and reports whether
// anything did. It neither moves a byte nor touches a pixel.
func scrub(data []byte) (changed bool) {
	var extended [][]byte
	blocks(data, func(b block) bool {
		did := false
		switch b.kind {
		case exifBlock:
			if e, ok := parseExif(b.data); ok {
				did = e.scrub()
			}
		case xmpBlock:
			did = scrubXMP(b.data)
		case extendedXMP:
			extended = append(extended, b.data)
		case iptcBlock:
			did = scrubIPTC(b.data)
		case textBlock:
			did = scrubText(b.data)
		case filmBlock:
			did = scrubFilm(b.data)
		}
		changed = changed || did
		return did
	})
	// A property may begin in one segment and end in the next; they are one
	// packet, with a checksum, so it stays or goes as a whole.
	const fields = len(extendedStart) + 32 + 4 + 4
	var whole []byte
	for _, part := range extended {
		whole = append(whole, part[min(len(part), fields):]...)
	}
	if tellsPlace(whole) {
		for _, part := range extended {
			clear(part)
		}
		changed = true
	}
	return changed
}

// lociBox starts the place of a film of a phone (3GPP TS 26.244, 8.10).
const lociBox = "loci\x00\x00\x00\x00"

// scrubFilm blanks the coordinates in the film that follows a moving photo.
func scrubFilm(data []byte) (changed bool) {
	if !bytes.Contains(data, []byte("ftyp")) || !boxesTell(data) {
		return false
	}
	for _, at := range isoPlace.FindAllIndex(data, -1) {
		changed = blank(data[at[0]:at[1]]) || changed
	}
	for {
		i := bytes.Index(data, []byte(lociBox))
		if i < 0 {
			return changed
		}
		copy(data[i:], "free")
		data, changed = data[i:], true
	}
}

// isBox reports whether a file starts with a box of ISO/IEC 14496-12.
func isBox(name string) bool {
	switch name {
	case "ftyp", "moov", "mdat", "wide", "free", "skip", "JXL ":
		return true
	}
	return false
}

// isPicture reports whether the brand of a file is one of a still picture.
func isPicture(brand string) bool {
	switch brand {
	case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis", "\r\n\x87\n":
		return true
	}
	return false
}

// boxesTell looks for a place in boxes, wherever it stands in them.
func boxesTell(data []byte) bool {
	if tellsPlace(data) || isoPlace.Match(data) || bytes.Contains(data, []byte(lociBox)) {
		return true
	}
	for _, magic := range []string{"II*\x00", "MM\x00*"} {
		rest := data
		for range 1000 { // more are no picture's, or a trap
			i := bytes.Index(rest, []byte(magic))
			if i < 0 {
				break
			}
			rest = rest[i:]
			if e, ok := parseExif(rest[:min(len(rest), 1<<16)]); ok && e.tells() {
				return true
			}
			rest = rest[len(magic):]
		}
	}
	return false
}

// filmHeader reads the boxes of a film that describe it, not those of sound and
// pictures.
func filmHeader(f io.ReaderAt, size int64) ([]byte, error) {
	var header []byte
	for at := int64(0); at+8 <= size; {
		var b [16]byte
		n, err := f.ReadAt(b[:], at)
		if n < 8 {
			return header, err
		}
		length, start := int64(binary.BigEndian.Uint32(b[:])), int64(8)
		switch {
		case length == 0:
			length = size - at
		case length == 1 && n == 16:
			length, start = int64(binary.BigEndian.Uint64(b[8:])), 16
		}
		if length < start || length > size-at {
			return header, nil
		}
		switch string(b[4:8]) {
		case "moov", "meta", "udta", "uuid":
			if length > maxHeader-int64(len(header)) {
				return nil, fmt.Errorf("its description is larger than %d MiB, too large to look for a place in it", maxHeader>>20)
			}
			part := make([]byte, length-start)
			if _, err := f.ReadAt(part, at+start); err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
			header = append(header, part...)
		}
		at += length
	}
	return header, nil
}
