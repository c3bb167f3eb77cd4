package seedbox

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"kith"
	"kith/hubapi"
)

// A work is what pieces of one file that come at the same time share.
type work struct {
	users int // guarded by Store.mu

	mu      sync.Mutex // guards written
	written []int      // pieces that are in their places, not yet synced

	syncing sync.Mutex // guards the rest, and is held while the disk syncs
	bits    []byte     // of the pieces that are on the disk
}

// KeepPiece keeps a piece of a file that a device keeps. When it returns without
// an error the piece is on the disk; if it was already, data is not read.
//
// An error is of kind kith.NotFound if the device does not keep the file,
// kith.Invalid if this is not the piece, kith.Full if there is no room,
// kith.Conflict if too much comes at the same time.
func (s *Store) KeepPiece(device hubapi.Key, hash hubapi.InfoHash, piece int, data io.Reader) error {
	f, here, err := s.expects(device, hash, piece)
	if err != nil {
		return err
	}
	if here {
		return s.syncHave(f) // somebody else may just be at it
	}
	leave, err := s.enter(device)
	if err != nil {
		return err
	}
	defer leave()
	give, err := s.reserve(f, f.length(piece))
	if err != nil {
		return err
	}
	defer give()
	arrived, err := s.arrive(f, piece, data)
	if arrived != nil {
		defer os.Remove(arrived.Name())
		defer arrived.Close() // before that
	}
	if err != nil {
		return fault("take in a piece", err)
	}
	if err := s.place(f, piece, arrived); err != nil {
		return fault("keep a piece", err)
	}
	return nil
}

// expects finds a file that a device keeps, and tells whether the piece is here
// already.
func (s *Store) expects(device hubapi.Key, hash hubapi.InfoHash, piece int) (f *file, here bool, err error) {
	s.mu.Lock()
	f, err = s.get(hash)
	if err == nil && f.find(device) == nil {
		err = kith.Errorf(kith.NotFound, "this device does not have the hub keep this file")
	}
	s.mu.Unlock()
	if err != nil {
		return nil, false, err
	}
	if piece < 0 || piece >= f.pieces() {
		return nil, false, kith.Errorf(kith.Invalid, "the file has the pieces 0 to %d", f.pieces()-1)
	}
	here, err = s.hasAll(f, piece, piece)
	return f, here, err
}

// reserve makes room for bytes that come; give gives it back when they are
// counted in the file, or did not come.
func (s *Store) reserve(f *file, length int64) (give func(), err error) {
	var reserved int64
	give = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.files.coming -= reserved
	}
	err = s.change(func() ([]*file, []ending, error) {
		end, err := s.files.roomInAll(length, 0, f, nil, time.Now())
		if err == nil {
			reserved = length
			s.files.coming += reserved
		}
		return nil, end, err
	})
	if err != nil {
		give()
		return nil, err
	}
	return give, nil
}

// arrive takes a piece in beside the file, and checks it.
func (s *Store) arrive(f *file, piece int, data io.Reader) (*os.File, error) {
	want, err := s.pieceHash(f, piece)
	if err != nil {
		return nil, err
	}
	arrived, err := os.CreateTemp(s.arriving(), "piece-")
	if err != nil {
		return nil, err
	}
	sum, length := sha256.New(), f.length(piece)
	n, err := copyIn(io.MultiWriter(arrived, sum), io.LimitReader(data, length+1))
	if err == nil && n != length {
		err = kith.Errorf(kith.Invalid, "the piece %d has %d bytes, not %d", piece, length, n)
	}
	if err == nil && !bytes.Equal(sum.Sum(nil)[:hashSize], want) {
		err = kith.Errorf(kith.Invalid, "these bytes are not the piece %d of the file", piece)
	}
	return arrived, err
}

// pieceHash reads what a piece hashes to.
func (s *Store) pieceHash(f *file, piece int) ([]byte, error) {
	info, err := os.Open(s.path(f.hash, infoFile))
	if err != nil {
		return nil, s.orGone(f, err)
	}
	defer info.Close()
	hash := make([]byte, hashSize)
	_, err = info.ReadAt(hash, f.hashes+int64(piece)*hashSize)
	return hash, err
}

// orGone is what an error means if the file is not kept any more.
func (s *Store) orGone(f *file, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.gone {
		return errNotKept
	}
	return err
}

// place copies a piece that arrived to its place, and brings it to the disk.
func (s *Store) place(f *file, piece int, arrived *os.File) error {
	w := s.work(f)
	defer s.workDone(f)
	data, err := os.OpenFile(s.path(f.hash, dataFile), os.O_WRONLY, 0)
	if err != nil {
		return s.orGone(f, err)
	}
	defer data.Close()
	if _, err := arrived.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := data.Seek(int64(piece)*f.piece, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(data, arrived); err != nil {
		return err
	}
	w.mu.Lock()
	w.written = append(w.written, piece)
	w.mu.Unlock()
	return s.commit(f, w, piece, data)
}

// commit syncs what was written, sets the bits, and syncs those. Who comes while
// others sync waits, and finds most often that it is done.
func (s *Store) commit(f *file, w *work, piece int, data *os.File) error {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	if has(w.bits, piece) {
		return s.orGone(f, nil)
	}
	w.mu.Lock()
	written := append(w.written, piece) // those of a sync that failed are not in written any more
	w.written = nil
	w.mu.Unlock()
	if err := data.Sync(); err != nil {
		return err
	}
	have, err := os.OpenFile(s.path(f.hash, haveFile), os.O_RDWR, 0)
	if err != nil {
		return s.orGone(f, err)
	}
	defer have.Close()
	if w.bits == nil {
		w.bits = make([]byte, (f.pieces()+7)/8)
		if _, err := have.ReadAt(w.bits, 0); err != nil && err != io.EOF {
			w.bits = nil
			return err
		}
	}
	bits := bytes.Clone(w.bits)
	var length int64
	for _, p := range written {
		if !has(bits, p) {
			bits[p/8] |= 0x80 >> (p % 8)
			length += f.length(p)
			if _, err := have.WriteAt(bits[p/8:p/8+1], int64(p/8)); err != nil {
				return err
			}
		}
	}
	if err := have.Sync(); err != nil {
		return err
	}
	w.bits = bits
	return s.count(f, length)
}

// count counts what came of a file.
func (s *Store) count(f *file, length int64) error {
	s.mu.Lock()
	if f.gone {
		s.mu.Unlock()
		return errNotKept
	}
	s.files.came(f, length)
	f.used = time.Now().UnixMilli()
	complete := f.complete && length > 0
	s.mu.Unlock()
	s.counts.stored.Add(uint64(length))
	if !complete {
		return nil
	}
	return s.change(func() ([]*file, []ending, error) { return []*file{f}, nil, nil })
}

// syncHave brings the bits of a file to the disk. Their bytes are there.
func (s *Store) syncHave(f *file) error {
	have, err := os.OpenFile(s.path(f.hash, haveFile), os.O_WRONLY, 0)
	if err == nil {
		err = errors.Join(have.Sync(), have.Close())
	}
	return fault("keep a piece", s.orGone(f, err))
}

// work finds or makes the work on a file.
func (s *Store) work(f *file) *work {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.work == nil {
		f.work = &work{}
	}
	f.work.users++
	return f.work
}

func (s *Store) workDone(f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.work.users--; f.work.users == 0 {
		f.work = nil
	}
}
