package keeping

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/hubapi"
	"kith/store"
	"kith/swarm"
)

const pieceBytes = 256 << 10

// A world is all that a Keeper has to do with, in memory. A piece takes a second.
type world struct {
	t      *testing.T
	keeper *Keeper
	stop   context.CancelFunc

	mu     sync.Mutex // guards the rest
	shares []Share
	sizes  map[kith.Infohash]int64
	broken map[kith.Infohash]bool // can't be read here
	open   bool
	fails  error // of whatever is asked of the hub
	room   int64
	keep   time.Duration
	boxes  map[kith.Infohash]*hubapi.Kept
	rows   map[kith.Infohash]store.Keeping
	came   []string // pieces, in their order
	busy   int
	most   int // pieces under way at once
	calls  int
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, open: true, room: 1 << 40, keep: 90 * 24 * time.Hour, sizes: map[kith.Infohash]int64{}, broken: map[kith.Infohash]bool{},
		boxes: map[kith.Infohash]*hubapi.Kept{}, rows: map[kith.Infohash]store.Keeping{},
	}
}

// start runs a Keeper, as after a start of the program.
func (w *world) start() {
	ctx, stop := context.WithCancel(w.t.Context())
	w.keeper = New(Config{Source: w, Box: w, Ledger: w, Changed: func(kith.Infohash) {}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.keeper.Run(ctx)
	}()
	w.stop = func() { stop(); <-done }
	synctest.Wait()
}

func (w *world) share(n byte, pieces int) kith.Infohash {
	w.mu.Lock()
	file := kith.Infohash{n}
	w.sizes[file] = int64(pieces)*pieceBytes - 1
	w.shares = append(w.shares, Share{File: file, Shared: time.Now()})
	w.mu.Unlock()
	if w.keeper != nil {
		w.keeper.Wake()
	}
	return file
}

func (w *world) unshare(file kith.Infohash) {
	w.mu.Lock()
	w.shares = slices.DeleteFunc(w.shares, func(s Share) bool { return s.File == file })
	w.mu.Unlock()
	w.keeper.Wake()
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) has(file kith.Infohash) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k := w.boxes[file]; k != nil {
		return count(k.Have)
	}
	return -1
}

// Source

func (w *world) Shares(context.Context) ([]Share, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.shares), nil
}

func (w *world) Describe(file kith.Infohash) (swarm.Description, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return swarm.Description{Info: file[:], Length: w.sizes[file], Piece: pieceBytes}, nil
}

func (w *world) Piece(file kith.Infohash, piece int, buf []byte) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken[file] {
		return buf, kith.Errorf(kith.Conflict, "what lies on the disk is no longer what was shared")
	}
	return append(buf[:0], file[0], byte(piece)), nil
}

// Box

func (w *world) Open() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}

func (w *world) Keep(_ context.Context, file kith.Infohash, info []byte) (hubapi.Kept, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	if w.fails != nil {
		return hubapi.Kept{}, w.fails
	}
	if w.rows[file].State == "" {
		w.t.Error("the hub heard of a share before that was durable")
	}
	k := w.boxes[file]
	if k == nil {
		used := int64(0)
		for other := range w.boxes {
			used += w.sizes[other]
		}
		if used+w.sizes[file] > w.room {
			return hubapi.Kept{}, errors.Join(errors.New("wrapped"), kith.Errorf(kith.Full, "it has room for little"))
		}
		pieces := int((w.sizes[file] + pieceBytes - 1) / pieceBytes)
		k = &hubapi.Kept{Size: w.sizes[file], Pieces: pieces, Have: make([]byte, (pieces+7)/8)}
		w.boxes[file] = k
	}
	k.Until = time.Now().Add(w.keep).UnixMilli()
	return w.copyLocked(file), nil
}

func (w *world) copyLocked(file kith.Infohash) hubapi.Kept {
	k := *w.boxes[file]
	k.Have = slices.Clone(k.Have)
	return k
}

func (w *world) KeepPiece(ctx context.Context, file kith.Infohash, piece int, data []byte) error {
	w.set(func() { w.busy++; w.most = max(w.most, w.busy) })
	defer w.set(func() { w.busy-- })
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	k := w.boxes[file]
	switch {
	case w.fails != nil:
		return w.fails
	case k == nil:
		return kith.Errorf(kith.NotFound, "it is not kept")
	case !bytes.Equal(data, []byte{file[0], byte(piece)}):
		w.t.Errorf("piece %d of %x is %x", piece, file[0], data)
	}
	k.Have[piece/8] |= 0x80 >> (piece % 8)
	w.came = append(w.came, string('a'+rune(file[0]))+string('0'+rune(piece)))
	return nil
}

