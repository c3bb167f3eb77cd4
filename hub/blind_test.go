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

	"kith"
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

// A seedbox writes down which devices keep which files, for it has to, but
// neither addresses nor tokens; and of all that nothing is in the log, even if
// the disk fails.
func TestBlindnessOfTheSeedbox(t *testing.T) {
	dir := t.TempDir()
	h, log := startHub(t, dir, withSeedbox, func(c *Config) { c.Metrics = freeAddress(t) })
	ann, f, client := greet(t, h, 1), newSeed(1, 2*seedPiece), http.DefaultClient
	space := expect[hubapi.Space](ann)
	if _, err := hubapi.Keep(t.Context(), client, h.URL(), space.Token, f.hash, f.info); err != nil {
		t.Fatal(err)
	}
	if err := hubapi.KeepPiece(t.Context(), client, h.URL(), space.Token, f.hash, 0, f.pieces()[0]); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	if err := hubapi.FetchKept(t.Context(), client, h.URL(), f.hash, 0, got); err != nil {
		t.Fatal(err)
	}
	var disk, names []byte
	read := func() {
		t.Helper()
		err := filepath.WalkDir(filepath.Join(dir, seedboxFolder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			content, err := os.ReadFile(path)
			disk, names = append(disk, content...), append(names, path...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	read()
	if !bytes.Contains(names, []byte(f.hash.String())) || !bytes.Contains(disk, f.pieces()[0]) {
		t.Error("this test looks in the wrong place")
	}
	// What the disk does wrong is logged.
	folder := filepath.Join(dir, seedboxFolder, f.hash.String()[:2], f.hash.String())
	for _, name := range []string{"have", "data", "info"} {
		err := os.Rename(filepath.Join(folder, name), filepath.Join(dir, name))
		if err == nil {
			err = hubapi.FetchKept(t.Context(), client, h.URL(), f.hash, 0, got)
		}
		if err == nil || name == "info" {
			err = hubapi.KeepPiece(t.Context(), client, h.URL(), space.Token, f.hash, 1, f.pieces()[1])
		}
		if kith.KindOf(err) != kith.Unreachable {
			t.Errorf("without %s: %v", name, err)
		}
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(log.String(), "a request failed") {
		t.Errorf("the log says nothing of a disk that fails:\n%s", log)
	}
	_, _, metrics := request(t, http.MethodGet, "http://"+h.cfg.Metrics+hubapi.PathMetrics, "", "")
	key := hubapi.KeyOf(ann.key)
	ann.ws.Close()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	read()
	secret := map[string][]byte{"a token": []byte(space.Token), "the secret": []byte(h.cfg.Seedbox.Secret), "an address": []byte("127.0.0.1")}
	mustNotHold(t, "the disk", append(disk, names[len(dir):]...), secret)
	secret["a file"], secret["a device"], secret["a piece"] = f.hash[:], key[:], f.data[:32]
	mustNotHold(t, "the log", []byte(log.String()), secret)
	mustNotHold(t, "the metrics", []byte(metrics), secret)
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
		if dep == "kith/internal/sqlfile" {
			continue // a file of SQLite, whoever's; internal/house holds that it reaches kith alone
		}
		if dep != "kith" && dep != "kith/hubapi" && dep != "kith/hub" && !strings.HasPrefix(dep, "kith/hub/") {
			t.Errorf("the hub reaches %s: it may reach kith, kith/hubapi, kith/internal/sqlfile and its own packages only, which is how we know that it is blind", dep)
		}
	}
	if found < 5 {
		t.Errorf("only %d packages are seen: this test looks in the wrong place", found)
	}
}
