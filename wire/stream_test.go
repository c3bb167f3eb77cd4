package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"testing/iotest"

	"kith"
)

type countingWriter struct {
	bytes.Buffer
	calls int
}

func (w *countingWriter) Write(b []byte) (int, error) {
	w.calls++
	return w.Buffer.Write(b)
}

func TestStream(t *testing.T) {
	var stream countingWriter
	w := NewWriter(&stream)
	frames := []Frame{
		Typing{Conversation: conversation},
		bigFrame(12),
		Typing{Conversation: conversation, Active: true},
		sampleFrames()["Events"],
	}
	for _, f := range frames {
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if stream.calls != len(frames) {
		t.Errorf("%d frames took %d writes", len(frames), stream.calls)
	}
	for name, r := range map[string]io.Reader{
		"at once":     bytes.NewReader(stream.Bytes()),
		"in halves":   iotest.HalfReader(bytes.NewReader(stream.Bytes())),
		"EOF at once": iotest.DataErrReader(bytes.NewReader(stream.Bytes())),
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(r)
			for i, want := range frames {
				got, err := r.Read()
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("frame %d: got %+v", i, got)
				}
			}
			if _, err := r.Read(); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
			if got := r.buf.Cap(); got > 2*keepBuffer {
				t.Errorf("holds %d bytes after small frames", got)
			}
		})
	}
}

// bigFrame holds n events of the largest size.
func bigFrame(n int) Events {
	return Events{Conversation: conversation, Author: kith.Peer{Account: account, Device: device}, First: 1,
		Events: slices.Repeat([]SealedEvent{{Raw: bytes.Repeat([]byte{1}, MaxRaw), Proof: []byte{}}}, n)}
}

func TestStreamCutAnywhere(t *testing.T) {
	all := mustAppend(t, sampleFrames()["Hello"])
	for n := 1; n < len(all); n++ {
		_, err := NewReader(bytes.NewReader(all[:n])).Read()
		wantKind(t, err, kith.BadPeer)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
	broken := errors.New("broken")
	_, err := NewReader(io.MultiReader(bytes.NewReader(all[:9]), iotest.ErrReader(broken))).Read()
	if !errors.Is(err, broken) || kith.KindOf(err) == kith.BadPeer {
		t.Errorf("a broken stream gives %v", err)
	}
}

// unknown is a frame of a kind that is not known, with n bytes of body.
func unknown(n int) []byte {
	b := binary.AppendUvarint(nil, uint64(n+1))
	return append(append(b, 200), make([]byte, n)...)
}

func TestUnknownFramesAreSkipped(t *testing.T) {
	last := Typing{Conversation: conversation}
	stream := slices.Concat(unknown(0), unknown(MaxFrame-1), unknown(5), mustAppend(t, last))
	got, err := NewReader(bytes.NewReader(stream)).Read()
	if err != nil || got != Frame(last) {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = NewReader(bytes.NewReader(slices.Repeat(unknown(0), maxSkipped))).Read()
	wantKind(t, err, kith.BadPeer)
}

func TestWrongLengths(t *testing.T) {
	for name, b := range map[string][]byte{
		"zero":         {0},
		"too long":     binary.AppendUvarint(nil, MaxFrame+1),
		"four bytes":   {0xff, 0xff, 0xff, 0x01},
		"not shortest": {0x85, 0x00},
		"endless":      bytes.Repeat([]byte{0xff}, 100),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(b)).Read()
			wantKind(t, err, kith.BadPeer)
			if errors.Is(err, io.ErrUnexpectedEOF) {
				t.Error("waited for more")
			}
		})
	}
}

// TestClaimedLengthTakesNoMemory announces a megabyte and sends nothing.
func TestClaimedLengthTakesNoMemory(t *testing.T) {
	claim := append(binary.AppendUvarint(nil, MaxFrame), kindEvents)
	r := NewReader(bytes.NewReader(claim))
	_, err := r.Read()
	wantKind(t, err, kith.BadPeer)
	if got := r.buf.Cap(); got > 2*keepBuffer {
		t.Errorf("took %d bytes for a claim", got)
	}
}

func TestWriterReturnsTheStreamsError(t *testing.T) {
	pr, pw := io.Pipe()
	pr.CloseWithError(errors.New("gone"))
	if err := NewWriter(pw).Write(Typing{Conversation: conversation}); err == nil || err.Error() != "gone" {
		t.Errorf("got %v", err)
	}
	wantKind(t, NewWriter(io.Discard).Write(Typing{}), kith.Invalid)
}
