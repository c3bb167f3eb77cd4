package moderation

import (
	"bytes"
	"maps"
	"sync"
	"time"

	"kith"
	"kith/hubapi"
)

// A Board is a record of moderation in memory: what every implementation of Log
// is asked about. The zero Board is empty.
type Board struct {
	mu      sync.Mutex // guards the rest
	notices []*hubapi.Notice
	blocks  map[hubapi.Key]time.Time // until when
	watcher Watcher                  // nil: none
}

// Watch implements Log.
func (b *Board) Watch(w Watcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watcher = w
}

// Add adds a notice, the newest, and tells of it.
func (b *Board) Add(n *hubapi.Notice) {
	b.mu.Lock()
	b.notices = append(b.notices[max(0, len(b.notices)+1-MaxNotices):], n)
	w := b.watcher
	b.mu.Unlock()
	if w != nil {
		w.Noticed(n)
	}
}

// Set notes until when a device is kept out, and tells of it; the zero time
// ends its block.
func (b *Board) Set(device hubapi.Key, until, now time.Time) {
	b.mu.Lock()
	maps.DeleteFunc(b.blocks, func(_ hubapi.Key, until time.Time) bool { return !until.After(now) })
	if b.blocks == nil {
		b.blocks = map[hubapi.Key]time.Time{}
	}
	delete(b.blocks, device)
	holds := until.After(now)
	if holds {
		b.blocks[device] = until
	}
	w := b.watcher
	b.mu.Unlock()
	if w != nil && holds {
		w.BlockedUntil(device, until)
	}
}

// MayBlock checks that there is room for one more block.
func (b *Board) MayBlock(device hubapi.Key, now time.Time) error {
	blocks := b.AllBlocks(now)
	if _, is := blocks[device]; !is && len(blocks) >= MaxBlocks {
		return kith.Errorf(kith.Full, "%d devices are blocked already, no further one can be", len(blocks))
	}
	return nil
}

// MayUnblock checks that there is a block to end.
func (b *Board) MayUnblock(device hubapi.Key, now time.Time) error {
	if _, blocked := b.Blocked(device, now); !blocked {
		return kith.Errorf(kith.NotFound, "the device %s is not blocked", device.Short())
	}
	return nil
}

// Since implements Log.
func (b *Board) Since(device hubapi.Key, id uint64) (found []*hubapi.Notice) {
	for _, n := range b.All() {
		if n.ID > id && (len(n.To) == 0 || bytes.Equal(n.To, device[:])) {
			found = append(found, n)
		}
	}
	return found
}

// All implements Log. Nobody may change what it gives.
func (b *Board) All() []*hubapi.Notice {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.notices[:len(b.notices):len(b.notices)]
}

// Blocked implements Log.
func (b *Board) Blocked(device hubapi.Key, now time.Time) (until time.Time, blocked bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.blocks) == 0 {
		return time.Time{}, false
	}
	until, ok := b.blocks[device]
	return until, ok && until.After(now)
}

// AllBlocks implements Log.
func (b *Board) AllBlocks(now time.Time) map[hubapi.Key]time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	blocks := maps.Clone(b.blocks)
	if blocks == nil {
		blocks = map[hubapi.Key]time.Time{}
	}
	maps.DeleteFunc(blocks, func(_ hubapi.Key, until time.Time) bool { return !until.After(now) })
	return blocks
}