func (w *world) State(_ context.Context, file kith.Infohash) (hubapi.Kept, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	if w.fails != nil {
		return hubapi.Kept{}, w.fails
	}
	if w.boxes[file] == nil {
		return hubapi.Kept{}, kith.Errorf(kith.NotFound, "it is not kept")
	}
	return w.copyLocked(file), nil
}

func (w *world) Release(_ context.Context, file kith.Infohash) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	if w.fails != nil {
		return w.fails
	}
	delete(w.boxes, file)
	return nil
}

// Ledger

func (w *world) Keepings(context.Context) (list []store.Keeping, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.rows {
		list = append(list, k)
	}
	return list, nil
}

func (w *world) PutKeeping(_ context.Context, k store.Keeping) error {
	w.set(func() { w.rows[k.Infohash] = k })
	return nil
}

func (w *world) DeleteKeeping(_ context.Context, file kith.Infohash) error {
	w.set(func() { delete(w.rows, file) })
	return nil
}

// sent lists the pieces that came, in their order.
func (w *world) sent() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.came)
}

// busiest is how many pieces were under way at once.
func (w *world) busiest() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most
}

func (w *world) asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

func (w *world) view(file kith.Infohash) View {
	w.t.Helper()
	v, ok := w.keeper.View(file)
	if !ok {
		w.t.Errorf("%x has nothing to do with the hub", file[0])
	}
	return v
}

func TestUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.share(0, 3)
		time.Sleep(time.Minute)
		b := w.share(1, 2)
		w.start()
		time.Sleep(2500 * time.Millisecond)
		if v := w.view(a); v.Have != w.sizes[a] && v.Have != 2*pieceBytes {
			t.Errorf("%+v", v)
		}
		time.Sleep(time.Minute)
		if want := []string{"a0", "a1", "a2", "b0", "b1"}; !slices.Equal(slices.Sorted(slices.Values(w.sent())), want) || !slices.Contains(w.sent()[:3], "a2") {
			t.Errorf("%v, want %v, the oldest share first", w.sent(), want)
		}
		if n := w.busiest(); n != piecesAtOnce {
			t.Errorf("%d pieces were under way at once", n)
		}
		for _, file := range []kith.Infohash{a, b} {
			if v := w.view(file); v.Until.IsZero() || v.Have != v.Size || v.Size != w.sizes[file] || v.Reason != "" {
				t.Errorf("%+v", v)
			}
		}
		calls := w.asked()
		time.Sleep(20 * time.Hour)
		if w.asked() != calls {
			t.Errorf("a hub that has all was asked %d times", w.asked()-calls)
		}
		w.stop()
	})
}

// Killed in the middle, only what the hub lacks is sent.
func TestGoesOnAfterAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.share(0, 20)
		w.start()
		time.Sleep(4500 * time.Millisecond)
		w.stop()
		if n := w.has(a); n == 0 || n == 20 {
			t.Fatalf("%d pieces are there", n)
		}
		w.start()
		time.Sleep(time.Minute)
		if n := w.has(a); n != 20 || len(w.sent()) != 20 {
			t.Errorf("%d pieces are there, %d were sent", n, len(w.sent()))
		}
		w.stop()
	})
}

// What is not shared any more is let go, at once, or when the hub is back.
func TestReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		a, b := w.share(0, 2), w.share(1, 2)
		time.Sleep(time.Minute)
		w.unshare(a)
		time.Sleep(time.Second)
		if w.has(a) != -1 || len(w.rows) != 1 {
			t.Errorf("it is there still; rows: %v", w.rows)
		}
		w.set(func() { w.fails = kith.Errorf(kith.Unreachable, "it does not answer") })
		w.unshare(b)
		time.Sleep(time.Hour)
		w.stop()
		if w.asked() > 40 {
			t.Errorf("a hub that is away was asked %d times in an hour", w.asked())
		}
		if w.has(b) == -1 || len(w.rows) != 1 {
			t.Fatal("it was forgotten before the hub heard of it")
		}
		w.set(func() { w.fails = nil })
		w.start()
		time.Sleep(time.Second)
		if w.has(b) != -1 || len(w.rows) != 0 {
			t.Error("it is there still")
		}
		w.stop()
	})
}

