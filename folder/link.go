package folder

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"kith"
)

// A LinkKind is a way to have a file twice without its bytes twice.
type LinkKind string

// The kinds of link, in the order in which they are tried. What decides is what
// happens to the folder when the original changes later:
//
//   - A clone stays what was shared, whether the original is edited, replaced or
//     deleted. So an older version can be handed on until nobody wants it. It
//     takes room only for what differs. Btrfs, XFS, APFS, bcachefs, some ZFS.
//   - A hard link outlives the deletion of the original too, and keeps the older
//     version where a program saves by writing anew and renaming, as most do. A
//     program that writes in place changes both; the sum of the share tells that.
//     Every Unix file system and NTFS, on the same disk only.
//   - A symbolic link follows the original in everything and is dead when that
//     goes. It is all that is left across disks and for folders. Windows asks
//     for a right that most people have not.
const (
	Clone    LinkKind = "clone"
	HardLink LinkKind = "hard link"
	SymLink  LinkKind = "symbolic link"
)

// A Linked is what [Link] made, and what [Unlink] needs to know its own again.
type Linked struct {
	Kind     LinkKind
	Original string // absolute
	Size     int64
	ModTime  time.Time // of the link when it was made
}

// Link gives the original, a file or folder anywhere, a second name rel in the
// folder, by the first kind that works here. It never copies; if nothing works
// it says why, and the original is shared without a name in the folder.
func Link(root, rel, original string) (Linked, error) {
	original, err := filepath.Abs(original)
	if err != nil {
		return Linked{}, failed("find", original, err)
	}
	info, err := os.Stat(original)
	if err != nil {
		return Linked{}, failed("link", original, err)
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return Linked{}, kith.Errorf(kith.Invalid, "cannot share %q: it is neither a file nor a folder", original)
	}
	r, err := open(root)
	if err != nil {
		return Linked{}, err
	}
	defer r.Close()
	if err := r.MkdirAll(path.Dir(rel), 0o700); err != nil {
		return Linked{}, failed("make the folder of", rel, err)
	}
	kind, err := link(r, rel, original, info.IsDir())
	if err != nil {
		return Linked{}, failed("link "+original+" as", rel, err)
	}
	made, err := r.Lstat(rel)
	if err != nil {
		return Linked{}, failed("link "+original+" as", rel, err)
	}
	return Linked{Kind: kind, Original: original, Size: made.Size(), ModTime: made.ModTime()}, nil
}

// link tries the kinds. Clone and hard link are made under a name of ours in the
// folder itself and moved from there within the root: so a link among the
// folders above rel can't lead them out, and nothing is replaced.
func link(r *os.Root, rel, original string, folder bool) (LinkKind, error) {
	if !folder {
		// A link to a link would be a link to that, not to the file.
		if target, err := filepath.EvalSymlinks(original); err == nil {
			original = target
		}
		for _, way := range []struct {
			kind LinkKind
			make func(original, name string) error
		}{{Clone, clone}, {HardLink, os.Link}} {
			temporary := ".kith-link-" + rand.Text()
			if way.make(original, filepath.Join(r.Name(), temporary)) != nil {
				continue
			}
			err := settle(r, temporary, rel)
			if err != nil {
				r.Remove(temporary)
			}
			return way.kind, err
		}
	}
	return SymLink, r.Symlink(original, rel)
}

// Unlink removes what [Link] made, never the original and never the last copy.
// It fails with kind Conflict if the name now holds something else, or if the
// original is gone, so that a clone or hard link holds the only bytes left.
// A link that is gone already is no error.
func Unlink(root, rel string, was Linked) error {
	r, err := open(root)
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := r.Lstat(rel)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failed("remove", rel, err)
	}
	original, err := os.Stat(was.Original)
	if err != nil && was.Kind != SymLink {
		return kith.Errorf(kith.Conflict, "%q was left: its original %q is gone, so it may be the last copy; delete it yourself if you want it gone: %w", rel, was.Original, err)
	}
	if !isOurs(r, rel, info, original, was) {
		return kith.Errorf(kith.Conflict, "%q was left: it is no longer the link that was made to %q", rel, was.Original)
	}
	if err := r.Remove(rel); err != nil {
		return failed("remove", rel, err)
	}
	return nil
}

// isOurs reports whether a name still holds what Link put there. A file that is
// not the original itself has to be as Link left it: edited, it would be the
// only copy of that edit.
func isOurs(r *os.Root, rel string, info, original fs.FileInfo, was Linked) bool {
	if was.Kind == SymLink {
		target, err := r.Readlink(rel)
		return err == nil && target == was.Original
	}
	untouched := info.Mode().IsRegular() && info.Size() == was.Size && info.ModTime().Equal(was.ModTime)
	return untouched || was.Kind == HardLink && os.SameFile(original, info)
}
