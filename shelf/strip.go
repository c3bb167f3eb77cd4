package shelf

import (
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"

	"kith"
	"kith/preview"
)

// strip looks for photos that tell where they were taken. If there are some it
// gives the path of what to share instead, below the folder's own part: a copy
// of the photo, or a folder with such copies and second names of all other
// files. Otherwise it gives nothing.
func strip(root, source, name string) (string, error) {
	told, err := tellPlaces(source)
	if err != nil || len(told) == 0 {
		return "", err
	}
	dir := filepath.Join(root, ours, "shared", rand.Text())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", kith.Errorf(kith.Internal, "take the places out of photos: %w", err)
	}
	dst := filepath.Join(dir, name)
	if err := copyStripped(source, dst, told); err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	return dst, nil
}

// tellPlaces finds the files that tell a place, as paths below source; "." is
// source itself.
func tellPlaces(source string) (map[string]bool, error) {
	told := map[string]bool{}
	err := filepath.WalkDir(source, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if name == source {
				return err
			}
			return nil // Seal leaves it out, and says so
		}
		if d.Type()&fs.ModeSymlink != 0 && name == source {
			if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
				return err
			}
		} else if !d.Type().IsRegular() {
			return nil
		}
		if has, err := preview.HasLocation(name); err == nil && has {
			rel, err := filepath.Rel(source, name)
			told[rel] = true
			return err
		}
		return nil
	})
	if err != nil {
		return nil, kith.Errorf(kith.NotFound, "share %q: %w", source, err)
	}
	return told, nil
}

// copyStripped makes dst of source.
func copyStripped(source, dst string, told map[string]bool) error {
	if told["."] {
		return preview.StripLocation(source, dst)
	}
	return filepath.WalkDir(source, func(name string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(source, name)
		if err != nil || relErr != nil {
			return err
		}
		to := filepath.Join(dst, rel)
		switch {
		case d.IsDir():
			err = os.MkdirAll(to, 0o700)
		case told[rel]:
			return preview.StripLocation(name, to)
		case d.Type().IsRegular():
			err = os.Link(name, to)
		}
		if err != nil {
			return kith.Errorf(kith.Conflict, "the folder %q holds photos that tell where they were taken, and it lies on another disk than the conversation's folder, so they can't be left out without copying everything: share it with the places, or copy it into the folder: %w", source, err)
		}
		return nil
	})
}
