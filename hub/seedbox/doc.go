// Package seedbox keeps the ciphertext of shared files alive while the members
// who have them are away. It is given infohash, info dictionary and pieces, and
// has no key: what the bytes mean, what they are called and who shares them
// with whom it can't know. It speaks no BitTorrent.
//
//	file     what an infohash names: size, length of a piece, hashes of pieces
//	keeping  that one device wants a file kept, and when it last said so
//
// A file is stored once, however many devices keep it, and counts for each of
// them. It goes with its last keeping.
//
// # What goes, and when
//
// A keeping ends when its device lets go of it, or Config.Keep after the device
// last renewed it or anybody last fetched the file. Before that only want of
// room ends it: of a device's quota, then that device's keepings may go; or in
// all, then anybody's files. First goes what is incomplete and had nothing for
// two days, then what was not used for longest, if that is longer than
// Config.Least. If that is not enough nothing goes, and what came is refused.
//
// A device's quota is counted in whole files, so that what it was told fits
// does fit. The room in all is counted in what lies on the disk: room that is
// only spoken for takes no place of anybody's.
//
// # What lies in the folder
//
//	index               a line for each change of a file (JSON), the last one counts
//	ab/abcd…/info       the info dictionary
//	ab/abcd…/have       a bit for every piece that is on the disk, as in BEP 3
//	ab/abcd…/data       the ciphertext, sparse
//	new/                what is arriving or going, emptied at the start
//
// A piece arrives beside the file; when its hash is right it is copied to its
// place, the disk is synced, its bit is set, the disk is synced, and the device
// hears that it is kept. So whatever a kill interrupts, no bit is set without
// its bytes, and no answer is given without its bit. Pieces of a file that come
// at the same time share these syncs.
//
// A file that nobody asks for is 230 bytes of memory. At the start only the
// index is read, and which folders there are.
package seedbox

import (
	"time"

	"kith/hubapi"
)

// Config says how much a seedbox keeps, and for how long.
type Config struct {
	// Quota bounds what one device keeps, Room what lies on the disk, in bytes.
	Quota, Room int64
	// Files bounds the files in all.
	Files int
	// Keep is how long a file is kept that nobody fetches or renews, Least how
	// long it is kept even if there is no room for others.
	Keep, Least time.Duration
	// Changed is called when a device's use changed, which is in whole files. It
	// returns soon. It may be nil.
	Changed func(device hubapi.Key)
}

// DefaultConfig is that of a hub that was told nothing else.
func DefaultConfig() Config {
	return Config{Quota: 5 << 30, Room: 100 << 30, Files: 100_000, Keep: 90 * day, Least: 7 * day}
}

const (
	day = 24 * time.Hour
	// halfDone is how long a file that is incomplete waits for its next piece
	// until it is the first to go.
	halfDone = 2 * day
	// perFile is what a file counts beyond its bytes.
	perFile = 16 << 10
	// maxOwners bounds the devices that keep one file, ownerFiles the files of
	// one device.
	maxOwners, ownerFiles = 256, 10_000
	// ownerUploads bounds the pieces that come from one device at a time,
	// maxUploads those of all.
	ownerUploads, maxUploads = 8, 512
	// tendEvery is how often what has ended is let go.
	tendEvery = time.Hour
	// noteEvery is how exact the index is about when a file was used.
	noteEvery = 6 * time.Hour
)
