package node

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
)

// LogFile is the name of the log in a home, where whoever starts the node in
// the background lets it write. One that grew large is put aside as LogFile.old.
const LogFile = "kith.log"

// Storage tells what this node keeps on disk, and where.
func (n *Node) Storage(ctx context.Context) (Storage, error) {
	r, leave, err := n.enter()
	if err != nil {
		return Storage{}, err
	}
	defer leave()
	home := r.opt.Home
	s := Storage{
		Home:      home,
		Database:  StoredFile{Path: filepath.Join(home, storeFile)},
		Log:       StoredFile{Path: filepath.Join(home, LogFile)},
		Free:      freeBytes(home),
		Encrypted: r.encrypted,
	}
	if s.Conversations, s.Messages, err = r.store.Count(ctx); err != nil {
		return Storage{}, err
	}
	err = filepath.WalkDir(home, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // it may have gone meanwhile, as temporary files do
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		switch size := info.Size(); {
		case belongs(path, s.Database.Path, "-wal", "-shm", "-journal"):
			s.Database.Bytes += size
		case belongs(path, s.Log.Path, ".old"):
			s.Log.Bytes += size
		default:
			s.Other += size
		}
		return ctx.Err()
	})
	s.Total = s.Database.Bytes + s.Log.Bytes + s.Other
	return s, err
}

// belongs tells whether path is main, or main with one of the endings.
func belongs(path, main string, endings ...string) bool {
	end, ok := strings.CutPrefix(path, main)
	if !ok || end == "" {
		return ok
	}
	for _, known := range endings {
		if end == known {
			return true
		}
	}
	return false
}
