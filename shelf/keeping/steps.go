package keeping

import (
	"context"
	"errors"
	"math/bits"
	"sync"
	"time"

	"kith"
	"kith/hubapi"
	"kith/store"
	"kith/swarm"
)

// piecesAtOnce are under way at most.
const piecesAtOnce = 2

// tellEvery is how far apart two reports of progress are.
const tellEvery = 500 * time.Millisecond

// row gives the row of a share.
func (k *Keeper) row(file kith.Infohash) store.Keeping {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.entries[file]; e != nil {
		return e.row
	}
	return store.Keeping{}
}

// put makes a row durable. have is how much the hub has.
func (k *Keeper) put(ctx context.Context, row store.Keeping, have int64) error {
	if err := k.cfg.Ledger.PutKeeping(ctx, row); err != nil {
		return err
	}
	k.mu.Lock()
	e := k.entries[row.Infohash]
	if e == nil {
		e = &entry{}
		k.entries[row.Infohash] = e
	}
	e.row, e.have, e.reason, e.full = row, have, "", false
	k.pause = 0
	k.mu.Unlock()
	k.cfg.Changed(row.Infohash)
	return nil
}

// release has the hub let go of a share.
func (k *Keeper) release(ctx context.Context, file kith.Infohash) error {
	if k.row(file).State != freed {
		if err := k.cfg.Box.Release(ctx, file); err != nil && kith.KindOf(err) != kith.NotFound {
			return err
		}
	}
	if err := k.cfg.Ledger.DeleteKeeping(ctx, file); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.entries[file]; e != nil {
		e.row, e.have = store.Keeping{}, 0
	}
	return nil
}

// look asks the hub whether it has a share still, and has it kept longer.
func (k *Keeper) look(ctx context.Context, file kith.Infohash) error {
	row := k.row(file)
	state, err := k.cfg.Box.State(ctx, file)
	switch {
	case kith.KindOf(err) == kith.NotFound && err != nil:
		row.State, row.Heard = freed, k.cfg.Now()
		return k.put(ctx, row, 0)
	case err != nil:
		return err
	}
	if renews(hubapi.Time(state.Until), k.cfg.Now()) {
		d, err := k.cfg.Source.Describe(file)
		if err != nil {
			return err
		}
		if state, err = k.cfg.Box.Keep(ctx, file, d.Info); err != nil {
			return err
		}
	}
	row.Until, row.Heard = hubapi.Time(state.Until), k.cfg.Now()
	if count(state.Have) < state.Pieces {
		row.State = given // it lost some; they are brought again
	}
	return k.put(ctx, row, 0)
}

// upload brings what the hub lacks.
func (k *Keeper) upload(ctx context.Context, file kith.Infohash) error {
	d, err := k.cfg.Source.Describe(file)
	if err != nil {
		return err
	}
	row := k.row(file)
	if row.State == "" {
		row = store.Keeping{Infohash: file, State: given, Size: d.Length}
		if err := k.put(ctx, row, 0); err != nil {
			return err
		}
	}
	state, err := k.cfg.Box.Keep(ctx, file, d.Info)
	if err != nil {
		return err
	}
	if state.Size != d.Length || state.Pieces != d.Pieces() {
		return kith.Errorf(kith.BadPeer, "it speaks of another file of %d bytes", state.Size)
	}
	k.mu.Lock()
	if e := k.entries[file]; e != nil {
		e.have = amount(&d, &state)
	}
	k.mu.Unlock()
	if err := k.bring(ctx, file, &d, &state); err != nil {
		return err
	}
	if state, err = k.cfg.Box.State(ctx, file); err != nil {
		return err
	}
	if count(state.Have) < d.Pieces() {
		return kith.Errorf(kith.NotFound, "some of it was lost there")
	}
	row.State, row.Until, row.Heard = kept, hubapi.Time(state.Until), k.cfg.Now()
	return k.put(ctx, row, d.Length)
}

// bring sends the pieces that the hub lacks, some at a time.
func (k *Keeper) bring(ctx context.Context, file kith.Infohash, d *swarm.Description, state *hubapi.Kept) error {
	pieces := make(chan int)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(pieces)
	done := make(chan error)
	for range piecesAtOnce {
		workers.Go(func() {
			var buf []byte
			for piece := range pieces {
				var err error
				if buf, err = k.cfg.Source.Piece(file, piece, buf); err == nil {
					err = k.cfg.Box.KeepPiece(ctx, file, piece, buf)
				}
				if err == nil {
					k.progress(file, pieceSize(d, piece))
				}
				done <- err
			}
		})
	}
	underWay := 0
	var failed error
	for piece := 0; ; {
		for piece < d.Pieces() && state.Has(piece) {
			piece++
		}
		if failed == nil {
			failed = k.interrupted(ctx, file)
		}
		if failed != nil || piece == d.Pieces() {
			if underWay == 0 {
				return failed
			}
			underWay--
			failed = errors.Join(failed, <-done)
			continue
		}
		if underWay == piecesAtOnce {
			underWay--
			failed = <-done
			continue
		}
		pieces <- piece
		underWay++
		piece++
	}
}

// interrupted tells that something else has to be done first: the share is no
// longer to be kept, or another one is to be let go.
func (k *Keeper) interrupted(ctx context.Context, file kith.Infohash) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-k.wake:
	default:
		return nil
	}
	if err := k.refresh(ctx); err != nil {
		return err
	}
	if next := k.next(); next.do == upload && next.file == file {
		return nil
	}
	return errTurn
}

// progress notes that the hub has more of a share, and tells it now and then.
func (k *Keeper) progress(file kith.Infohash, more int64) {
	k.mu.Lock()
	if e := k.entries[file]; e != nil {
		e.have, e.reason, e.full = e.have+more, "", false
	}
	k.pause = 0
	tells := time.Since(k.told) >= tellEvery
	if tells {
		k.told = time.Now()
	}
	k.mu.Unlock()
	if tells {
		k.cfg.Changed(file)
	}
}

// pieceSize is the length of a piece, in bytes.
func pieceSize(d *swarm.Description, piece int) int64 {
	return min(d.Piece, d.Length-int64(piece)*d.Piece)
}

// amount is how much of a share the hub has.
func amount(d *swarm.Description, state *hubapi.Kept) (n int64) {
	for piece := range d.Pieces() {
		if state.Has(piece) {
			n += pieceSize(d, piece)
		}
	}
	return n
}

func count(have []byte) (n int) {
	for _, b := range have {
		n += bits.OnesCount8(b)
	}
	return n
}
