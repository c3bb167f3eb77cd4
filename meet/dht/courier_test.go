package dht

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/meet"
)

// inBubble runs a test in an ether with 20 honest nodes, at a time of the day.
func inBubble(t *testing.T, clock time.Duration, f func(t *testing.T, e *ether, routers []string)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(clock)
		e := newEther(20 * time.Millisecond)
		nodes := populate(t, 20, inEther(e))
		f(t, e, routersOf(nodes.addrs[:3]...))
	})
}

func send(t *testing.T, c *Courier, to meet.Correspondent, note string) {
	t.Helper()
	if _, _, err := c.Send(t.Context(), to, []byte(note)); err != nil {
		t.Fatal(err)
	}
}

// drain gives the notes that came.
func (b *box) drain() (notes []string) {
	synctest.Wait()
	for len(b.notes) > 0 {
		notes = append(notes, (<-b.notes).note)
	}
	return notes
}

// The switch stops everything, also while it runs, and says so.
func TestSwitch(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, e *ether, routers []string) {
		p := newPair()
		c, _ := start(t, Options{Account: p.ann, Routers: routers}, e.host, p.toBob)
		time.Sleep(time.Minute)
		if s := c.State(); !s.Working || !strings.Contains(s.Reason, "nodes answer") {
			t.Errorf("on: %+v", s)
		}
		c.SetEnabled(false)
		time.Sleep(2 * time.Second)
		before := e.packets()
		c.Hasten(p.toBob)
		c.NetworkChanged()
		_, _, err := c.Send(t.Context(), p.toBob, []byte("x"))
		if err == nil || kith.KindOf(err) != kith.Unreachable {
			t.Errorf("Send while off: %v", err)
		}
		time.Sleep(time.Hour)
		if n := e.packets() - before; n != 0 {
			t.Errorf("%d packets while off", n)
		}
		if s := c.State(); s.Working || s.Unknown || s.Reason != "Switched off." {
			t.Errorf("off: %+v", s)
		}
		c.SetEnabled(true)
		send(t, c, p.toBob, "x")
	})
}

// Whoever configured no router is not told that the network blocks the DHT.
func TestNoRouters(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, e *ether, _ []string) {
		p := newPair()
		c, _ := start(t, Options{Account: p.ann, Routers: []string{}}, e.host, p.toBob)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, _, err := c.Send(ctx, p.toBob, []byte("x")); err == nil || err.Error() != noRouters {
			t.Errorf("Send: %v", err)
		}
		if s := c.State(); s.Working || s.Reason != noRouters {
			t.Errorf("state %+v", s)
		}
	})
}

// Where nobody answers, the state says so, Send fails with a sentence, and
// little is sent; when the network works again, so does the courier.
func TestBlocked(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, e *ether, routers []string) {
		p := newPair()
		var mu sync.Mutex
		blocked := true
		listen := func(network string) (net.PacketConn, error) {
			conn, err := e.host(network)
			if err != nil {
				return nil, err
			}
			return &plug{conn, func() bool { mu.Lock(); defer mu.Unlock(); return blocked }}, nil
		}
		c, _ := start(t, Options{Account: p.ann, Routers: routers}, listen, p.toBob)
		if s := c.State(); s.Working || !s.Unknown { // so it is tried at once
			t.Errorf("state at first %+v", s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, _, err := c.Send(ctx, p.toBob, []byte("x"))
		if err == nil || err.Error() != silence {
			t.Errorf("Send: %v", err)
		}
		if s := c.State(); s.Working || s.Unknown || s.Reason != silence || s.Way != "dht" {
			t.Errorf("state %+v", s)
		}
		before := e.packets()
		time.Sleep(10 * time.Minute) // after 15 the nodes do not name each other any more
		if n := e.packets() - before; n > 50 {
			t.Errorf("%d packets in ten minutes", n)
		}
		mu.Lock()
		blocked = false
		mu.Unlock()
		c.NetworkChanged()
		send(t, c, p.toBob, "x")
		if s := c.State(); !s.Working {
			t.Errorf("state %+v", s)
		}
		time.Sleep(time.Minute)
		mu.Lock()
		blocked = true
		mu.Unlock()
		c.Hasten(p.toBob)
		before = e.packets()
		time.Sleep(time.Minute)
		if s := c.State(); s.Working || s.Reason != silence {
			t.Errorf("when it is blocked later: %+v", s)
		}
		if n := e.packets() - before; n > 2500 {
			t.Errorf("%d packets while one waits for it", n)
		}
	})
}

// A plug is a socket that hears nothing while it is pulled.
type plug struct {
	net.PacketConn
	pulled func() bool
}

func (p *plug) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := p.PacketConn.ReadFrom(b)
		if err != nil || !p.pulled() {
			return n, from, err
		}
	}
}

