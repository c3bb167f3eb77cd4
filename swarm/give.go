package swarm

import (
	"context"
	"os"
	"path/filepath"

	"kith"
)

// A Description is what a helper has to know of a share to keep it. It tells
// nothing of what is in it.
type Description struct {
	Info          []byte // the info dictionary
	Length, Piece int64  // of the ciphertext, and of a piece of it; bytes
}

// Pieces is how many there are.
func (d *Description) Pieces() int { return int((d.Length + d.Piece - 1) / d.Piece) }

// Describe describes a share that is all here; otherwise the error is of kind
// kith.Conflict.
func (s *Swarm) Describe(ih kith.Infohash) (Description, error) {
	t, err := s.find(ih)
	if err != nil {
		return Description{}, err
	}
	t.op.Lock()
	defer t.op.Unlock()
	t.mu.Lock()
	whole, ref := t.rec.Own || t.rec.Complete, t.rec.ref()
	t.mu.Unlock()
	if !whole {
		return Description{}, kith.Errorf(kith.Conflict, "not all of it is here")
	}
	raw, err := os.ReadFile(filepath.Join(s.folder(ih), "info"))
	if err != nil {
		return Description{}, kith.Errorf(kith.Internal, "read the description of a share: %w", err)
	}
	info, err := checkInfo(&ref, raw)
	if err != nil {
		return Description{}, err
	}
	return Description{Info: raw, Length: info.Length, Piece: info.PieceLength}, nil
}

// Piece gives the ciphertext of a piece that is on this disk, in buf if that is
// large enough. It was hashed: if what lies on the disk is no longer what was
// shared, the error is of kind kith.Conflict.
func (s *Swarm) Piece(ih kith.Infohash, piece int, buf []byte) ([]byte, error) {
	t, err := s.find(ih)
	if err != nil {
		return nil, err
	}
	t.op.Lock() // it must not fall asleep meanwhile
	defer t.op.Unlock()
	if err := t.activate(); err != nil {
		return nil, err
	}
	t.mu.Lock()
	c := t.c
	t.busy = s.cfg.Now()
	t.mu.Unlock()
	s.nudge() // so that it falls asleep when its time comes
	if c == nil || piece < 0 || piece >= c.pieces() {
		return nil, kith.Errorf(kith.NotFound, "the share has no piece %d here", piece)
	}
	c.mu.Lock()
	have := c.have.has(piece)
	c.mu.Unlock()
	if !have {
		return nil, kith.Errorf(kith.Conflict, "piece %d is not here, or is being checked", piece)
	}
	_, n := c.span(piece)
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if err := c.readAt(buf, piece, 0); err != nil {
		return nil, kith.Errorf(kith.Conflict, "what was shared can't be read: %w", err)
	}
	if sum := shortSum(buf); string(sum[:]) != string(c.hashes[piece*20:piece*20+20]) {
		return nil, kith.Errorf(kith.Conflict, "what lies on the disk is no longer what was shared")
	}
	return buf, nil
}

// WaitUp waits until n bytes may be sent, by the limit of what goes up. n is at
// most 64 KiB.
func (s *Swarm) WaitUp(ctx context.Context, n int) error { return s.up.WaitN(ctx, n) }
