package tracker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/anacrolix/torrent/metainfo"

	"kith/hubapi"
	"kith/internal/btclient"
)

// TestOtherPrograms has other BitTorrent programs find each other by this
// tracker, over HTTP and over UDP.
func TestOtherPrograms(t *testing.T) {
	aria, transmission := btclient.Aria, btclient.Transmission
	aria.Need(t)
	transmission.Need(t)
	for _, way := range []string{"http", "udp"} {
		for _, pair := range [][2]btclient.Program{{aria, transmission}, {transmission, aria}} {
			t.Run(fmt.Sprintf("%s seeds for %s over %s", pair[0].Name, pair[1].Name, way), func(t *testing.T) {
				t.Parallel()
				passOn(t, way, pair[0], pair[1])
			})
		}
	}
}

func passOn(t *testing.T, way string, from, to btclient.Program) {
	tr := start(t, Config{UDP: net.JoinHostPort(btclient.LocalIP().String(), "0")})
	l := btclient.Listen(t)
	mux := http.NewServeMux()
	mux.Handle(hubapi.PathTracker, tr)
	mux.HandleFunc(PathScrape, tr.Scrape)
	web := &http.Server{Handler: mux}
	go func() { _ = web.Serve(l) }()
	t.Cleanup(func() { web.Close() })
	url := "http://" + l.Addr().String() + hubapi.PathTracker
	if way == "udp" {
		url = "udp://" + net.JoinHostPort(btclient.LocalIP().String(), strconv.Itoa(tr.UDPPort())) + hubapi.PathTracker
	}

	folder, dest := t.TempDir(), t.TempDir()
	content := make([]byte, 1<<20+17)
	rand.NewChaCha8([32]byte{1}).Read(content)
	name := filepath.Join(folder, "film.mkv")
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
	raw, torrent := btclient.Torrent(t, name, url)
	made, err := metainfo.Load(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	hash := Hash(made.HashInfoBytes())

	from.Start(t, btclient.Job{Torrent: torrent, Dir: folder, Port: btclient.FreePort(t), Seed: true})
	waitFor(t, from.Name+" announces that it has everything", func() bool { return tr.swarms.scrape(hash).complete == 1 })
	to.Start(t, btclient.Job{Torrent: torrent, Dir: dest, Port: btclient.FreePort(t)})
	waitFor(t, to.Name+" has everything", func() bool {
		got, err := os.ReadFile(filepath.Join(dest, "film.mkv"))
		return err == nil && bytes.Equal(got, content)
	})
	if n := tr.announces[map[string]int{"http": overHTTP, "udp": overUDP}[way]].Load(); n < 2 {
		t.Errorf("%d announces came over %s", n, way)
	}
}
