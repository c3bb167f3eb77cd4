package seedbox

import (
	"bytes"
	"io"
	"strconv"

	"kith"
	"kith/hubapi"
)

// A shape is what an info dictionary says.
type shape struct {
	size, piece int64
	hashes      int64 // where in the dictionary the hashes of the pieces begin
}

// pieces is how many there are.
func (s *shape) pieces() int { return int((s.size + s.piece - 1) / s.piece) }

// length is that of a piece.
func (s *shape) length(piece int) int64 { return min(s.piece, s.size-int64(piece)*s.piece) }

// hashSize is that of a piece's hash: the first 20 bytes of the SHA-256 of its
// ciphertext.
const hashSize = 20

// An info dictionary of a sealed torrent (BEP 3, BEP 27) is exactly these
// bytes, with numbers and hashes in their places. Nothing else is taken, so none
// can hold a name, and a hostile one costs nothing: no bencoding is decoded,
// and the hashes are not even read.
const (
	infoLength = "d6:lengthi"
	infoPiece  = "e4:name1:012:piece lengthi"
	infoHashes = "e6:pieces"
	infoEnd    = "7:privatei1e6:source6:kith 1e"
)

// parseInfo reads what an info dictionary of so many bytes says. An error is of
// kind kith.Invalid.
func parseInfo(r io.ReaderAt, length int64) (s shape, err error) {
	bad := kith.Errorf(kith.Invalid, "this is not the info dictionary of a sealed torrent of Kith")
	head := make([]byte, min(length, 128)) // three numbers of at most 19 digits fit
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return s, kith.Errorf(kith.Internal, "read an info dictionary: %w", err)
	}
	rest := head
	var count int64
	for _, field := range []struct {
		before string
		number *int64
	}{{infoLength, &s.size}, {infoPiece, &s.piece}, {infoHashes, &count}} {
		var ok bool
		if rest, ok = bytes.CutPrefix(rest, []byte(field.before)); !ok {
			return s, bad
		}
		if *field.number, rest, ok = cutNumber(rest); !ok {
			return s, bad
		}
	}
	rest, ok := bytes.CutPrefix(rest, []byte(":"))
	if !ok || s.size > 1<<53 || s.piece < hubapi.MinSeedPiece || s.piece > hubapi.MaxSeedPiece || s.piece&(s.piece-1) != 0 {
		return s, bad
	}
	s.hashes = int64(len(head) - len(rest))
	if count != int64(s.pieces())*hashSize || length != s.hashes+count+int64(len(infoEnd)) {
		return s, bad
	}
	end := make([]byte, len(infoEnd))
	if _, err := r.ReadAt(end, s.hashes+count); err != nil && err != io.EOF {
		return s, kith.Errorf(kith.Internal, "read an info dictionary: %w", err)
	}
	if string(end) != infoEnd {
		return s, bad
	}
	return s, nil
}

// cutNumber reads a number above zero, in the one way in which it may be
// written.
func cutNumber(text []byte) (n int64, rest []byte, ok bool) {
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseInt(string(text[:digits]), 10, 64)
	return n, text[digits:], err == nil && n > 0 && text[0] != '0'
}
