package keeping

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"kith"
	"kith/hubapi"
	"kith/store"
	"kith/swarm"
)

// A Share is something to be kept.
type Share struct {
	File   kith.Infohash
	Shared time.Time
}

// A Source has what is to be kept.
type Source interface {
	// Shares lists what is to be kept now. All of it is here.
	Shares(context.Context) ([]Share, error)
	Describe(kith.Infohash) (swarm.Description, error)
	// Piece gives the ciphertext of a piece, in buf if that is large enough.
	Piece(file kith.Infohash, piece int, buf []byte) ([]byte, error)
}

// A Box is a hub's seedbox. Its errors have the kinds of package hubapi.
type Box interface {
	// Open reports whether it can be used now.
	Open() bool
	Keep(ctx context.Context, file kith.Infohash, info []byte) (hubapi.Kept, error)
	KeepPiece(ctx context.Context, file kith.Infohash, piece int, data []byte) error
	State(ctx context.Context, file kith.Infohash) (hubapi.Kept, error)
	Release(ctx context.Context, file kith.Infohash) error
}

// A Ledger keeps rows, durably.
type Ledger interface {
	Keepings(ctx context.Context) ([]store.Keeping, error)
	PutKeeping(ctx context.Context, k store.Keeping) error
	DeleteKeeping(ctx context.Context, file kith.Infohash) error
}

// Config says what a Keeper works with.
type Config struct {
	Source Source
	Box    Box
	Ledger Ledger
	// Changed tells that the View of a share changed. It returns soon.
	Changed func(kith.Infohash)
	Log     *slog.Logger
	Now     func() time.Time
}

// A View is how a share stands at the hub.
type View struct {
	Have, Size int64     // bytes of ciphertext
	Until      time.Time // all of it is kept until then; zero: not all is
	Reason     string    // why no more of it is there, a sentence; empty if nothing is wrong
	Full       bool      // the reason is that the hub has no room
}

// A Keeper keeps shares at one hub. Its methods may be called from any goroutine.
type Keeper struct {
	cfg  Config
	wake chan struct{} // holds one

	mu      sync.Mutex // guards the rest
	entries map[kith.Infohash]*entry
	again   time.Time // the hub is not used before
	pause   time.Duration
	told    time.Time // when progress was
	room    int64     // bytes, as the hub said last
}

// An entry is what is known of one share.
type entry struct {
	wanted bool
	shared time.Time
	row    store.Keeping // State is empty if there is none
	have   int64
	again  time.Time
	reason string
	full   bool
}

// Pauses after the hub could not be reached.
const (
	firstPause = 10 * time.Second
	lastPause  = 10 * time.Minute
)

// settleTime lets changes gather: a folder of a thousand files is one change.
const settleTime = 300 * time.Millisecond

// New makes a Keeper that does nothing before Run.
func New(cfg Config) *Keeper {
	return &Keeper{cfg: cfg, wake: make(chan struct{}, 1), entries: map[kith.Infohash]*entry{}}
}

// Wake tells that what is to be kept may have changed.
func (k *Keeper) Wake() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Opened tells that the hub can be used, and how many bytes of room it said that
// there are.
func (k *Keeper) Opened(room int64) {
	k.mu.Lock()
	k.again, k.pause = time.Time{}, 0
	for _, e := range k.entries {
		if e.full && room > k.room {
			e.again = time.Time{}
		}
	}
	k.room = room
	k.mu.Unlock()
	k.Wake()
}

// View tells how a share stands at the hub; false: it has nothing to do with it.
func (k *Keeper) View(file kith.Infohash) (View, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.entries[file]
	if e == nil || !e.wanted {
		return View{}, false
	}
	v := View{Have: e.have, Size: e.row.Size, Reason: e.reason, Full: e.full}
	switch e.row.State {
	case kept:
		v.Have, v.Until = e.row.Size, e.row.Until
	case freed:
		v.Have, v.Reason = 0, "It was let go of there, to make room for something newer."
	}
	return v, true
}

