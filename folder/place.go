package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"kith"
)

// maxNumber is how many of one name lie side by side.
const maxNumber = 10_000

// Place chooses where a shared file or folder goes: a path below root at which
// nothing lies and that taken does not claim. taken is asked with [Fold] of a
// path, for what was placed and is not there yet; nil claims nothing. So "A" and
// "a" of two members are kept apart also where the disk would allow both.
//
// A folder above the file that is there already is used. Where something else
// has its name, a link too, the folder gets a number like a file.
func Place(root string, taken func(folded string) bool, shared string) (rel string, err error) {
	r, err := open(root)
	if err != nil {
		return "", err
	}
	defer r.Close()
	parts := strings.Split(Clean(shared), "/")
	above := ""
	for _, name := range parts[:len(parts)-1] {
		name, err := number(name, func(name string) (bool, error) {
			info, err := r.Lstat(path.Join(above, name))
			if errors.Is(err, fs.ErrNotExist) {
				return true, nil
			}
			return err == nil && info.IsDir(), err
		})
		if err != nil {
			return "", failed("place", shared, err)
		}
		above = path.Join(above, name)
	}
	name, err := number(parts[len(parts)-1], func(name string) (bool, error) {
		return isFree(r, taken, path.Join(above, name))
	})
	if err != nil {
		return "", failed("place", shared, err)
	}
	return path.Join(above, name), nil
}

// isFree reports whether nobody has or claims a path, nor its partial file.
func isFree(r *os.Root, taken func(string) bool, rel string) (bool, error) {
	if taken != nil && taken(Fold(rel)) {
		return false, nil
	}
	for _, name := range []string{rel, rel + Part} {
		if _, err := r.Lstat(name); err == nil {
			return false, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return true, nil
}

// number finds the first of "name.ext", "name (2).ext", "name (3).ext"… that is
// free.
func number(name string, free func(string) (bool, error)) (string, error) {
	for n := 1; n <= maxNumber; n++ {
		candidate := name
		if n > 1 {
			candidate = shorten(name, fmt.Sprintf(" (%d)", n))
		}
		if ok, err := free(candidate); err != nil || ok {
			return candidate, err
		}
	}
	return "", kith.Errorf(kith.Conflict, "%d files have the name %q; rename some", maxNumber, name)
}
