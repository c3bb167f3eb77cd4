package folder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kith"
)

// scan looks through a folder and makes pending what differs from the index.
// Each folder is watched before it is read, so nothing falls in between.
func (w *watcher) scan(folder string) {
	r, err := os.OpenRoot(w.root)
	if err != nil {
		w.lose(err)
		return
	}
	defer r.Close()
	seen := map[string]bool{}
	unread := []string{} // folders of which nothing is known
	fs.WalkDir(r.FS(), folder, func(rel string, d fs.DirEntry, err error) error {
		if err != nil {
			unread = append(unread, rel)
			return nil
		}
		if rel != "." && Ignored(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			w.watch(rel)
			return nil
		}
		info, err := d.Info()
		entry, isFile := entryOf(rel, info, err)
		if !isFile {
			return nil
		}
		seen[rel] = true
		if known, ok := w.index[rel]; !ok || !known.same(entry) {
			w.wait(rel, entry, true)
		}
		return nil
	})
	if folder == "." && !w.present(r, len(seen) > 0) {
		return
	}
	w.below(folder, func(e Entry) {
		within := func(dir string) bool { return dir == "." || e.Path == dir || strings.HasPrefix(e.Path, dir+"/") }
		if !seen[e.Path] && !slices.ContainsFunc(unread, within) {
			w.wait(e.Path, Entry{}, false)
		}
	})
}

// present tells an emptied folder, which still has our mark, from a disk that is
// not mounted, and renews the mark of one that holds files.
func (w *watcher) present(r *os.Root, files bool) bool {
	_, err := r.Lstat(mark)
	if errors.Is(err, fs.ErrNotExist) && (files || len(w.index) == 0) {
		err = putMark(r)
	}
	if err != nil && len(w.index) > 0 && !files {
		w.lose(errors.New("it is empty and has lost its mark, as if its disk were not mounted"))
		return false
	}
	w.lost = false
	return true
}

// watch asks the source to tell of a folder.
func (w *watcher) watch(rel string) {
	if w.source == nil || w.folders[rel] {
		return
	}
	if err := w.source.add(w.root, rel); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			w.poll(err)
		}
		return
	}
	w.folders[rel] = true
}

// forget ends the watches of a folder and all below.
func (w *watcher) forget(folder string) {
	for rel := range w.folders {
		if folder == "." || rel == folder || strings.HasPrefix(rel, folder+"/") {
			delete(w.folders, rel)
			if w.source != nil {
				w.source.remove(w.root, rel)
			}
		}
	}
}

// settle tells of the pending files that have settled.
func (w *watcher) settle(ctx context.Context) {
	r, err := os.OpenRoot(w.root)
	if err != nil {
		w.lose(err)
		return
	}
	defer r.Close()
	now := time.Now()
	var due []string
	gone := map[string]bool{}
	for rel, p := range w.pending {
		if now.Before(p.due) && !p.touched {
			continue
		}
		p.touched = false
		info, err := r.Lstat(rel)
		entry, isFile := entryOf(rel, info, err)
		if !isFile && err != nil && !isGone(err) {
			delete(w.pending, rel) // nobody knows; the next scan looks again
			continue
		}
		if isFile != p.exists || !entry.same(p.seen) {
			p.seen, p.exists, p.due = entry, isFile, now.Add(w.options.Settle)
		}
		if now.Before(p.due) {
			continue
		}
		due = append(due, rel)
		if _, known := w.index[rel]; known && !isFile {
			gone[rel] = true
		}
	}
	if len(gone) > 0 {
		if _, err := r.Lstat(mark); err != nil {
			w.scan(".") // was it emptied, or did the disk go?
			return
		}
	}
	slices.Sort(due)
	// Files before the gone ones, for those may be where a file was before.
	for _, missing := range []bool{false, true} {
		for _, rel := range due {
			p := w.pending[rel]
			if p == nil || p.exists == missing {
				continue
			}
			delete(w.pending, rel)
			if c, ok := w.compare(r, rel, p); ok && !w.send(ctx, c) {
				return
			}
		}
	}
	if len(w.pending) == 0 && !w.ready && !w.lost {
		w.ready = true
		w.notices = append(w.notices, Change{Op: Ready})
	}
}

// compare brings the index up to what was seen of a path and gives the change.
func (w *watcher) compare(r *os.Root, rel string, p *waiting) (Change, bool) {
	known, had := w.index[rel]
	switch {
	case !p.exists:
		w.drop(rel)
		return Change{Op: Removed, Path: rel, Entry: known}, had
	case had:
		w.put(p.seen)
		return Change{Op: Changed, Path: rel, Entry: p.seen}, !known.same(p.seen)
	}
	c := Change{Op: New, Path: rel, Entry: p.seen}
	if from := w.inodes[p.seen.Inode]; p.seen.Inode != 0 && from != "" && w.index[from].same(p.seen) {
		// The same file under two names is a hard link, under one a renamed
		// file. Size and time count too: a new file may get a dead one's inode.
		if _, err := r.Lstat(from); isGone(err) {
			w.drop(from)
			delete(w.pending, from)
			c.Op, c.From = Renamed, from
		}
	}
	w.put(p.seen)
	return c, true
}

// isGone reports whether an error of Lstat means that nothing is there.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || isNotFolder(err)
}

// entryOf makes the entry of a path; false if it is no file or link.
func entryOf(rel string, info fs.FileInfo, err error) (Entry, bool) {
	if err != nil || !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0 {
		return Entry{}, false
	}
	return Entry{
		Path: path.Clean(rel), Size: info.Size(), ModTime: info.ModTime(),
		Inode: inodeOf(info), Link: info.Mode()&fs.ModeSymlink != 0,
	}, true
}

// Look tells what Watch would remember of a file; false if it would not.
func Look(root, rel string) (Entry, bool) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return Entry{}, false
	}
	defer r.Close()
	info, err := r.Lstat(rel)
	return entryOf(rel, info, err)
}

// Readable tells why something can't be shared from where it lies, or nil.
func Readable(name string) error {
	if !filepath.IsAbs(name) {
		return kith.Errorf(kith.Invalid, "%q does not say from the root on where the file lies", name)
	}
	info, err := os.Stat(name)
	if err != nil {
		return failed("share", name, err)
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return kith.Errorf(kith.Invalid, "%q can't be shared: it is neither a file nor a folder", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return failed("share", name, err)
	}
	return f.Close()
}
