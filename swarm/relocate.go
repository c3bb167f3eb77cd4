package swarm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"kith"
)

// Relocate says that a share lies, or shall lie, at another absolute path.
//
// What was fetched, in part or whole, is renamed to it if it is still where it
// was. If it is not, but lies at the new path with the sizes and times that were
// noted, the person has moved it and that is noted. Nothing is copied: to
// another disk the person moves it first. Folders on the way are made. What was
// shared from here is never touched; only where it lies is noted.
//
// An error of kind kith.Conflict says that something else lies at the new path,
// or that another transfer does; then nothing has changed. A transfer that
// failed is tried again. A Reader of it ends with an error.
func (s *Swarm) Relocate(ih kith.Infohash, path string) error {
	if !filepath.IsAbs(path) {
		return kith.Errorf(kith.Invalid, "%q does not say from the root on where the files lie", path)
	}
	path = filepath.Clean(path)
	t, err := s.find(ih)
	if err != nil {
		return err
	}
	if err := s.untaken(path, t); err != nil {
		return err
	}
	t.op.Lock()
	defer t.op.Unlock()
	if err := t.deactivate(); err != nil {
		return err
	}
	t.mu.Lock()
	r := *t.rec
	r.Entries = slices.Clone(r.Entries)
	t.mu.Unlock()
	if r.Path == path && r.Moving == "" {
		return nil
	}
	if err := s.move(&r, path); err != nil {
		return err
	}
	r.Failed = ""
	if err := s.saveRecord(&r); err != nil {
		return err
	}
	t.mu.Lock()
	t.rec.Path, t.rec.Moving, t.rec.Entries, t.rec.Failed = r.Path, r.Moving, r.Entries, r.Failed
	t.mu.Unlock()
	t.changed()
	s.nudge()
	return nil
}

// untaken holds that no other transfer has a path.
func (s *Swarm) untaken(path string, but *transfer) error {
	s.mu.Lock()
	all := s.allLocked()
	s.mu.Unlock()
	for _, t := range all {
		t.mu.Lock()
		taken := t != but && !t.rec.Own && (t.rec.Path == path || t.rec.Moving == path)
		t.mu.Unlock()
		if taken {
			return kith.Errorf(kith.Conflict, "%q is where another share is fetched to: choose another name", path)
		}
	}
	return nil
}

// move brings what a record speaks of to another path. The wish is noted before
// anything is renamed, so that a program that was killed finishes it when it
// starts (settleMove). It changes r; the caller notes that it is done.
func (s *Swarm) move(r *record, path string) error {
	steps, err := r.moves(path)
	if err != nil {
		return err
	}
	if !r.Own {
		r.Moving = path
		if err := s.saveRecord(r); err != nil {
			return err
		}
		s.step()
		if err := s.rename(steps); err != nil {
			r.Moving = ""
			return errors.Join(kith.Errorf(kith.KindOf(err), "move %q to %q: %w", r.Path, path, err), s.saveRecord(r))
		}
	}
	r.moved(path)
	return nil
}

// settleMove finishes what a kill interrupted. What can't be finished stays
// where it lies.
func (s *Swarm) settleMove(r *record) error {
	path := r.Moving
	if path == "" {
		return nil
	}
	steps, err := r.moves(path)
	if err == nil {
		err = s.rename(steps)
	}
	if err == nil {
		r.moved(path)
	} else {
		s.log.Warn("a share was not moved; it stays where it is", "error", err)
	}
	r.Moving = ""
	return s.saveRecord(r)
}

func (s *Swarm) step() {
	if s.cfg.stepHook != nil {
		s.cfg.stepHook()
	}
}

// moved notes a new path.
func (r *record) moved(path string) {
	for i := range r.Entries {
		f := &r.Entries[i].File
		switch {
		case r.Own && r.Folder:
			if rel, err := filepath.Rel(r.Path, f.Path); err == nil {
				f.Path = filepath.Join(path, rel)
			}
		case r.Own:
			f.Path = path
		case !r.Folder:
			f.Path = filepath.Base(path)
		}
	}
	r.Path, r.Moving = path, ""
}

// A naming is one name to be changed.
type naming struct{ from, to string }

// moves lists what has to be renamed so that the share lies at path, nothing if
// it lies there already. It is an error if something else does.
func (r *record) moves(path string) ([]naming, error) {
	taken := kith.Errorf(kith.Conflict, "something else lies at %q: move it away, or choose another name", path)
	if r.Own {
		if !r.liesAt(path) {
			return nil, taken
		}
		return nil, nil
	}
	if !r.Folder && !slices.Contains(r.suffixes(), "") {
		if _, err := os.Lstat(path); err == nil { // what arrives could never get its name
			return nil, taken
		}
	}
	var steps []naming
	for _, suffix := range r.suffixes() {
		n := naming{r.Path + suffix, path + suffix}
		old, oldErr := os.Lstat(n.from)
		now, nowErr := os.Lstat(n.to)
		switch {
		case oldErr == nil && (nowErr != nil || os.SameFile(old, now)):
			steps = append(steps, n)
		case oldErr == nil:
			return nil, taken
		}
	}
	if len(steps) > 0 {
		return steps, nil
	}
	if !r.liesAt(path) {
		return nil, taken
	}
	return nil, nil
}

