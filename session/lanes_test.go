package session

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"kith"
	"kith/link"
)

// bulk opens a bulk stream and gives both ends. Something was said in it.
func bulk(t testing.TB, la, lb link.Link) (a, b link.Stream) {
	t.Helper()
	ctx := inTime(t)
	a, err := la.Open(ctx, link.Swarm)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	purpose, b, err := lb.Accept(ctx)
	if err != nil || purpose != link.Swarm {
		t.Fatalf("accepted %v, %v", purpose, err)
	}
	if _, err := io.ReadFull(b, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// move sends random bytes from one end to the other and compares them.
func move(t testing.TB, from, to link.Stream, size int) {
	t.Helper()
	source := rand.NewChaCha8([32]byte{byte(size)})
	data := make([]byte, size)
	source.Read(data)
	sent := make(chan error, 1)
	go func() {
		_, err := from.Write(data)
		sent <- err
	}()
	got := make([]byte, size)
	if n, err := io.ReadFull(to, got); err != nil {
		t.Fatalf("%d bytes of %d arrived: %v", n, size, err)
	}
	if !bytes.Equal(got, data) {
		t.Fatalf("sent %x, got %x", sha256.Sum256(data), sha256.Sum256(got))
	}
	if err := await(t, sent, "the writer"); err != nil {
		t.Fatal(err)
	}
}

// lanesOf is how many lanes a link has, and how many streams there are on them.
func lanesOf(l link.Link) (lanes, open int) {
	for _, lane := range l.(*quicLink).lanes.live() {
		lanes++
		open += int(lane.open.Load())
	}
	return lanes, open
}

// newEagerNode is a node that opens lanes without losses, and leaves looking
// after them to the test.
func newEagerNode(t testing.TB) *node {
	n := newNode(t)
	n.eager, n.pace = true, time.Hour
	return n
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	ctx := inTime(t)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !so() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("still waiting for %s", what)
		}
	}
}

// moveUntilLanes moves bytes until both ends have lanes and use them.
func moveUntilLanes(t testing.TB, la, lb link.Link, from, to link.Stream) {
	t.Helper()
	ctx := inTime(t)
	for {
		move(t, from, to, laneAfter)
		na, oa := lanesOf(la)
		nb, ob := lanesOf(lb)
		if na == laneCount && nb == laneCount && oa >= laneCount && ob >= laneCount {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%d and %d lanes, %d and %d streams on them", na, nb, oa, ob)
		}
	}
}

func TestBulkGetsLanes(t *testing.T) {
	for name, connect := range map[string]func(testing.TB, *node, *node) (link.Link, link.Link){
		"knocked": dial, "offered": offered,
	} {
		t.Run(name, func(t *testing.T) {
			la, lb := connect(t, newEagerNode(t), newEagerNode(t))
			a, b := bulk(t, la, lb)
			moveUntilLanes(t, la, lb, a, b)
			move(t, b, a, 3<<20)
			a.Close()
			if rest, err := io.ReadAll(b); len(rest) > 0 || err != nil {
				t.Errorf("after the end: %d bytes, %v", len(rest), err)
			}
		})
	}
}

// The acceptor's bytes make lanes, too, and a link whose port is no longer open
// to handshakes gets them.
func TestLanesLaterFromTheOtherSide(t *testing.T) {
	na, nb := newEagerNode(t), newEagerNode(t)
	la, lb := dial(t, na, nb)
	nb.SetDoors(nil)
	for _, n := range []*node{na, nb} {
		n.guard.mu.Lock()
		clear(n.guard.admitted) // as it is after admitFor
		n.guard.mu.Unlock()
	}
	a, b := bulk(t, la, lb)
	moveUntilLanes(t, la, lb, b, a)
}

// Lanes go where the link goes: through a relay at either side.
func TestLanesOverRelays(t *testing.T) {
	relay := newTURN(t)
	for name, hidden := range map[string]int{"offer's": 0, "answer's": 1} {
		t.Run(name, func(t *testing.T) {
			nodes := [2]*node{newEagerNode(t), newEagerNode(t)}
			relay.use(t, nodes[hidden], true, "udp")
			la, lb := offered(t, nodes[0], nodes[1])
			if la.Path().Kind != link.Relayed {
				t.Fatalf("path %+v", la.Path())
			}
			a, b := bulk(t, la, lb)
			moveUntilLanes(t, la, lb, a, b)
		})
	}
}

