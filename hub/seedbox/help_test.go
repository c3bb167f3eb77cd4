package seedbox

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"kith/hubapi"
)

const testPiece = 256 << 10

// A share is a file as a device has it.
type share struct {
	hash hubapi.InfoHash
	info []byte
	data []byte
}

// newShare makes one whose bytes depend on a number.
func newShare(number uint64, size int) *share {
	var seed [32]byte
	seed[0], seed[1] = byte(number), byte(number>>8)
	s := &share{data: make([]byte, size)}
	rand.NewChaCha8(seed).Read(s.data)
	var hashes []byte
	for at := 0; at < size; at += testPiece {
		sum := sha256.Sum256(s.data[at:min(at+testPiece, size)])
		hashes = append(hashes, sum[:hashSize]...)
	}
	s.info = infoOf(int64(size), testPiece, hashes)
	s.hash = sha1.Sum(s.info)
	return s
}

func infoOf(size, piece int64, hashes []byte) []byte {
	return fmt.Appendf(nil, "d6:lengthi%de4:name1:012:piece lengthi%de6:pieces%d:%s7:privatei1e6:source6:kith 1e", size, piece, len(hashes), hashes)
}

func (s *share) pieces() int { return (len(s.data) + testPiece - 1) / testPiece }

func (s *share) piece(n int) []byte {
	return s.data[n*testPiece : min((n+1)*testPiece, len(s.data))]
}

func device(n byte) hubapi.Key { return hubapi.Key{n} }

func openStore(t testing.TB, dir string, cfg Config) *Store {
	t.Helper()
	s, err := Open(dir, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mustKeep(t testing.TB, s *Store, who hubapi.Key, f *share) hubapi.Kept {
	t.Helper()
	kept, err := s.Keep(who, f.hash, bytes.NewReader(f.info))
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// fill gives the pieces from first on.
func fill(t testing.TB, s *Store, who hubapi.Key, f *share, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		if err := s.KeepPiece(who, f.hash, n, bytes.NewReader(f.piece(n))); err != nil {
			t.Fatalf("piece %d: %v", n, err)
		}
	}
}

// mustHave holds that a part of a file is there as it was.
func mustHave(t testing.TB, s *Store, f *share, offset, length int) {
	t.Helper()
	part, err := s.Fetch(f.hash, int64(offset), int64(length))
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(part); err != nil || !bytes.Equal(got.Bytes(), f.data[offset:offset+length]) {
		t.Fatalf("%d bytes from %d on are not as they were (%d came, %v)", length, offset, got.Len(), err)
	}
}