// A restart with saved nodes asks no router.
func TestRestart(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, e *ether, routers []string) {
		p := newPair()
		var blob []byte
		c, err := New(Options{Account: p.ann, Enabled: true, Routers: routers, SaveNodes: func(b []byte) { blob = b }})
		if err != nil {
			t.Fatal(err)
		}
		c.listen = e.host
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.Run(ctx, newBox()); err != ctx.Err() {
			t.Error(err)
		}
		if len(blob) == 0 {
			t.Fatal("nothing was saved")
		}
		if s := c.State(); s.Working {
			t.Errorf("after Run: %+v", s)
		}
		again, _ := start(t, Options{Account: p.ann, Routers: []string{"203.0.113.1:6881"}, Nodes: blob}, e.host, p.toBob)
		send(t, again, p.toBob, "x")
		e.mu.Lock()
		defer e.mu.Unlock()
		if n := e.sent[netip.MustParseAddrPort("203.0.113.1:6881")]; n != 0 {
			t.Errorf("the router was sent %d packets", n)
		}
	})
}

// Around midnight, UTC, both days' notes are found.
func TestMidnight(t *testing.T) {
	inBubble(t, 23*time.Hour+50*time.Minute, func(t *testing.T, e *ether, routers []string) {
		p := newPair()
		ann, annBox := start(t, Options{Account: p.ann, Routers: routers}, e.host, p.toBob)
		bob, bobBox := start(t, Options{Account: p.bob, Routers: routers}, e.host, p.toAnn)
		time.Sleep(8 * time.Minute)
		if day := dayOf(time.Now()); day != dayOf(time.Now().Add(3*time.Minute))-1 {
			t.Fatal("it is not just before midnight")
		}
		send(t, ann, p.toBob, "late")
		time.Sleep(30 * time.Minute)
		if got := bobBox.drain(); len(got) != 1 || got[0] != "late" {
			t.Errorf("Bob got %q", got)
		}
		send(t, bob, p.toAnn, "early")
		time.Sleep(20 * time.Minute)
		if got := annBox.drain(); len(got) != 1 || got[0] != "early" {
			t.Errorf("Ann got %q", got)
		}
	})
	for clock, want := range map[string]int{"2030-05-05T12:00:00Z": 1, "2030-05-05T23:30:00Z": 2, "2030-05-05T00:30:00Z": 2, "2030-05-05T01:30:00Z": 1} {
		now, _ := time.Parse(time.RFC3339, clock)
		if days := daysAt(now); len(days) != want || days[0] != dayOf(now) {
			t.Errorf("%s: days %v", clock, days)
		}
	}
}

// Who holds an invitation is heard by its giver and hears them; of two at once
// the later is read at least, and a note in the first's place comes again.
func TestInvitation(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, e *ether, routers []string) {
		p := newPair()
		given := meet.Correspondent{Key: p.sharedMeet}
		held := meet.Correspondent{Account: p.ann, Key: p.sharedMeet, Joining: true}
		giver, giverBox := start(t, Options{Account: p.ann, Routers: routers}, e.host, given)
		bob, bobBox := start(t, Options{Account: p.bob, Routers: routers}, e.host, held)
		cem, cemBox := start(t, Options{Account: kith.AccountID{7}, Routers: routers}, e.host, held)
		send(t, bob, held, "from Bob")
		send(t, cem, held, "from Cem")
		giver.Hasten(given)
		time.Sleep(5 * time.Second)
		// It may have looked in between.
		if got := giverBox.drain(); len(got) == 0 || len(got) > 2 || got[len(got)-1] != "from Cem" {
			t.Errorf("the giver got %q", got)
		}
		send(t, bob, held, "from Bob again")
		time.Sleep(5 * time.Second)
		if got := giverBox.drain(); len(got) != 1 || got[0] != "from Bob again" {
			t.Errorf("the giver got %q", got)
		}
		send(t, giver, given, "to whoever asks")
		time.Sleep(20 * time.Minute)
		for _, b := range []*box{bobBox, cemBox} {
			if got := b.drain(); len(got) != 1 || got[0] != "to whoever asks" {
				t.Errorf("who holds it got %q", got)
			}
		}
	})
}

