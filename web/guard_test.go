package web

import (
	"cmp"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/api"
	"kith/ui"
)

func TestLogin(t *testing.T) {
	s := start(t, t.TempDir())
	link := strings.TrimPrefix(s.Link(), s.url)

	// A look at the link does not use it up.
	if answer := request(t, s, "HEAD", link, nil); len(answer.Cookies()) != 0 {
		t.Error("a HEAD logs in")
	}
	first := request(t, s, "GET", link, nil)
	if first.StatusCode != http.StatusSeeOther || first.Header.Get("Location") != "/" {
		t.Fatalf("%s to %q", first.Status, first.Header.Get("Location"))
	}
	cookie := first.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" ||
		cookie.MaxAge != 30*24*3600 || !strings.HasPrefix(cookie.Name, "kith-") || len(cookie.Value) != 43 {
		t.Errorf("cookie %+v", cookie)
	}
	for name, secret := range map[string]string{"used": link, "none": "/login", "empty": "/login?token=", "wrong": "/login?token=" + newSecret()} {
		answer := request(t, s, "GET", secret, nil)
		if answer.StatusCode != http.StatusUnauthorized || len(answer.Cookies()) != 0 {
			t.Errorf("%s: %s, %v", name, answer.Status, answer.Cookies())
		}
	}
	if answer := request(t, s, "GET", link, with(cookie)); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("a used link of who is logged in: %s", answer.Status)
	}
	if answer := request(t, s, "GET", "/", with(cookie)); answer.StatusCode != 200 {
		t.Errorf("the page: %s", answer.Status)
	}

	if answer := request(t, s, "POST", "/logout", with(cookie)); answer.StatusCode != http.StatusSeeOther || answer.Cookies()[0].MaxAge >= 0 {
		t.Errorf("logout: %s, %v", answer.Status, answer.Cookies())
	}
	if answer := request(t, s, "GET", api.Prefix+"/me", with(cookie)); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the logout: %s", answer.Status)
	}
}

func TestTickets(t *testing.T) {
	var k tickets
	begun := time.Now()
	if old := k.issue(begun); k.use(old, begun.Add(ticketTime)) {
		t.Error("a ticket is good after its time")
	}
	fresh := k.issue(begun)
	if !k.use(fresh, begun.Add(ticketTime-time.Second)) {
		t.Error("a ticket is not good in its time")
	}
	first := k.issue(begun)
	var last string
	for range maxTickets {
		last = k.issue(begun)
	}
	if len(k.list) != maxTickets || k.use(first, begun) || !k.use(last, begun) {
		t.Error("the oldest ticket does not make room")
	}
}

