// Package folder is a conversation's folder on disk: an ordinary folder in the
// person's home, in which the files of the conversation lie with their names.
//
// Names come from others. [Place] makes of any path one that lies below the
// folder on every system, is no device, no hidden file and none that a system
// acts upon, and is free. A path is written with "/" between its segments, here
// and in a share. Nothing is ever overwritten: the second of two equal names
// becomes "name (2).ext". [Create] and [Finish] bring a fetched file there.
//
// Everything below the folder is opened through [os.Root], so no symbolic link
// in it leads out of it.
//
// What the person shares stays where it is. [Link] puts a second name of it
// into the folder, never a copy of its bytes, and [Unlink] takes that away.
//
// The person may also just put files there. [Watch] tells what is new, changed,
// renamed and gone once it has settled. The caller remembers an [Entry] of each
// file, which is how Watch knows what happened while nobody watched.
package folder

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"kith"
)

// Part is the ending of a file that is being fetched.
const Part = ".kith-part"

// mark is a hidden file that makes a folder known as ours. An empty folder
// without it is a disk that is not mounted, not one that somebody emptied.
const mark = ".kith-folder"

// Default is where the folder of a conversation goes if the person chose
// nothing: Kith/NAME in their home, or "NAME (2)" if that exists. It does not
// make the folder.
func Default(home, conversation string) (string, error) {
	root := filepath.Join(home, "Kith")
	free := func(name string) (bool, error) {
		_, err := os.Lstat(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		return false, err
	}
	name, err := number(segment(flat(conversation)), free)
	if err != nil {
		return "", failed("choose a folder in", root, err)
	}
	return filepath.Join(root, name), nil
}

// Make makes the folder if it does not exist, readable for its owner only, and
// marks it as one of ours.
func Make(root string) error {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return failed("make the folder", root, err)
	}
	r, err := open(root)
	if err != nil {
		return err
	}
	defer r.Close()
	return putMark(r)
}

// putMark leaves the mark in a folder that has none.
func putMark(r *os.Root) error {
	f, err := r.OpenFile(mark, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return failed("mark the folder", r.Name(), err)
	}
	return f.Close()
}

// Open opens a file of the folder for reading. Only regular files open: a pipe
// would wait for ever, a link may lead elsewhere.
func Open(root, rel string) (*os.File, error) {
	r, err := open(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := regular(r, rel); err != nil {
		return nil, failed("open", rel, err)
	}
	f, err := r.Open(rel)
	if err != nil {
		return nil, failed("open", rel, err)
	}
	return f, nil
}

// Create opens the partial file of rel for reading and writing, with the folders
// above it; one that is there already is gone on with. rel comes from [Place].
// [Finish] gives it its name.
func Create(root, rel string) (*os.File, error) {
	r, err := open(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := r.MkdirAll(path.Dir(rel), 0o700); err != nil {
		return nil, failed("make the folder of", rel, err)
	}
	if err := regular(r, rel+Part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("write", rel, err)
	}
	f, err := r.OpenFile(rel+Part, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, failed("write", rel, err)
	}
	return f, nil
}

// Finish gives the partial file of rel its name. If the name was taken
// meanwhile it fails with kind Conflict, and the caller places the file anew.
func Finish(root, rel string) error {
	r, err := open(root)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := settle(r, rel+Part, rel); err != nil {
		return failed("name", rel, err)
	}
	return nil
}

// settle renames a file of ours without replacing another. A rename replaces on
// every system; a hard link does not. A file system without hard links gets the
// check that is almost as good.
func settle(r *os.Root, from, to string) error {
	err := r.Link(from, to)
	if err == nil {
		return r.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := r.Lstat(to); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return r.Rename(from, to)
}

// regular tells why a name is not a regular file.
func regular(r *os.Root, rel string) error {
	info, err := r.Lstat(rel)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is not an ordinary file")
	}
	return nil
}

// open opens the folder itself.
func open(root string) (*os.Root, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, failed("open the folder", root, err)
	}
	return r, nil
}

// failed says what could not be done to which file, and of what kind that is.
func failed(verb, name string, err error) error {
	kind, advice := kith.KindOf(err), ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = kith.NotFound
	case errors.Is(err, fs.ErrExist):
		kind, advice = kith.Conflict, "; the name is taken"
	case errors.Is(err, fs.ErrPermission):
		kind, advice = kith.Forbidden, "; allow it or choose another folder"
	case errors.Is(err, syscall.ENOSPC):
		kind, advice = kith.Full, "; make room on the disk"
	}
	return kith.Errorf(kind, "cannot %s %q: %w%s", verb, name, err, advice)
}
