package seedbox

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"kith"
	"kith/hubapi"
)

// A file is one that is kept. Store.mu guards it.
type file struct {
	hash hubapi.InfoHash
	shape
	info     int64 // length of the info dictionary
	there    int64 // bytes of the pieces that are on the disk
	complete bool
	used     int64 // when it was last fetched or a piece of it came, Unix milliseconds
	noted    int64 // used, as it is in the index
	keepings []keeping
	work     *work // nil unless pieces come
	gone     bool
}

// A keeping is that a device wants a file kept.
type keeping struct {
	device  hubapi.Key
	renewed int64 // Unix milliseconds
}

// cost is what a file counts for each device that keeps it.
func (f *file) cost() int64 { return f.size + f.info + perFile }

// weight is what it counts in all.
func (f *file) weight() int64 { return f.there + f.info + perFile }

func (f *file) find(device hubapi.Key) *keeping {
	i := slices.IndexFunc(f.keepings, func(k keeping) bool { return k.device == device })
	if i < 0 {
		return nil
	}
	return &f.keepings[i]
}

// lastUse is when a keeping was last of use.
func (f *file) lastUse(k *keeping) int64 { return max(f.used, k.renewed) }

// latest is when the file was.
func (f *file) latest() int64 {
	at := f.used
	for i := range f.keepings {
		at = max(at, f.keepings[i].renewed)
	}
	return at
}

// abandoned reports whether a file is half there and nobody goes on with it.
func (f *file) abandoned(lastUse int64, now time.Time) bool {
	return !f.complete && lastUse < now.Add(-halfDone).UnixMilli()
}

// An owner is a device that keeps files.
type owner struct {
	used  int64
	files int
	told  int64 // used, as the device last heard
}

// files are all that are kept, and what they count. It decides what goes, and
// touches no disk.
type files struct {
	cfg    *Config
	by     map[hubapi.InfoHash]*file
	owners map[hubapi.Key]*owner
	weight int64 // of all files
	coming int64 // bytes of pieces that are under way
	// nothing is until when no file may go for want of room, Unix milliseconds,
	// as far as was looked. A hub that is full looks through all files only then.
	nothing int64
}

func newFiles(cfg *Config) *files {
	return &files{cfg: cfg, by: make(map[hubapi.InfoHash]*file), owners: make(map[hubapi.Key]*owner)}
}

// add takes in a file with its keepings.
func (fs *files) add(f *file) {
	fs.by[f.hash] = f
	fs.weight += f.weight()
	fs.nothing = min(fs.nothing, fs.stays(f, f.latest()))
	for _, k := range f.keepings {
		fs.count(k.device, f, 1)
	}
}

// count counts a file for a device that keeps it (1) or no longer does (-1).
func (fs *files) count(device hubapi.Key, f *file, n int) {
	o := fs.owners[device]
	if o == nil {
		o = &owner{}
		fs.owners[device] = o
	}
	o.used += int64(n) * f.cost()
	o.files += n
	if o.files == 0 {
		delete(fs.owners, device)
	}
}

// used is what a device keeps, in bytes.
func (fs *files) used(device hubapi.Key) int64 {
	if o := fs.owners[device]; o != nil {
		return o.used
	}
	return 0
}

// keep adds a keeping.
func (fs *files) keep(f *file, device hubapi.Key, now time.Time) {
	f.keepings = append(f.keepings, keeping{device, now.UnixMilli()})
	fs.count(device, f, 1)
}

// drop ends a keeping, and reports whether it was the last.
func (fs *files) drop(f *file, device hubapi.Key) (last bool) {
	fs.count(device, f, -1)
	f.keepings = slices.DeleteFunc(f.keepings, func(k keeping) bool { return k.device == device })
	if len(f.keepings) > 0 {
		fs.nothing = min(fs.nothing, fs.stays(f, f.latest()))
		return false
	}
	delete(fs.by, f.hash)
	fs.weight -= f.weight()
	f.gone = true
	return true
}

// came counts a piece that is on the disk.
func (fs *files) came(f *file, length int64) {
	f.there += length
	f.complete = f.there == f.size
	if !f.gone {
		fs.weight += length
	}
}

// An ending is a keeping that is to end.
type ending struct {
	file   *file
	device hubapi.Key
}

