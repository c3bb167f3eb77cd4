package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"kith"
)

func ask(h http.Handler, method, path, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// checkProblem reads an answer as a problem of a status and kind.
func checkProblem(t *testing.T, w *httptest.ResponseRecorder, status int, kind kith.ErrorKind) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	if w.Code != status || p.Status != status || p.Kind != kind {
		t.Errorf("got %d, problem %+v; want %d %v", w.Code, p, status, kind)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	if p.Detail == "" || p.Title != http.StatusText(status) {
		t.Errorf("problem %+v", p)
	}
	return p
}

func TestStatusOfEachKind(t *testing.T) {
	tests := []struct {
		kind   kith.ErrorKind
		status int
	}{
		{kith.Invalid, 422},
		{kith.NotFound, 404},
		{kith.Conflict, 409},
		{kith.Forbidden, 403},
		{kith.Unreachable, 503},
		{kith.Full, 507},
		{kith.Damaged, 500},
		{kith.BadPeer, 502},
	}
	for _, test := range tests {
		h := newHandler(&fakeNode{err: kith.Errorf(test.kind, "no “%d”", 7)}, Options{})
		p := checkProblem(t, ask(h, "GET", Prefix+"/me", "", ""), test.status, test.kind)
		if p.Detail != "no “7”" {
			t.Errorf("%v: detail %q", test.kind, p.Detail)
		}
	}
}

// A fault of ours goes to the log, and nothing of it to whoever asks.
func TestInternalErrorsAreLoggedNotTold(t *testing.T) {
	for name, err := range map[string]error{
		"plain":    errors.New("table secret_key is locked"),
		"internal": kith.Errorf(kith.Internal, "table secret_key is locked"),
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			h := newHandler(&fakeNode{err: err}, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			p := checkProblem(t, ask(h, "GET", Prefix+"/contacts/anna", "", ""), 500, kith.Internal)
			if strings.Contains(p.Detail, "secret_key") {
				t.Errorf("it leaked: %s", p.Detail)
			}
			if !strings.Contains(log.String(), "secret_key") {
				t.Errorf("it is not in the log: %s", &log)
			}
		})
	}
}

func TestPanicIsAnswered(t *testing.T) {
	var log bytes.Buffer
	h := newHandler(&fakeNode{}, Options{
		Log:      slog.New(slog.NewTextHandler(&log, nil)),
		Shutdown: func() { panic("boom") },
	})
	checkProblem(t, ask(h, "POST", Prefix+"/shutdown", "", ""), 500, kith.Internal)
	if !strings.Contains(log.String(), "boom") {
		t.Errorf("the log lacks it: %s", &log)
	}
}

func TestBadRequests(t *testing.T) {
	const json = "application/json"
	id := strings.Repeat("a", 26)
	tests := []struct {
		name                     string
		method, path, kind, body string
		status                   int
		detail                   string // has to be in it
	}{
		{"unknown path", "GET", "/nowhere", "", "", 404, "openapi.json"},
		{"wrong method", "POST", "/me", json, "{}", 405, "PATCH"},
		{"not JSON", "POST", "/messages", json, "{to:", 400, ""},
		{"two values", "POST", "/messages", json, `{"to":["a"],"text":"x"}{}`, 400, ""},
		{"no body", "POST", "/messages", json, "", 400, "body"},
		{"null", "POST", "/messages", json, "null", 422, "the body of the request has to be an object with fields"},
		{"a form", "POST", "/messages", "application/x-www-form-urlencoded", "to=a&text=x", 415, ""},
		{"plain text", "POST", "/messages", "text/plain", `{"to":["a"],"text":"x"}`, 415, ""},
		{"wrong type", "POST", "/messages", json, `{"to":"a","text":"x"}`, 422, "the request does not fit: “to” has to be a list"},
		{"wrong type inside", "POST", "/messages", json, `{"to":[7],"text":"x"}`, 422, "“to[0]” has to be a text"},
		{"null for a list", "POST", "/messages", json, `{"to":null,"text":"x"}`, 422, "“to” has to be a list"},
		{"missing field", "POST", "/messages", json, `{"to":["a"]}`, 422, "“text” is missing"},
		{"unknown field", "POST", "/messages", json, `{"to":["a"],"text":"x","urgent":true}`, 422, "“urgent” is not known here"},
		{"nobody", "POST", "/messages", json, `{"to":[],"text":"x"}`, 422, "“to” has too few entries: the least is 1"},
		{"bad reply", "POST", "/messages", json, `{"to":["a"],"text":"x","reply_to":"zz"}`, 422, "message ID"},
		{"negative block", "POST", "/contacts/a/block", json, `{"seconds":-5}`, 422, "“seconds” has to be at least 0"},
		{"endless block", "POST", "/contacts/a/block", json, `{"seconds":9223372036854775807}`, 422, "“seconds” may be at most 3153600000"},
		{"half a second", "POST", "/contacts/a/block", json, `{"seconds":0.5}`, 422, "“seconds” has to be a whole number"},
		{"many", "GET", "/conversations/a/messages?limit=501", "", "", 422, "“limit” may be at most 500"},
		{"not a number", "GET", "/conversations/a/messages?limit=all", "", "", 422, "“limit” has to be a whole number"},
		{"bad page", "GET", "/conversations/a/messages?before=" + id[1:], "", "", 422, "message ID"},
		{"unknown query", "GET", "/conversations/a/messages?last=5", "", "", 422, "“last” is not known here"},
		{"no words", "GET", "/messages", "", "", 422, "“words” is missing"},
	}
	f := &fakeNode{}
	h := newHandler(f, Options{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			kind := kith.Invalid
			if test.status == 404 {
				kind = kith.NotFound
			}
			p := checkProblem(t, ask(h, test.method, Prefix+test.path, test.kind, test.body), test.status, kind)
			if !strings.Contains(p.Detail, test.detail) {
				t.Errorf("detail %q lacks %q", p.Detail, test.detail)
			}
			if method, _ := f.asked(); method != "" {
				t.Errorf("the node was asked: %s", method)
			}
		})
	}
}

