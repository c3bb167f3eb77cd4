package folder

import (
	"os"

	"github.com/KarpelesLab/reflink"
)

// clone makes name a file that shares the original's blocks (FICLONE, see
// ioctl_ficlone(2)).
func clone(original, name string) error {
	src, err := os.Open(original)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = reflink.Reflink(dst, src, false)
	if closing := dst.Close(); err == nil {
		err = closing
	}
	if err != nil {
		os.Remove(name)
	}
	return err
}
