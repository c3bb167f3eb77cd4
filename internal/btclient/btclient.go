// Package btclient runs other BitTorrent programs in tests, which show that ours
// gets on with what people use: each fetches what a torrent file describes to a
// folder, or seeds it from there. They find peers by the torrent's tracker alone.
package btclient

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"kith/internal/freeport"
)

// A Program is one of others.
type Program struct {
	Name   string
	pkg    string   // of Debian
	check  []string // a command that works if it is installed
	remote bool     // it takes no peer at a loopback address
	run    func(t testing.TB, j Job) *exec.Cmd
}

// A Job is what a program is to do.
type Job struct {
	Torrent string // the file that describes it
	Dir     string // where its files are, or come
	Port    int    // to listen at, of [LocalIP]; see [FreePort]
	Seed    bool   // all of it is there
}

// systemPython is the one that has Debian's modules.
const systemPython = "/usr/bin/python3"

// The programs.
var (
	Transmission = Program{"transmission", "transmission-cli", []string{"transmission-cli", "--version"}, true, transmission}
	Aria         = Program{"aria2", "aria2", []string{"aria2c", "--version"}, false, aria}
	Libtorrent   = Program{"libtorrent", "python3-libtorrent", []string{systemPython, "-c", "import libtorrent"}, false, libtorrent}
)

// Need skips a test that a program can't take part in.
func (p Program) Need(t testing.TB) {
	t.Helper()
	if err := exec.Command(p.check[0], p.check[1:]...).Run(); err != nil {
		t.Skipf("%s is not installed: it is in Debian's package %s", p.Name, p.pkg)
	}
	if p.remote && LocalIP().IsLoopback() {
		t.Skipf("%s takes no peer at a loopback address, and this machine has no other", p.Name)
	}
}

// Start runs a program until the test ends, and logs what it said if the test
// failed.
func (p Program) Start(t testing.TB, j Job) {
	t.Helper()
	cmd := p.run(t, j)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%.4000s", p.Name, said.Bytes())
		}
	})
}

func transmission(t testing.TB, j Job) *exec.Cmd {
	home := t.TempDir()
	settings := fmt.Sprintf(`{"dht-enabled":false,"lpd-enabled":false,"pex-enabled":false,"utp-enabled":false,
		"port-forwarding-enabled":false,"bind-address-ipv4":%q,"trash-original-torrent-files":false}`, LocalIP())
	if err := os.WriteFile(filepath.Join(home, "settings.json"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	// It hashes what it finds without being told to. Told to by -v it does so twice,
	// and ends if it looks at itself between the two.
	return exec.Command("transmission-cli", "-g", home, "-w", j.Dir, "-p", strconv.Itoa(j.Port), "-M", j.Torrent)
}

func aria(t testing.TB, j Job) *exec.Cmd {
	// It asks trackers over UDP by its DHT's socket. The DHT finds nobody.
	port := strconv.Itoa(j.Port)
	args := []string{
		"--no-conf", "--enable-dht=true", "--dht-file-path=" + filepath.Join(t.TempDir(), "dht"), "--dht-listen-port=" + port,
		"--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
		"--listen-port=" + port, "--dir=" + j.Dir, "--file-allocation=none",
	}
	if j.Seed {
		args = append(args, "--check-integrity=true", "--seed-ratio=0.0")
	} else {
		args = append(args, "--seed-time=0")
	}
	return exec.Command("aria2c", append(args, j.Torrent)...)
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

func libtorrent(_ testing.TB, j Job) *exec.Cmd {
	return exec.Command(systemPython, "-c", libtorrentScript, j.Torrent, j.Dir, LocalIP().String(), strconv.Itoa(j.Port))
}

// LocalIP is an IPv4 address of this machine, of a network if it has one.
func LocalIP() net.IP {
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.To4()
		}
	}
	return net.IPv4(127, 0, 0, 1).To4()
}

// Listen listens at a free TCP port of [LocalIP].
func Listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(LocalIP().String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// FreePort finds a port of [LocalIP] that nobody listens at.
func FreePort(t testing.TB) int {
	t.Helper()
	return freeport.In(t, LocalIP(), 1)
}

// Torrent makes the torrent of a file or folder, in pieces of 64 KiB, with a
// tracker, and gives its bytes and a file that holds them.
func Torrent(t testing.TB, path, tracker string) (raw []byte, file string) {
	t.Helper()
	info := metainfo.Info{PieceLength: 64 << 10}
	if err := info.BuildFromFilePath(path); err != nil {
		t.Fatal(err)
	}
	made := metainfo.MetaInfo{InfoBytes: bencode.MustMarshal(info), Announce: tracker}
	var b bytes.Buffer
	if err := made.Write(&b); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "its.torrent")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), file
}
