package api

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"kith"
	"kith/api/client"
	"kith/node"
)

// restoring serves a fake node with a home, and gives both.
func restoring(t *testing.T) (f *fakeNode, c *client.Client, home string) {
	t.Helper()
	home = t.TempDir()
	f = &fakeNode{home: home}
	return f, serve(t, f, Options{}), home
}

// leftInHome fails if something of an upload stayed.
func leftInHome(t *testing.T, home string) {
	t.Helper()
	if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
		t.Errorf("left in the home: %v, %v", left, err)
	}
}

func TestClientRestores(t *testing.T) {
	f, c, home := restoring(t)
	// More than other requests may hold.
	content := strings.Repeat("a backup ", maxBody/4)
	path := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []node.Passphrases{{Backup: "one"}, {Backup: "", Store: "Zoë 2"}} {
		if err := c.Restore(t.Context(), path, p); err != nil {
			t.Fatal(err)
		}
		if method, got := f.asked(); method != "Restore" || !reflect.DeepEqual(got, []any{content, p}) {
			t.Errorf("the node was asked %s with %d arguments, %+v", method, len(got), p)
		}
		leftInHome(t, home)
	}
	f.err = kith.Errorf(kith.Invalid, "not this passphrase")
	if err := c.Restore(t.Context(), path, node.Passphrases{Backup: "one"}); err == nil || err.Error() != f.err.Error() || kith.KindOf(err) != kith.Invalid {
		t.Errorf("%v of kind %v", err, kith.KindOf(err))
	}
	leftInHome(t, home)
	if err := c.Restore(t.Context(), filepath.Join(home, "none"), node.Passphrases{}); kith.KindOf(err) != kith.Invalid {
		t.Errorf("no file: %v", err)
	}
}

// form makes the body of a form out of names and values.
func form(t *testing.T, fields ...string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

func TestRestoreForms(t *testing.T) {
	const long = maxSecret + 1
	for name, c := range map[string]struct {
		fields []string
		status int
	}{
		"passphrase first": {[]string{"passphrase", "p", "file", "x"}, 204},
		"file first":       {[]string{"file", "x", "store_passphrase", "s", "passphrase", "p"}, 204},
		"no file":          {[]string{"passphrase", "p"}, 422},
		"no passphrase":    {[]string{"file", "x"}, 422},
		"nothing":          {nil, 422},
		"two files":        {[]string{"file", "x", "file", "y", "passphrase", "p"}, 422},
		"another field":    {[]string{"path", "/etc/passwd", "file", "x", "passphrase", "p"}, 422},
		"long passphrase":  {[]string{"passphrase", strings.Repeat("p", long), "file", "x"}, 422},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeNode{home: t.TempDir()}
			contentType, body := form(t, c.fields...)
			w := ask(newHandler(f, Options{}), "POST", Prefix+"/restore", contentType, body)
			if w.Code != c.status {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			method, args := f.asked()
			if restored := method == "Restore"; restored != (c.status == 204) {
				t.Errorf("the node was asked %s", method)
			} else if restored && args[0] != "x" {
				t.Errorf("with %v", args)
			}
			leftInHome(t, f.home)
		})
	}
	contentType, body := form(t, "file", "x", "passphrase", "p")
	for name, c := range map[string][2]string{
		"no form":    {"application/json", "{}"},
		"broken off": {contentType, body[:len(body)-20]},
		"no end":     {contentType, body[:60]},
		"rubbish":    {contentType, "rubbish"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeNode{home: t.TempDir()}
			w := ask(newHandler(f, Options{}), "POST", Prefix+"/restore", c[0], c[1])
			if w.Code != http.StatusUnprocessableEntity {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			leftInHome(t, f.home)
		})
	}
}
