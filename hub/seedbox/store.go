package seedbox

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"kith"
	"kith/hubapi"
)

// A Store is a seedbox in a folder. Its methods may be called from any
// goroutine. Errors that are not of kind kith.Internal are for who asked.
type Store struct {
	cfg  Config
	dir  string
	log  *slog.Logger
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex // guards the rest
	files   *files
	index   *index
	uploads map[hubapi.Key]int
	all     int // uploads
	closed  bool

	counts counts
}

// Open opens the seedbox in a folder, or makes it. An error is of kind
// kith.Invalid if the folder can't be used, kith.Damaged if its index can't.
func Open(dir string, cfg Config, log *slog.Logger) (*Store, error) {
	s := &Store{
		cfg: cfg, dir: dir, log: log, done: make(chan struct{}),
		index: &index{path: filepath.Join(dir, "index")}, uploads: make(map[hubapi.Key]int),
	}
	s.files = newFiles(&s.cfg)
	if err := s.load(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.tend(ctx)
	return s, nil
}

// load reads what is there, and makes the folder agree with the index.
func (s *Store) load() error {
	unusable := func(err error) error {
		return kith.Errorf(kith.Invalid, "the folder %s of the seedbox can't be used: %w", s.dir, err)
	}
	if err := errors.Join(os.RemoveAll(s.arriving()), os.MkdirAll(s.arriving(), 0o700)); err != nil {
		return unusable(err)
	}
	all, lines, bad, err := readIndex(s.index.path)
	if err != nil {
		return kith.Errorf(kith.Damaged, "read the index of the seedbox, %s: %w; move the folder away, and devices give their files anew", s.index.path, err)
	}
	lost, err := s.compare(all)
	if err != nil {
		return unusable(err)
	}
	if lost > 0 || bad > 0 {
		s.log.Warn("a part of the seedbox was not on the disk yet when the hub ended", "files", lost, "lines", bad)
	}
	for _, f := range all {
		if !f.complete {
			s.recount(f)
		}
		s.files.add(f)
	}
	if lost == 0 && bad == 0 && lines <= 2*len(all)+1000 && lines > 0 && endsWhole(s.index.path) {
		if s.index.f, err = os.OpenFile(s.index.path, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			return unusable(err)
		}
		s.index.lines = lines
		return nil
	}
	if err := s.index.rewrite(s.files.by); err != nil {
		return unusable(err)
	}
	return nil
}

// endsWhole reports whether the last line of a file is a whole one.
func endsWhole(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, fi.Size()-1)
	return err == nil && last[0] == '\n'
}

// compare removes folders of which the index knows nothing, and forgets files
// whose folder is missing: a kill came between.
func (s *Store) compare(all map[hubapi.InfoHash]*file) (lost int, err error) {
	found := make(map[hubapi.InfoHash]bool, len(all))
	shelves, err := os.ReadDir(s.dir)
	if err != nil {
		return 0, err
	}
	for _, shelf := range shelves {
		if len(shelf.Name()) != 2 || !shelf.IsDir() {
			continue
		}
		folders, err := os.ReadDir(filepath.Join(s.dir, shelf.Name()))
		if err != nil {
			return 0, err
		}
		for _, folder := range folders {
			hash, ok := hubapi.ParseInfoHash(folder.Name())
			if _, known := all[hash]; ok && known {
				found[hash] = true
			} else if err := os.RemoveAll(filepath.Join(s.dir, shelf.Name(), folder.Name())); err != nil {
				return 0, err
			}
		}
	}
	for hash := range all {
		if !found[hash] {
			delete(all, hash)
			lost++
		}
	}
	return lost, nil
}

// recount counts what is there of a file that is not complete.
func (s *Store) recount(f *file) {
	bits, err := s.bits(f)
	if err != nil {
		s.log.Warn("what the seedbox has of a file can't be read; it counts as nothing", "error", plain(err))
	}
	for piece := range f.pieces() {
		if has(bits, piece) {
			f.there += f.length(piece)
		}
	}
	f.complete = f.there == f.size
}

// Close ends what runs. Calls that are under way end first, or fail.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.stop()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.index.close()
}

var errClosed = kith.Errorf(kith.Conflict, "the hub ends; try again soon")

