package swarm

import (
	"errors"
	"os"
	"path/filepath"

	"kith"
)

// Share seeds what was sealed, from where it lies. Sharing it again changes
// nothing.
func (s *Swarm) Share(sealed *Sealed) error {
	r := newRecord(&sealed.Ref)
	r.Own, r.Complete, r.Path = true, true, sealed.path
	for _, o := range sealed.originals {
		r.Entries = append(r.Entries, entry{State: final, File: o})
	}
	dir := s.folder(sealed.Ref.Infohash)
	err := writeWhole(filepath.Join(dir, "info"), sealed.info)
	if err == nil && sealed.Ref.Folder {
		err = writeWhole(filepath.Join(dir, "manifest"), sealed.plan.head)
	}
	if err != nil {
		kind := kith.Internal
		if isFull(err) {
			kind = kith.Full
		}
		return kith.Errorf(kind, "share %q: %w", sealed.path, err)
	}
	return s.begin(r)
}

// Fetch begins to fetch a share to dest, which does not exist yet: the path of
// the file, or of the folder that becomes the shared one. want says which files;
// what is not wanted can be later (Select). Fetching it again changes nothing.
//
// What lies at dest is never overwritten. If there is something, or another
// share is being fetched to it, the error is of kind kith.Conflict. If it
// appears later, the transfer goes on beside it, under names that end in
// ".kith-part"; when a file is complete and its name is taken the state becomes
// Failed, and the Reason names that file. Nothing is lost: once it is out of the
// way (Resume), or the share is to lie elsewhere (Relocate), it gets its name.
func (s *Swarm) Fetch(ref kith.FileRef, dest string, want Selection) error {
	dest, err := filepath.Abs(dest)
	if err != nil {
		return kith.Errorf(kith.Invalid, "fetch to %q: %w", dest, err)
	}
	if _, err := s.find(ref.Infohash); err != nil {
		if err := s.untaken(dest, nil); err != nil {
			return err
		}
		for _, name := range []string{dest, dest + partSuffix} {
			if _, err := os.Lstat(name); err == nil {
				return kith.Errorf(kith.Conflict, "fetch to %q: something lies there already; choose another name", name)
			}
		}
	}
	r := newRecord(&ref)
	r.Path, r.Select = dest, want
	return s.begin(r)
}

func (s *Swarm) begin(r *record) error {
	s.mu.Lock()
	if s.closed || s.transfers[kith.Infohash(r.Infohash)] != nil {
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return kith.Errorf(kith.Conflict, "the program is ending")
		}
		return nil
	}
	s.lastOrder++
	r.Order = s.lastOrder
	s.mu.Unlock()
	if err := s.saveRecord(r); err != nil {
		return err
	}
	t := s.add(r)
	t.changed()
	s.nudge()
	return nil
}

// Pause stops fetching; what is here is still handed on.
func (s *Swarm) Pause(ih kith.Infohash) error {
	return s.change(ih, func(r *record) { r.Paused = true })
}

// Resume undoes Pause, and tries again what failed or found the disk full.
func (s *Swarm) Resume(ih kith.Infohash) error {
	t, err := s.find(ih)
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.blocked, t.whole = nil, true
	tt := t.t
	queued := t.speed.queued
	t.mu.Unlock()
	if tt != nil && !queued {
		allow(tt)
	}
	return s.change(ih, func(r *record) { r.Paused, r.Failed = false, "" })
}

// Move puts a transfer before another in the order of fetching; the zero
// Infohash means to the end.
func (s *Swarm) Move(ih, before kith.Infohash) error {
	t, err := s.find(ih)
	if err != nil {
		return err
	}
	s.mu.Lock()
	all := s.allLocked()
	s.lastOrder += 2
	order := s.lastOrder
	s.mu.Unlock()
	if before != (kith.Infohash{}) {
		b, err := s.find(before)
		if err != nil {
			return err
		}
		order = b.order()
		for _, other := range all { // make room
			if other != t && other.order() >= order {
				other.mu.Lock()
				other.rec.Order++
				other.mu.Unlock()
				if err := other.saveOp(); err != nil {
					return err
				}
			}
		}
	}
	return s.change(ih, func(r *record) { r.Order = order })
}

