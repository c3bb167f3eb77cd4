// Package moderation is what the moderator of a hub said and did: signed
// notices, to everybody or to one device, and blocks for a time. A device is a
// key that it has for this hub alone.
//
// All of it lies in one JSON file, which every change replaces as a whole and
// durably. Notices are numbered 1, 2, 3…; the last 1000 are kept, so that a
// device that comes back hears what it missed and people can read what was
// said.
package moderation

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"kith"
	"kith/hubapi"
)

// Limits of moderation.
const (
	// MaxNotices is how many notices are kept.
	MaxNotices = 1000
	// MinBlock and MaxBlock bound how long a device may be blocked.
	MinBlock = 30 * time.Minute
	MaxBlock = 24 * time.Hour
	// maxBlocks bounds the blocks at a time.
	maxBlocks = 10_000
)

// A Log is the record of a hub's moderation. Its methods may be called from any
// goroutine.
type Log struct {
	path string
	key  ed25519.PrivateKey

	mu sync.Mutex // guards content, and is held over a whole change
	content
}

// content is what the file holds.
type content struct {
	Next    uint64               `json:"next"` // number of the next notice
	Notices []notice             `json:"notices"`
	Blocks  map[string]time.Time `json:"blocks"` // until when, by Key.String
}

type notice struct {
	ID        uint64 `json:"id"`
	At        int64  `json:"at"` // Unix milliseconds
	To        []byte `json:"to,omitempty"`
	Text      string `json:"text"`
	Signature []byte `json:"signature"`
}

func (n *notice) frame() *hubapi.Notice {
	return &hubapi.Notice{ID: n.ID, At: n.At, To: append([]byte{}, n.To...), Text: n.Text, Signature: n.Signature}
}

// Open reads the record at path, which need not exist. key signs notices.
func Open(path string, key ed25519.PrivateKey) (*Log, error) {
	l := &Log{path: path, key: key, content: content{Next: 1}}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		err, data = nil, []byte(`{"next":1}`)
	}
	if err == nil {
		err = json.Unmarshal(data, &l.content)
	}
	if err != nil {
		return nil, kith.Errorf(kith.Damaged, "read what the moderator did in %s: %w", path, err)
	}
	if l.Blocks == nil {
		l.Blocks = make(map[string]time.Time)
	}
	return l, nil
}

// Notify signs and keeps a notice; a nil to is everybody.
func (l *Log) Notify(to *hubapi.Key, text string, now time.Time) (*hubapi.Notice, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > hubapi.MaxText || !utf8.ValidString(text) {
		return nil, kith.Errorf(kith.Invalid, "a notice has 1 to %d bytes of text, this one has %d", hubapi.MaxText, len(text))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := notice{ID: l.Next, At: now.UnixMilli(), Text: text}
	if to != nil {
		n.To = to[:]
	}
	n.Signature = ed25519.Sign(l.key, hubapi.NoticeMessage(n.frame()))
	after := l.content
	after.Next++
	after.Notices = append(after.Notices[:len(after.Notices):len(after.Notices)], n)
	if extra := len(after.Notices) - MaxNotices; extra > 0 {
		after.Notices = after.Notices[extra:]
	}
	if err := l.keep(after); err != nil {
		return nil, err
	}
	return n.frame(), nil
}

// Since gives the notices after a number that are for a device, oldest first.
func (l *Log) Since(device hubapi.Key, id uint64) []*hubapi.Notice {
	return l.notices(func(n *notice) bool {
		return n.ID > id && (len(n.To) == 0 || bytes.Equal(n.To, device[:]))
	})
}

// All gives every notice that is kept, oldest first.
func (l *Log) All() []*hubapi.Notice { return l.notices(func(*notice) bool { return true }) }

func (l *Log) notices(wanted func(*notice) bool) []*hubapi.Notice {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*hubapi.Notice
	for i := range l.Notices {
		if wanted(&l.Notices[i]) {
			found = append(found, l.Notices[i].frame())
		}
	}
	return found
}

// Block keeps a device out for a time, from MinBlock to MaxBlock.
func (l *Log) Block(device hubapi.Key, length time.Duration, now time.Time) (until time.Time, err error) {
	if length < MinBlock || length > MaxBlock {
		return time.Time{}, kith.Errorf(kith.Invalid, "a device can be blocked for 30m to 24h, not for %v", length)
	}
	until = now.Add(length).Truncate(time.Second)
	return until, l.change(now, func(blocks map[string]time.Time) error {
		if len(blocks) >= maxBlocks {
			return kith.Errorf(kith.Full, "%d devices are blocked already, no further one can be", len(blocks))
		}
		blocks[device.String()] = until
		return nil
	})
}

// Unblock ends a block.
func (l *Log) Unblock(device hubapi.Key, now time.Time) error {
	return l.change(now, func(blocks map[string]time.Time) error {
		if _, ok := blocks[device.String()]; !ok {
			return kith.Errorf(kith.NotFound, "the device %s is not blocked", device.Short())
		}
		delete(blocks, device.String())
		return nil
	})
}

// change replaces the blocks, without those that have ended.
func (l *Log) change(now time.Time, f func(map[string]time.Time) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	after := l.content
	after.Blocks = make(map[string]time.Time, len(l.Blocks)+1)
	for device, until := range l.Blocks {
		if until.After(now) {
			after.Blocks[device] = until
		}
	}
	if err := f(after.Blocks); err != nil {
		return err
	}
	return l.keep(after)
}

// Blocked tells until when a device is kept out.
func (l *Log) Blocked(device hubapi.Key, now time.Time) (until time.Time, blocked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.Blocks) == 0 {
		return time.Time{}, false
	}
	until, ok := l.Blocks[device.String()]
	return until, ok && until.After(now)
}

// AllBlocks gives until when which devices are kept out, by Key.String.
func (l *Log) AllBlocks(now time.Time) map[string]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	blocks := make(map[string]time.Time, len(l.Blocks))
	for device, until := range l.Blocks {
		if until.After(now) {
			blocks[device] = until
		}
	}
	return blocks
}

// keep replaces the file and then what is in memory.
func (l *Log) keep(after content) error {
	data, err := json.Marshal(after)
	if err == nil {
		err = replace(l.path, data)
	}
	if err != nil {
		return kith.Errorf(kith.Internal, "keep what the moderator did: %w", err)
	}
	l.content = after
	return nil
}

// replace writes a file anew, durably: it holds the old bytes or the new ones.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil { // Windows can't and need not
		dir.Sync()
		dir.Close()
	}
	return nil
}