// tend lets go what has ended, again and again.
func (s *Store) tend(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		err := s.change(func() ([]*file, []ending, error) { return nil, s.files.ended(time.Now()), nil })
		if err != nil && !errors.Is(err, errClosed) {
			s.log.Error("the seedbox could not let go of what has ended", "error", plain(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// change notes, durably, that choose changed files, and ends the keepings that
// it finds. choose is called with mu held.
func (s *Store) change(choose func() (changed []*file, end []ending, err error)) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	changed, end, err := choose()
	if err != nil {
		s.mu.Unlock()
		return err
	}
	var trash []string
	for _, e := range end {
		if e.file.gone || e.file.find(e.device) == nil {
			continue
		}
		if s.files.drop(e.file, e.device) {
			s.counts.freed.Add(1)
			trash = append(trash, s.setAside(e.file)...)
		}
		changed = append(changed, e.file)
	}
	var n int64
	if len(changed) > 0 {
		n, err = s.index.add(s.files.by, changed...)
	}
	tell := s.toTell(changed, end)
	s.mu.Unlock()
	if err == nil && n > 0 {
		err = s.index.sync(n)
	}
	for _, path := range trash { // the data of a large file takes its time
		if removeErr := os.RemoveAll(path); removeErr != nil {
			s.log.Warn("what the seedbox let go of stays on the disk until the next start", "error", plain(removeErr))
		}
	}
	for _, device := range tell {
		s.cfg.Changed(device)
	}
	return fault("note what the seedbox keeps", err)
}

// toTell gives the devices whose use changed; mu is held.
func (s *Store) toTell(changed []*file, end []ending) (tell []hubapi.Key) {
	if s.cfg.Changed == nil {
		return nil
	}
	seen := map[hubapi.Key]bool{}
	look := func(device hubapi.Key) {
		o := s.files.owners[device]
		switch {
		case seen[device]:
		case o == nil: // it keeps nothing any more
			tell = append(tell, device)
		case o.used != o.told:
			o.told = o.used
			tell = append(tell, device)
		}
		seen[device] = true
	}
	for _, e := range end {
		look(e.device)
	}
	for _, f := range changed {
		for _, k := range f.keepings {
			look(k.device)
		}
	}
	return tell
}

// setAside takes a file's folder out of the way, to be removed; mu is held, so
// that the same file can come anew at once.
func (s *Store) setAside(f *file) []string {
	to, err := os.MkdirTemp(s.arriving(), "gone-")
	if err == nil {
		err = os.Rename(s.folder(f.hash), filepath.Join(to, "file"))
	}
	if err != nil {
		s.log.Warn("what the seedbox let go of stays on the disk until the next start", "error", plain(err))
	}
	return []string{to}
}

// Keeps is what a device keeps, in bytes.
func (s *Store) Keeps(device hubapi.Key) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files.used(device)
}

// Used is what a device keeps, in bytes, to be told to it: Config.Changed is
// called when that has changed.
func (s *Store) Used(device hubapi.Key) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.files.owners[device]; o != nil {
		o.told = o.used
	}
	return s.files.used(device)
}

// The paths. Nothing that comes from outside is a part of one but infohashes,
// in hexadecimal.

func (s *Store) arriving() string { return filepath.Join(s.dir, newFolder) }

func (s *Store) folder(hash hubapi.InfoHash) string {
	name := hash.String()
	return filepath.Join(s.dir, name[:2], name)
}

func (s *Store) path(hash hubapi.InfoHash, name string) string {
	return filepath.Join(s.folder(hash), name)
}

// The names of folders and files.
const (
	newFolder = "new"

	infoFile = "info"
	haveFile = "have"
	dataFile = "data"
)

// errNotKept is what is said of a file that is not here.
var errNotKept = kith.Errorf(kith.NotFound, "this hub does not keep the file")

// get finds a file; mu is held.
func (s *Store) get(hash hubapi.InfoHash) (*file, error) {
	if s.closed {
		return nil, errClosed
	}
	f := s.files.by[hash]
	if f == nil {
		return nil, errNotKept
	}
	return f, nil
}

// fault turns an error of the system into one of the project's kinds; others
// stay as they are. It names no path: infohashes do not belong into a log.
func fault(what string, err error) error {
	var told *kith.Error
	if err == nil || errors.As(err, &told) {
		return err
	}
	const windowsDiskFull = syscall.Errno(112) // ERROR_DISK_FULL
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || os.PathSeparator == '\\' && errors.Is(err, windowsDiskFull) {
		return kith.Errorf(kith.Full, "the disk of the hub is full; nothing was stored")
	}
	return kith.Errorf(kith.Internal, "%s: %w", what, plain(err))
}

// plain takes the paths out of an error.
func plain(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	var call *os.SyscallError
	switch {
	case errors.As(err, &path):
		return errors.New(path.Op + ": " + path.Err.Error())
	case errors.As(err, &link):
		return errors.New(link.Op + ": " + link.Err.Error())
	case errors.As(err, &call):
		return call
	}
	return err
}