// The refusal of a body that is too large arrives, although its sender has
// much left to send.
func TestLargeBody(t *testing.T) {
	f := &fakeNode{}
	c := serve(t, f, Options{})
	_, err := c.Send(t.Context(), []string{"a"}, strings.Repeat("x", 10<<20), kith.EventID{})
	if kith.KindOf(err) != kith.Invalid || !strings.Contains(err.Error(), "64 KiB") {
		t.Errorf("got %v of kind %v", err, kith.KindOf(err))
	}
	if method, _ := f.asked(); method != "" {
		t.Errorf("the node was asked: %s", method)
	}
	w := ask(newHandler(f, Options{}), "POST", Prefix+"/messages", "application/json", strings.Repeat(" ", maxBody+1))
	checkProblem(t, w, http.StatusRequestEntityTooLarge, kith.Invalid)
	// As much as fits is not refused by size.
	body := `{"to":["a"],"text":"` + strings.Repeat("x", 900<<10) + `"}`
	if w := ask(newHandler(f, Options{}), "POST", Prefix+"/messages", "application/json", body); w.Code != 200 {
		t.Errorf("900 KiB: %d %s", w.Code, w.Body)
	}
}

func TestHeadersAndEmptyLists(t *testing.T) {
	h := newHandler(&emptyNode{}, Options{Version: "1.2"})
	w := ask(h, "GET", Prefix+"/contacts", "", "")
	if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != "[]" {
		t.Errorf("no contacts: %d %s", w.Code, got)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store",
		"X-Content-Type-Options": "nosniff", "Server": "Kith/1.2",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if w := ask(h, "POST", Prefix+"/contacts/a/refuse", "", ""); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("refuse: %d %q", w.Code, w.Body)
	}
}

// What cannot be read is refused with the field that is wrong.
func TestUnreadableInput(t *testing.T) {
	for name, c := range map[string]struct{ method, path, body, says string }{
		"account of a mention": {"POST", "/messages", `{"to":["a"],"text":"@a","mentions":[{"account":"zz","text":"@a"}]}`, "not an account ID"},
		"many mentions":        {"PATCH", "/messages/abcdef", `{"text":"@a","mentions":[` + strings.Repeat(`{"account":"zz","text":"@a"},`, 100) + `{"account":"zz","text":"@a"}]}`, "mentions"},
		"answer of a draft":    {"PUT", "/conversations/a/draft", `{"text":"","reply_to":"zz"}`, "not a message ID"},
		"draft without text":   {"PUT", "/conversations/a/draft", `{}`, "text"},
		"pinned":               {"PATCH", "/conversations/a", `{"pinned":"yes"}`, "pinned"},
		"page":                 {"GET", "/conversations?after=zz", "", "not the ID of a conversation"},
		"archived":             {"GET", "/conversations?archived=maybe", "", "archived"},
		"limit":                {"GET", "/conversations?limit=10001", "", "limit"},
	} {
		f := &fakeNode{}
		p := checkProblem(t, ask(newHandler(f, Options{}), c.method, Prefix+c.path, "application/json", c.body), 422, kith.Invalid)
		if method, _ := f.asked(); method != "" || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%s: the node was asked %q, and told %q", name, method, p.Detail)
		}
	}
}