// Taken back while it is uploaded, no more of it is sent.
func TestTakenBackMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		a, b := w.share(0, 50), w.share(1, 2)
		time.Sleep(5 * time.Second)
		w.unshare(a)
		time.Sleep(10 * time.Second)
		if n := len(w.sent()); w.has(a) != -1 || w.has(b) != 2 || n > 20 {
			t.Errorf("%d pieces were sent, and it has %d and %d of them", n, w.has(a), w.has(b))
		}
		if _, ok := w.keeper.View(a); ok {
			t.Error("it is shown still")
		}
		w.stop()
	})
}

// What finds no room is told, others go on, and it is tried when there is room.
func TestNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.room = 5 * pieceBytes
		w.start()
		large := w.share(0, 10)
		time.Sleep(time.Minute)
		small := w.share(1, 2)
		time.Sleep(time.Minute)
		if v := w.view(large); !v.Full || v.Reason != "it has room for little" || !v.Until.IsZero() {
			t.Errorf("%+v", v)
		}
		if w.has(small) != 2 {
			t.Error("what has room was not brought")
		}
		w.set(func() { w.room = 50 * pieceBytes })
		w.keeper.Opened(1 << 30)
		time.Sleep(time.Minute)
		if v := w.view(large); v.Full || v.Reason != "" || v.Until.IsZero() {
			t.Errorf("%+v", v)
		}
		w.stop()
	})
}

// It is renewed before its time is over, and what the hub freed is not brought
// again and again.
func TestRenewsAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.keep = 40 * 24 * time.Hour
		w.start()
		a, b := w.share(0, 2), w.share(1, 2)
		time.Sleep(time.Minute)
		first := w.view(a).Until
		time.Sleep(30 * 24 * time.Hour)
		if again := w.view(a).Until; !again.After(first) {
			t.Errorf("it was to be kept until %s, and is until %s", first, again)
		}
		w.set(func() { delete(w.boxes, b) })
		time.Sleep(60 * 24 * time.Hour)
		if v := w.view(b); v.Have != 0 || v.Reason == "" || !v.Until.IsZero() || w.has(b) != -1 || len(w.sent()) != 4 {
			t.Errorf("%+v, %v", v, w.sent())
		}
		w.set(func() { clear(w.boxes[a].Have) }) // its disk lost the pieces
		time.Sleep(25 * time.Hour)
		if w.has(a) != 2 {
			t.Error("what the hub lost was not brought again")
		}
		w.stop()
	})
}

// What can't be read here is told, and costs the others nothing.
func TestNotReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.broken[kith.Infohash{0}] = true
		w.start()
		a, b := w.share(0, 4), w.share(1, 2)
		time.Sleep(time.Minute)
		if v := w.view(a); !strings.Contains(v.Reason, "no longer what was shared") || w.has(b) != 2 {
			t.Errorf("%+v", v)
		}
		w.stop()
	})
}

// Without a token nothing is asked; with one it begins.
func TestWaitsForTheHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.open = false
		w.start()
		a := w.share(0, 2)
		time.Sleep(time.Hour)
		if w.asked() != 0 {
			t.Errorf("%d calls", w.asked())
		}
		w.set(func() { w.open = true })
		w.keeper.Opened(1 << 30)
		time.Sleep(time.Minute)
		if w.has(a) != 2 {
			t.Error("it did not begin")
		}
		w.stop()
	})
}

func TestThrottle(t *testing.T) {
	var got []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) }))
	defer server.Close()
	var leave []int
	client := &http.Client{Transport: Throttle(http.DefaultTransport, func(_ context.Context, n int) error {
		leave = append(leave, n)
		return nil
	})}
	body := bytes.Repeat([]byte("x"), 3*throttledPart+5)
	resp, err := client.Post(server.URL, "text/plain", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	sum := 0
	for _, n := range leave {
		if sum += n; n > throttledPart {
			t.Errorf("%d bytes at once", n)
		}
	}
	if sum != len(body) || !bytes.Equal(got, body) {
		t.Errorf("leave for %d bytes of %d, %d came", sum, len(body), len(got))
	}
}
