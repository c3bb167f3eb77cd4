package web

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/api"
	"kith/api/client"
)

// fakeAPI answers /me, /content with a policy of its own, /slow when released,
// and /events for as long as anybody listens.
func fakeAPI(release <-chan struct{}) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(api.Prefix+"/me", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"name":"Anna"}`)
	})
	mux.HandleFunc(api.Prefix+"/content", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "sandbox")
	})
	mux.HandleFunc(api.Prefix+"/slow", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		<-release
		io.WriteString(w, "b")
	})
	mux.HandleFunc(api.Prefix+"/events", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, ": hello\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	return mux
}

func start(t *testing.T, home string) *Server {
	t.Helper()
	s, err := Start(t.Context(), Options{Listen: "127.0.0.1:0", API: fakeAPI(nil), Home: home})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A request to a server as a browser would send it; change may make it odd.
func request(t *testing.T, s *Server, method, path string, change func(*http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequest(method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// logIn gives the cookie of a fresh session.
func logIn(t *testing.T, s *Server) *http.Cookie {
	t.Helper()
	answer := request(t, s, "GET", strings.TrimPrefix(s.Link(), s.url), nil)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/" || len(answer.Cookies()) != 1 {
		t.Fatalf("login: %s, %v", answer.Status, answer.Header)
	}
	return answer.Cookies()[0]
}

func with(c *http.Cookie) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) }
}

func TestListensOnLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.org:0", "127.0.0.1", "127.0.0.1:x"} {
		s, err := Start(t.Context(), Options{Listen: address, API: fakeAPI(nil), Home: t.TempDir()})
		if err == nil {
			s.Close()
			t.Errorf("%s is listened on", address)
		} else if kind := kith.KindOf(err); kind != kith.Invalid && address != "127.0.0.1:x" {
			t.Errorf("%s: %v of kind %v", address, err, kind)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := Start(t.Context(), Options{Listen: taken.Addr().String(), API: fakeAPI(nil), Home: t.TempDir()}); kith.KindOf(err) != kith.Conflict {
		t.Errorf("a taken port: %v", err)
	}
}

func TestPrivateWayNeedsNoLogin(t *testing.T) {
	home := t.TempDir()
	s := start(t, home)
	c, err := client.Home(home)
	if err != nil {
		t.Fatal(err)
	}
	if me, err := c.Me(t.Context()); err != nil || me.Name != "Anna" {
		t.Errorf("%+v, %v", me, err)
	}
	link, err := c.Login(t.Context())
	if err != nil || !strings.HasPrefix(link, s.url+"/login?token=") {
		t.Fatalf("%q, %v", link, err)
	}
	if answer := request(t, s, "GET", strings.TrimPrefix(link, s.url), nil); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the link: %s", answer.Status)
	}
	// The page's way hands out no links, logged in or not.
	if answer := request(t, s, "POST", api.Prefix+"/login", with(logIn(t, s))); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a link for a browser: %s", answer.Status)
	}
	if _, err := Start(t.Context(), Options{Listen: "127.0.0.1:0", API: fakeAPI(nil), Home: home}); runtime.GOOS != "windows" && kith.KindOf(err) != kith.Conflict {
		t.Errorf("a second server: %v", err)
	}
}

// An open page finds the node again after a restart: same port, same session.
func TestRestart(t *testing.T) {
	home := t.TempDir()
	s := start(t, home)
	cookie := logIn(t, s)
	s.Close()
	again := start(t, home)
	if again.url != s.url {
		t.Errorf("it moved from %s to %s", s.url, again.url)
	}
	if answer := request(t, again, "GET", api.Prefix+"/me", with(cookie)); answer.StatusCode != 200 {
		t.Errorf("the session: %s", answer.Status)
	}
	again.Close()

	// A file that makes no sense costs the sessions, not the start.
	if err := os.WriteFile(filepath.Join(home, "sessions"), []byte("{\"port\":99999999}"), 0o600); err != nil {
		t.Fatal(err)
	}
	third := start(t, home)
	if answer := request(t, third, "GET", api.Prefix+"/me", with(cookie)); answer.StatusCode != 401 {
		t.Errorf("an unknown session: %s", answer.Status)
	}
}

func TestSessionFileHoldsNoSecret(t *testing.T) {
	home := t.TempDir()
	cookie := logIn(t, start(t, home))
	file := filepath.Join(home, "sessions")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(text) || strings.Contains(string(text), cookie.Value) || !strings.Contains(string(text), hashOf(cookie.Value)) {
		t.Errorf("%s", text)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestClose(t *testing.T) {
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Start(ctx, Options{Listen: "127.0.0.1:0", API: fakeAPI(release), Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cookie := logIn(t, s)
	events := request(t, s, "GET", api.Prefix+"/events", with(cookie))
	slow := request(t, s, "GET", api.Prefix+"/slow", with(cookie))
	stream := bufio.NewReader(events.Body)
	if line, err := stream.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	cancel() // the end of ctx closes
	// The stream ends properly at once, while the other is still answered.
	if rest, err := io.ReadAll(stream); err != nil || string(rest) != "\n" {
		t.Errorf("stream: %q, %v", rest, err)
	}
	close(release)
	if text, err := io.ReadAll(slow.Body); err != nil || string(text) != "ab" {
		t.Errorf("slow: %q, %v", text, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://")); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}

// Whoever does not come to an end is cut.
func TestCloseDoesNotWaitForever(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	s, err := Start(t.Context(), Options{Listen: "127.0.0.1:0", API: fakeAPI(release), Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	slow := request(t, s, "GET", api.Prefix+"/slow", with(logIn(t, s)))
	begun := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 2*closeTime {
		t.Errorf("closing took %v", took)
	}
	if text, err := io.ReadAll(slow.Body); err == nil {
		t.Errorf("the answer came to an end: %q", text)
	}
}

// A logout in one tab ends the streams of all tabs of that login, and of no
// other.
func TestLogoutEndsStreams(t *testing.T) {
	s := start(t, t.TempDir())
	leaving, staying := logIn(t, s), logIn(t, s)
	stream := func(cookie *http.Cookie) *bufio.Reader {
		t.Helper()
		events := bufio.NewReader(request(t, s, "GET", api.Prefix+"/events", with(cookie)).Body)
		if line, err := events.ReadString('\n'); err != nil {
			t.Fatal(line, err)
		}
		return events
	}
	first, second, other := stream(leaving), stream(leaving), stream(staying)
	if answer := request(t, s, "POST", "/logout", with(leaving)); answer.StatusCode != http.StatusSeeOther {
		t.Fatal(answer.Status)
	}
	for _, ended := range []*bufio.Reader{first, second} {
		if rest, err := io.ReadAll(ended); err != nil || string(rest) != "\n" {
			t.Errorf("a stream of the session that ended: %q, %v", rest, err)
		}
	}
	if answer := request(t, s, "GET", api.Prefix+"/events", with(leaving)); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stream anew: %s", answer.Status)
	}
	if answer := request(t, s, "GET", api.Prefix+"/me", with(staying)); answer.StatusCode != 200 {
		t.Errorf("the other session: %s", answer.Status)
	}
	s.sessions.mu.Lock()
	if n := len(s.sessions.lives); n != 1 {
		t.Errorf("%d sessions have streams", n)
	}
	s.sessions.mu.Unlock()
	if line, err := other.ReadString('\n'); err != nil || line != "\n" {
		t.Fatalf("%q, %v", line, err)
	}
	s.Close()
	if rest, err := io.ReadAll(other); err != nil || len(rest) != 0 {
		t.Errorf("the other stream: %q, %v", rest, err)
	}
}

// A session may end between its check and its stream.
func TestStreamOfAnEndedSession(t *testing.T) {
	s, err := openSessions(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secret, err := s.add(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.remove(secret); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := s.during(t.Context(), secret)
	defer cancel()
	if ctx.Err() == nil || len(s.lives) != 0 {
		t.Error("it lives")
	}
}