// suffixes are what may stand behind the path of a fetched share. A file that
// was being finished may have its name already; so may a stranger's.
func (r *record) suffixes() []string {
	switch {
	case r.Folder:
		return []string{""}
	case len(r.Entries) == 0 || r.Entries[0].State == absent:
		return nil
	case r.Entries[0].State == final:
		return []string{""}
	}
	e := r.Entries[0]
	e.File.Modified = e.Planned
	if fi, err := os.Lstat(r.Path); err == nil && e.Planned != 0 && e.File.fits(fi) {
		return []string{partSuffix, ""}
	}
	return []string{partSuffix}
}

// liesAt reports whether what lies at path is this share, or nothing. Of a
// folder one file as it was noted is enough: what is missing, is said later.
func (r *record) liesAt(path string) bool {
	fi, err := os.Lstat(path)
	if r.Folder {
		if err != nil {
			return errors.Is(err, fs.ErrNotExist)
		}
		if !fi.IsDir() {
			return false
		}
	}
	here, fits := 0, 0
	for i := range r.Entries {
		e := &r.Entries[i]
		name := path
		switch {
		case r.Folder && r.Own:
			rel, err := filepath.Rel(r.Path, e.File.Path)
			if err != nil {
				return false
			}
			name = filepath.Join(path, rel)
		case r.Folder:
			name = filepath.Join(path, e.File.Path)
		}
		if e.State == partial {
			if _, err := os.Lstat(name + partSuffix); err == nil || e.Planned == 0 {
				name += partSuffix
			}
		}
		if fi, err := os.Lstat(name); err == nil {
			here++
			// The time of a part is not noted with every write. Its pieces are
			// hashed before they are believed.
			if e.State == final && e.File.fits(fi) || e.State == partial && fi.Mode().IsRegular() && fi.Size() == e.File.Size {
				fits++
			}
		}
	}
	if !r.Folder {
		return here == fits && (fits > 0 || err != nil)
	}
	left, err := os.ReadDir(path)
	return fits > 0 || err == nil && len(left) == 0
}

// rename changes names, each durably, and replaces nothing.
func (s *Swarm) rename(steps []naming) error {
	for _, n := range steps {
		if err := os.MkdirAll(filepath.Dir(n.to), 0o777); err != nil {
			return err
		}
		s.step()
		if err := s.renameOne(n); err != nil {
			return err
		}
		syncFolder(filepath.Dir(n.to))
		syncFolder(filepath.Dir(n.from))
		s.step()
	}
	return nil
}

func (s *Swarm) renameOne(n naming) error {
	old, err := os.Lstat(n.from)
	if err != nil {
		return err
	}
	if now, err := os.Lstat(n.to); err == nil && os.SameFile(old, now) {
		if listed(n.from) && listed(n.to) { // it was killed between the two names
			return os.Remove(n.from)
		}
		return os.Rename(n.from, n.to) // to this file system both are one name
	}
	err = giveName(onDisk{s.step}, n.from, n.to)
	switch {
	case errors.Is(err, fs.ErrExist):
		return kith.Errorf(kith.Conflict, "the name is taken")
	case isOtherDisk(err):
		return kith.Errorf(kith.Conflict, "it is another disk: move the files there first")
	}
	return err
}

// listed reports whether a folder lists a name exactly as it is written.
func listed(name string) bool {
	list, _ := os.ReadDir(filepath.Dir(name))
	return slices.ContainsFunc(list, func(e fs.DirEntry) bool { return e.Name() == filepath.Base(name) })
}

// isOtherDisk reports whether an error says that a name can't be changed to one
// on another file system. On Windows that is ERROR_NOT_SAME_DEVICE.
func isOtherDisk(err error) bool {
	return errors.Is(err, errCrossDevice) || runtime.GOOS == "windows" && errors.Is(err, syscall.Errno(17))
}

// names are what of the operating system changes names.
type names interface {
	Link(from, to string) error
	Rename(from, to string) error
	Remove(name string) error
	Lstat(name string) (fs.FileInfo, error)
}

// onDisk are absolute names.
type onDisk struct{ step func() }

func (d onDisk) Link(from, to string) error {
	defer d.step()
	return os.Link(from, to)
}
func (onDisk) Rename(from, to string) error           { return os.Rename(from, to) }
func (onDisk) Remove(name string) error               { return os.Remove(name) }
func (onDisk) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }

// giveName renames and never replaces: the second name of a file is made only
// if it is free, which a rename does not promise. Folders and some file systems
// have no second names; a rename does not replace a folder that holds anything.
// An error is fs.ErrExist if the name is taken.
func giveName(n names, from, to string) error {
	switch err := n.Link(from, to); {
	case err == nil:
		return n.Remove(from)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	if _, err := n.Lstat(to); err == nil {
		return fs.ErrExist
	}
	return n.Rename(from, to)
}

// syncFolder makes names in a folder durable. Some systems can't.
func syncFolder(name string) {
	if d, err := os.Open(name); err == nil {
		d.Sync()
		d.Close()
	}
}
