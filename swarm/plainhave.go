package swarm

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync"

	"github.com/anacrolix/generics"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"
)

// plainHave remembers which pieces of ordinary torrents are here. It is written
// when the client ends, and taken away when it begins: after a kill there is
// none, and everything is hashed again.
type plainHave struct {
	dir string

	mu     sync.Mutex // guards all below
	pieces map[metainfo.Hash]map[int]bool
	frozen map[metainfo.Hash]bool // nothing changes in these
}

var _ storage.PieceCompletion = (*plainHave)(nil)

func openPlainHave(dir string) *plainHave {
	h := &plainHave{dir: dir, pieces: map[metainfo.Hash]map[int]bool{}, frozen: map[metainfo.Hash]bool{}}
	var kept map[string][]byte
	raw, err := os.ReadFile(h.name())
	if err == nil && decodeCBOR.Unmarshal(raw, &kept) == nil {
		for key, bitmap := range kept {
			ih, err := hex.DecodeString(key)
			if err != nil || len(ih) != len(metainfo.Hash{}) {
				continue
			}
			pieces := map[int]bool{}
			for i := range len(bitmap) * 8 {
				if set(bitmap).has(i) {
					pieces[i] = true
				}
			}
			h.pieces[metainfo.Hash(ih)] = pieces
		}
	}
	os.Remove(h.name())
	return h
}

func (h *plainHave) name() string { return filepath.Join(h.dir, "pieces") }

// Get tells what is known of a piece.
func (h *plainHave) Get(key metainfo.PieceKey) (storage.Completion, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	complete, ok := h.pieces[key.InfoHash][key.Index]
	return storage.Completion{Ok: ok, Complete: complete}, nil
}

func (h *plainHave) Set(key metainfo.PieceKey, complete generics.Option[bool]) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.frozen[key.InfoHash] {
		return nil
	}
	pieces := h.pieces[key.InfoHash]
	if pieces == nil {
		pieces = map[int]bool{}
		h.pieces[key.InfoHash] = pieces
	}
	if complete.Ok {
		pieces[key.Index] = complete.Value
	} else {
		delete(pieces, key.Index)
	}
	return nil
}

// Persistent tells the library that pieces need not be synced one by one.
func (h *plainHave) Persistent() bool { return false }

// forget drops what is known of a torrent.
func (h *plainHave) forget(ih metainfo.Hash) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.pieces, ih)
}

// plainStorage has the pieces of a torrent in its files. When the library opens
// them it takes every file of the right name and size for complete, and pieces
// of others for unknown. Neither is so: what plainHave knows was hashed.
type plainStorage struct {
	storage.ClientImplCloser
	have *plainHave
}

func (s plainStorage) OpenTorrent(ctx context.Context, info *metainfo.Info, ih metainfo.Hash) (storage.TorrentImpl, error) {
	s.have.freeze(ih, true)
	defer s.have.freeze(ih, false)
	return s.ClientImplCloser.OpenTorrent(ctx, info, ih)
}

func (h *plainHave) freeze(ih metainfo.Hash, on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if on {
		h.frozen[ih] = true
	} else {
		delete(h.frozen, ih)
	}
}

func (h *plainHave) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := map[string][]byte{}
	for ih, pieces := range h.pieces {
		most := -1
		for i, here := range pieces {
			if here {
				most = max(most, i)
			}
		}
		bitmap := newSet(most + 1)
		for i, here := range pieces {
			if here {
				bitmap.add(i)
			}
		}
		kept[ih.HexString()] = bitmap
	}
	raw, err := encodeCBOR.Marshal(kept)
	if err != nil {
		return err
	}
	return writeWhole(h.name(), raw)
}
