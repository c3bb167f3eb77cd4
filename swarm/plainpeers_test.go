package swarm

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"kith/internal/btclient"
)

// TestAPeerThatFailsIsDialledAgain fetches from a peer that a tracker names and
// that closes the first connections.
func TestAPeerThatFailsIsDialledAgain(t *testing.T) {
	t.Parallel()
	tr := newTracker(t)
	raw, _, folder := ordinary(t, tr.URL+"/announce")
	a := openPlain(t, t.TempDir()) // asks no tracker: only the way through the proxy is known
	defer a.Close()
	if _, err := a.AddTorrent(raw, folder, PlainOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, fails := range []int32{1, 4} { // a dial makes two, with and without encryption
		l := btclient.Listen(t)
		defer l.Close()
		var taken atomic.Int32
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				if taken.Add(1) <= fails {
					c.Close()
					continue
				}
				there, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(a.Port())))
				if err != nil {
					c.Close()
					continue
				}
				go func() { io.Copy(c, there); c.Close() }()
				go func() { io.Copy(there, c); there.Close() }()
			}
		}()
		tr.name(l.Addr().(*net.TCPAddr).Port)
		dest := t.TempDir()
		b, err := OpenPlain(PlainConfig{
			Dir: t.TempDir(), Listen: net.JoinHostPort(btclient.LocalIP().String(), "0"), NoDHT: true, NoPEX: true, NoLAN: true,
			askAfter: 2 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		ih, err := b.AddTorrent(raw, dest, PlainOptions{})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "all of it", func() bool {
			st, err := b.Status(ih)
			return err == nil && st.State == Seeding
		})
		sameTree(t, filepath.Join(folder, "show"), filepath.Join(dest, "show"))
		if n := taken.Load(); n <= fails || n > fails+4 {
			t.Errorf("%d connections, of which the first %d were closed", n, fails)
		}
		b.Close()
		os.RemoveAll(dest)
	}
}

// TestWhoIsDialledAgain holds that dialling again is bounded and slows down.
func TestWhoIsDialledAgain(t *testing.T) {
	var l plainPeers
	begin := time.Unix(1e9, 0)
	l.connected("here:1", begin)
	l.learn("gone:1", begin)
	dials := map[string]int{}
	for s := range 6 * 3600 {
		now := begin.Add(time.Duration(s) * time.Second)
		l.connected("here:1", now)
		for _, addr := range l.due(now) {
			dials[addr]++
		}
		if s == 60 && (dials["gone:1"] < 4 || dials["gone:1"] > 8) {
			t.Errorf("who does not answer was dialled %d times in a minute", dials["gone:1"])
		}
	}
	if dials["gone:1"] != mostTries || l.known["gone:1"] != nil {
		t.Errorf("who does not answer was dialled %d times", dials["gone:1"])
	}
	if dials["here:1"] != 0 {
		t.Errorf("who is connected was dialled %d times", dials["here:1"])
	}
	for i := range 2 * mostKnown {
		l.learn("crowd:"+strconv.Itoa(i), begin)
	}
	if len(l.known) != mostKnown || len(l.due(begin.Add(time.Hour))) != mostAtOnce {
		t.Errorf("%d are known", len(l.known))
	}
}

// TestWhenTrackersAreAsked holds that they are not asked while something comes,
// and ever more seldom while nothing does.
func TestWhenTrackersAreAsked(t *testing.T) {
	var l plainPeers
	begin := time.Unix(1e9, 0)
	asked := func(from, to int, moved bool) (n int) {
		for s := from; s < to; s++ {
			if l.ask(begin.Add(time.Duration(s)*time.Second), moved, leastAsk) {
				n++
			}
		}
		return n
	}
	if n := asked(0, 3600, true); n != 0 {
		t.Errorf("asked %d times while something came", n)
	}
	if n := asked(3600, 7200, false); n < 5 || n > 9 {
		t.Errorf("asked %d times in an hour in which nothing came", n)
	}
	if n := asked(7200, 7200+24*3600, false); n < 40 || n > 50 {
		t.Errorf("asked %d times in a day in which nothing came", n)
	}
}
