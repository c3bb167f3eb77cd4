package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"kith"
)

func TestChunkBytes(t *testing.T) {
	for want, c := range map[string]Chunk{
		"0000":                     {},
		"0105":                     {Offset: 5, Length: 1},
		"8080018001":               {Offset: 128, Length: 16 << 10},
		"00ffffffffffffffff3f":     {Offset: MaxStriped},
		"808004fffffbffffffffff3f": {Offset: MaxStriped - MaxChunk, Length: MaxChunk},
	} {
		got := AppendChunk(nil, c)
		if hex.EncodeToString(got) != want || len(got) > MaxChunkHead {
			t.Errorf("%+v is %x, want %s", c, got, want)
		}
		if back, err := ReadChunk(bytes.NewReader(got)); back != c || err != nil {
			t.Errorf("%s is %+v, %v", want, back, err)
		}
	}
	number := AppendStreamNumber(nil, 300)
	if back, err := ReadStreamNumber(bytes.NewReader(number)); hex.EncodeToString(number) != "ac02" || back != 300 || err != nil {
		t.Errorf("stream 300 is %x, read as %d, %v", number, back, err)
	}
}

func TestChunkErrors(t *testing.T) {
	for name, test := range map[string]struct {
		hex string
		err error // nil: of kind kith.BadPeer
	}{
		"nothing":                  {"", io.EOF},
		"half a length":            {"80", io.ErrUnexpectedEOF},
		"no offset":                {"01", io.ErrUnexpectedEOF},
		"half an offset":           {"0180", io.ErrUnexpectedEOF},
		"a long form of length":    {"810000", nil},
		"a long form of offset":    {"018000", nil},
		"too long":                 {"81800400", nil},
		"far too long":             {"8080808001" + "00", nil},
		"too far":                  {"01ffffffffffffffff7f", nil},
		"ends too far":             {"01ffffffffffffffff3f", nil},
		"an offset beyond 64 bits": {"01ffffffffffffffffffff01", nil},
	} {
		data, err := hex.DecodeString(test.hex)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ReadChunk(bytes.NewReader(data))
		if test.err != nil && !errors.Is(err, test.err) || test.err == nil && kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func FuzzReadChunk(f *testing.F) {
	for _, c := range []Chunk{{}, {Offset: 5, Length: 1}, {Offset: MaxStriped - MaxChunk, Length: MaxChunk}} {
		f.Add(AppendChunk(nil, c))
	}
	f.Add([]byte{0x81, 0x00, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		c, err := ReadChunk(r)
		if err != nil {
			if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
				wantKind(t, err, kith.BadPeer)
			}
			return
		}
		again := AppendChunk(nil, c)
		if !bytes.Equal(again, data[:len(data)-r.Len()]) || len(again) > MaxChunkHead || c.Length > MaxChunk {
			t.Errorf("%x was read as %+v, which is %x", data, c, again)
		}
		number, err := ReadStreamNumber(r)
		if err == nil && number > MaxStriped {
			t.Errorf("stream %d", number)
		}
	})
}
