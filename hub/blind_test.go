package hub

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kith/hubapi"
)

// What a hub must not know it does not write, neither to disk nor to its log:
// tags under which devices meet, what they say there, tokens, addresses. Boxes
// and bundles are on disk, for they have to be, but never in the log.
func TestBlindness(t *testing.T) {
	dir := t.TempDir()
	h, log := startHub(t, dir, func(c *Config) { c.Limits.RequestsPerMinute = 20; c.Metrics = freeAddress(t) })
	tag, token := hubapi.Tag([]byte("tag of the day !")), hubapi.Hash([]byte("the token that opens the box 32b"))
	box, other := keyNumber(9), hubapi.Hash([]byte("another token, a wrong one, 32 b"))
	name := hubapi.Hash([]byte("the opaque name of a bundle, 32b"))
	note, envelope, bundle := "what is said under a tag", "what is in an envelope", "what is in a bundle"

	ann, bob := greet(t, h, 1), greet(t, h, 2)
	for _, r := range []*raw{ann, bob} {
		r.send(&hubapi.Listen{Add: []hubapi.Tag{tag}})
	}
	expect[hubapi.Present](ann)
	expect[hubapi.Present](bob)
	ann.send(&hubapi.Note{Tag: tag, Body: []byte(note)})
	expect[hubapi.Sent](ann)
	expect[hubapi.Note](bob)
	ann.open(box, token)
	mustPost(t, h, hubapi.KeyOf(box), token, envelope)
	expect[hubapi.Mail](ann)
	ann.send(&hubapi.Publish{Name: name, Body: []byte(bundle), Until: time.Now().Add(time.Hour).UnixMilli()})
	expect[hubapi.Published](ann)
	// What goes wrong is not told in more words.
	post(t, h, hubapi.KeyOf(box), other, envelope)
	post(t, h, hubapi.KeyOf(keyNumber(7)), token, envelope)
	request(t, http.MethodGet, h.URL()+hubapi.PathBundle+hubapi.EncodeName(name), "", "")
	for range 20 { // until there are too many
		request(t, http.MethodGet, h.URL()+hubapi.PathBundle+hubapi.EncodeName(name), "", "")
	}
	bad := dialAgain(t, h)
	bad.send(&hubapi.Hello{})
	bad.ends()
	if _, err := NewAdmin(dir).Notify(t.Context(), hubapi.KeyOf(ann.key).Short(), "A word."); err != nil {
		t.Fatal(err)
	}
	if _, err := NewAdmin(dir).Block(t.Context(), hubapi.KeyOf(bob.key).Short(), time.Hour); err != nil {
		t.Fatal(err)
	}
	_, _, metrics := request(t, http.MethodGet, "http://"+h.cfg.Metrics+hubapi.PathMetrics, "", "")
	if !strings.Contains(metrics, "kith_hub_leaves_total{outcome=\"ok\"} 1") {
		t.Error("the metrics do not count")
	}
	ann.ws.Close()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}

	secret := map[string][]byte{
		"a tag": tag[:], "what was said": []byte(note), "a token": token[:], "another token": other[:],
		"an address": []byte("127.0.0.1"), "the key of a box": box.Seed(),
	}
	inLog := map[string][]byte{"a box": pub(hubapi.KeyOf(box)), "a bundle's name": name[:], "an envelope": []byte(envelope), "a bundle": []byte(bundle),
		"a device": pub(hubapi.KeyOf(ann.key)), "another device": pub(hubapi.KeyOf(bob.key)), "a notice": []byte("A word.")}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		mustNotHold(t, d.Name(), content, secret)
		return err
	})
	if err != nil || files < 2 {
		t.Fatalf("%d files, %v", files, err)
	}
	for where, text := range map[string]string{"the log": log.String(), "the metrics": metrics} {
		mustNotHold(t, where, []byte(text), secret)
		mustNotHold(t, where, []byte(text), inLog)
		if !strings.Contains(text, "hub") {
			t.Errorf("%s says nothing: %q", where, text)
		}
	}
}

// pub copies a key.
func pub(k hubapi.Key) []byte { return k[:] }

// dialAgain connects where the limit of requests does not reach.
func dialAgain(t *testing.T, h *Hub) *raw {
	t.Helper()
	h.limits.mu.Lock()
	clear(h.limits.by)
	h.limits.mu.Unlock()
	return dial(t, h, keyNumber(3))
}

// mustNotHold looks for secrets as they are and in the usual encodings.
func mustNotHold(t *testing.T, where string, content []byte, secrets map[string][]byte) {
	t.Helper()
	lower := bytes.ToLower(content)
	for what, secret := range secrets {
		for how, form := range map[string][]byte{
			"as it is":  secret,
			"in hex":    []byte(hex.EncodeToString(secret)),
			"in base64": []byte(strings.ToLower(base64.RawURLEncoding.EncodeToString(secret))),
			"in base32": []byte(strings.ToLower(keyText.EncodeToString(secret)))[:min(16, len(secret))],
		} {
			if bytes.Contains(content, form) || bytes.Contains(lower, form) {
				t.Errorf("%s holds %s, %s", where, what, how)
			}
		}
	}
}

// The hub can't use a key that opens anything: it does not even reach the code.
func TestReachesNoKeyCode(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./...").Output()
	if err != nil {
		t.Skipf("there is no go command: %v", err)
	}
	found := 0
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		if dep != "kith" && !strings.HasPrefix(dep, "kith/") {
			continue
		}
		found++
		if dep != "kith" && dep != "kith/hubapi" && dep != "kith/hub" && !strings.HasPrefix(dep, "kith/hub/") {
			t.Errorf("the hub reaches %s: it may reach kith, kith/hubapi and its own packages only, which is how we know that it is blind", dep)
		}
	}
	if found < 5 {
		t.Errorf("only %d packages are seen: this test looks in the wrong place", found)
	}
}
