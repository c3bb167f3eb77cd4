package swarm

import (
	"os"
	"path/filepath"

	"kith"
)

// A Lying file is one of a share as it was when it was shared, or complete.
type Lying struct {
	Size     int64
	Modified int64 // nanoseconds since 1970
	Complete bool
}

// Lies tells where the files of a share lie, by absolute path; those that are
// not wanted do not. It looks at no disk.
func (s *Swarm) Lies(ih kith.Infohash) map[string]Lying {
	t, err := s.find(ih)
	if err != nil {
		return nil
	}
	t.mu.Lock()
	plan, entries := t.planLocked()
	dir := t.rootDir()
	t.mu.Unlock()
	lies := map[string]Lying{}
	if plan == nil {
		return lies
	}
	for i := range entries {
		if e := &entries[i]; e.State != absent {
			lies[localPath(dir, e.File.Path)] = Lying{Size: e.File.Size, Modified: e.File.Modified, Complete: e.State == final}
		}
	}
	return lies
}

// Intact reports whether a file of a share lies at an absolute path and has the
// size and time with which it was shared or fetched. It reads no byte of it.
func (s *Swarm) Intact(ih kith.Infohash, name string) bool {
	was, ok := s.Lies(ih)[filepath.Clean(name)]
	info, err := os.Stat(name)
	return ok && err == nil && was.Complete && info.Size() == was.Size && info.ModTime().UnixNano() == was.Modified
}
