package swarm

import (
	"os"
	"syscall"
)

// openDirect opens a file for writes past the page cache.
func openDirect(root *os.Root, name string) (*os.File, error) {
	return root.OpenFile(name, os.O_WRONLY|syscall.O_DIRECT, 0)
}
