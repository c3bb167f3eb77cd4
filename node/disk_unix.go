//go:build linux || darwin || freebsd

package node

import "golang.org/x/sys/unix"

// freeBytes is what this person may still write on the disk of a folder; -1 if
// the system does not tell.
func freeBytes(folder string) int64 {
	var disk unix.Statfs_t
	if unix.Statfs(folder, &disk) != nil {
		return -1
	}
	return int64(disk.Bavail) * int64(disk.Bsize)
}
