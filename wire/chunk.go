package wire

import (
	"encoding/binary"
	"io"
	"math/bits"

	"kith"
)

// A Chunk is the head of a piece of a striped stream. The bytes follow it.
type Chunk struct {
	Offset uint64 // in the stream, of the first byte
	Length int    // 1 to MaxChunk; 0: the stream ends at Offset, and no bytes follow
}

const (
	MaxChunk     = 64 << 10  // bytes of a chunk, without its head
	MaxChunkHead = 3 + 9     // bytes
	MaxStriped   = 1<<62 - 1 // bytes of a striped stream, and its highest number (RFC 9000 section 2.1)
)

// AppendChunk appends the head of a chunk. It breaks no limits if c doesn't.
func AppendChunk(dst []byte, c Chunk) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(c.Length)), c.Offset)
}

// ReadChunk reads the head of a chunk. The error is io.EOF if there is none, of
// kind kith.BadPeer if it has another form, and otherwise that of r.
func ReadChunk(r io.ByteReader) (Chunk, error) {
	length, err := readUvarint(r, MaxChunk)
	if err != nil {
		return Chunk{}, err
	}
	offset, err := readUvarint(r, MaxStriped)
	if err == nil && offset+length > MaxStriped {
		err = kith.Errorf(kith.BadPeer, "read the head of a chunk: it ends beyond byte %d", uint64(MaxStriped))
	}
	return Chunk{Offset: offset, Length: int(length)}, noEOF(err)
}

// AppendStreamNumber appends the number of the stream to which the chunks that
// follow belong.
func AppendStreamNumber(dst []byte, number uint64) []byte {
	return binary.AppendUvarint(dst, number)
}

// ReadStreamNumber undoes AppendStreamNumber, with errors as those of ReadChunk.
func ReadStreamNumber(r io.ByteReader) (uint64, error) { return readUvarint(r, MaxStriped) }

// readUvarint reads an unsigned LEB128 in its shortest form.
func readUvarint(r io.ByteReader, most uint64) (n uint64, err error) {
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		switch {
		case err != nil && shift > 0:
			return 0, noEOF(err)
		case err != nil:
			return 0, err
		case shift >= bits.Len64(most), b == 0 && shift > 0:
			return 0, kith.Errorf(kith.BadPeer, "read a number in a stream: it is not in its shortest form, or greater than %d", most)
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if n > most {
				return 0, kith.Errorf(kith.BadPeer, "read a number in a stream: %d, at most %d is allowed", n, most)
			}
			return n, nil
		}
	}
}

// noEOF makes an end in the middle of something an error.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
