package swarm

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/anacrolix/torrent/bencode"

	"kith/internal/btclient"
)

// A tracker is a small one of BEP 3 with compact peers (BEP 23). It never
// forgets.
type tracker struct {
	*httptest.Server

	mu    sync.Mutex // guards all below
	peers map[string]bool
	said  map[int][]string // events by port, without those of no name
}

func newTracker(t *testing.T) *tracker {
	tr := &tracker{peers: map[string]bool{}, said: map[int][]string{}}
	// At a loopback address libtorrent would not ask it about other ones.
	l := btclient.Listen(t)
	tr.Server = httptest.NewUnstartedServer(tr)
	tr.Server.Listener.Close()
	tr.Server.Listener = l
	tr.Start()
	t.Cleanup(tr.Close)
	return tr
}

func (tr *tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	port, err := strconv.ParseUint(r.FormValue("port"), 10, 16)
	if err != nil || len(r.FormValue("info_hash")) != 20 {
		http.Error(w, "not an announce", http.StatusBadRequest)
		return
	}
	// The address that it was told to listen at; all are on this machine.
	self := binary.BigEndian.AppendUint16(btclient.LocalIP().To4(), uint16(port))
	tr.mu.Lock()
	defer tr.mu.Unlock()
	event := r.FormValue("event")
	if event != "" {
		tr.said[int(port)] = append(tr.said[int(port)], event)
	}
	if event != "stopped" {
		tr.peers[string(self)] = true
	}
	var list []byte
	for p := range tr.peers {
		if p != string(self) {
			list = append(list, p...)
		}
	}
	w.Write(bencode.MustMarshal(map[string]any{"interval": 1800, "peers": string(list)}))
}

// name has the tracker name a port from now on.
func (tr *tracker) name(port int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	clear(tr.peers)
	tr.peers[string(binary.BigEndian.AppendUint16(btclient.LocalIP().To4(), uint16(port)))] = true
}

// knows reports whether somebody announced a port.
func (tr *tracker) knows(port int) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.peers[string(binary.BigEndian.AppendUint16(btclient.LocalIP().To4(), uint16(port)))]
}

// heard is which events somebody at a port told.
func (tr *tracker) heard(port int) []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.said[port])
}

// ordinary makes a torrent of several files, and gives it, a file that holds it
// and the folder with theirs.
func ordinary(t *testing.T, tracker string) (raw []byte, torrent, folder string) {
	folder = t.TempDir()
	noise(t, filepath.Join(folder, "show", "one.mkv"), 5<<20+17, 1)
	noise(t, filepath.Join(folder, "show", "sub", "two é.mkv"), 300_000, 2)
	noise(t, filepath.Join(folder, "show", "three.txt"), 1, 3)
	raw, torrent = btclient.Torrent(t, filepath.Join(folder, "show"), tracker)
	return raw, torrent, folder
}

// TestOtherPrograms passes an ordinary torrent to and from other BitTorrent
// programs, which find each other by a tracker.
func TestOtherPrograms(t *testing.T) {
	for _, c := range []btclient.Program{btclient.Transmission, btclient.Aria, btclient.Libtorrent} {
		for _, theySeed := range []bool{false, true} {
			name := c.Name + " fetches from us"
			if theySeed {
				name = "we fetch from " + c.Name
			}
			t.Run(name, func(t *testing.T) {
				c.Need(t)
				t.Parallel()
				passOn(t, c, theySeed)
			})
		}
	}
}

func passOn(t *testing.T, c btclient.Program, theySeed bool) {
	tr := newTracker(t)
	raw, torrent, folder := ordinary(t, tr.URL+"/announce")
	ours, theirs, dest := folder, t.TempDir(), ""
	if dest = theirs; theySeed {
		ours, theirs = theirs, folder
		dest = ours
	}
	job := btclient.Job{Torrent: torrent, Dir: theirs, Port: btclient.FreePort(t), Seed: theySeed}
	if theySeed {
		c.Start(t, job)
		eventually(t, c.Name+" to announce itself", func() bool { return tr.knows(job.Port) })
	}
	p, err := OpenPlain(PlainConfig{
		Dir: t.TempDir(), Listen: net.JoinHostPort(btclient.LocalIP().String(), "0"), NoDHT: true, NoPEX: true, NoLAN: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ih, err := p.AddTorrent(raw, ours, PlainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !theySeed {
		eventually(t, "us to announce ourselves", func() bool {
			st, err := p.Status(ih)
			return err == nil && st.State == Seeding && tr.knows(p.Port())
		})
		c.Start(t, job)
	}
	whole := func(name string) bool {
		fi, err := os.Stat(filepath.Join(dest, "show", name))
		want, wantErr := os.Stat(filepath.Join(folder, "show", name))
		return err == nil && wantErr == nil && fi.Size() == want.Size()
	}
	eventually(t, "all of it", func() bool {
		if theySeed {
			st, err := p.Status(ih)
			return err == nil && st.State == Seeding
		}
		return whole("one.mkv") && whole("three.txt") && whole("sub/two é.mkv") && equalTrees(filepath.Join(folder, "show"), filepath.Join(dest, "show"))
	})
	sameTree(t, filepath.Join(folder, "show"), filepath.Join(dest, "show"))
}

// equalTrees reports whether every file of a folder lies in another as well.
func equalTrees(a, b string) bool {
	for _, name := range []string{"one.mkv", "three.txt", "sub/two é.mkv"} {
		x, errX := os.ReadFile(filepath.Join(a, name))
		y, errY := os.ReadFile(filepath.Join(b, name))
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			return false
		}
	}
	return true
}
