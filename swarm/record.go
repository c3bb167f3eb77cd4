package swarm

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"kith"
)

var (
	errNoSpace     = syscall.ENOSPC
	errCrossDevice = syscall.EXDEV
)

// A record is what is kept about a transfer across restarts. Of a FileRef only
// what the transfer needs; path and media are the conversation's matter.
type record struct {
	Version  uint
	Infohash []byte
	Key      []byte
	Sum      []byte
	Size     uint64
	Files    uint32
	Folder   bool

	Own      bool // the originals are this person's; nothing is ever written
	Path     string
	Entries  []entry // empty until the files are known
	Select   Selection
	Paused   bool
	Complete bool // all that exists is here
	Order    int64
	Failed   string // why it can't go on, "" if it can
	Idle     bool   // nothing more is wanted of it
	Doubt    bool   // what is noted as had must be hashed again
	Moving   string // where it is being renamed to, "" if it is not
}

func (r *record) ref() kith.FileRef {
	return kith.FileRef{
		Infohash: kith.Infohash(r.Infohash), Key: kith.Secret(r.Key), Sum: [32]byte(r.Sum),
		Size: r.Size, Files: r.Files, Folder: r.Folder,
	}
}

func newRecord(ref *kith.FileRef) *record {
	return &record{
		Version: 1, Infohash: ref.Infohash[:], Key: ref.Key[:], Sum: ref.Sum[:],
		Size: ref.Size, Files: ref.Files, Folder: ref.Folder,
	}
}

func (s *Swarm) folder(ih kith.Infohash) string {
	return filepath.Join(s.cfg.Dir, hex.EncodeToString(ih[:]))
}

// writeWhole replaces a file so that a crash leaves the old or the new one.
func writeWhole(name string, data []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	syncFolder(dir)
	return nil
}

func (s *Swarm) saveRecord(r *record) error {
	raw, err := encodeCBOR.Marshal(r)
	if err != nil {
		return kith.Errorf(kith.Internal, "note the state of a transfer: %w", err)
	}
	if err := writeWhole(filepath.Join(s.folder(kith.Infohash(r.Infohash)), "record"), raw); err != nil {
		kind := kith.Internal
		if isFull(err) {
			kind = kith.Full
		}
		return kith.Errorf(kind, "note the state of a transfer: %w", err)
	}
	return nil
}

// loadRecords reads what was kept. A damaged record is left out and reported.
func (s *Swarm) loadRecords() ([]*record, error) {
	dirs, err := os.ReadDir(s.cfg.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, kith.Errorf(kith.Internal, "read the transfers: %w", err)
	}
	var records []*record
	for _, d := range dirs {
		if len(d.Name()) != 40 {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(s.cfg.Dir, d.Name(), "record"))
		if errors.Is(err, fs.ErrNotExist) {
			os.RemoveAll(filepath.Join(s.cfg.Dir, d.Name())) // killed before it began, or after it was removed
			continue
		}
		var r record
		if err == nil {
			err = decodeCBOR.Unmarshal(raw, &r)
		}
		if err != nil || r.Version != 1 || len(r.Key) != 32 || len(r.Sum) != 32 || hex.EncodeToString(r.Infohash) != d.Name() {
			s.log.Warn("a transfer's record can't be read; it is left out", "folder", d.Name(), "error", err)
			continue
		}
		records = append(records, &r)
	}
	return records, nil
}

// loadEdges lists the pieces that are kept as ciphertext.
func loadEdges(dir string) map[int]bool {
	names, _ := os.ReadDir(dir)
	edge := map[int]bool{}
	for _, n := range names {
		if i, err := strconv.Atoi(n.Name()); err == nil && i >= 0 {
			edge[i] = true
		}
	}
	return edge
}
