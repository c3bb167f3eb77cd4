package seedbox

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"kith"
	"kith/hubapi"
)

// A file comes in pieces, is read across them, and is as it was after a restart.
func TestPieces(t *testing.T) {
	dir, ann := t.TempDir(), device(1)
	s := openStore(t, dir, DefaultConfig())
	f := newShare(1, 9*testPiece+1000)
	kept := mustKeep(t, s, ann, f)
	if kept.Size != int64(len(f.data)) || kept.Pieces != 10 || !bytes.Equal(kept.Have, []byte{0, 0}) {
		t.Errorf("at first there is %+v", kept)
	}
	for _, n := range []int{9, 0, 3, 4} {
		fill(t, s, ann, f, n, n)
	}
	again := func(s *Store) {
		t.Helper()
		kept, err := s.State(f.hash)
		if err != nil || !bytes.Equal(kept.Have, []byte{0b1001_1000, 0b0100_0000}) || !kept.Has(9) || kept.Has(8) || kept.Has(10) || kept.Has(-1) {
			t.Errorf("then there is %+v, %v", kept, err)
		}
		mustHave(t, s, f, 3*testPiece+7, 2*testPiece-7)
		mustHave(t, s, f, len(f.data)-1, 1)
		for _, span := range [][2]int64{{2*testPiece - 1, 2}, {testPiece - 1, 2}, {0, int64(len(f.data))}, {9 * testPiece, 1001}, {-1, 1}, {0, 0}, {0, -1}, {1 << 60, 1}, {1, 1 << 62}} {
			if _, err := s.Fetch(f.hash, span[0], span[1]); kith.KindOf(err) != kith.NotFound {
				t.Errorf("%d bytes from %d on: %v", span[1], span[0], err)
			}
		}
	}
	again(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir, DefaultConfig())
	again(s)
	if want := int64(3*testPiece + 1000 + len(f.info) + perFile); s.files.weight != want {
		t.Errorf("it counts %d bytes, not %d", s.files.weight, want)
	}
	fill(t, s, ann, f, 0, 9)
	mustHave(t, s, f, 0, len(f.data))
	if err := s.Release(ann, f.hash); err != nil {
		t.Fatal(err)
	}
	if _, err := s.State(f.hash); kith.KindOf(err) != kith.NotFound {
		t.Errorf("after it was let go: %v", err)
	}
	mustBeEmpty(t, dir)
}

