package hub

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kith/hubapi"
)

func TestMail(t *testing.T) {
	h, _ := startHub(t, t.TempDir())
	box, token := keyNumber(9), hubapi.Hash{1}
	key := hubapi.KeyOf(box)
	r := greet(t, h, 1)
	if waiting := r.open(box, token); waiting != 0 {
		t.Errorf("%d envelopes in a new box", waiting)
	}
	status, left, _ := post(t, h, key, token, "first")
	if status != http.StatusCreated || time.Until(hubapi.Time(left.Until)) < 29*24*time.Hour {
		t.Errorf("left until %v, status %d", hubapi.Time(left.Until), status)
	}
	m := expect[hubapi.Mail](r)
	if m.Box != key || string(m.Body) != "first" || m.ID == 0 {
		t.Errorf("got %+v", m)
	}
	// It is not taken out, so it comes again after a new connection, and first.
	r.ws.Close()
	mustPost(t, h, key, token, "second")
	r = greet(t, h, 1)
	if waiting := r.open(box, token); waiting != 2 {
		t.Errorf("%d envelopes wait", waiting)
	}
	for _, want := range []string{"first", "second"} {
		m := expect[hubapi.Mail](r)
		if string(m.Body) != want {
			t.Errorf("got %q, want %q", m.Body, want)
		}
		r.send(&hubapi.Taken{Box: key, IDs: []uint64{m.ID}})
	}
	r.sync()
	r.ws.Close()
	r = greet(t, h, 1)
	if waiting := r.open(box, token); waiting != 0 {
		t.Errorf("%d envelopes wait after all were taken", waiting)
	}
}

// At most MailWindow envelopes are under way, and all come, in order.
func TestMailWindow(t *testing.T) {
	const all = hubapi.MailWindow + 100
	h, _ := startHub(t, t.TempDir())
	box, token := keyNumber(9), hubapi.Hash{1}
	key := hubapi.KeyOf(box)
	r := greet(t, h, 1)
	r.open(box, token)
	r.ws.Close()
	hash := hubapi.TokenHash(token)
	for n := range all {
		if _, err := h.store.Leave(t.Context(), key, hash, fmt.Append(nil, n)); err != nil {
			t.Fatal(err)
		}
	}
	r = greet(t, h, 1)
	if waiting := r.open(box, token); waiting != all {
		t.Errorf("%d envelopes wait", waiting)
	}
	var ids []uint64
	read := func(n int) {
		t.Helper()
		for range n {
			m := expect[hubapi.Mail](r)
			if string(m.Body) != fmt.Sprint(len(ids)) {
				t.Fatalf("%q where %d belongs", m.Body, len(ids))
			}
			ids = append(ids, m.ID)
		}
	}
	read(hubapi.MailWindow)
	r.sync() // no further mail before the answer
	r.send(&hubapi.Taken{Box: key, IDs: ids[:40]})
	read(40)
	r.sync()
	r.send(&hubapi.Taken{Box: key, IDs: ids[40:hubapi.MailWindow]})
	read(60)
	r.sync()
}

