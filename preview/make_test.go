package preview

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// picture is red at its left and blue at its right, dark at its bottom.
func picture(w, h int) *image.NRGBA {
	p := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			shade := uint8(255 - 200*y/h)
			c := color.NRGBA{R: shade, A: 255}
			if x >= w/2 {
				c = color.NRGBA{B: shade, A: 255}
			}
			p.SetNRGBA(x, y, c)
		}
	}
	return p
}

// encoded is a picture as a file of each format.
func encoded(t testing.TB, format string, p image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch format {
	case "jpeg":
		err = jpeg.Encode(&b, p, nil)
	case "png":
		err = png.Encode(&b, p)
	case "gif":
		err = gif.Encode(&b, p, nil)
	case "bmp":
		err = bmp.Encode(&b, p)
	case "tiff":
		err = tiff.Encode(&b, p, &tiff.Options{Compression: tiff.Deflate})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var (
	little byteOrder = binary.LittleEndian
	big    byteOrder = binary.BigEndian
)

// exifBytes is Exif with an orientation, a camera, and a place if gps, followed
// by a directory for a thumbnail.
func exifBytes(order byteOrder, turn uint16, gps bool, thumb []byte) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	if order == big {
		b = []byte("MM\x00*\x00\x00\x00\x08")
	}
	u16 := func(v uint16) { b = order.AppendUint16(b, v) }
	u32 := func(v uint32) { b = order.AppendUint32(b, v) }
	entry := func(tag, kind uint16, count, value uint32) {
		u16(tag)
		u16(kind)
		u32(count)
		if kind == 3 && count == 1 {
			u16(uint16(value))
			u16(0)
		} else {
			u32(value)
		}
	}
	count := uint32(3)
	if gps {
		count++
	}
	gpsAt := 8 + 2 + 12*count + 4
	gpsSize := uint32(2 + 12*4 + 4)
	values := gpsAt + gpsSize
	second := values + 24*2
	u16(uint16(count))
	entry(0x010f, 2, 4, uint32(order.Uint32([]byte("Cam\x00")))) // make
	entry(tagOrientation, 3, 1, uint32(turn))
	if gps {
		entry(tagGPS, 4, 1, gpsAt)
	}
	entry(0x8827, 3, 1, 100) // ISO, sorted behind GPS
	if thumb != nil {
		u32(second)
	} else {
		u32(0)
	}
	u16(4)
	text := func(s string) uint32 { return order.Uint32([]byte(s + "\x00\x00\x00")) }
	entry(1, 2, 2, text("N"))
	entry(2, 5, 3, values)
	entry(3, 2, 2, text("E"))
	entry(4, 5, 3, values+24)
	u32(0)
	for _, v := range []uint32{48, 1, 51, 1, 29, 1, 2, 1, 17, 1, 40, 1} {
		u32(v)
	}
	if thumb != nil {
		u16(2)
		entry(tagThumbnail, 4, 1, second+2+24+4)
		entry(tagThumbLength, 4, 1, uint32(len(thumb)))
		u32(0)
		b = append(b, thumb...)
	}
	return b
}

const xmpWithPlace = `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmp:Rating="5" exif:GPSLatitude="48,51.49N" exif:GPSLongitude='2,17.67E' photoshop:City="Paris" xmp:CreatorTool="Cam">
<Iptc4xmpCore:Location>Tour Eiffel</Iptc4xmpCore:Location><exif:GPSAltitude rdf:datatype="x">35/1</exif:GPSAltitude><dc:title>Holiday</dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`

// segment is a segment of a JPEG.
func segment(marker byte, start string, body []byte) []byte {
	b := []byte{0xff, marker}
	b = binary.BigEndian.AppendUint16(b, uint16(2+len(start)+len(body)))
	return append(append(b, start...), body...)
}

// withSegments puts segments behind the start of a JPEG.
func withSegments(file []byte, segments ...[]byte) []byte {
	out := bytes.Clone(file[:2])
	for _, s := range segments {
		out = append(out, s...)
	}
	return append(out, file[2:]...)
}

// withChunk puts a chunk before the end of a PNG.
func withChunk(file []byte, kind string, body []byte) []byte {
	chunk := append([]byte(kind), body...)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = binary.BigEndian.AppendUint32(append(b, chunk...), crc32.ChecksumIEEE(chunk))
	end := len(file) - 12
	return append(append(bytes.Clone(file[:end]), b...), file[end:]...)
}

// webpFile is a WebP container; its picture is not one.
func webpFile(chunks ...[]byte) []byte {
	body := []byte("WEBP")
	for _, c := range chunks {
		body = append(body, c...)
	}
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func webpChunk(kind string, body []byte) []byte {
	b := append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body))), body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

func box(kind string, body []byte) []byte {
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), kind...), body...)
}

func deflated(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func saved(t testing.TB, name string, data []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
