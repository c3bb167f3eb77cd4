package swarm

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"kith"
)

// partSuffix stands behind the name of a file that is not complete.
const partSuffix = ".kith-part"

// maxOpen is how many files of one transfer are kept open.
const maxOpen = 16

// How a file of a share lies on the disk.
const (
	absent  = iota // nothing of it is wanted
	partial        // under its name with partSuffix
	final          // complete, under its own name
)

// An entry is one file of a share.
type entry struct {
	_     struct{} `cbor:",toarray"`
	State int
	File  original
	// Planned is the time that a partial file has been given because it is
	// complete and will be renamed next; zero otherwise.
	Planned int64
}

// A disk holds the files of one share open. Names of fetched ones are below a
// root that nothing leaves, links included.
type disk struct {
	dir  string // the root; "" if names are absolute, and then nothing is written
	pool *pool  // for direct writes; without it there are none

	mu       sync.Mutex // guards all below
	root     *os.Root
	entries  []entry
	handles  map[int]*handle
	clock    int
	spoilt   int // first file that is not as noted any more, or -1
	missing  bool
	indirect bool // the file system has no direct writes
}

type handle struct {
	*os.File
	direct     *os.File // the same file, for direct writes; nil until there is one
	refs, used int
	stale      bool
}

func (h *handle) Close() error {
	if h.direct != nil {
		h.direct.Close()
	}
	return h.File.Close()
}

func newDisk(dir string, entries []entry) *disk {
	return &disk{dir: dir, entries: entries, handles: map[int]*handle{}, spoilt: -1}
}

func newOriginals(originals []original) *disk {
	entries := make([]entry, len(originals))
	for i, o := range originals {
		entries[i] = entry{State: final, File: o}
	}
	return newDisk("", entries)
}

// errSpoilt is what reading a file gives that is not as it was noted.
var errSpoilt = errors.New("the file is missing or was changed")

// check holds that an original is as it was.
func (o *original) check() error {
	fi, err := os.Stat(o.Path)
	if err != nil {
		return err
	}
	if !o.fits(fi) {
		return errSpoilt
	}
	return nil
}

// openLocked opens what has to be open before files can be.
func (d *disk) rootLocked() error {
	if d.root != nil || d.dir == "" {
		return nil
	}
	if err := os.MkdirAll(d.dir, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.dir)
	d.root = root
	return err
}

// take gives the open file i; give returns it.
func (d *disk) take(i int) (*handle, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock++
	if h := d.handles[i]; h != nil {
		h.refs++
		h.used = d.clock
		return h, nil
	}
	f, err := d.openLocked(&d.entries[i])
	if err != nil {
		if d.entries[i].State == final {
			d.spoilLocked(i, errors.Is(err, fs.ErrNotExist))
		}
		return nil, err
	}
	d.trimLocked()
	h := &handle{File: f, refs: 1, used: d.clock}
	d.handles[i] = h
	return h, nil
}

func (d *disk) openLocked(e *entry) (*os.File, error) {
	if d.dir == "" {
		return os.Open(e.File.Path)
	}
	if err := d.rootLocked(); err != nil {
		return nil, err
	}
	switch e.State {
	case final:
		return d.root.Open(e.File.Path)
	case partial:
		name := e.File.Path + partSuffix
		f, err := d.root.OpenFile(name, os.O_RDWR, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if err := d.root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return nil, err
		}
		if f, err = d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
			return nil, err
		}
		if err := f.Truncate(e.File.Size); err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
	return nil, fs.ErrNotExist
}

func (d *disk) trimLocked() {
	for len(d.handles) >= maxOpen {
		oldest := -1
		for i, h := range d.handles {
			if h.refs == 0 && (oldest < 0 || h.used < d.handles[oldest].used) {
				oldest = i
			}
		}
		if oldest < 0 {
			return
		}
		d.handles[oldest].Close()
		delete(d.handles, oldest)
	}
}

func (d *disk) give(h *handle) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h.refs--
	if h.stale && h.refs == 0 {
		h.Close()
	}
}

// dropLocked forgets the handle of file i.
func (d *disk) dropLocked(i int) {
	h := d.handles[i]
	if h == nil {
		return
	}
	delete(d.handles, i)
	h.stale = true
	if h.refs == 0 {
		h.Close()
	}
}

