package local

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"kith"
)

// hello serves a word on a listener until the test ends.
func hello(t *testing.T, l *Listener, word string) {
	t.Helper()
	s := &http.Server{Handler: l.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, word)
	}))}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
}

func get(t *testing.T, h *http.Client, url string) (int, string) {
	t.Helper()
	answer, err := h.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// Both kinds of private way keep the same promises.
func TestPrivateWay(t *testing.T) {
	ways := map[string]struct {
		listen func(string) (*Listener, error)
		client func(string) (*http.Client, string, error)
	}{
		"of this platform": {Listen, Client},
		"by a token": {listenTCP, func(home string) (*http.Client, string, error) {
			return &http.Client{Transport: transportTCP(home)}, "http://kith.local", nil
		}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			h, base, err := way.client(home)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.Get(base); err == nil {
				t.Fatal("something answers before there is a node")
			}
			first, err := way.listen(home)
			if err != nil {
				t.Fatal(err)
			}
			hello(t, first, "one")
			if status, text := get(t, h, base+"/a/b"); status != 200 || text != "one" {
				t.Errorf("%d %q", status, text)
			}
			checkFiles(t, home)
			first.Close()
			h.CloseIdleConnections()
			if left, _ := filepath.Glob(filepath.Join(home, "*")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			// The same client finds the node that comes next.
			second, err := way.listen(home)
			if err != nil {
				t.Fatal(err)
			}
			hello(t, second, "two")
			first.Close() // late, and again: it must not take the other's away
			if status, text := get(t, h, base); status != 200 || text != "two" {
				t.Errorf("%d %q", status, text)
			}
		})
	}
}

// checkFiles makes sure that what is in the home is for its owner only, and
// nothing is left of how it was made.
func checkFiles(t *testing.T, home string) {
	t.Helper()
	files, err := os.ReadDir(home)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	info, err := files[0].Info()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", info.Name(), info.Mode())
	}
}

func TestTokenIsNeeded(t *testing.T) {
	home := t.TempDir()
	l, err := listenTCP(home)
	if err != nil {
		t.Fatal(err)
	}
	hello(t, l, "secret")
	good, err := readTicket(home)
	if err != nil {
		t.Fatal(err)
	}
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer x", good.Token, "Basic " + good.Token} {
		r, err := http.NewRequest("GET", "http://"+l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", authorization)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %s", authorization, answer.Status)
		}
	}
}

// A ticket that a killed node left names a port that is dead, or somebody
// else's; the next node replaces it.
func TestStaleTicketIsReplaced(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(ticketFile(home), []byte(`{"address":"127.0.0.1:1","token":"old"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := listenTCP(home)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if now, err := readTicket(home); err != nil || now.Address != l.Addr().String() || now.Token == "old" {
		t.Errorf("%+v, %v", now, err)
	}
	checkFiles(t, home)
}

func TestHomeThatIsMissing(t *testing.T) {
	home := filepath.Join(t.TempDir(), "none")
	if _, err := Listen(home); kith.KindOf(err) != kith.Internal {
		t.Errorf("got %v", err)
	}
}