// Run keeps until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	for !k.load(ctx) {
		if !k.wait(ctx, k.cfg.Now().Add(soon)) {
			return
		}
	}
	for ctx.Err() == nil {
		if err := k.refresh(ctx); err != nil {
			k.cfg.Log.Error("could not see what is to be kept by a hub", "error", err)
			if !k.wait(ctx, k.cfg.Now().Add(soon)) {
				return
			}
			continue
		}
		next := k.next()
		if next.do == rest {
			if !k.wait(ctx, next.at) {
				return
			}
			continue
		}
		if err := k.take(ctx, next); err != nil && ctx.Err() == nil {
			k.failed(next.file, err)
		}
	}
}

// load takes up the ledger.
func (k *Keeper) load(ctx context.Context) bool {
	rows, err := k.cfg.Ledger.Keepings(ctx)
	if err != nil {
		k.cfg.Log.Error("could not read what a hub keeps", "error", err)
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, row := range rows {
		k.entries[row.Infohash] = &entry{row: row}
	}
	return true
}

// refresh looks at what is to be kept.
func (k *Keeper) refresh(ctx context.Context) error {
	shares, err := k.cfg.Source.Shares(ctx)
	if err != nil {
		return err
	}
	k.mu.Lock()
	var changed []kith.Infohash
	wanted := map[kith.Infohash]bool{}
	for _, s := range shares {
		wanted[s.File] = true
		e := k.entries[s.File]
		if e == nil {
			e = &entry{}
			k.entries[s.File] = e
		}
		if !e.wanted {
			e.wanted, e.again, e.reason, e.full = true, time.Time{}, "", false
			changed = append(changed, s.File)
		}
		e.shared = s.Shared
	}
	for file, e := range k.entries {
		if e.wanted && !wanted[file] {
			e.wanted, e.again, e.reason, e.full = false, time.Time{}, "", false
			changed = append(changed, file)
		}
		if !e.wanted && e.row.State == "" {
			delete(k.entries, file)
		}
	}
	k.mu.Unlock()
	for _, file := range changed {
		k.cfg.Changed(file)
	}
	return nil
}

// next is what to do now.
func (k *Keeper) next() step {
	if !k.cfg.Box.Open() {
		return step{} // Opened wakes it
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.cfg.Now()
	if k.again.After(now) {
		return step{at: k.again}
	}
	items := make([]item, 0, len(k.entries))
	for file, e := range k.entries {
		items = append(items, item{
			file: file, wanted: e.wanted, shared: e.shared,
			state: e.row.State, until: e.row.Until, heard: e.row.Heard, again: e.again,
		})
	}
	return plan(items, now)
}

// wait sleeps until a time, or for good if that is zero, or until it is woken. It
// reports whether to go on.
func (k *Keeper) wait(ctx context.Context, at time.Time) bool {
	var due <-chan time.Time
	if !at.IsZero() {
		// The clock may be set meanwhile.
		timer := time.NewTimer(min(time.Hour, max(time.Millisecond, at.Sub(k.cfg.Now()))))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-due:
		return true
	case <-k.wake:
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(settleTime):
		return true
	}
}

// take does a step.
func (k *Keeper) take(ctx context.Context, s step) error {
	switch s.do {
	case release:
		return k.release(ctx, s.file)
	case look:
		return k.look(ctx, s.file)
	}
	return k.upload(ctx, s.file)
}

// errTurn ends an upload because something else has to be done first.
var errTurn = errors.New("something else comes first")

// failed notes why something could not be done, and for how long it is left.
func (k *Keeper) failed(file kith.Infohash, err error) {
	if errors.Is(err, errTurn) {
		return
	}
	k.mu.Lock()
	now := k.cfg.Now()
	e := k.entries[file]
	if e == nil {
		e = &entry{}
	}
	e.reason, e.full = reason(err), false
	switch kith.KindOf(err) {
	case kith.Full:
		e.full, e.again = true, now.Add(fullPause)
	case kith.Unreachable:
		k.pause = min(max(2*k.pause, firstPause), lastPause)
		k.again = now.Add(k.pause)
	case kith.Forbidden: // a new token comes soon
		k.again = now.Add(soon)
	case kith.NotFound: // it went while it was used
		e.again = now.Add(soon)
	default:
		e.again = now.Add(faultPause)
	}
	k.mu.Unlock()
	k.cfg.Log.Debug("a hub does not keep something now", "reason", err)
	k.cfg.Changed(file)
}

// reason is the sentence of the error beneath those that tell what was attempted.
func reason(err error) string {
	var e *kith.Error
	if errors.As(err, &e) {
		return e.Text
	}
	return err.Error()
}
