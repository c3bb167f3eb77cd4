package seedpeer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/hubapi"
	"kith/swarm"
)

// patience is how long a test waits for what should happen soon.
const patience = 2 * time.Minute

// A box is a seedbox in memory. Its fields are set before it is asked.
type box struct {
	*httptest.Server
	info, data []byte
	piece      int

	mu     sync.Mutex // guards the rest
	have   []byte
	spoil  func(offset int64, b []byte)                      // changes what it sends
	refuse func(w http.ResponseWriter, r *http.Request) bool // instead of an answer
	states int                                               // how often it was asked what it has
	ranges int
}

// has makes a seedbox that keeps all of a share.
func has(t *testing.T, s *swarm.Swarm, ref kith.FileRef) *box {
	t.Helper()
	d, err := s.Describe(ref.Infohash)
	if err != nil {
		t.Fatal(err)
	}
	b := &box{info: d.Info, piece: int(d.Piece), have: make([]byte, (d.Pieces()+7)/8)}
	for i := range d.Pieces() {
		p, err := s.Piece(ref.Infohash, i, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.data = append(b.data, p...)
		b.have[i/8] |= 0x80 >> (i % 8)
	}
	b.Server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.Close)
	return b
}

func (b *box) serve(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	refuse, spoil, have := b.refuse, b.spoil, append([]byte(nil), b.have...)
	b.mu.Unlock()
	if refuse != nil && refuse(w, r) {
		return
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/info"):
		w.Write(b.info)
	case strings.HasSuffix(r.URL.Path, "/data"):
		b.mu.Lock()
		b.ranges++
		b.mu.Unlock()
		var from, to int64
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil || to >= int64(len(b.data)) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		part := append([]byte(nil), b.data[from:to+1]...)
		if spoil != nil {
			spoil(from, part)
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(b.data)))
		w.WriteHeader(http.StatusPartialContent)
		w.Write(part)
	default:
		b.mu.Lock()
		b.states++
		b.mu.Unlock()
		json.NewEncoder(w).Encode(hubapi.Kept{Size: int64(len(b.data)), Have: have, Pieces: (len(b.data) + b.piece - 1) / b.piece})
	}
}

func (b *box) asked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.states
}

func open(t *testing.T) *swarm.Swarm {
	t.Helper()
	s, err := swarm.Open(swarm.Config{Dir: filepath.Join(t.TempDir(), "swarm"), Allowed: func(kith.Peer, kith.Infohash) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// shared shares n bytes at a swarm of its own.
func shared(t *testing.T, n int) (*swarm.Swarm, kith.FileRef, []byte) {
	t.Helper()
	data := make([]byte, n)
	mathrand.NewChaCha8([32]byte{byte(n)}).Read(data)
	path := filepath.Join(t.TempDir(), "film.mkv")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	sealed, err := swarm.Seal(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t)
	if err := s.Share(sealed); err != nil {
		t.Fatal(err)
	}
	return s, sealed.Ref, data
}

// seeks has a swarm seek a share at hubs.
func seeks(t *testing.T, s *swarm.Swarm, ref kith.FileRef, hubs ...string) *Seeker {
	t.Helper()
	began := time.Now()
	quickly := func() time.Time { return began.Add(10 * time.Since(began)) } // pauses pass sooner
	seeker := NewSeeker(Config{Swarm: s, HTTP: http.DefaultClient, Log: slog.New(slog.DiscardHandler), Now: quickly})
	seeker.Want([]Want{{File: ref.Infohash, Hubs: hubs}})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		seeker.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
	return seeker
}

// eventually waits until f holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	end := time.NewTimer(patience)
	defer end.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("still waiting for %s", what)
		}
	}
}

// arrives waits until all of a share is there, as it was.
func arrives(t *testing.T, s *swarm.Swarm, ref kith.FileRef, dest string, want []byte) {
	t.Helper()
	eventually(t, "the file", func() bool {
		st, err := s.Status(ref.Infohash)
		return err == nil && st.State == swarm.Seeding
	})
	got, err := os.ReadFile(dest)
	if err != nil || sha256.Sum256(got) != sha256.Sum256(want) {
		t.Fatalf("%d bytes came, %v, which differ from what was shared", len(got), err)
	}
}

// fetching begins to fetch a share at a swarm of its own.
func fetching(t *testing.T, ref kith.FileRef) (s *swarm.Swarm, dest string) {
	t.Helper()
	s, dest = open(t), filepath.Join(t.TempDir(), "film.mkv")
	if err := s.Fetch(ref, dest, swarm.Selection{}); err != nil {
		t.Fatal(err)
	}
	return s, dest
}

