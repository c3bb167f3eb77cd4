package swarm

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// What arrives is not read again soon, so large writes go past the page cache
// (open(2), O_DIRECT): the machine keeps its memory for others, what is written
// is on the disk instead of in a queue before it, and the processor copies
// nothing. Measured, a gigabyte that way takes a third of the processor's time,
// and on a virtual machine, where the cache's pages must be had from outside, a
// tenth. Where a file system does not have it, all is written as usual.
const (
	directBlock = 4 << 10   // offsets, lengths and addresses are multiples of it
	directLeast = 128 << 10 // of a write for which it is worth it
	directCopy  = 1 << 20   // at most, of what does not lie where it may
)

// writeDirect writes as much of p as it can past the page cache and gives what
// is left before and after. It is one block at most on each side, or all of it.
func (d *disk) writeDirect(i int, h *handle, p []byte, at int64) (before, after []byte, err error) {
	skip := int(-at & (directBlock - 1))
	if len(p) < skip+directLeast {
		return p, nil, nil
	}
	n := (len(p) - skip) &^ (directBlock - 1)
	f := d.direct(i, h)
	if f == nil {
		return p, nil, nil
	}
	if err := d.writeAligned(f, p[skip:skip+n], at+int64(skip)); errors.Is(err, syscall.EINVAL) {
		d.mu.Lock()
		d.indirect = true // it opened, but can't
		d.mu.Unlock()
		return p, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	return p[:skip], p[skip+n:], nil
}

// writeAligned writes what lies where it may, and the rest by way of a buffer.
func (d *disk) writeAligned(f *os.File, p []byte, at int64) error {
	if aligned(p) {
		_, err := f.WriteAt(p, at)
		return err
	}
	buf := d.pool.get(min(len(p), directCopy))
	defer d.pool.put(buf)
	if !aligned(buf) {
		return syscall.EINVAL
	}
	for len(p) > 0 {
		n := copy(buf, p)
		if _, err := f.WriteAt(buf[:n], at); err != nil {
			return err
		}
		p, at = p[n:], at+int64(n)
	}
	return nil
}

// direct gives the file of a handle opened for direct writes, nil if there is no
// such thing.
func (d *disk) direct(i int, h *handle) *os.File {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.indirect || d.pool == nil || d.entries[i].State != partial {
		return nil
	}
	if h.direct == nil {
		f, err := openDirect(d.root, d.entries[i].File.Path+partSuffix)
		if err != nil {
			d.indirect = true
			return nil
		}
		h.direct = f
	}
	return h.direct
}

func aligned(p []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(p)))&(directBlock-1) == 0
}
