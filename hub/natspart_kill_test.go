package hub

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kith/hubapi"
)

const (
	clusterSenders = 4
	// clusterBefore is how much is left before a server is killed, and
	// clusterAfter after that.
	clusterBefore, clusterAfter = 150, 300
	// goesOn bounds how long nothing can be left: the servers that are left
	// need 4 to 9 seconds to see that the leader is gone and choose another.
	goesOn = time.Minute
)

// Two hubs stand on a cluster of three, and many leave envelopes through both,
// when the server that leads them is killed. What was acknowledged arrives, once,
// at a device that is there all the time; what was not may arrive or not, and
// not twice. Meanwhile the moderator's word holds on both hubs.
func TestAServerOfTheClusterIsKilled(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	dir := t.TempDir()
	one, _ := startHub(t, dir, c.config)
	two, _ := startHub(t, t.TempDir(), c.config)
	owner, box, token := greet(t, two, 1), keyNumber(9), hubapi.Hash{1}
	owner.open(box, token)
	inbox := newInbox(owner)
	other := greet(t, two, 2)

	load := newLoad(t, []*Hub{one, two}, hubapi.KeyOf(box), token)
	load.until(clusterBefore)
	killed := c.leader("kith-mail")
	c.kill(killed)
	at := time.Now()

	// It holds on both, with one server less.
	admin := NewAdmin(dir)
	if _, err := admin.Notify(t.Context(), "", "a server is gone"); err != nil {
		t.Error(err)
	}
	expect[hubapi.Notice](other)
	if _, err := admin.Block(t.Context(), hubapi.KeyOf(other.key).String(), time.Hour); err != nil {
		t.Error(err)
	}
	expect[hubapi.Blocked](other)
	t.Logf("a notice and a block hold on both hubs %v after a server was killed", time.Since(at).Round(time.Millisecond))

	load.until(clusterBefore + clusterAfter)
	c.start(killed)
	acknowledged, gap := load.stop()
	t.Logf("%d envelopes were acknowledged and %d not; for %v none was", len(acknowledged), load.failed, gap.Round(time.Millisecond))
	if gap > goesOn {
		t.Errorf("nothing could be left for %v", gap)
	}
	for body := range acknowledged {
		eventually(t, body+" arrives", func() bool { return inbox.count(body) > 0 })
	}
	for body, n := range inbox.all() {
		if n != 1 {
			t.Errorf("%q came %d times", body, n)
		}
	}
	eventually(t, "the server that was killed has all again", func() bool { return c.whole("kith-mail") && c.whole("kith-block") })
}

// An inbox takes what comes for a device and counts it.
type inbox struct {
	mu  sync.Mutex                 // guards got
	got map[string]map[uint64]bool // numbers by body
}

func newInbox(r *raw) *inbox {
	in := &inbox{got: map[string]map[uint64]bool{}}
	r.ws.SetReadDeadline(time.Time{})
	go func() {
		for {
			_, data, err := r.ws.ReadMessage()
			if err != nil {
				return // the test ends
			}
			f, err := hubapi.ParseFrame(data)
			if err != nil {
				continue
			}
			if m, ok := f.(*hubapi.Mail); ok {
				in.mu.Lock()
				if in.got[string(m.Body)] == nil {
					in.got[string(m.Body)] = map[uint64]bool{}
				}
				in.got[string(m.Body)][m.ID] = true
				in.mu.Unlock()
				taken, err := hubapi.AppendFrame(nil, &hubapi.Taken{Box: m.Box, IDs: []uint64{m.ID}})
				if err != nil || r.ws.WriteMessage(websocket.BinaryMessage, taken) != nil {
					return
				}
			}
		}
	}()
	return in
}

func (in *inbox) count(body string) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.got[body])
}

// all is how often what came.
func (in *inbox) all() map[string]int {
	in.mu.Lock()
	defer in.mu.Unlock()
	counts := map[string]int{}
	for body, ids := range in.got {
		counts[body] = len(ids)
	}
	return counts
}

// A load leaves envelopes through several hubs, each with a body of its own.
type load struct {
	t       *testing.T
	cancel  context.CancelFunc
	senders sync.WaitGroup
	more    chan struct{} // holds one: another one was acknowledged

	mu           sync.Mutex // guards all below
	acknowledged map[string]bool
	failed       int
	last         time.Time
	gap          time.Duration // the longest without one
}

func newLoad(t *testing.T, hubs []*Hub, box hubapi.Key, token hubapi.Hash) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{t: t, cancel: cancel, more: make(chan struct{}, 1), acknowledged: map[string]bool{}, last: time.Now()}
	for sender := range clusterSenders {
		url := hubs[sender%len(hubs)].URL()
		l.senders.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				body := fmt.Sprint("sender ", sender, " envelope ", n)
				// Even the last one is waited for: it may be acknowledged.
				status, _, _ := request(t, http.MethodPost, url+hubapi.PathBox+hubapi.EncodeName(box), "Bearer "+hubapi.EncodeName(token), body)
				l.note(body, status == http.StatusCreated)
			}
		})
	}
	t.Cleanup(func() { l.stop() })
	return l
}

func (l *load) note(body string, acknowledged bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !acknowledged {
		l.failed++
		return
	}
	now := time.Now()
	l.gap = max(l.gap, now.Sub(l.last))
	l.last = now
	l.acknowledged[body] = true
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// until waits until so many were acknowledged.
func (l *load) until(n int) {
	l.t.Helper()
	late := time.After(3 * goesOn)
	for {
		l.mu.Lock()
		so := len(l.acknowledged)
		l.mu.Unlock()
		if so >= n {
			return
		}
		select {
		case <-l.more:
		case <-late:
			l.t.Fatalf("%d envelopes of %d were acknowledged", so, n)
		}
	}
}

// stop ends it, and tells what was acknowledged and for how long nothing was.
func (l *load) stop() (map[string]bool, time.Duration) {
	l.cancel()
	l.senders.Wait()
	return l.acknowledged, l.gap
}