// Somebody who never met who shared it gets all of it, the info dictionary too.
func TestFetchesFromASeedbox(t *testing.T) {
	for _, size := range []int{1, 100_000, 256 << 10, 20<<20 + 4321} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			ann, ref, data := shared(t, size)
			hub := has(t, ann, ref)
			bob, dest := fetching(t, ref)
			named := make(chan string, 1)
			seeks(t, bob, ref, hub.URL)
			eventually(t, "the hub among those who give", func() bool {
				st, _ := bob.Status(ref.Infohash)
				for _, p := range st.Peers {
					if p.Way == "hub" {
						named <- p.Name
						return true
					}
				}
				return st.State == swarm.Seeding
			})
			arrives(t, bob, ref, dest, data)
			select {
			case name := <-named:
				if name != hubapi.Host(hub.URL) {
					t.Errorf("it is called %q", name)
				}
			default: // it was too quick to be seen
			}
			if n := hub.asked(); n != 1 {
				t.Errorf("the hub was asked %d times what it has", n)
			}
		})
	}
}

// Pieces that come out wrong are judged as any member's: nothing more is taken
// from that hub, and all from the next one.
func TestAHubThatLies(t *testing.T) {
	t.Parallel()
	ann, ref, data := shared(t, 3<<20)
	liar, honest := has(t, ann, ref), has(t, ann, ref)
	liar.spoil = func(_ int64, b []byte) { b[len(b)/2] ^= 1 }
	bob, dest := fetching(t, ref)
	seeker := seeks(t, bob, ref, liar.URL)
	eventually(t, "the judgement", func() bool { return len(bob.Banned()) == 1 })
	if got := bob.Banned()[0]; got != id(liar.URL) {
		t.Errorf("%s was banned", got)
	}
	seeker.Want([]Want{{File: ref.Infohash, Hubs: []string{liar.URL, honest.URL}}})
	arrives(t, bob, ref, dest, data)
	if st, _ := bob.Status(ref.Infohash); st.Bad == 0 {
		t.Error("no piece was found wrong")
	}
}

// Two hubs that have a half each make a whole.
func TestHalvesAtTwoHubs(t *testing.T) {
	t.Parallel()
	ann, ref, data := shared(t, 4<<20)
	left, right := has(t, ann, ref), has(t, ann, ref)
	clear(left.have[len(left.have)/2:])
	clear(right.have[:len(right.have)/2])
	bob, dest := fetching(t, ref)
	seeks(t, bob, ref, left.URL, right.URL)
	arrives(t, bob, ref, dest, data)
}

// A hub that goes in the middle is left alone for a while and asked again.
func TestHubGoneInTheMiddle(t *testing.T) {
	t.Parallel()
	ann, ref, data := shared(t, 8<<20)
	hub := has(t, ann, ref)
	refused, down := 0, true
	hub.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		hub.mu.Lock()
		defer hub.mu.Unlock()
		if hub.ranges < 3 || !down {
			return false
		}
		refused++
		panic(http.ErrAbortHandler)
	}
	bob, dest := fetching(t, ref)
	seeks(t, bob, ref, hub.URL)
	eventually(t, "the hub's end", func() bool {
		hub.mu.Lock()
		defer hub.mu.Unlock()
		return refused > fetches // more than were under way: it was asked again
	})
	hub.mu.Lock()
	down = false
	hub.mu.Unlock()
	arrives(t, bob, ref, dest, data)
	hub.mu.Lock()
	defer hub.mu.Unlock()
	if refused > 3*fetches {
		t.Errorf("it was asked %d times while it was away", refused)
	}
}

// A hub that takes its time is waited for.
func TestASlowHub(t *testing.T) {
	t.Parallel()
	ann, ref, data := shared(t, 2<<20)
	hub := has(t, ann, ref)
	late := time.NewTicker(100 * time.Millisecond)
	defer late.Stop()
	hub.spoil = func(int64, []byte) { <-late.C }
	bob, dest := fetching(t, ref)
	seeks(t, bob, ref, hub.URL)
	arrives(t, bob, ref, dest, data)
}

// What a hub says of itself is not believed if it can't be.
func TestContradictions(t *testing.T) {
	for name, k := range map[string]hubapi.Kept{
		"no size":         {Size: 0, Pieces: 1, Have: []byte{0x80}},
		"too many pieces": {Size: 1 << 50, Pieces: maxPieces + 1, Have: make([]byte, maxPieces/8+1)},
		"a short set":     {Size: 1 << 20, Pieces: 16, Have: []byte{0xff}},
		"no such length":  {Size: 1 << 20, Pieces: 5, Have: []byte{0xff}},
	} {
		if _, err := check(&k); kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := check(&hubapi.Kept{Size: 1 << 20, Pieces: 4, Have: []byte{0}}); kith.KindOf(err) != kith.NotFound {
		t.Errorf("nothing there: %v", err)
	}
	for _, c := range []struct{ size, piece int64 }{{1, 16 << 10}, {1 << 20, 256 << 10}, {20<<20 + 1, 256 << 10}, {5 << 30, 2 << 20}, {1<<40 + 1, 16 << 20}} {
		n := int((c.size + c.piece - 1) / c.piece)
		have := make([]byte, (n+7)/8)
		have[0] = 0x80
		if got, err := check(&hubapi.Kept{Size: c.size, Pieces: n, Have: have}); err != nil || got != c.piece && n > 1 {
			t.Errorf("a file of %d bytes has pieces of %d, want %d: %v", c.size, got, c.piece, err)
		}
	}
}