// A talk, and a bulk stream of few bytes, get no lanes.
func TestFewBytesGetNoLanes(t *testing.T) {
	la, lb := dial(t, newEagerNode(t), newEagerNode(t))
	talk, err := la.Open(inTime(t), link.Talk)
	if err != nil {
		t.Fatal(err)
	}
	talk.Write([]byte("hi"))
	_, other, err := lb.Accept(inTime(t))
	if err != nil {
		t.Fatal(err)
	}
	io.ReadFull(other, make([]byte, 2))
	move(t, talk, other, 2*laneAfter)
	a, b := bulk(t, la, lb)
	move(t, a, b, laneAfter/2)
	la.(*quicLink).lanes.mu.Lock()
	opening := la.(*quicLink).lanes.opening
	la.(*quicLink).lanes.mu.Unlock()
	if n, _ := lanesOf(la); n > 0 || opening {
		t.Errorf("%d lanes", n)
	}
}

// Where nothing gets lost there is no need for lanes; where something does, it
// is the writer who notices.
func TestLanesBecauseOfLosses(t *testing.T) {
	la, _ := dial(t, newNode(t), newNode(t))
	s := &la.(*quicLink).lanes
	s.count(laneAfter)
	s.mu.Lock()
	lost := la.(*quicLink).conn.ConnectionStats().PacketsLost
	if s.opening && lost == 0 {
		t.Error("lanes without losses")
	}
	s.mu.Unlock()
	for i := range laneCount {
		s.mu.Lock()
		s.lost, s.retry = lost+1, time.Time{} // as if another one was lost, after laneStep
		s.mu.Unlock()
		s.count(1)
		eventually(t, "one more lane", func() bool {
			n, _ := lanesOf(la)
			s.mu.Lock()
			defer s.mu.Unlock()
			return n == i+1 && !s.opening
		})
	}
}

// A lane is lost: the streams on it end with an error at both sides, the link
// does not, and a new stream goes on over what is left.
func TestLaneLost(t *testing.T) {
	la, lb := dial(t, newEagerNode(t), newEagerNode(t))
	a, b := bulk(t, la, lb)
	moveUntilLanes(t, la, lb, a, b)
	closeConn(la.(*quicLink).lanes.live()[0].conn, link.Lost)
	ended := make(chan error, 2)
	go func() {
		_, err := io.Copy(io.Discard, b)
		ended <- err
	}()
	go func() {
		var err error
		for err == nil {
			_, err = a.Write(make([]byte, 64<<10))
		}
		ended <- err
	}()
	for range cap(ended) {
		if err := await(t, ended, "the end of the stream"); kith.KindOf(err) != kith.Unreachable {
			t.Errorf("ended with %v", err)
		}
	}
	a, b = bulk(t, la, lb)
	move(t, a, b, 2*laneAfter)
	for _, l := range []link.Link{la, lb} {
		select {
		case <-l.Done():
			t.Errorf("the link ended: %v", l.Reason())
		default:
		}
	}
}

// When nothing is written the streams leave the lanes, then these are closed;
// the streams go on, and get new ones.
func TestLanesEndWhenIdle(t *testing.T) {
	la, lb := dial(t, newEagerNode(t), newEagerNode(t))
	a, b := bulk(t, la, lb)
	moveUntilLanes(t, la, lb, a, b)
	ends := []*lanes{&la.(*quicLink).lanes, &lb.(*quicLink).lanes}
	lanes := ends[0].live()
	for range restPaces + 1 {
		for _, s := range ends {
			s.look()
		}
	}
	for _, l := range []link.Link{la, lb} {
		eventually(t, "the end of the streams on lanes", func() bool {
			_, open := lanesOf(l)
			return open == 0
		})
	}
	eventually(t, "the end of the lanes", func() bool {
		ends[1].look()
		return !ends[0].look()
	})
	for _, l := range lanes {
		await(t, l.conn.Context().Done(), "the end of a lane")
	}
	eventually(t, "the end of the lanes at the other side", func() bool { return !ends[1].look() })
	move(t, b, a, 100<<10)
	move(t, a, b, 100<<10)
	moveUntilLanes(t, la, lb, b, a)
}

// A stream that nobody reads keeps its lanes, with all that is on them.
func TestLanesOfAStalledStreamStay(t *testing.T) {
	la, lb := dial(t, newEagerNode(t), newEagerNode(t))
	a, b := bulk(t, la, lb)
	moveUntilLanes(t, la, lb, a, b)
	const size = 24 << 20 // more than all windows
	sent := make(chan error, 1)
	go func() {
		_, err := a.Write(make([]byte, size))
		sent <- err
	}()
	last := uint64(0)
	eventually(t, "the writer to stop", func() bool {
		written, _ := a.(*bulkStream).out.Progress()
		stopped := written == last
		last = written
		return stopped
	})
	for range 3 * closePaces {
		la.(*quicLink).lanes.look()
		lb.(*quicLink).lanes.look()
	}
	if n, err := io.CopyN(io.Discard, b, size); err != nil {
		t.Fatalf("%d bytes, then %v", n, err)
	}
	if err := await(t, sent, "the writer"); err != nil {
		t.Error(err)
	}
}
