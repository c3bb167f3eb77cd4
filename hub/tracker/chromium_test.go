package tracker

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kith/hubapi"
)

// webtorrentPage is a page that is a web peer.
const webtorrentPage = `<!doctype html><script type="module">
import WebTorrent from '/webtorrent.min.js'
window.client = new WebTorrent({ dht: false, lsd: false, tracker: { rtcConfig: { iceServers: [] } } })
</script>`

// TestWebTorrent has npm's webtorrent, in two pages of Chromium, pass something
// each way. KITH_WEBTORRENT is where npm installed it.
func TestWebTorrent(t *testing.T) {
	script := filepath.Join(os.Getenv("KITH_WEBTORRENT"), "node_modules", "webtorrent", "dist", "webtorrent.min.js")
	playwright, err := filepath.Abs(filepath.Join("..", "..", "ui", "node_modules", "playwright-core"))
	if err != nil {
		t.Fatal(err)
	}
	for what, name := range map[string]string{
		"npm's webtorrent (install it somewhere and name that in KITH_WEBTORRENT)": script,
		"playwright-core (make ui installs it)":                                    playwright,
	} {
		if _, err := os.Stat(name); err != nil {
			t.Skip("there is no " + what)
		}
	}
	node, nodeErr := exec.LookPath("node")
	chromium, chromiumErr := exec.LookPath("chromium")
	if nodeErr != nil || chromiumErr != nil {
		t.Skip("node or chromium is not installed")
	}
	tr := start(t, Config{})
	mux := http.NewServeMux()
	mux.Handle(hubapi.PathTracker, tr)
	mux.HandleFunc("/webtorrent.min.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, script) })
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(webtorrentPage))
	})
	web := httptest.NewServer(mux)
	defer web.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "testdata/webtorrent.mjs", playwright, chromium,
		web.URL, "ws"+strings.TrimPrefix(web.URL, "http")+hubapi.PathTracker)
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), "arrived:") != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	if tr.passed.Load() < 4 {
		t.Errorf("%d offers and answers were passed on", tr.passed.Load())
	}
}