// mustBeEmpty holds that no file is on the disk but the index.
func mustBeEmpty(t *testing.T, dir string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, fi os.FileInfo, err error) error {
		if err == nil && !fi.IsDir() && fi.Name() != "index" {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// What is wrong is refused, and leaves nothing behind.
func TestWrongPieces(t *testing.T) {
	dir, ann := t.TempDir(), device(1)
	s := openStore(t, dir, DefaultConfig())
	f, other := newShare(1, 2*testPiece+1), newShare(2, testPiece)
	mustKeep(t, s, ann, f)
	for what, c := range map[string]struct {
		who   hubapi.Key
		file  hubapi.InfoHash
		piece int
		data  io.Reader
		kind  kith.ErrorKind
	}{
		"another piece":            {ann, f.hash, 1, bytes.NewReader(f.piece(0)), kith.Invalid},
		"too short":                {ann, f.hash, 0, bytes.NewReader(f.piece(0)[1:]), kith.Invalid},
		"too long":                 {ann, f.hash, 0, bytes.NewReader(f.data), kith.Invalid},
		"the last, too long":       {ann, f.hash, 2, bytes.NewReader(f.piece(0)), kith.Invalid},
		"nothing":                  {ann, f.hash, 0, strings.NewReader(""), kith.Invalid},
		"cut off":                  {ann, f.hash, 0, iotest.TimeoutReader(bytes.NewReader(f.piece(0))), kith.Invalid},
		"beyond the last":          {ann, f.hash, 3, bytes.NewReader(f.piece(2)), kith.Invalid},
		"far beyond":               {ann, f.hash, 1<<31 - 1, bytes.NewReader(f.piece(2)), kith.Invalid},
		"before the first":         {ann, f.hash, -1, bytes.NewReader(f.piece(0)), kith.Invalid},
		"of who does not keep it":  {device(2), f.hash, 0, bytes.NewReader(f.piece(0)), kith.NotFound},
		"of what nobody has kept":  {ann, other.hash, 0, bytes.NewReader(other.piece(0)), kith.NotFound},
		"without end":              {ann, f.hash, 0, endless{}, kith.Invalid},
		"without end, wrong piece": {ann, f.hash, 77, endless{}, kith.Invalid},
	} {
		if err := s.KeepPiece(c.who, c.file, c.piece, c.data); kith.KindOf(err) != c.kind {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.Keep(ann, other.hash, endless{}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("an info dictionary without end: %v", err)
	}
	if _, err := s.Keep(ann, other.hash, bytes.NewReader(f.info)); kith.KindOf(err) != kith.Invalid {
		t.Errorf("the info dictionary of another file: %v", err)
	}
	if kept, err := s.State(f.hash); err != nil || kept.Have[0] != 0 {
		t.Errorf("there is %+v, %v", kept, err)
	}
	if left, err := os.ReadDir(s.arriving()); err != nil || len(left) > 0 || s.files.coming != 0 || len(s.uploads) != 0 || s.all != 0 {
		t.Errorf("left are %v (%v), %d bytes, %v", left, err, s.files.coming, s.uploads)
	}
	fill(t, s, ann, f, 0, 2)
	mustHave(t, s, f, 0, len(f.data))
}

// endless gives bytes as long as somebody reads.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// The same pieces from two devices at the same time are there once, and right.
func TestSamePieceAtOnce(t *testing.T) {
	s := openStore(t, t.TempDir(), DefaultConfig())
	f := newShare(1, 6*testPiece)
	var all sync.WaitGroup
	for who := range byte(4) {
		mustKeep(t, s, device(who), f)
		for range 2 {
			all.Go(func() {
				for n := range f.pieces() {
					data := f.piece(n)
					if who == 3 { // a liar among them
						data = bytes.Repeat([]byte{who}, testPiece)
					}
					err := s.KeepPiece(device(who), f.hash, n, bytes.NewReader(data))
					if err != nil && (who != 3 || kith.KindOf(err) != kith.Invalid) {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	mustHave(t, s, f, 0, len(f.data))
	if s.files.weight != f.weight() || s.files.coming != 0 || s.counts.stored.Load() != uint64(len(f.data)) {
		t.Errorf("%d bytes are counted, %d coming, %d stored", s.files.weight, s.files.coming, s.counts.stored.Load())
	}
}

// weight is what the whole share counts.
func (s *share) weight() int64 { return int64(len(s.data)+len(s.info)) + perFile }

// Keeping the same new file at the same time makes one, which counts for each.
func TestSameFileAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, DefaultConfig())
	f := newShare(1, testPiece)
	var all sync.WaitGroup
	for who := range byte(8) {
		all.Go(func() {
			if _, err := s.Keep(device(who), f.hash, bytes.NewReader(f.info)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for who := range byte(8) {
		if s.Keeps(device(who)) != f.weight() {
			t.Errorf("device %d keeps %d", who, s.Keeps(device(who)))
		}
		if err := s.Release(device(who), f.hash); err != nil {
			t.Error(err)
		}
	}
	mustBeEmpty(t, dir)
}

// What a device brings at the same time is bounded.
func TestTooMuchAtOnce(t *testing.T) {
	s := openStore(t, t.TempDir(), DefaultConfig())
	f := newShare(1, 2*testPiece)
	mustKeep(t, s, device(1), f)
	mustKeep(t, s, device(2), f)
	var slow []*io.PipeWriter
	var all sync.WaitGroup
	for range ownerUploads {
		r, w := io.Pipe()
		slow = append(slow, w)
		all.Go(func() {
			if err := s.KeepPiece(device(1), f.hash, 0, r); kith.KindOf(err) != kith.Invalid {
				t.Errorf("one that was cut off: %v", err)
			}
		})
		if _, err := w.Write(f.data[:1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.KeepPiece(device(1), f.hash, 1, bytes.NewReader(f.piece(1))); kith.KindOf(err) != kith.Conflict {
		t.Errorf("one too many: %v", err)
	}
	fill(t, s, device(2), f, 0, 1)
	for _, w := range slow {
		w.CloseWithError(errors.New("the line is dead"))
	}
	all.Wait()
	mustHave(t, s, f, 0, len(f.data))
}

// A file that goes while a piece of it comes is not kept, and that is said.
func TestGoneMeanwhile(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, DefaultConfig())
	f := newShare(1, testPiece)
	mustKeep(t, s, device(1), f)
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- s.KeepPiece(device(1), f.hash, 0, r) }()
	if _, err := w.Write(f.data[:100]); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(device(1), f.hash); err != nil {
		t.Fatal(err)
	}
	mustKeep(t, s, device(2), f) // the same file, anew
	if _, err := w.Write(f.data[100:]); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := <-done; err != nil && kith.KindOf(err) != kith.NotFound {
		t.Error(err)
	}
	kept, err := s.State(f.hash)
	if err != nil {
		t.Fatal(err)
	}
	if kept.Has(0) {
		mustHave(t, s, f, 0, testPiece)
	}
	if err := s.Release(device(2), f.hash); err != nil {
		t.Fatal(err)
	}
	mustBeEmpty(t, dir)
	if s.files.weight != 0 || s.files.coming != 0 {
		t.Errorf("%d bytes are counted, %d coming", s.files.weight, s.files.coming)
	}
}

// Whatever a kill leaves between two steps, the next start makes sense of it.
func TestStartAfterAKill(t *testing.T) {
	whole, half := newShare(1, 2*testPiece), newShare(2, 2*testPiece)
	read := func(t *testing.T, path string) []byte {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	write := func(t *testing.T, path string, data []byte) {
		t.Helper()
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(dir string, f *share, name string) string {
		return (&Store{dir: dir}).path(f.hash, name)
	}
	for _, c := range []struct {
		name string
		kill func(t *testing.T, dir string)
		both bool // half is there, too
	}{
		{"nothing special", func(*testing.T, string) {}, true},
		{"the last line of the index is half there", func(t *testing.T, dir string) {
			index := read(t, filepath.Join(dir, "index"))
			write(t, filepath.Join(dir, "index"), append(index, index[:30]...))
		}, true},
		{"the last line lacks its end", func(t *testing.T, dir string) {
			index := read(t, filepath.Join(dir, "index"))
			write(t, filepath.Join(dir, "index"), index[:len(index)-1])
		}, true},
		{"pieces and a file were coming", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "new", "piece-1"), []byte("half"))
			write(t, filepath.Join(dir, "new", "index-1"), []byte("half"))
			write(t, filepath.Join(dir, "new", "file-1", "info"), half.info)
		}, true},
		{"a file has its place, and no line", func(t *testing.T, dir string) {
			write(t, at(dir, newShare(3, 1), "info"), []byte("x"))
		}, true},
		{"a file was set aside, and its line is not", func(t *testing.T, dir string) {
			err := os.MkdirAll(filepath.Join(dir, "new", "gone-1"), 0o700)
			if err == nil {
				err = os.Rename(filepath.Dir(at(dir, half, "")), filepath.Join(dir, "new", "gone-1", "file"))
			}
			if err != nil {
				t.Fatal(err)
			}
		}, false},
		{"bytes are written, and their bit is not", func(t *testing.T, dir string) {
			write(t, at(dir, half, "data"), slices.Concat(half.piece(0), bytes.Repeat([]byte{1}, testPiece)))
		}, true},
		{"the bits were made, and are empty", func(t *testing.T, dir string) {
			write(t, at(dir, half, "have"), nil)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir, DefaultConfig())
			mustKeep(t, s, device(1), whole)
			fill(t, s, device(1), whole, 0, 1)
			mustKeep(t, s, device(1), half)
			fill(t, s, device(1), half, 0, 0)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			c.kill(t, dir)
			for range 2 { // what was mended stays so
				s = openStore(t, dir, DefaultConfig())
				mustHave(t, s, whole, 0, len(whole.data))
				if _, err := s.State(half.hash); (err == nil) != c.both {
					t.Errorf("the other: %v", err)
				}
				if left, err := os.ReadDir(s.arriving()); err != nil || len(left) > 0 {
					t.Errorf("left are %v, %v", left, err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			s = openStore(t, dir, DefaultConfig())
			mustKeep(t, s, device(1), half)
			fill(t, s, device(1), half, 0, 1)
			mustHave(t, s, half, 0, len(half.data))
			if want := whole.weight() + half.weight(); s.files.weight != want || s.Keeps(device(1)) != want {
				t.Errorf("it counts %d and %d bytes, not %d", s.files.weight, s.Keeps(device(1)), want)
			}
			for _, f := range []*share{whole, half} {
				if err := s.Release(device(1), f.hash); err != nil {
					t.Fatal(err)
				}
			}
			mustBeEmpty(t, dir)
		})
	}
}

// An index that is no index is not taken for an empty one.
func TestForeignIndex(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index"), make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(dir, DefaultConfig(), nil); kith.KindOf(err) != kith.Damaged {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := Open(filepath.Join(dir, "index"), DefaultConfig(), nil); kith.KindOf(err) != kith.Invalid {
		t.Errorf("a folder that is a file: %v", err)
	}
}

// The index is written anew before it is mostly waste, and nothing is lost.
func TestIndexStaysSmall(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, DefaultConfig())
	a, b := newShare(1, 1000), newShare(2, 1000)
	mustKeep(t, s, device(1), a)
	for range 1500 {
		s.mu.Lock()
		if _, err := s.index.add(s.files.by, s.files.by[a.hash]); err != nil {
			t.Fatal(err)
		}
		s.mu.Unlock()
	}
	mustKeep(t, s, device(2), b)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(filepath.Join(dir, "index")); err != nil || fi.Size() > 200<<10 {
		t.Errorf("the index has %d bytes, %v", fi.Size(), err)
	}
	s = openStore(t, dir, DefaultConfig())
	if s.Keeps(device(1)) != a.weight() || s.Keeps(device(2)) != b.weight() {
		t.Errorf("kept are %d and %d bytes", s.Keeps(device(1)), s.Keeps(device(2)))
	}
}

// A device hears when its use changed, and not when it says the same again.
func TestChanged(t *testing.T) {
	cfg := DefaultConfig()
	told := map[hubapi.Key]int{}
	cfg.Changed = func(device hubapi.Key) { told[device]++ }
	s := openStore(t, t.TempDir(), cfg)
	mustKeep(t, s, device(1), newShare(1, testPiece))
	mustKeep(t, s, device(2), newShare(2, 4*testPiece))
	mustKeep(t, s, device(2), newShare(2, 4*testPiece))
	mustKeep(t, s, device(1), newShare(3, 1))
	if told[device(1)] != 2 || told[device(2)] != 1 {
		t.Errorf("told are %v", told)
	}
	if err := s.Release(device(2), newShare(2, 4*testPiece).hash); err != nil || told[device(2)] != 2 {
		t.Errorf("told are %v, %v", told, err)
	}
}

// After its end nothing is changed any more.
func TestClosed(t *testing.T) {
	s := openStore(t, t.TempDir(), DefaultConfig())
	f := newShare(1, 1000)
	mustKeep(t, s, device(1), f)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"keep":    second(s.Keep(device(1), f.hash, bytes.NewReader(f.info))),
		"piece":   s.KeepPiece(device(1), f.hash, 0, bytes.NewReader(f.data)),
		"release": s.Release(device(1), f.hash),
		"state":   second(s.State(f.hash)),
	} {
		if kith.KindOf(err) != kith.Conflict {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Errors of the disk name no file, and a full disk is told as such.
func TestFaults(t *testing.T) {
	path := "/hub/seedbox/ab/abcd/data"
	for _, c := range []struct {
		err  error
		kind kith.ErrorKind
	}{
		{&fs.PathError{Op: "write", Path: path, Err: syscall.EIO}, kith.Internal},
		{&fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}, kith.Full},
		{errors.Join(nil, &os.LinkError{Op: "rename", Old: path, New: path, Err: syscall.EIO}), kith.Internal},
		{errNotKept, kith.NotFound},
	} {
		if err := fault("try", c.err); kith.KindOf(err) != c.kind || strings.Contains(err.Error(), "abcd") {
			t.Errorf("%v becomes %v", c.err, err)
		}
	}
}

// The number of files is bounded.
func TestTooManyFiles(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Files = 2
	s := openStore(t, t.TempDir(), cfg)
	for n := range uint64(3) {
		f := newShare(n, 10)
		if _, err := s.Keep(device(1), f.hash, bytes.NewReader(f.info)); (kith.KindOf(err) == kith.Full) != (n == 2) {
			t.Errorf("the file %d: %v", n, err)
		}
	}
}
