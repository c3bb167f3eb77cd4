package tracker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"kith/hubapi"
)

// A program is another BitTorrent client. run gives its process, which fetches
// what a torrent file describes to a folder, or seeds it from there.
type program struct {
	command, pkg string
	run          func(t *testing.T, torrent, dir string, port int, seed bool) *exec.Cmd
}

var aria = program{"aria2c", "aria2", func(t *testing.T, torrent, dir string, port int, seed bool) *exec.Cmd {
	// It asks trackers over UDP by its DHT's socket. The DHT finds nobody.
	args := []string{
		"--no-conf", "--enable-dht=true", "--dht-file-path=" + t.TempDir() + "/dht", "--dht-listen-port=" + strconv.Itoa(port),
		"--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
		"--listen-port=" + strconv.Itoa(port), "--dir=" + dir, "--file-allocation=none",
	}
	if seed {
		args = append(args, "--check-integrity=true", "--seed-ratio=0.0")
	} else {
		args = append(args, "--seed-time=0")
	}
	return exec.Command("aria2c", append(args, torrent)...)
}}

var transmission = program{"transmission-cli", "transmission-cli", func(t *testing.T, torrent, dir string, port int, seed bool) *exec.Cmd {
	home := t.TempDir()
	settings := fmt.Sprintf(`{"dht-enabled":false,"lpd-enabled":false,"pex-enabled":false,"utp-enabled":false,
		"port-forwarding-enabled":false,"bind-address-ipv4":%q,"trash-original-torrent-files":false}`, localIP())
	if err := os.WriteFile(filepath.Join(home, "settings.json"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	// It hashes what it finds without being told to. Told to by -v it does so twice,
	// and ends if it looks at itself between the two.
	return exec.Command("transmission-cli", "-g", home, "-w", dir, "-p", strconv.Itoa(port), "-M", torrent)
}}

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

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", net.JoinHostPort(localIP().String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestOtherPrograms has other BitTorrent programs find each other by this
// tracker, over HTTP and over UDP.
func TestOtherPrograms(t *testing.T) {
	if localIP().IsLoopback() {
		t.Skip("transmission takes no peer at a loopback address, and this machine has no other")
	}
	for _, p := range []program{aria, transmission} {
		if _, err := exec.LookPath(p.command); err != nil {
			t.Skipf("%s is not installed: it is in Debian's package %s", p.command, p.pkg)
		}
	}
	for _, way := range []string{"http", "udp"} {
		for _, pair := range [][2]program{{aria, transmission}, {transmission, aria}} {
			t.Run(fmt.Sprintf("%s seeds for %s over %s", pair[0].command, pair[1].command, way), func(t *testing.T) {
				t.Parallel()
				passOn(t, way, pair[0], pair[1])
			})
		}
	}
}

func passOn(t *testing.T, way string, from, to program) {
	tr := start(t, Config{UDP: net.JoinHostPort(localIP().String(), "0")})
	l, err := net.Listen("tcp", net.JoinHostPort(localIP().String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(hubapi.PathTracker, tr)
	mux.HandleFunc(PathScrape, tr.Scrape)
	web := &http.Server{Handler: mux}
	go func() { _ = web.Serve(l) }()
	t.Cleanup(func() { web.Close() })
	url := "http://" + l.Addr().String() + hubapi.PathTracker
	if way == "udp" {
		url = "udp://" + net.JoinHostPort(localIP().String(), strconv.Itoa(tr.UDPPort())) + hubapi.PathTracker
	}

	folder, dest := t.TempDir(), t.TempDir()
	content := make([]byte, 1<<20+17)
	rand.NewChaCha8([32]byte{1}).Read(content)
	name := filepath.Join(folder, "film.mkv")
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
	info := metainfo.Info{PieceLength: 64 << 10}
	if err := info.BuildFromFilePath(name); err != nil {
		t.Fatal(err)
	}
	mi := metainfo.MetaInfo{InfoBytes: bencode.MustMarshal(info), Announce: url}
	torrent := filepath.Join(t.TempDir(), "film.torrent")
	var b bytes.Buffer
	if err := mi.Write(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(torrent, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	hash := Hash(mi.HashInfoBytes())

	begin(t, from, torrent, folder, true)
	waitFor(t, from.command+" announces that it has everything", func() bool { return tr.swarms.scrape(hash).complete == 1 })
	begin(t, to, torrent, dest, false)
	waitFor(t, to.command+" has everything", func() bool {
		got, err := os.ReadFile(filepath.Join(dest, "film.mkv"))
		return err == nil && bytes.Equal(got, content)
	})
	if n := tr.announces[map[string]int{"http": overHTTP, "udp": overUDP}[way]].Load(); n < 2 {
		t.Errorf("%d announces came over %s", n, way)
	}
}

func begin(t *testing.T, p program, torrent, dir string, seed bool) {
	cmd := p.run(t, torrent, dir, freePort(t), seed)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%.3000s", p.command, said.Bytes())
		}
	})
}