func TestSessionsEnd(t *testing.T) {
	s, err := openSessions(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	first, err := s.add(begun)
	if err != nil {
		t.Fatal(err)
	}
	if !s.valid(first, begun.Add(sessionTime-time.Second)) || s.valid(first, begun.Add(sessionTime)) || s.valid("", begun) {
		t.Error("a session is not good for 30 days exactly")
	}
	for i := range maxSessions {
		if _, err := s.add(begun.Add(time.Duration(i+1) * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.saved.Ends) != maxSessions || s.valid(first, begun) {
		t.Errorf("%d sessions", len(s.saved.Ends))
	}
	if _, err := s.add(begun.Add(2 * sessionTime)); err != nil || len(s.saved.Ends) != 1 {
		t.Errorf("%d sessions after all ended, %v", len(s.saved.Ends), err)
	}
}

// Nodes of one machine share the name 127.0.0.1, for which cookies are kept.
func TestCookiesOfTwoNodes(t *testing.T) {
	a, b := start(t, t.TempDir()), start(t, t.TempDir())
	one, other := logIn(t, a), logIn(t, b)
	if one.Name == other.Name {
		t.Errorf("both are called %s", one.Name)
	}
	if answer := request(t, b, "GET", api.Prefix+"/me", with(one)); answer.StatusCode != 401 {
		t.Errorf("one's cookie at the other: %s", answer.Status)
	}
}

func TestWhoMayAsk(t *testing.T) {
	s := start(t, t.TempDir())
	cookie := logIn(t, s)
	port := s.url[strings.LastIndex(s.url, ":"):]
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	const me = api.Prefix + "/me"
	tests := []struct {
		name         string
		method, path string
		change       func(*http.Request)
		logged       bool
		status       int
	}{
		{"the page", "GET", me, header("Sec-Fetch-Site", "same-origin"), true, 200},
		{"a person", "GET", "/", header("Sec-Fetch-Site", "none"), true, 200},
		{"a program", "GET", me, nil, true, 200},
		{"a link elsewhere", "GET", "/", header("Sec-Fetch-Site", "cross-site"), false, 401},
		{"localhost", "GET", me, host("localhost" + port), true, 200},
		{"::1", "GET", me, host("[::1]" + port), true, 200},
		{"no cookie", "GET", me, nil, false, 401},
		{"no cookie, page", "GET", "/", nil, false, 401},
		{"no cookie, events", "GET", api.Prefix + "/events", nil, false, 401},
		{"no cookie, document", "GET", api.Prefix + "/openapi.json", nil, false, 401},
		{"no cookie, logout", "POST", "/logout", nil, false, 303},
		{"rebound name", "GET", me, host("evil.example" + port), true, 403},
		{"rebound name, page", "GET", "/", host("evil.example" + port), true, 403},
		{"rebound name, login", "GET", "/login", host("evil.example" + port), true, 403},
		{"like localhost", "GET", me, host("localhost.evil.example" + port), true, 403},
		{"no port", "GET", me, host("127.0.0.1"), true, 403},
		{"another port", "GET", me, host("127.0.0.1:1"), true, 403},
		{"not loopback", "GET", me, host("192.0.2.1" + port), true, 403},
		{"other site, command", "POST", me, header("Sec-Fetch-Site", "cross-site"), true, 403},
		{"other port, command", "POST", me, header("Sec-Fetch-Site", "same-site"), true, 403},
		{"other origin, command", "POST", me, header("Origin", "http://evil.example"), true, 403},
		{"null origin, command", "POST", me, header("Origin", "null"), true, 403},
		{"other port by origin", "POST", me, header("Origin", "http://127.0.0.1:1"), true, 403},
		{"other site, question", "GET", me, header("Sec-Fetch-Site", "cross-site"), true, 403},
		{"other port, question", "GET", me, header("Sec-Fetch-Site", "same-site"), true, 403},
		{"other site, events", "GET", api.Prefix + "/events", header("Sec-Fetch-Site", "cross-site"), true, 403},
		{"other origin, events", "GET", api.Prefix + "/events", header("Origin", "http://evil.example"), true, 403},
		{"other site, logout", "POST", "/logout", header("Sec-Fetch-Site", "cross-site"), true, 403},
		{"own origin, command", "POST", me, header("Origin", s.url), true, 200},
		{"preflight", "OPTIONS", me, header("Origin", "http://evil.example"), true, 403},
		{"no such page", "GET", "/etc", nil, true, 404},
		{"out of the page", "GET", "/..%2fweb.go", nil, true, 404},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := request(t, s, test.method, test.path, func(r *http.Request) {
				if test.logged {
					with(cookie)(r)
				}
				if test.change != nil {
					test.change(r)
				}
			})
			if answer.StatusCode != test.status {
				t.Fatalf("%s, want %d", answer.Status, test.status)
			}
			checkHeaders(t, answer)
			if test.status == 401 && test.path != "/" || test.status == 403 {
				var p api.Problem
				if err := json.NewDecoder(answer.Body).Decode(&p); err != nil || p.Kind != kith.Forbidden || p.Status != test.status || p.Detail == "" {
					t.Errorf("%+v, %v", p, err)
				}
			}
		})
	}
}

// checkHeaders makes sure of what every answer carries.
func checkHeaders(t *testing.T, answer *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self'; frame-src 'self'; connect-src 'self'; font-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if cors := answer.Header.Get("Access-Control-Allow-Origin"); cors != "" {
		t.Errorf("others may read it: %s", cors)
	}
	if caching := answer.Header.Get("Cache-Control"); caching != "no-store" && caching != "no-cache" {
		t.Errorf("Cache-Control: %q", caching)
	}
}

