package preview

import (
	"bytes"
	"encoding/binary"
)

// An exif is a TIFF structure (TIFF 6.0; Exif 2.32, 4.5), in a picture or as a
// whole file: directories of entries of 12 bytes, found by their offsets.
type exif struct {
	data  []byte
	order binary.ByteOrder
}

// Tags that matter here.
const (
	tagOrientation = 0x0112
	tagThumbnail   = 0x0201
	tagThumbLength = 0x0202
	tagXMP         = 0x02bc
	tagIPTC        = 0x83bb
	tagGPS         = 0x8825
)

const (
	maxDirectories = 32
	entrySize      = 12
)

// typeSizes are the bytes of a value of each type.
var typeSizes = [...]int{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}

// parseExif reads the header; false if it is none.
func parseExif(data []byte) (exif, bool) {
	data = bytes.TrimPrefix(data, []byte("Exif\x00\x00"))
	e := exif{data: data}
	switch {
	case bytes.HasPrefix(data, []byte("II*\x00")):
		e.order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("MM\x00*")):
		e.order = binary.BigEndian
	default:
		return exif{}, false
	}
	return e, len(data) >= 8
}

// directory gives the entries at an offset and where the next directory lies.
func (e exif) directory(at int) (entries []byte, next int) {
	if at < 8 || at > len(e.data)-2 {
		return nil, 0
	}
	entries = e.data[at+2:]
	size := int(e.order.Uint16(e.data[at:])) * entrySize
	if size > len(entries) {
		return entries[:len(entries)/entrySize*entrySize], 0
	}
	if len(entries) >= size+4 {
		next = int(e.order.Uint32(entries[size:]))
	}
	return entries[:size], next
}

// directories calls f with the offset of each directory of the main chain.
func (e exif) directories(f func(number, at int)) {
	if e.data == nil {
		return
	}
	at := int(e.order.Uint32(e.data[4:]))
	seen := map[int]bool{}
	for n := 0; at != 0 && !seen[at] && n < maxDirectories; n++ {
		seen[at] = true
		f(n, at)
		_, at = e.directory(at)
	}
}

// value gives the bytes of an entry's value where they stand.
func (e exif) value(entry []byte) []byte {
	kind := int(e.order.Uint16(entry[2:]))
	if kind >= len(typeSizes) {
		return nil
	}
	size := int64(e.order.Uint32(entry[4:])) * int64(typeSizes[kind])
	if size <= 4 {
		return entry[8 : 8+size]
	}
	at := int64(e.order.Uint32(entry[8:]))
	if at > int64(len(e.data)) {
		return nil
	}
	return e.data[at:min(at+size, int64(len(e.data)))]
}

// find gives the value of a number in a directory.
func (e exif) find(at int, tag uint16) (value int) {
	entries, _ := e.directory(at)
	for ; len(entries) > 0; entries = entries[entrySize:] {
		if e.order.Uint16(entries) != tag {
			continue
		}
		switch v := e.value(entries); len(v) {
		case 2:
			return int(e.order.Uint16(v))
		case 4:
			return int(e.order.Uint32(v))
		}
	}
	return 0
}

// orientation is how the picture lies, 1 to 8; 1 is upright.
func (e exif) orientation() int {
	turn := 1
	e.directories(func(n, at int) {
		if v := e.find(at, tagOrientation); n == 0 && v >= 1 && v <= 8 {
			turn = v
		}
	})
	return turn
}

// thumbnail is the small JPEG that cameras add, in the second directory.
func (e exif) thumbnail() (found []byte) {
	e.directories(func(n, at int) {
		start, size := e.find(at, tagThumbnail), e.find(at, tagThumbLength)
		if n == 1 && start > 0 && start <= len(e.data) && size > 0 && size <= len(e.data)-start {
			found = e.data[start : start+size]
		}
	})
	return found
}

// tells reports whether there is a GPS directory.
func (e exif) tells() (found bool) {
	e.directories(func(_, at int) { found = found || e.find(at, tagGPS) != 0 })
	return found
}

// scrub overwrites what tells the place, and reports whether anything did. The
// entry of the GPS directory goes, so that no program finds a hollow one; the
// entries behind it move up.
func (e exif) scrub() (changed bool) {
	places := 0
	e.directories(func(_, at int) {
		entries, next := e.directory(at)
		kept := 0
		for i := 0; i < len(entries); i += entrySize {
			entry := entries[i : i+entrySize]
			switch e.order.Uint16(entry) {
			case tagXMP:
				changed = scrubXMP(e.value(entry)) || changed
			case tagIPTC:
				changed = scrubIPTC(e.value(entry)) || changed
			case tagGPS:
				if places++; places <= maxDirectories {
					e.scrubGPS(int(e.order.Uint32(entry[8:])))
				}
				continue
			}
			copy(entries[kept:], entry)
			kept += entrySize
		}
		if kept == len(entries) {
			return
		}
		changed = true
		e.order.PutUint16(e.data[at:], uint16(kept/entrySize))
		clear(entries[kept:])
		// The next one's offset follows the last entry; there is room for it now.
		e.order.PutUint32(entries[kept:], uint32(next))
		if end := at + 2 + len(entries); next != 0 {
			clear(e.data[end : end+4])
		}
	})
	return changed
}

// scrubGPS blanks a GPS directory and the values that lie elsewhere.
func (e exif) scrubGPS(at int) {
	entries, _ := e.directory(at)
	// A GPS directory has 32 tags; what claims more is something else.
	entries = entries[:min(len(entries), 64*entrySize)]
	for i := 0; i < len(entries); i += entrySize {
		if v := e.value(entries[i : i+entrySize]); len(v) > 4 && len(v) <= 1<<16 {
			clear(v)
		}
	}
	clear(entries)
}