func (t *transfer) saveOp() error {
	t.op.Lock()
	defer t.op.Unlock()
	return t.save()
}

// change changes a record, durably, and acts on it.
func (s *Swarm) change(ih kith.Infohash, f func(*record)) error {
	t, err := s.find(ih)
	if err != nil {
		return err
	}
	t.op.Lock()
	defer t.op.Unlock()
	t.mu.Lock()
	f(t.rec)
	t.mu.Unlock()
	if err := t.save(); err != nil {
		return err
	}
	t.prioritise()
	t.changed()
	s.nudge()
	return nil
}

// Verify hashes again all that is here. What is damaged is fetched again; of
// an original the Status says so.
func (s *Swarm) Verify(ih kith.Infohash) error {
	t, err := s.find(ih)
	if err != nil {
		return err
	}
	t.op.Lock()
	defer t.op.Unlock()
	if err := t.deactivate(); err != nil {
		return err
	}
	t.mu.Lock()
	t.rec.Doubt = true
	if !t.rec.Own {
		t.rec.Complete = false
	}
	t.mu.Unlock()
	if err := t.save(); err != nil {
		return err
	}
	return t.activate()
}

// Remove forgets a transfer. With data, what was fetched is deleted as well;
// originals never are.
func (s *Swarm) Remove(ih kith.Infohash, data bool) error {
	t, err := s.find(ih)
	if err != nil {
		return err
	}
	t.op.Lock()
	defer t.op.Unlock()
	t.deactivate()
	t.mu.Lock()
	t.removed = true
	r := t.rec
	dir := t.rootDir()
	t.mu.Unlock()
	var errs []error
	if err := os.Remove(filepath.Join(s.folder(ih), "record")); err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	if err := os.RemoveAll(s.folder(ih)); err != nil {
		errs = append(errs, err)
	}
	if !r.Own {
		errs = append(errs, removeFiles(dir, r, data))
	}
	s.mu.Lock()
	delete(s.transfers, ih)
	s.mu.Unlock()
	s.news.add(ih)
	if err := errors.Join(errs...); err != nil {
		return kith.Errorf(kith.Internal, "remove a transfer: %w", err)
	}
	return nil
}

// removeFiles deletes the parts of what was not complete and, with data, what
// was and is still as it came. Folders go if nothing else is in them.
func removeFiles(dir string, r *record, data bool) error {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer root.Close()
	var errs []error
	for i := range r.Entries {
		e := &r.Entries[i]
		name := e.File.Path
		switch {
		case e.State == partial:
			name += partSuffix
		case e.State == final && data:
			fi, err := root.Lstat(name)
			if err != nil || !e.File.fits(fi) {
				continue
			}
		default:
			continue
		}
		if err := root.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		if r.Folder {
			for d := filepath.Dir(name); d != "." && root.Remove(d) == nil; d = filepath.Dir(d) {
			}
		}
	}
	if r.Folder {
		os.Remove(dir)
	}
	return errors.Join(errs...)
}

func localPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return filepath.Join(dir, name)
}

// planLocked gives the files and where they lie, also of a sleeping transfer.
func (t *transfer) planLocked() (*plan, []entry) {
	if t.c != nil {
		t.c.mu.Lock()
		defer t.c.mu.Unlock()
		t.c.disk.mu.Lock()
		defer t.c.disk.mu.Unlock()
		return t.c.plan, append([]entry(nil), t.c.disk.entries...)
	}
	r := t.rec
	if !r.Folder {
		entries := r.Entries
		if len(entries) == 0 {
			entries = []entry{{File: original{Path: filepath.Base(r.Path), Size: int64(r.Size)}}}
		}
		return filePlan(filepath.Base(r.Path), r.Size, 0, false), entries
	}
	head, err := os.ReadFile(filepath.Join(t.s.folder(t.ih), "manifest"))
	if err != nil || len(head) < manifestHead {
		return nil, nil
	}
	var m manifest
	if decodeCBOR.Unmarshal(head[manifestHead:], &m) != nil || len(m.Files) != len(r.Entries) {
		return nil, nil
	}
	return folderPlan(head, &m), r.Entries
}
