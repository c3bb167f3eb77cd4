package swarm

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestWritesAtAnyPlace writes a file in parts of any length, in any order, from
// memory that lies anywhere, past the page cache where the system can.
func TestWritesAtAnyPlace(t *testing.T) {
	dir := t.TempDir()
	want := noise(t, filepath.Join(t.TempDir(), "want"), 9<<20+123, 5)
	for _, unit := range []int{1 << 20, 300_001, 2<<20 + 4096, 5000} {
		os.RemoveAll(filepath.Join(dir, "got"+partSuffix))
		d := newDisk(dir, []entry{{State: partial, File: original{Path: "got", Size: int64(len(want))}}})
		d.pool = newPool()
		var starts []int
		for at := 0; at < len(want); at += unit {
			starts = append(starts, at)
		}
		rand.Shuffle(len(starts), func(i, j int) { starts[i], starts[j] = starts[j], starts[i] })
		for _, at := range starts {
			if err := d.writeAt(0, want[at:min(len(want), at+unit)], int64(at)); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, len(want))
		if err := d.readAt(0, got, 0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("in parts of %d bytes: the file is another one, %v", unit, err)
		}
		if unit == 1<<20 {
			t.Logf("past the page cache: %v", !d.indirect && d.handles[0].direct != nil)
		}
		d.close()
	}
}
