package swarm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"
)

// A client is another BitTorrent program. start gives its process, which
// fetches what a torrent file describes to a folder, or seeds it from there.
type client struct {
	name  string
	pkg   string // of Debian
	found func() bool
	start func(t *testing.T, torrent, dir, ip string, port int, seed bool) *exec.Cmd
}

var clients = []client{
	{"transmission", "transmission-cli", has("transmission-cli"), startTransmission},
	{"aria2", "aria2", has("aria2c"), startAria},
	{"libtorrent", "python3-libtorrent", func() bool { return exec.Command(systemPython, "-c", "import libtorrent").Run() == nil }, startLibtorrent},
}

// systemPython is the one that has Debian's modules.
const systemPython = "/usr/bin/python3"

func has(program string) func() bool {
	return func() bool {
		_, err := exec.LookPath(program)
		return err == nil
	}
}

func startTransmission(t *testing.T, torrent, dir, ip string, port int, _ bool) *exec.Cmd {
	home := t.TempDir()
	settings := fmt.Sprintf(`{"dht-enabled":false,"lpd-enabled":false,"pex-enabled":false,"utp-enabled":false,
		"port-forwarding-enabled":false,"bind-address-ipv4":%q,"trash-original-torrent-files":false}`, ip)
	if err := os.WriteFile(filepath.Join(home, "settings.json"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	// It hashes what it finds without being told to. Told to by -v it does so twice,
	// and ends if it looks at itself between the two.
	return exec.Command("transmission-cli", "-g", home, "-w", dir, "-p", strconv.Itoa(port), "-M", torrent)
}

func startAria(_ *testing.T, torrent, dir, _ string, port int, seed bool) *exec.Cmd {
	args := []string{
		"--no-conf", "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
		"--listen-port=" + strconv.Itoa(port), "--dir=" + dir, "--file-allocation=none",
	}
	if seed {
		args = append(args, "--check-integrity=true", "--seed-ratio=0.0")
	} else {
		args = append(args, "--seed-time=0")
	}
	return exec.Command("aria2c", append(args, torrent)...)
}

// libtorrentScript fetches and seeds until it is killed.
const libtorrentScript = `
import libtorrent as lt, sys, time
torrent, dir, ip, port = sys.argv[1:5]
s = lt.session({"listen_interfaces": ip + ":" + port, "enable_dht": False, "enable_lsd": False,
                "enable_upnp": False, "enable_natpmp": False})
s.add_torrent({"ti": lt.torrent_info(torrent), "save_path": dir})
while True:
    time.sleep(1)
`

func startLibtorrent(_ *testing.T, torrent, dir, ip string, port int, _ bool) *exec.Cmd {
	return exec.Command(systemPython, "-c", libtorrentScript, torrent, dir, ip, strconv.Itoa(port))
}

// A tracker is a small one of BEP 3 with compact peers (BEP 23). It never
// forgets.
type tracker struct {
	*httptest.Server

	mu    sync.Mutex // guards all below
	peers map[string]bool
}

func newTracker(t *testing.T) *tracker {
	tr := &tracker{peers: map[string]bool{}}
	// At a loopback address libtorrent would not ask it about other ones.
	l, err := net.Listen("tcp", net.JoinHostPort(localIP().String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
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
	self := binary.BigEndian.AppendUint16(localIP().To4(), uint16(port))
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if r.FormValue("event") != "stopped" {
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
	tr.peers[string(binary.BigEndian.AppendUint16(localIP().To4(), uint16(port)))] = true
}

// knows reports whether somebody announced a port.
func (tr *tracker) knows(port int) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.peers[string(binary.BigEndian.AppendUint16(localIP().To4(), uint16(port)))]
}

// localIP is an address of this machine, of a network if it has one:
// transmission takes no peer at a loopback address.
func localIP() net.IP {
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.To4()
		}
	}
	return net.IPv4(127, 0, 0, 1).To4()
}

// freePort finds a port that nobody listens on.
func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", net.JoinHostPort(localIP().String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// ordinary makes a torrent of several files, and gives it with their folder.
func ordinary(t *testing.T, announce string) (raw []byte, folder string) {
	folder = t.TempDir()
	noise(t, filepath.Join(folder, "show", "one.mkv"), 5<<20+17, 1)
	noise(t, filepath.Join(folder, "show", "sub", "two é.mkv"), 300_000, 2)
	noise(t, filepath.Join(folder, "show", "three.txt"), 1, 3)
	info := metainfo.Info{PieceLength: 64 << 10}
	if err := info.BuildFromFilePath(filepath.Join(folder, "show")); err != nil {
		t.Fatal(err)
	}
	mi := metainfo.MetaInfo{InfoBytes: bencode.MustMarshal(info), Announce: announce}
	var b bytes.Buffer
	if err := mi.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), folder
}

// TestOtherPrograms passes an ordinary torrent to and from other BitTorrent
// programs, which find each other by a tracker.
func TestOtherPrograms(t *testing.T) {
	for _, c := range clients {
		for _, theySeed := range []bool{false, true} {
			name := c.name + " fetches from us"
			if theySeed {
				name = "we fetch from " + c.name
			}
			t.Run(name, func(t *testing.T) {
				if !c.found() {
					t.Skipf("%s is not installed: it is in Debian's package %s", c.name, c.pkg)
				}
				if c.name == "transmission" && localIP().IsLoopback() {
					t.Skip("transmission takes no peer at a loopback address, and this machine has no other")
				}
				t.Parallel()
				passOn(t, c, theySeed)
			})
		}
	}
}

func passOn(t *testing.T, c client, theySeed bool) {
	tr := newTracker(t)
	raw, folder := ordinary(t, tr.URL+"/announce")
	torrent := filepath.Join(t.TempDir(), "show.torrent")
	if err := os.WriteFile(torrent, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	ours, theirs, dest := folder, t.TempDir(), ""
	if dest = theirs; theySeed {
		ours, theirs = theirs, folder
		dest = ours
	}
	port := freePort(t)
	begin := func() {
		cmd := c.start(t, torrent, theirs, localIP().String(), port, theySeed)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
			if t.Failed() {
				t.Logf("%s said:\n%.4000s", c.name, said.Bytes())
			}
		})
	}
	if theySeed {
		begin()
		eventually(t, c.name+" to announce itself", func() bool { return tr.knows(port) })
	}
	p, err := OpenPlain(PlainConfig{
		Dir: t.TempDir(), Listen: net.JoinHostPort(localIP().String(), "0"), NoDHT: true, NoPEX: true, NoLAN: true,
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
		begin()
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
