package seedbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"kith/hubapi"
)

// A record is a line of the index: what is so of a file now. Without keepings it
// is gone.
type record struct {
	File     string `json:"file"`
	Size     int64  `json:"size,omitempty"`
	Piece    int64  `json:"piece,omitempty"`
	Hashes   int64  `json:"hashes,omitempty"` // where they are in the info dictionary
	Info     int64  `json:"info,omitempty"`   // its length
	Complete bool   `json:"complete,omitempty"`
	Used     int64  `json:"used,omitempty"` // Unix milliseconds
	// Keepings are when each device last said that it wants the file kept, Unix
	// milliseconds, by hubapi.EncodeName.
	Keepings map[string]int64 `json:"keepings,omitempty"`
}

func recordOf(f *file) *record {
	if f.gone {
		return &record{File: f.hash.String()}
	}
	r := &record{
		File: f.hash.String(), Size: f.size, Piece: f.piece, Hashes: f.hashes, Info: f.info,
		Complete: f.complete, Used: f.used, Keepings: make(map[string]int64, len(f.keepings)),
	}
	for _, k := range f.keepings {
		r.Keepings[hubapi.EncodeName(k.device)] = k.renewed
	}
	return r
}

// file undoes recordOf; nil if the record can't be right.
func (r *record) file() *file {
	hash, ok := hubapi.ParseInfoHash(r.File)
	if !ok || r.Size <= 0 || r.Piece < hubapi.MinSeedPiece || r.Hashes <= 0 || r.Info <= 0 {
		return nil
	}
	f := &file{
		hash: hash, shape: shape{r.Size, r.Piece, r.Hashes}, info: r.Info,
		complete: r.Complete, used: r.Used, noted: r.Used,
	}
	for name, renewed := range r.Keepings {
		if device, ok := hubapi.DecodeName(name); ok {
			f.keepings = append(f.keepings, keeping{device, renewed})
		}
	}
	if f.complete {
		f.there = f.size
	}
	return f
}

// An index is the file of records. It is written at its end, and anew when most
// of it does not count any more.
type index struct {
	path string

	// Store.mu guards these.
	f       *os.File
	lines   int
	written int64 // lines that were ever added

	broken  atomic.Bool // what was added last may be half there
	syncing sync.Mutex  // guards the rest, and is held while the disk syncs
	synced  int64       // of written
}

// readIndex gives what is so of each file, and how many lines say so. A line
// that can't be read was being written when the program was killed.
func readIndex(path string) (all map[hubapi.InfoHash]*file, lines, bad int, err error) {
	all = make(map[hubapi.InfoHash]*file)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, 0, 0, nil
	}
	if err != nil {
		return nil, 0, 0, err
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	scan.Buffer(make([]byte, 64<<10), 1<<20) // of at most maxOwners keepings
	for scan.Scan() {
		lines++
		var r record
		if json.Unmarshal(scan.Bytes(), &r) != nil {
			bad++
			continue
		}
		if hash, ok := hubapi.ParseInfoHash(r.File); ok && len(r.Keepings) == 0 {
			delete(all, hash)
		} else if file := r.file(); file != nil {
			all[file.hash] = file
		} else {
			bad++
		}
	}
	return all, lines, bad, scan.Err()
}

// rewrite writes the index anew, durably: on the disk are the old lines or the
// new ones. Store.mu is held, or nobody else is there yet.
func (x *index) rewrite(all map[hubapi.InfoHash]*file) error {
	x.syncing.Lock()
	defer x.syncing.Unlock()
	f, err := os.CreateTemp(filepath.Join(filepath.Dir(x.path), newFolder), "index-") // mode 0600
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	lines := json.NewEncoder(w)
	for _, file := range all {
		err = errors.Join(err, lines.Encode(recordOf(file)))
		file.noted = file.used
	}
	err = errors.Join(err, w.Flush(), f.Sync())
	// Windows does not rename a file that is open, nor over one.
	err = errors.Join(err, f.Close())
	if err == nil && x.f != nil {
		err = x.f.Close()
		x.f = nil
	}
	if err == nil {
		err = os.Rename(f.Name(), x.path)
	}
	if err != nil {
		x.broken.Store(true)
		return errors.Join(err, os.Remove(f.Name()))
	}
	syncFolder(filepath.Dir(x.path))
	if x.f, err = os.OpenFile(x.path, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		x.broken.Store(true)
		return err
	}
	x.lines, x.synced = len(all), x.written
	x.broken.Store(false)
	return nil
}

// add adds what is so of some files. It is on the disk after sync(n). Store.mu
// is held.
func (x *index) add(all map[hubapi.InfoHash]*file, changed ...*file) (n int64, err error) {
	if x.broken.Load() || x.lines > 2*len(all)+1000 {
		if err := x.rewrite(all); err != nil {
			return 0, err
		}
		return x.written, nil // all holds what changed
	}
	var lines []byte
	for _, f := range changed {
		line, err := json.Marshal(recordOf(f))
		if err != nil {
			return 0, err
		}
		lines = append(append(lines, line...), '\n')
	}
	if _, err := x.f.Write(lines); err != nil {
		x.broken.Store(true)
		return 0, err
	}
	for _, f := range changed {
		f.noted = f.used
	}
	x.lines += len(changed)
	x.written += int64(len(changed))
	return x.written, nil
}

// sync brings the first n lines that were added to the disk. Who comes while
// others sync waits, and finds most often that it is done.
func (x *index) sync(n int64) error {
	x.syncing.Lock()
	defer x.syncing.Unlock()
	if x.synced >= n {
		return nil
	}
	// Lines beyond n that were written meanwhile count at the next sync.
	if err := x.f.Sync(); err != nil {
		x.broken.Store(true)
		return err
	}
	x.synced = n
	return nil
}

// close ends the writing.
func (x *index) close() error {
	x.syncing.Lock()
	defer x.syncing.Unlock()
	if x.f == nil { // what went wrong was told
		return nil
	}
	return errors.Join(x.f.Sync(), x.f.Close())
}

// syncFolder brings names in a folder to the disk; some systems can't, and need
// not.
func syncFolder(path string) {
	if dir, err := os.Open(path); err == nil {
		dir.Sync()
		dir.Close()
	}
}
