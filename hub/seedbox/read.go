package seedbox

import (
	"errors"
	"io"
	"os"
	"time"

	"kith"
	"kith/hubapi"
)

// State tells what is there of a file. An error is of kind kith.NotFound if it
// is not kept.
func (s *Store) State(hash hubapi.InfoHash) (hubapi.Kept, error) {
	s.mu.Lock()
	f, err := s.get(hash)
	if err != nil {
		s.mu.Unlock()
		return hubapi.Kept{}, err
	}
	kept := hubapi.Kept{Size: f.size, Pieces: f.pieces(), Until: s.files.until(f)}
	s.mu.Unlock()
	kept.Have, err = s.bits(f)
	return kept, fault("read what is kept of a file", err)
}

// A Section is a part of a file, to be read and then closed.
type Section struct {
	io.Reader
	// Size is that of the whole file.
	Size int64
	file *os.File
}

// Close ends the reading.
func (s *Section) Close() error { return s.file.Close() }

// Fetch opens the bytes of a file from offset on, all of which are in pieces
// that are there. An error is of kind kith.NotFound if they, or the file, are
// not.
func (s *Store) Fetch(hash hubapi.InfoHash, offset, length int64) (*Section, error) {
	s.mu.Lock()
	f, err := s.get(hash)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if offset < 0 || length <= 0 || offset >= f.size || length > f.size-offset {
		return nil, kith.Errorf(kith.NotFound, "the file has %d bytes", f.size)
	}
	here, err := s.hasAll(f, int(offset/f.piece), int((offset+length-1)/f.piece))
	if err != nil {
		return nil, err
	}
	if !here {
		return nil, kith.Errorf(kith.NotFound, "the hub does not have this part of the file")
	}
	data, err := os.Open(s.path(hash, dataFile))
	if err != nil {
		return nil, fault("open a file", s.orGone(f, err))
	}
	s.touch(f)
	return &Section{io.NewSectionReader(data, offset, length), f.size, data}, nil
}

// Info opens the info dictionary of a file, for who knows nothing but its hash.
func (s *Store) Info(hash hubapi.InfoHash) (*Section, error) {
	s.mu.Lock()
	f, err := s.get(hash)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	info, err := os.Open(s.path(hash, infoFile))
	if err != nil {
		return nil, fault("open an info dictionary", s.orGone(f, err))
	}
	return &Section{io.NewSectionReader(info, 0, f.info), f.info, info}, nil
}

// Served counts what was sent of a file.
func (s *Store) Served(bytes int64) {
	s.counts.served.Add(1)
	s.counts.bytesServed.Add(uint64(bytes))
}

// touch notes that a file is of use. In the index that is exact to noteEvery,
// and not worth a sync.
func (s *Store) touch(f *file) {
	now := time.Now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	f.used = max(f.used, now)
	if f.gone || s.closed || f.used-f.noted < noteEvery.Milliseconds() {
		return
	}
	if _, err := s.index.add(s.files.by, f); err != nil {
		s.log.Error("the seedbox could not note that a file is of use", "error", plain(err))
	}
}

// bits reads which pieces are there.
func (s *Store) bits(f *file) ([]byte, error) {
	bits := make([]byte, (f.pieces()+7)/8)
	return bits, s.readBits(f, bits, 0)
}

// hasAll reports whether the pieces from first to last are there.
func (s *Store) hasAll(f *file, first, last int) (bool, error) {
	bits := make([]byte, last/8-first/8+1)
	if err := s.readBits(f, bits, int64(first/8)); err != nil {
		return false, fault("read what is kept of a file", err)
	}
	for piece := first; piece <= last; piece++ {
		if !has(bits, piece-first/8*8) {
			return false, nil
		}
	}
	return true, nil
}

func (s *Store) readBits(f *file, bits []byte, at int64) error {
	have, err := os.Open(s.path(f.hash, haveFile))
	if err != nil {
		return s.orGone(f, err)
	}
	defer have.Close()
	_, err = have.ReadAt(bits, at)
	if errors.Is(err, io.EOF) { // what is missing is not there
		err = nil
	}
	return err
}

// has reports whether a bit is set, the first one being the highest of the first
// byte (BEP 3).
func has(bits []byte, i int) bool { return i/8 < len(bits) && bits[i/8]&(0x80>>(i%8)) != 0 }
