package moderation

import (
	"context"
	"crypto/ed25519"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"kith"
	"kith/hubapi"
)

// A File is the log of one hub on one machine: a JSON file, which every change
// replaces as a whole and durably.
type File struct {
	Board
	path string
	key  ed25519.PrivateKey

	changing sync.Mutex // held over a whole change; guards next
	next     uint64     // number of the next notice
}

var _ Log = (*File)(nil)

// content is what the file holds.
type content struct {
	Next    uint64               `json:"next"`
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

// Open reads the log at path, which need not exist. key signs notices.
func Open(path string, key ed25519.PrivateKey) (*File, error) {
	was := content{Next: 1}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		err, data = nil, []byte(`{"next":1}`)
	}
	if err == nil {
		err = json.Unmarshal(data, &was)
	}
	if err != nil {
		return nil, kith.Errorf(kith.Damaged, "read what the moderator did in %s: %w", path, err)
	}
	f := &File{path: path, key: key, next: was.Next}
	for _, n := range was.Notices {
		f.notices = append(f.notices, &hubapi.Notice{ID: n.ID, At: n.At, To: append([]byte{}, n.To...), Text: n.Text, Signature: n.Signature})
	}
	f.blocks = map[hubapi.Key]time.Time{}
	for name, until := range was.Blocks {
		key, err := parseKey(name)
		if err != nil {
			return nil, kith.Errorf(kith.Damaged, "read who is blocked in %s: %w", path, err)
		}
		f.blocks[key] = until
	}
	return f, nil
}

// parseKey reads what Key.String writes.
func parseKey(text string) (hubapi.Key, error) {
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(text))
	if err != nil || len(b) != len(hubapi.Key{}) {
		return hubapi.Key{}, fmt.Errorf("%q is not the key of a device", text)
	}
	return hubapi.Key(b), nil
}

// Notify implements Log.
func (f *File) Notify(_ context.Context, to *hubapi.Key, text string, now time.Time) (*hubapi.Notice, error) {
	f.changing.Lock()
	defer f.changing.Unlock()
	n, err := NewNotice(f.key, f.next, to, text, now)
	if err != nil {
		return nil, err
	}
	all := append(f.All(), n)
	if err := f.keep(all[max(0, len(all)-MaxNotices):], f.next+1, f.AllBlocks(now)); err != nil {
		return nil, err
	}
	f.next++
	f.Add(n)
	return n, nil
}

// Block implements Log.
func (f *File) Block(_ context.Context, device hubapi.Key, length time.Duration, now time.Time) (time.Time, error) {
	until, err := Until(length, now)
	if err != nil {
		return time.Time{}, err
	}
	f.changing.Lock()
	defer f.changing.Unlock()
	if err := f.MayBlock(device, now); err != nil {
		return time.Time{}, err
	}
	return until, f.set(device, until, now)
}

// Unblock implements Log.
func (f *File) Unblock(_ context.Context, device hubapi.Key, now time.Time) error {
	f.changing.Lock()
	defer f.changing.Unlock()
	if err := f.MayUnblock(device, now); err != nil {
		return err
	}
	return f.set(device, time.Time{}, now)
}

// set keeps until when a device is blocked. The caller holds changing.
func (f *File) set(device hubapi.Key, until, now time.Time) error {
	blocks := f.AllBlocks(now)
	delete(blocks, device)
	if !until.IsZero() {
		blocks[device] = until
	}
	if err := f.keep(f.All(), f.next, blocks); err != nil {
		return err
	}
	f.Set(device, until, now)
	return nil
}

// Close implements Log.
func (f *File) Close() error { return nil }

// keep replaces the file.
func (f *File) keep(notices []*hubapi.Notice, next uint64, blocks map[hubapi.Key]time.Time) error {
	after := content{Next: next, Blocks: map[string]time.Time{}, Notices: []notice{}}
	for device, until := range blocks {
		after.Blocks[device.String()] = until
	}
	for _, n := range notices {
		after.Notices = append(after.Notices, notice{n.ID, n.At, n.To, n.Text, n.Signature})
	}
	data, err := json.Marshal(after)
	if err == nil {
		err = replace(f.path, data)
	}
	if err != nil {
		return kith.Errorf(kith.Internal, "keep what the moderator did: %w", err)
	}
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