func TestOnlyTheOwnerReads(t *testing.T) {
	h, _ := startHub(t, t.TempDir())
	box, token := keyNumber(9), hubapi.Hash{1}
	key := hubapi.KeyOf(box)
	owner := greet(t, h, 1)
	owner.open(box, token)
	owner.ws.Close()
	mustPost(t, h, key, token, "for the owner")
	thief := greet(t, h, 2)
	good := thief.box(box, token)
	forged := map[string]hubapi.Box{
		"another key":   {Key: key, Token: good.Token, Signature: thief.box(keyNumber(8), token).Signature},
		"another token": {Key: key, Token: hubapi.TokenHash(hubapi.Hash{2}), Signature: good.Signature},
		"another connection": {Key: key, Token: good.Token,
			Signature: (&raw{key: thief.key, host: thief.host}).box(box, token).Signature},
		"another hub": {Key: key, Token: good.Token,
			Signature: (&raw{key: thief.key, nonce: thief.nonce, host: "hub.example.org"}).box(box, token).Signature},
		"none": {Key: key, Token: good.Token, Signature: nil},
	}
	for name, b := range forged {
		thief.send(&hubapi.OpenBox{Boxes: []hubapi.Box{b}})
		if r := expect[hubapi.Refused](thief); string(r.Name) != string(key[:]) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	thief.send(&hubapi.Taken{Box: key, IDs: []uint64{1, 2, 3}})
	expect[hubapi.Refused](thief)
	thief.sync()
	owner = greet(t, h, 1)
	if waiting := owner.open(box, token); waiting != 1 {
		t.Errorf("%d envelopes wait", waiting)
	}
}

func TestLeaveErrors(t *testing.T) {
	h, _ := startHub(t, t.TempDir(), func(c *Config) { c.Mailbox.EnvelopesPerBox = 2 })
	box, full, token := keyNumber(9), keyNumber(8), hubapi.Hash{1}
	r := greet(t, h, 1)
	r.open(box, token)
	r.open(full, token)
	mustPost(t, h, hubapi.KeyOf(full), token, "x")
	mustPost(t, h, hubapi.KeyOf(full), token, "x")
	name := func(k hubapi.Key) string { return h.URL() + hubapi.PathBox + hubapi.EncodeName(k) }
	good := "Bearer " + hubapi.EncodeName(token)
	for _, c := range []struct {
		name, url, auth, body string
		status                int
		says                  string
	}{
		{"no such box", name(hubapi.Key{1}), good, "x", 404, "no such box"},
		{"no name", h.URL() + hubapi.PathBox + "abc", good, "x", 404, "not the name of a box"},
		{"no token", name(hubapi.KeyOf(box)), "", "x", 401, "token"},
		{"half a token", name(hubapi.KeyOf(box)), good[:20], "x", 401, "token"},
		{"another token", name(hubapi.KeyOf(box)), "Bearer " + hubapi.EncodeName(hubapi.Hash{2}), "x", 403, "does not open"},
		{"the hash of the token", name(hubapi.KeyOf(box)), "Bearer " + hubapi.EncodeName(hubapi.TokenHash(token)), "x", 403, "does not open"},
		{"empty", name(hubapi.KeyOf(box)), good, "", 400, "1 to 131072 bytes"},
		{"too big", name(hubapi.KeyOf(box)), good, strings.Repeat("x", hubapi.MaxMail+1), 413, "at most 131072 bytes"},
		{"full", name(hubapi.KeyOf(full)), good, "x", 507, "full"},
	} {
		status, _, detail := request(t, http.MethodPost, c.url, c.auth, c.body)
		if status != c.status || !strings.Contains(detail, c.says) {
			t.Errorf("%s: %d %q, want %d and %q", c.name, status, detail, c.status, c.says)
		}
	}
	if status, _, detail := post(t, h, hubapi.KeyOf(box), token, strings.Repeat("x", hubapi.MaxMail)); status != 201 {
		t.Errorf("the biggest envelope: %d %s", status, detail)
	}
}

func TestBundles(t *testing.T) {
	h, _ := startHub(t, t.TempDir())
	ann, bob := greet(t, h, 1), greet(t, h, 2)
	name := hubapi.Hash{5}
	url := h.URL() + hubapi.PathBundle + hubapi.EncodeName(name)
	until := time.Now().Add(time.Hour).UnixMilli()
	if status, _, _ := request(t, http.MethodGet, url, "", ""); status != 404 {
		t.Errorf("before it is published: %d", status)
	}
	ann.send(&hubapi.Publish{Name: name, Body: []byte("bundle"), Until: until})
	if p := expect[hubapi.Published](ann); p.Name != name || p.Until != until {
		t.Errorf("published %+v, want until %d", p, until)
	}
	if status, _, body := request(t, http.MethodGet, url, "", ""); status != 200 || body != "bundle" {
		t.Errorf("%d %q", status, body)
	}
	bob.send(&hubapi.Publish{Name: name, Body: []byte("forged"), Until: until})
	if r := expect[hubapi.Refused](bob); string(r.Name) != string(name[:]) {
		t.Errorf("a name of somebody else: %+v", r)
	}
	ann.send(&hubapi.Publish{Name: name})
	if p := expect[hubapi.Published](ann); p.Until != 0 {
		t.Errorf("withdrawn: %+v", p)
	}
	if status, _, _ := request(t, http.MethodGet, url, "", ""); status != 404 {
		t.Errorf("after it was withdrawn: %d", status)
	}
}
