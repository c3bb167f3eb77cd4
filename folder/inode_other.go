//go:build !unix

package folder

import "io/fs"

// inodeOf gives nothing here: a renamed file is told as removed and new.
func inodeOf(fs.FileInfo) uint64 { return 0 }

// isNotFolder is never needed: the system says that nothing exists.
func isNotFolder(error) bool { return false }
