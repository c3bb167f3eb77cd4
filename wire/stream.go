package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"kith"
)

const (
	// lengthSize is the longest length of a frame in bytes, as a uvarint.
	lengthSize = 3
	// maxSkipped bounds the frames of unknown kinds that follow one another.
	maxSkipped = 4096
	// keepBuffer is the buffer that stays allocated between small frames.
	keepBuffer = 64 << 10
)

// AppendFrame appends a frame as it goes into a stream: length, kind, body.
// An error is of kind kith.Invalid if the frame breaks a limit; dst is then
// returned as it was.
func AppendFrame(dst []byte, f Frame) ([]byte, error) {
	if f == nil {
		return dst, kith.Errorf(kith.Internal, "encode a frame: there is none")
	}
	kind := f.kind()
	w, err := frameCodecs[kind].pack(f)
	if err != nil {
		return dst, kith.Errorf(kith.Invalid, "encode a %T frame: %w", f, err)
	}
	// The length is known last. The body is written behind the room that the
	// longest needs and moved up to what this one takes.
	var room [lengthSize]byte
	start := len(dst)
	out, err := encode(append(append(dst, room[:]...), kind), w)
	if err != nil {
		return dst, err
	}
	n := len(out) - start - lengthSize
	if n > MaxFrame {
		return dst, kith.Errorf(kith.Invalid, "encode a %T frame: %d bytes, at most %d are allowed", f, n, MaxFrame)
	}
	head := binary.PutUvarint(room[:], uint64(n))
	copy(out[start:], room[:head])
	copy(out[start+head:], out[start+lengthSize:])
	return out[:start+head+n], nil
}

// A Writer writes frames to a stream. It may be used by one goroutine at a
// time.
type Writer struct {
	w   io.Writer
	buf []byte
}

// NewWriter makes a Writer on w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes one frame by one call of the underlying Write, whose error it
// returns as it is.
func (w *Writer) Write(f Frame) error {
	buf, err := AppendFrame(w.buf[:0], f)
	if err != nil {
		return err
	}
	if cap(buf) <= keepBuffer {
		w.buf = buf
	} else if len(buf) <= keepBuffer {
		w.buf = nil
	}
	_, err = w.w.Write(buf)
	return err
}

// A Reader reads frames from a stream. It may be used by one goroutine at a
// time, and nobody else may read from the stream.
type Reader struct {
	r   *bufio.Reader
	buf bytes.Buffer
}

// NewReader makes a Reader on r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 4096)} }

// Read gives the next frame of a known kind. It returns io.EOF when the stream
// ended between two frames, an error of kind kith.BadPeer when what came is not
// a frame, and any other error of the stream as it is. The frame shares no
// memory with the Reader.
func (r *Reader) Read() (Frame, error) {
	for range maxSkipped {
		n, err := r.readLength()
		if err != nil {
			return nil, err
		}
		kind, err := r.r.ReadByte()
		if err != nil {
			return nil, cutOff(err)
		}
		body := n - 1
		if _, known := frameCodecs[kind]; !known {
			if _, err := io.CopyN(io.Discard, r.r, body); err != nil {
				return nil, cutOff(err)
			}
			continue
		}
		if r.buf.Cap() > keepBuffer && body <= keepBuffer {
			r.buf = bytes.Buffer{}
		}
		r.buf.Reset()
		// Grown beyond keepBuffer only by bytes that came: a length is but a claim.
		r.buf.Grow(int(min(body, keepBuffer)))
		if _, err := io.CopyN(&r.buf, r.r, body); err != nil {
			return nil, cutOff(err)
		}
		return ParseFrame(kind, r.buf.Bytes())
	}
	return nil, kith.Errorf(kith.BadPeer, "read a frame: %d frames of unknown kinds in a row", maxSkipped)
}

// readLength reads the uvarint before a frame, in its shortest form.
func (r *Reader) readLength() (int64, error) {
	var n int64
	for i := range lengthSize {
		b, err := r.r.ReadByte()
		if err != nil {
			if i == 0 {
				return 0, err
			}
			return 0, cutOff(err)
		}
		n |= int64(b&0x7f) << (7 * i)
		if b >= 0x80 {
			continue
		}
		if n == 0 || n > MaxFrame || (i > 0 && b == 0) {
			return 0, kith.Errorf(kith.BadPeer, "read a frame: the length %d is wrong; 1 to %d is allowed, in the shortest form", n, MaxFrame)
		}
		return n, nil
	}
	return 0, kith.Errorf(kith.BadPeer, "read a frame: its length takes more than %d bytes", lengthSize)
}

// cutOff tells an end in the middle of a frame from one between two.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return kith.Errorf(kith.BadPeer, "read a frame: the stream ended in the middle of it: %w", io.ErrUnexpectedEOF)
	}
	return err
}
