//go:build unix

package folder

import (
	"errors"
	"io/fs"
	"syscall"
)

// inodeOf gives the number of a file on its disk.
func inodeOf(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}

// isNotFolder reports that a part of the path has become a file.
func isNotFolder(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
