package swarm

import (
	"context"
	"io"

	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"

	"kith"
)

// noStorage is the library's default storage: every torrent brings its own.
type noStorage struct{}

func (noStorage) OpenTorrent(context.Context, *metainfo.Info, metainfo.Hash) (storage.TorrentImpl, error) {
	return storage.TorrentImpl{}, kith.Errorf(kith.Internal, "a torrent has no storage")
}

// storageOf gives the library a transfer's content.
type storageOf struct{ *transfer }

func (t storageOf) OpenTorrent(context.Context, *metainfo.Info, metainfo.Hash) (storage.TorrentImpl, error) {
	t.mu.Lock()
	c := t.c
	t.mu.Unlock()
	if c == nil {
		return storage.TorrentImpl{}, kith.Errorf(kith.Internal, "the torrent's content is not known")
	}
	return storage.TorrentImpl{
		// No NewReader: the library's own waits, piece by piece, for what is
		// being written.
		Piece: func(p metainfo.Piece) storage.PieceImpl { return storedPiece{t.transfer, c, p.Index()} },
	}, nil
}

// streamReader reads ciphertext across pieces.
type streamReader struct{ c *content }

func (r streamReader) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		if offset >= r.c.length {
			return n, io.EOF
		}
		begin := offset % r.c.piece
		piece := int(offset / r.c.piece)
		_, size := r.c.span(piece)
		part := p[n:min(len(p), n+int(size-begin))]
		if err := r.c.readAt(part, piece, begin); err != nil {
			return n, err
		}
		n += len(part)
		offset += int64(len(part))
	}
	return n, nil
}

// storedPiece is one piece to the library.
type storedPiece struct {
	t     *transfer
	c     *content
	index int
}

var (
	_ storage.PieceImpl   = storedPiece{}
	_ storage.SelfHashing = storedPiece{}
)

func (p storedPiece) ReadAt(b []byte, begin int64) (int, error) {
	if err := p.c.readAt(b, p.index, begin); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (p storedPiece) WriteAt(b []byte, begin int64) (int, error) {
	if p.t.rec.Own {
		return 0, kith.Errorf(kith.Internal, "an original is never written")
	}
	if err := p.c.writeAt(b, p.index, begin); err != nil {
		return 0, err
	}
	return len(b), nil
}

// SelfHash spares the library to read what it has just written, and is where
// SHA-256 takes the place of SHA-1.
func (p storedPiece) SelfHash() (metainfo.Hash, error) {
	sum, err := p.c.settle(p.index)
	return sum, err
}

func (p storedPiece) MarkComplete() error {
	p.c.mu.Lock()
	first := !p.c.have.has(p.index)
	p.c.have.add(p.index)
	checked := p.c.doubt.has(p.index)
	if checked {
		p.c.doubt.remove(p.index)
	}
	p.c.fresh++
	p.c.mu.Unlock()
	p.t.settle(p.index, first, checked)
	return nil
}

func (p storedPiece) MarkNotComplete() error {
	p.c.mu.Lock()
	p.c.have.remove(p.index)
	checked := p.c.doubt.has(p.index)
	if checked {
		p.c.doubt.remove(p.index)
	}
	p.c.fresh++
	plan := p.c.plan
	p.c.mu.Unlock()
	if checked && plan != nil {
		offset, n := p.c.span(p.index)
		plan.each(offset, n, func(file int, _, _, _ int64) error { return p.c.disk.damaged(file) })
	}
	p.t.settle(-1, false, checked)
	return nil
}

func (p storedPiece) Completion() storage.Completion {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return storage.Completion{Ok: !p.c.doubt.has(p.index), Complete: p.c.have.has(p.index)}
}