// Two devices of an account write the same item: whoever writes last is read,
// even if the other's clock is ahead.
func TestDevicesOfOneAccount(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, e *ether, routers []string) {
		p := newPair()
		phone, _ := start(t, Options{Account: p.ann, Routers: routers}, e.host, p.toBob)
		laptop, _ := start(t, Options{Account: p.ann, Routers: routers}, e.host, p.toBob)
		bob, box := start(t, Options{Account: p.bob, Routers: routers}, e.host, p.toAnn)
		laptop.Hasten(p.toBob) // it knows where to write before the phone does
		time.Sleep(5 * time.Second)
		phone.mu.Lock()
		ahead := phone.peer(p.toBob).slot(dayOf(time.Now()), string(p.ann[:]), dayOf(time.Now()))
		phone.mu.Unlock()
		ahead.seq = time.Now().Add(30 * 24 * time.Hour).UnixMilli()
		send(t, phone, p.toBob, "from the phone")
		send(t, laptop, p.toBob, "from the laptop")
		bob.Hasten(p.toAnn)
		time.Sleep(10 * time.Second)
		if got := box.drain(); len(got) != 1 || got[0] != "from the laptop" {
			t.Errorf("Bob got %q", got)
		}
		send(t, phone, p.toBob, "once more")
		send(t, phone, p.toBob, "once more")
		bob.Hasten(p.toAnn)
		time.Sleep(10 * time.Second)
		if got := box.drain(); len(got) != 1 || got[0] != "once more" {
			t.Errorf("Bob got %q", got)
		}
	})
}

// An idle one who looks every ten minutes and one who called meanwhile find each
// other: the caller looks again and again until then.
func TestLateAnswerIsFound(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, e *ether, routers []string) {
		p := newPair()
		ann, annBox := start(t, Options{Account: p.ann, Routers: routers}, e.host, p.toBob)
		bob, bobBox := start(t, Options{Account: p.bob, Routers: routers}, e.host, p.toAnn)
		time.Sleep(time.Minute)
		send(t, ann, p.toBob, "offer")
		bobBox.get(t, 16*time.Minute)
		send(t, bob, p.toAnn, "answer")
		annBox.get(t, time.Minute+time.Second)
		send(t, ann, p.toBob, "a fresh offer")
		bobBox.get(t, time.Minute)
	})
}

// When its socket breaks, the courier opens another.
func TestBrokenSocket(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, e *ether, routers []string) {
		p := newPair()
		var mu sync.Mutex
		var conns []net.PacketConn
		listen := func(network string) (net.PacketConn, error) {
			conn, err := e.host(network)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				conns = append(conns, conn)
			}
			return conn, err
		}
		c, _ := start(t, Options{Account: p.ann, Routers: routers}, listen, p.toBob)
		send(t, c, p.toBob, "1")
		mu.Lock()
		conns[0].Close()
		mu.Unlock()
		synctest.Wait()
		if s := c.State(); s.Working || !strings.Contains(s.Reason, "socket") {
			t.Errorf("state %+v", s)
		}
		send(t, c, p.toBob, "2")
		if len(conns) != 2 {
			t.Errorf("%d sockets", len(conns))
		}
	})
}

func TestNew(t *testing.T) {
	for _, bad := range []string{"", "host", "host:", "host:0", "host:53", "host:70000", ":::"} {
		if _, err := New(Options{Routers: []string{bad}}); kith.KindOf(err) != kith.Invalid {
			t.Errorf("router %q: %v", bad, err)
		}
	}
	c, err := New(Options{})
	if err != nil || c.Name() != "dht" || c.Live() {
		t.Fatal(c, err)
	}
	if s := c.State(); s.Reason != "Switched off." {
		t.Errorf("state %+v", s)
	}
	for _, size := range []int{0, meet.MaxNote + 1} {
		if _, _, err := c.Send(t.Context(), meet.Correspondent{}, make([]byte, size)); kith.KindOf(err) != kith.Invalid {
			t.Errorf("a note of %d bytes: %v", size, err)
		}
	}
}

// An item opens only with everything right.
func TestItem(t *testing.T) {
	p := newPair()
	it := newItem(p.sharedMeet, 20000, joiner)
	put := it.sign(5, []byte("note"))
	good := answer{key: it.public, sig: put.Sig, seq: &put.Seq, value: []byte("4:note")}
	if note, ok := it.open(&good); !ok || string(note) != "note" {
		t.Fatal("a good item is refused")
	}
	other := int64(6)
	for name, spoil := range map[string]func(*answer){
		"key":       func(a *answer) { a.key[0]++ },
		"signature": func(a *answer) { a.sig[0]++ },
		"seq":       func(a *answer) { a.seq = &other },
		"no seq":    func(a *answer) { a.seq = nil },
		"value":     func(a *answer) { a.value = []byte("4:nope") },
		"form":      func(a *answer) { a.value = []byte("04:note") },
		"length":    func(a *answer) { a.value = []byte("5:note") },
		"integer":   func(a *answer) { a.value = []byte("i4e") },
		"nothing":   func(a *answer) { a.value = nil },
	} {
		a := good
		spoil(&a)
		if _, ok := it.open(&a); ok {
			t.Errorf("%s: it opens", name)
		}
	}
}
