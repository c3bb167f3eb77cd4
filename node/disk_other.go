//go:build !linux && !darwin && !freebsd && !windows

package node

// freeBytes is not known here.
func freeBytes(string) int64 { return -1 }
