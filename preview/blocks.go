package preview

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A block is a piece of metadata in a picture, as bytes of the file itself: who
// changes them changes the file.
type block struct {
	kind blockKind
	data []byte
}

type blockKind int

const (
	exifBlock blockKind = iota
	xmpBlock
	extendedXMP // a part of a packet that is larger than a segment
	iptcBlock
	textBlock // of a PNG, with its keyword and maybe compressed
	filmBlock // what follows a JPEG: the film of a moving photo
)

// blocks calls visit for every block of a picture. visit reports whether it
// changed the block, so that a checksum can follow. It reports whether the
// format is one that it knows.
func blocks(data []byte, visit func(block) (changed bool)) (known bool) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		jpegBlocks(data, visit)
	case bytes.HasPrefix(data, []byte(pngMagic)):
		pngBlocks(data, visit)
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		webpBlocks(data, visit)
	case bytes.HasPrefix(data, []byte("GIF8")):
		if i := bytes.Index(data, []byte("XMP DataXMP")); i >= 0 {
			packet := data[i+len("XMP DataXMP"):]
			if end := bytes.Index(packet, []byte("<?xpacket end")); end >= 0 {
				packet = packet[:end]
			}
			visit(block{xmpBlock, packet})
		}
	default:
		if _, ok := parseExif(data); !ok || data[0] == 'E' {
			return false
		}
		visit(block{exifBlock, data}) // a TIFF is nothing else
	}
	return true
}

// exifOf finds the first Exif block of a picture.
func exifOf(data []byte) (found exif) {
	blocks(data, func(b block) bool {
		if e, ok := parseExif(b.data); ok && b.kind == exifBlock && found.data == nil {
			found = e
		}
		return false
	})
	return found
}

// Starts of the segments of a JPEG that hold metadata.
const (
	exifStart     = "Exif\x00\x00"
	xmpStart      = "http://ns.adobe.com/xap/1.0/\x00"
	extendedStart = "http://ns.adobe.com/xmp/extension/\x00"
	iptcStart     = "Photoshop 3.0\x00"
)

// jpegBlocks visits the segments of a JPEG (ITU T.81, annex B), of those that
// follow it in the same file (CIPA DC-007), and what else follows.
func jpegBlocks(data []byte, visit func(block) bool) {
	for first := true; ; first = false {
		i := bytes.Index(data, []byte("\xff\xd8\xff"))
		if i < 0 {
			return
		}
		data = jpegSegments(data[i+2:], visit)
		if first && len(data) > 0 {
			visit(block{filmBlock, data})
		}
	}
}

// jpegSegments visits one picture from behind its first marker and gives what
// follows it.
func jpegSegments(data []byte, visit func(block) bool) (rest []byte) {
	for len(data) >= 2 {
		if data[0] != 0xff {
			// Compressed pixels, or rubbish: go on at the next marker.
			i := bytes.IndexByte(data, 0xff)
			if i < 0 {
				return nil
			}
			data = data[i:]
			continue
		}
		marker := data[1]
		switch {
		case marker == 0xff:
			data = data[1:]
			continue
		case marker == 0xd9:
			return data[2:]
		case marker == 0, marker == 1, marker >= 0xd0 && marker <= 0xd8:
			data = data[2:]
			continue
		}
		if len(data) < 4 {
			return nil
		}
		size := int(binary.BigEndian.Uint16(data[2:]))
		if size < 2 || size > len(data)-2 {
			data = data[2:]
			continue
		}
		jpegSegment(marker, data[4:2+size], visit)
		data = data[2+size:]
	}
	return nil
}

func jpegSegment(marker byte, body []byte, visit func(block) bool) {
	if marker != 0xe1 && marker != 0xed {
		return
	}
	for start, kind := range map[string]blockKind{exifStart: exifBlock, xmpStart: xmpBlock, extendedStart: extendedXMP, iptcStart: iptcBlock} {
		if !bytes.HasPrefix(body, []byte(start)) {
			continue
		}
		if kind != extendedXMP { // that one is blanked with its start
			body = body[len(start):]
		}
		visit(block{kind, body})
		return
	}
}

// isProgressive reports whether a JPEG comes in several passes.
func isProgressive(data []byte) bool {
	for len(data) > 4 {
		i := bytes.IndexByte(data, 0xff)
		if i < 0 || i+4 > len(data) {
			return false
		}
		data = data[i:]
		switch m := data[1]; {
		case m == 0xc2:
			return true
		case m == 0xda, m == 0xc0, m == 0xc1:
			return false
		case m == 0xd8, m == 0xff, m == 0:
			data = data[1:]
		default:
			data = data[min(len(data), 2+int(binary.BigEndian.Uint16(data[2:]))):]
		}
	}
	return false
}

const pngMagic = "\x89PNG\r\n\x1a\n"

// pngBlocks visits the chunks of a PNG that hold metadata, and corrects their
// checksums.
func pngBlocks(data []byte, visit func(block) bool) {
	rest := data[len(pngMagic):]
	for len(rest) >= 12 {
		size := binary.BigEndian.Uint32(rest)
		if uint64(size)+12 > uint64(len(rest)) {
			return
		}
		chunk := rest[4 : 8+size] // type and body
		changed := false
		switch string(chunk[:4]) {
		case "eXIf":
			changed = visit(block{exifBlock, chunk[4:]})
		case "tEXt", "zTXt", "iTXt":
			changed = visit(block{textBlock, chunk})
		}
		if changed {
			binary.BigEndian.PutUint32(rest[8+size:], crc32.ChecksumIEEE(chunk))
		}
		rest = rest[12+size:]
	}
}

// webpBlocks visits the chunks of a WebP (RFC 9649) that hold metadata.
func webpBlocks(data []byte, visit func(block) bool) {
	rest := data[12:]
	for len(rest) >= 8 {
		size := int64(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[8:min(8+size, int64(len(rest)))]
		switch string(rest[:4]) {
		case "EXIF":
			visit(block{exifBlock, body})
		case "XMP ":
			visit(block{xmpBlock, body})
		}
		rest = rest[min(8+size+size&1, int64(len(rest))):]
	}
}
