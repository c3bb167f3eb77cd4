package swarm

import (
	"bytes"
	"crypto/sha1"
	"os"
	"path/filepath"
	"testing"

	"kith"
)

// What a helper is given is what members get: the ciphertext, piece by piece.
func TestGivesPieces(t *testing.T) {
	ann := open(t, newPerson())
	path := filepath.Join(t.TempDir(), "a.bin")
	data := noise(t, path, 3<<20+5, 1)
	ref := share(t, ann, path)
	d, err := ann.Describe(ref.Infohash)
	if err != nil || d.Length != int64(len(data)) || d.Pieces() != 13 || sha1.Sum(d.Info) != ref.Infohash {
		t.Fatalf("%d bytes in %d pieces, %v", d.Length, d.Pieces(), err)
	}
	var all, buf []byte
	for i := range d.Pieces() {
		if buf, err = ann.Piece(ref.Infohash, i, buf); err != nil {
			t.Fatal(err)
		}
		all = append(all, buf...)
	}
	if len(all) != len(data) || bytes.Contains(all, data[1000:1100]) {
		t.Errorf("%d bytes were given, of which some are not sealed", len(all))
	}
	for _, piece := range []int{-1, d.Pieces()} {
		if _, err := ann.Piece(ref.Infohash, piece, nil); kith.KindOf(err) != kith.NotFound {
			t.Errorf("piece %d: %v", piece, err)
		}
	}

	// What is not as it was shared is not given, though size and time are.
	was, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("changed"), 0); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Chtimes(path, was.ModTime(), was.ModTime()); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Piece(ref.Infohash, 0, nil); kith.KindOf(err) != kith.Conflict {
		t.Errorf("what was changed: %v", err)
	}
	if _, err := ann.Piece(ref.Infohash, 1, nil); err != nil {
		t.Errorf("another piece: %v", err)
	}

	bob := open(t, newPerson())
	fetch(t, bob, ref, filepath.Join(t.TempDir(), "a.bin"))
	if _, err := bob.Describe(ref.Infohash); kith.KindOf(err) != kith.Conflict {
		t.Errorf("of what is not here: %v", err)
	}
}