// A choice is what could go: a keeping of a device, or a file with all of its.
type choice struct {
	file      *file
	lastUse   int64
	abandoned bool
}

// inOrder sorts what could go, first what goes first.
func inOrder(all []choice) {
	slices.SortFunc(all, func(a, b choice) int {
		if a.abandoned != b.abandoned {
			if a.abandoned {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.lastUse, b.lastUse)
	})
}

// mayGo reports whether something may go for want of room.
func (fs *files) mayGo(f *file, lastUse int64, now time.Time) bool {
	return fs.stays(f, lastUse) < now.UnixMilli()
}

// stays is until when something does not go for want of room. Use only makes it
// later.
func (fs *files) stays(f *file, lastUse int64) int64 {
	if f.complete {
		return lastUse + fs.cfg.Least.Milliseconds()
	}
	return lastUse + min(fs.cfg.Least, halfDone).Milliseconds()
}

// roomOf finds what has to go so that a device may keep one more file of this
// cost. An error is of kind kith.Full.
func (fs *files) roomOf(device hubapi.Key, cost int64, now time.Time) (end []ending, err error) {
	used, count := int64(0), 0
	if o := fs.owners[device]; o != nil {
		used, count = o.used, o.files
	}
	full := func() bool { return used+cost > fs.cfg.Quota || count >= ownerFiles }
	if full() && cost <= fs.cfg.Quota {
		var could []choice
		for _, f := range fs.by {
			if k := f.find(device); k != nil && fs.mayGo(f, f.lastUse(k), now) {
				could = append(could, choice{f, f.lastUse(k), f.abandoned(f.lastUse(k), now)})
			}
		}
		inOrder(could)
		for _, c := range could {
			if !full() {
				break
			}
			end = append(end, ending{c.file, device})
			used -= c.file.cost()
			count--
		}
	}
	if !full() {
		return end, nil
	}
	if count >= ownerFiles && used+cost <= fs.cfg.Quota {
		return nil, kith.Errorf(kith.Full, "the hub keeps up to %d files for a device, and has as many of this one", ownerFiles)
	}
	return nil, kith.Errorf(kith.Full, "the hub has room for %s of a device, and %s are used", size(fs.cfg.Quota), size(fs.used(device)))
}

// roomInAll finds what has to go, beside what goes already, so that so many
// bytes more, and files, fit. A file that is to get them is spared. An error is
// of kind kith.Full.
func (fs *files) roomInAll(bytes int64, count int, spared *file, goes []ending, now time.Time) (end []ending, err error) {
	weight, number := fs.weight+fs.coming, len(fs.by)
	going := make(map[*file]bool)
	for _, e := range goes {
		if len(e.file.keepings) == 1 {
			going[e.file] = true
			weight -= e.file.weight()
			number--
		}
	}
	full := func() bool { return weight+bytes > fs.cfg.Room || number+count > fs.cfg.Files }
	if full() && now.UnixMilli() > fs.nothing {
		var could []choice
		fs.nothing = math.MaxInt64
		for _, f := range fs.by {
			at := f.latest()
			fs.nothing = min(fs.nothing, fs.stays(f, at))
			if f != spared && !going[f] && fs.mayGo(f, at, now) {
				could = append(could, choice{f, at, f.abandoned(at, now)})
			}
		}
		inOrder(could)
		for _, c := range could {
			if !full() {
				break
			}
			for _, k := range c.file.keepings {
				end = append(end, ending{c.file, k.device})
			}
			weight -= c.file.weight()
			number--
		}
	}
	if full() {
		return nil, kith.Errorf(kith.Full, "the hub has room for %s in all, and %s are used", size(fs.cfg.Room), size(fs.weight))
	}
	return end, nil
}

// ended finds the keepings that nobody renewed, of files that nobody fetched.
func (fs *files) ended(now time.Time) (end []ending) {
	oldest := now.Add(-fs.cfg.Keep).UnixMilli()
	for _, f := range fs.by {
		for i := range f.keepings {
			if f.lastUse(&f.keepings[i]) < oldest {
				end = append(end, ending{f, f.keepings[i].device})
			}
		}
	}
	return end
}

// until is when a file goes.
func (fs *files) until(f *file) int64 { return f.latest() + fs.cfg.Keep.Milliseconds() }

func size(n int64) string { return humanize.Bytes(uint64(max(0, n))) }
