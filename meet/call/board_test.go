package call

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kith/link"
	"kith/meet"
)

// A board keeps the latest note of each writer, as the DHT does, and each reader
// looks every few seconds.
type board struct {
	mu    sync.Mutex
	notes map[string][]byte
}

// A reader is a device's courier at a board.
type reader struct {
	*radio
	board       *board
	own, theirs string
	from        meet.Correspondent
}

func (r *reader) Send(_ context.Context, _ meet.Correspondent, note []byte) (int, bool, error) {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	r.board.notes[r.own] = note
	return 0, false, nil
}

// look gives what lies there, every so often.
func (r *reader) look(ctx context.Context, every time.Duration, mail meet.Mail) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.board.mu.Lock()
			note := r.board.notes[r.theirs]
			r.board.mu.Unlock()
			if note != nil {
				mail.Note(r.from, r, note)
			}
		}
	}
}

// slow halves ask servers for two seconds before an offer is made.
type slow struct{ *fakeHalves }

func (s slow) Offer(ctx context.Context, by string, trickle bool) (Half, error) {
	select {
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.fakeHalves.Offer(ctx, by, trickle)
}

// Ben is about to call Ann when her offer comes, and answers it. His own offer is
// made a moment later, and must not take the answer's place: Ann, whose key is
// the lower one, answers no offer, and waits for five minutes.
func TestAnAnswerIsNotOverwritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, p, b := &air{}, &place{}, &board{notes: map[string][]byte{}}
		toBen := meet.Correspondent{Account: accountOf([32]byte{2}), Key: pairKey}
		toAnn := meet.Correspondent{Account: accountOf([32]byte{1}), Key: pairKey}
		ann, ben := newDevice(t, 1, p, a.radio(false)), newDevice(t, 2, p, a.radio(false))
		ben.calls.halves = slow{ben.halves}
		annReads, benReads := &reader{ann.radio, b, "ann", "ben", toBen}, &reader{ben.radio, b, "ben", "ann", toAnn}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go annReads.look(ctx, 5*time.Second, ann.calls)
		go benReads.look(ctx, time.Second, ben.calls)
		results := make(chan error, 2)
		call := func(d *device, to meet.Correspondent, by meet.Courier) {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			var l link.Link
			l, err := d.calls.Call(ctx, to, by)
			if l == nil && err == nil {
				err = errors.New("no link")
			}
			results <- err
		}
		go call(ann, toBen, annReads)
		go call(ben, toAnn, benReads)
		select {
		case <-ann.linked:
		case <-ben.linked:
		case err := <-results:
			if err != nil {
				if err := <-results; err != nil {
					select {
					case <-ann.linked:
					case <-ben.linked:
					case <-time.After(time.Minute):
						t.Errorf("there is no link after a minute: %v", err)
					}
				}
			}
		}
		stop()
	})
}
