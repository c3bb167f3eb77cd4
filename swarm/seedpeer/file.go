package seedpeer

import (
	"context"
	"crypto/sha256"
	"math/bits"
	"net"
	"net/http"
	"sync"
	"time"

	"kith"
	"kith/hubapi"
)

// Times of asking.
const (
	askAgain   = 5 * time.Minute  // about the same file, whatever the answer was
	firstPause = 10 * time.Second // after a failure; then twice as long each time
	lastPause  = 10 * time.Minute
)

// maxPieces bounds what a hub may say of a file.
const maxPieces = 1 << 20

// A file is what is known of one share at one hub. Its methods may be called
// from any goroutine.
type file struct {
	http *http.Client
	hub  string
	name hubapi.InfoHash
	now  func() time.Time

	asking sync.Mutex // held while the hub is asked

	mu    sync.Mutex // guards the rest
	kept  hubapi.Kept
	piece int64 // bytes of a piece
	info  []byte
	err   error     // of the last answer
	next  time.Time // when the hub may be asked again
	pause time.Duration
	run   int // bytes to ask for at once; see conn.fetch
}

func newFile(client *http.Client, hub string, ih kith.Infohash, now func() time.Time) *file {
	return &file{http: client, hub: hub, name: hubapi.InfoHash(ih), now: now, run: leastRun}
}

// id stands for a hub where a swarm has devices.
func id(hub string) kith.DeviceID { return sha256.Sum256([]byte("kith seedbox\n" + hub)) }

// due reports whether the hub may be asked.
func (f *file) due() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.now().Before(f.next)
}

// ask gives what the hub has of the file: its last answer, or a new one when it
// is time. Nothing kept is an error of kind kith.NotFound.
func (f *file) ask(ctx context.Context) (hubapi.Kept, error) {
	f.asking.Lock()
	defer f.asking.Unlock()
	if !f.due() {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.kept, f.err
	}
	kept, err := hubapi.KeptState(ctx, f.http, f.hub, f.name)
	var piece int64
	if err == nil {
		piece, err = check(&kept)
	}
	f.mu.Lock()
	info := f.info
	f.mu.Unlock()
	if err == nil && info == nil {
		info, err = hubapi.FetchKeptInfo(ctx, f.http, f.hub, f.name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept, f.piece, f.info, f.err = kept, piece, info, err
	if err != nil && kith.KindOf(err) != kith.NotFound {
		f.failLocked(err)
	} else {
		f.next, f.pause = f.now().Add(askAgain), 0
	}
	return f.kept, f.err
}

// failed notes that the hub was of no use, so that it is left alone for a while.
func (f *file) failed(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failLocked(err)
}

func (f *file) failLocked(err error) {
	f.pause = min(max(2*f.pause, firstPause), lastPause)
	f.err, f.next = err, f.now().Add(f.pause)
}

// check holds what a hub says against itself, and gives the length of a piece:
// a power of two, so how many there are tells it.
func check(k *hubapi.Kept) (piece int64, err error) {
	bad := kith.Errorf(kith.BadPeer, "the hub contradicts itself about what it keeps")
	if k.Size <= 0 || k.Pieces <= 0 || k.Pieces > maxPieces || len(k.Have) != (k.Pieces+7)/8 {
		return 0, bad
	}
	for piece = 16 << 10; piece <= 16<<20; piece *= 2 {
		if (k.Size+piece-1)/piece == int64(k.Pieces) {
			some := 0
			for _, b := range k.Have {
				some += bits.OnesCount8(b)
			}
			if some == 0 {
				return 0, kith.Errorf(kith.NotFound, "the hub has no piece of it yet")
			}
			return piece, nil
		}
	}
	return 0, bad
}

// dial makes a connection that speaks BitTorrent's peer protocol.
func (f *file) dial(ctx context.Context) (net.Conn, error) {
	if _, err := f.ask(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	return serve(f, f.kept, f.piece, f.info), nil
}