func (d *disk) spoilLocked(i int, missing bool) {
	if d.spoilt < 0 {
		d.spoilt, d.missing = i, missing
	}
}

// readAt reads plaintext of file i. A complete file that is not as noted, or is
// changed meanwhile, gives errSpoilt.
func (d *disk) readAt(i int, p []byte, at int64) error {
	h, err := d.take(i)
	if err != nil {
		return err
	}
	defer d.give(h)
	if _, err = io.ReadFull(io.NewSectionReader(h, at, int64(len(p))), p); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	d.mu.Lock()
	e := d.entries[i]
	d.mu.Unlock()
	if e.State != final {
		return err
	}
	if fi, statErr := h.Stat(); err != nil || statErr != nil || !e.File.fits(fi) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.dropLocked(i)
		d.spoilLocked(i, false)
		return errSpoilt
	}
	return nil
}

func (d *disk) writeAt(i int, p []byte, at int64) error {
	h, err := d.take(i)
	if err != nil {
		return err
	}
	defer d.give(h)
	before, after, err := d.writeDirect(i, h, p, at)
	if err == nil && len(before) > 0 {
		_, err = h.WriteAt(before, at)
	}
	if err == nil && len(after) > 0 {
		_, err = h.WriteAt(after, at+int64(len(p)-len(after)))
	}
	return err
}

// sync brings what was written to file i to the medium and notes its time.
func (d *disk) sync(i int) error {
	h, err := d.take(i)
	if err != nil {
		return err
	}
	defer d.give(h)
	if err := h.Sync(); err != nil {
		return err
	}
	fi, err := h.Stat()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries[i].File.Modified = fi.ModTime().UnixNano()
	return nil
}

// plan gives a complete partial file its time and its rights, so that it can be
// told from somebody else's file of that name after a crash.
func (d *disk) prepare(i int, f *manifestFile) error {
	h, err := d.take(i)
	if err != nil {
		return err
	}
	defer d.give(h)
	if f.Executable {
		h.Chmod(0o777 &^ 0o022)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e := &d.entries[i]
	when := time.Unix(0, f.Modified)
	if f.Modified <= 0 {
		when = time.Now()
	}
	if err := d.root.Chtimes(e.File.Path+partSuffix, when, when); err != nil {
		return err
	}
	if err := h.Sync(); err != nil {
		return err
	}
	fi, err := h.Stat()
	if err != nil {
		return err
	}
	e.Planned = fi.ModTime().UnixNano()
	return nil
}

// finish gives a prepared file its name, if nobody else has it.
func (d *disk) finish(i int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := &d.entries[i]
	d.dropLocked(i)
	if err := giveName(d.root, e.File.Path+partSuffix, e.File.Path); errors.Is(err, fs.ErrExist) {
		return kith.Errorf(kith.Conflict, "%q is complete but can't get its name, which is taken: move that file away, then resume", filepath.Join(d.dir, e.File.Path))
	} else if err != nil {
		return err
	}
	e.State, e.File.Modified, e.Planned = final, e.Planned, 0
	if dir, err := d.root.Open(filepath.Dir(e.File.Path)); err == nil {
		dir.Sync() // the name; some systems can't
		dir.Close()
	}
	return nil
}

// damaged takes file i, of which a piece is wrong, for incomplete again; of an
// original it notes that it was changed.
func (d *disk) damaged(i int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := &d.entries[i]
	if e.State != final {
		return nil
	}
	if d.dir == "" {
		d.spoilLocked(i, false)
		return nil
	}
	if err := d.rootLocked(); err != nil {
		return err
	}
	d.dropLocked(i)
	if err := d.root.Rename(e.File.Path, e.File.Path+partSuffix); err != nil {
		return err
	}
	e.State = partial
	return nil
}

// state tells what there is of file i.
func (d *disk) state(i int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.entries[i].State
}

// spoiled says whether a complete file was found missing or changed, and which.
func (d *disk) spoiled() (path string, missing, yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.spoilt < 0 {
		return "", false, false
	}
	return filepath.Join(d.dir, d.entries[d.spoilt].File.Path), d.missing, true
}

func (d *disk) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.handles {
		d.dropLocked(i)
	}
	if d.root != nil {
		d.root.Close()
		d.root = nil
	}
}