// Content of others says for itself what it may do: less than the page.
func TestContentKeepsItsOwnPolicy(t *testing.T) {
	s := start(t, t.TempDir())
	cookie := logIn(t, s)
	answer := request(t, s, "GET", api.Prefix+"/content", func(r *http.Request) {
		with(cookie)(r)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Sec-Fetch-Dest", "iframe")
	})
	if got := answer.Header.Values("Content-Security-Policy"); answer.StatusCode != 200 || len(got) != 1 || got[0] != "sandbox" {
		t.Errorf("%s, %q", answer.Status, got)
	}
	if got := answer.Header.Get("Cross-Origin-Resource-Policy"); got != "same-origin" {
		t.Errorf("other sites may embed it: %q", got)
	}
	for _, site := range []string{"cross-site", "same-site"} {
		answer := request(t, s, "GET", api.Prefix+"/content", func(r *http.Request) {
			with(cookie)(r)
			r.Header.Set("Sec-Fetch-Site", site)
			r.Header.Set("Sec-Fetch-Dest", "image")
		})
		if answer.StatusCode != 403 {
			t.Errorf("%s: %s", site, answer.Status)
		}
	}
}

// The page loads only what is embedded, and holds nothing that the policy
// would have to forbid: neither the plain one nor, if there is one, the built.
func TestPageFiles(t *testing.T) {
	s := start(t, t.TempDir())
	cookie := logIn(t, s)
	kinds := map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
		".svg": "image/svg+xml", ".png": "image/png", ".webmanifest": "application/manifest+json",
	}
	bad := map[string][]string{
		".html": {" onclick", " onload", " onerror", " style=", "<style", "<script>", "://"},
		".js":   {".innerHTML=", "insertAdjacentHTML", "document.write", "eval(", "new Function", "//cdn"},
		".css":  {"@import", "url("},
	}
	for _, file := range slices.Concat([]string{""}, pageNames(t)) {
		answer := request(t, s, "GET", "/"+file, with(cookie))
		text, err := io.ReadAll(answer.Body)
		kind := cmp.Or(path.Ext(file), ".html")
		if err != nil || answer.StatusCode != 200 || answer.Header.Get("Content-Type") != kinds[kind] {
			t.Errorf("%q: %s, %s, %v", file, answer.Status, answer.Header.Get("Content-Type"), err)
		}
		checkHeaders(t, answer)
		for _, bad := range bad[kind] {
			if strings.Contains(string(text), bad) {
				t.Errorf("%q holds %q", file, bad)
			}
		}
		unchanged := request(t, s, "GET", "/"+file, func(r *http.Request) {
			with(cookie)(r)
			r.Header.Set("If-None-Match", answer.Header.Get("ETag"))
		})
		if unchanged.StatusCode != http.StatusNotModified {
			t.Errorf("%q again: %s", file, unchanged.Status)
		}
	}
}

// pageNames lists the files of both pages.
func pageNames(t *testing.T) (names []string) {
	t.Helper()
	list := func(files fs.FS) {
		found, err := fs.Glob(files, "[^.]*")
		if err != nil || len(found) == 0 {
			t.Fatalf("no files of the page: %v", err)
		}
		names = append(names, found...)
	}
	beneath, err := fs.Sub(plain, "page")
	if err != nil {
		t.Fatal(err)
	}
	list(beneath)
	if built, ok := ui.Files(); ok {
		list(built)
	}
	return names
}
