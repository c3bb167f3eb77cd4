package node

import "golang.org/x/sys/windows"

// freeBytes is what this person may still write on the disk of a folder; -1 if
// the system does not tell.
func freeBytes(folder string) int64 {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return -1
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(path, &free, nil, nil) != nil {
		return -1
	}
	return int64(free)
}
