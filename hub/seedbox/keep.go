package seedbox

import (
	"crypto/sha1"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"kith"
	"kith/hubapi"
)

// Keep keeps a file for a device, or longer, and tells what is there of it. info
// gives the info dictionary; it is not read if the file is here already.
//
// An error is of kind kith.Invalid if the dictionary is not one of a sealed
// torrent or not that of the file, kith.Full if there is no room.
func (s *Store) Keep(device hubapi.Key, hash hubapi.InfoHash, info io.Reader) (hubapi.Kept, error) {
	if err := s.renew(device, hash); err == nil || !errors.Is(err, errNotKept) {
		return s.stateAfter(hash, err)
	}
	leave, err := s.enter(device)
	if err != nil {
		return hubapi.Kept{}, err
	}
	defer leave()
	f, folder, err := s.receive(device, hash, info)
	if folder != "" {
		defer os.RemoveAll(folder)
	}
	if err != nil {
		return hubapi.Kept{}, err
	}
	err = s.change(func() ([]*file, []ending, error) {
		end, err := s.settle(device, f, folder)
		return []*file{f}, end, err
	})
	if errors.Is(err, errHere) {
		err = s.renew(device, hash)
	}
	return s.stateAfter(hash, err)
}

// errHere says that a file came meanwhile.
var errHere = kith.Errorf(kith.Conflict, "the file is here already")

func (s *Store) stateAfter(hash hubapi.InfoHash, err error) (hubapi.Kept, error) {
	if err != nil {
		return hubapi.Kept{}, err
	}
	return s.State(hash)
}

// renew keeps a file longer that is here already.
func (s *Store) renew(device hubapi.Key, hash hubapi.InfoHash) error {
	return s.change(func() ([]*file, []ending, error) {
		now := time.Now()
		f, err := s.get(hash)
		if err != nil {
			return nil, nil, err
		}
		if k := f.find(device); k != nil {
			k.renewed = now.UnixMilli()
			return []*file{f}, nil, nil
		}
		if len(f.keepings) >= maxOwners {
			return nil, nil, kith.Errorf(kith.Full, "%d devices keep this file with the hub, and that is as many as may", maxOwners)
		}
		end, err := s.files.roomOf(device, f.cost(), now)
		if err == nil {
			s.files.keep(f, device, now)
		}
		return []*file{f}, end, err
	})
}

// receive takes in an info dictionary, and makes the folder of a file beside
// those that are kept.
func (s *Store) receive(device hubapi.Key, hash hubapi.InfoHash, info io.Reader) (f *file, folder string, err error) {
	defer func() { err = fault("take in a file", err) }()
	if folder, err = os.MkdirTemp(s.arriving(), "file-"); err != nil {
		return nil, "", err
	}
	dict, err := os.OpenFile(filepath.Join(folder, infoFile), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, folder, err
	}
	defer dict.Close()
	sum := sha1.New()
	length, err := copyIn(io.MultiWriter(dict, sum), io.LimitReader(info, hubapi.MaxSeedInfo+1))
	switch {
	case err != nil:
		return nil, folder, err
	case length > hubapi.MaxSeedInfo:
		return nil, folder, kith.Errorf(kith.Invalid, "the info dictionary is larger than %d MiB", hubapi.MaxSeedInfo>>20)
	case hubapi.InfoHash(sum.Sum(nil)) != hash:
		return nil, folder, kith.Errorf(kith.Invalid, "the info dictionary is not that of this infohash")
	}
	f = &file{hash: hash, info: length, used: time.Now().UnixMilli()}
	if f.shape, err = parseInfo(dict, length); err != nil {
		return nil, folder, err
	}
	if _, err := s.room(device, f); err != nil {
		return nil, folder, err
	}
	if err := dict.Sync(); err != nil {
		return nil, folder, err
	}
	for name, size := range map[string]int64{haveFile: int64(f.pieces()+7) / 8, dataFile: f.size} {
		if err := makeSparse(filepath.Join(folder, name), size); err != nil {
			return nil, folder, err
		}
	}
	syncFolder(folder)
	return f, folder, nil
}

// makeSparse makes a file of zeros that takes no room. It need not be synced:
// one that is shorter after a crash reads as zeros, too.
func makeSparse(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// room finds what has to go so that a device may keep a file that is new.
func (s *Store) room(device hubapi.Key, f *file) ([]ending, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roomLocked(device, f)
}

func (s *Store) roomLocked(device hubapi.Key, f *file) ([]ending, error) {
	now := time.Now()
	end, err := s.files.roomOf(device, f.cost(), now)
	if err != nil {
		return nil, err
	}
	// All of it should fit, though others may take the room meanwhile.
	more, err := s.files.roomInAll(f.cost(), 1, nil, end, now)
	return append(end, more...), err
}

// settle gives a file that was received its place, and tells what has to go for
// it; mu is held.
func (s *Store) settle(device hubapi.Key, f *file, folder string) ([]ending, error) {
	if _, err := s.get(f.hash); err == nil {
		return nil, errHere
	} else if !errors.Is(err, errNotKept) {
		return nil, err
	}
	end, err := s.roomLocked(device, f)
	if err != nil {
		return nil, err
	}
	place := s.folder(f.hash)
	shelf := filepath.Dir(place)
	err = os.Mkdir(shelf, 0o700)
	if err == nil {
		syncFolder(s.dir)
	}
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = os.RemoveAll(place) // a folder that could not be set aside
	}
	if err == nil {
		err = os.Rename(folder, place)
	}
	if err != nil {
		return nil, fault("give a file its place", err)
	}
	syncFolder(shelf)
	f.keepings = []keeping{{device, time.Now().UnixMilli()}}
	s.files.add(f)
	return end, nil
}

// Release ends the keeping of a device. Of a file that it does not keep it is
// done already.
func (s *Store) Release(device hubapi.Key, hash hubapi.InfoHash) error {
	return s.change(func() ([]*file, []ending, error) {
		f, err := s.get(hash)
		if errors.Is(err, errNotKept) {
			return nil, nil, nil
		}
		return nil, []ending{{f, device}}, err
	})
}

// enter counts what a device brings at the same time; leave uncounts it.
func (s *Store) enter(device hubapi.Key) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errClosed
	case s.uploads[device] >= ownerUploads:
		return nil, kith.Errorf(kith.Conflict, "this device brings %d pieces already; one after the other, please", ownerUploads)
	case s.all >= maxUploads:
		return nil, kith.Errorf(kith.Conflict, "the hub takes in as much as it can already; try again soon")
	}
	s.uploads[device]++
	s.all++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.uploads[device]--; s.uploads[device] == 0 {
			delete(s.uploads, device)
		}
	}, nil
}

// copyIn copies what a device sends. What goes wrong with its connection is of
// kind kith.Invalid, what goes wrong with the disk is not.
func copyIn(to io.Writer, from io.Reader) (int64, error) {
	r := &sentReader{r: from}
	n, err := io.Copy(to, r)
	if err != nil && r.failed {
		return n, kith.Errorf(kith.Invalid, "what was sent did not come whole")
	}
	return n, err
}

// A sentReader notes that reading failed.
type sentReader struct {
	r      io.Reader
	failed bool
}

// Read reads.
func (s *sentReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.failed = true
	}
	return n, err
}
