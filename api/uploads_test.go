package api

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"kith"
	"kith/node"
)

// zeros is a file of any size.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What is uploaded goes through, whatever its size, and is not kept in memory.
func TestUploadStreams(t *testing.T) {
	const size = 64 << 20
	f := &fakeNode{}
	c := serve(t, f, Options{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := c.Upload(t.Context(), "Zoë/..", "8f14-e45F", "Films/été & +.mp4", io.LimitReader(zeros{}, size)); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	want := []any{"Zoë/..", "8f14-e45F", "Films/été & +.mp4", int64(size)}
	if method, got := f.asked(); method != "Upload" || !reflect.DeepEqual(got, want) {
		t.Errorf("the node was asked %s%v", method, got)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > size/4 {
		t.Errorf("%d MiB were allocated for it", used>>20)
	}
}

// Who uploads learns why it fails, also in the midst of a large file.
func TestUploadRefused(t *testing.T) {
	f := &fakeNode{err: kith.Errorf(kith.Full, "the disk is full")}
	c := serve(t, f, Options{})
	err := c.Upload(t.Context(), "anna", "b", "a.mp4", io.LimitReader(zeros{}, 16<<20))
	if kith.KindOf(err) != kith.Full || err.Error() != "the disk is full" {
		t.Errorf("%v", err)
	}
	// A file that can't be read here ends it as well.
	f.err = nil
	if err := c.Upload(t.Context(), "anna", "b", "a.mp4", iotest.ErrReader(errors.New("bad sector"))); err == nil {
		t.Error("no error")
	}
	// No path, no upload.
	w := ask(newHandler(f, Options{}), "PUT", Prefix+"/conversations/anna/uploads/b", "", "x")
	checkProblem(t, w, 422, kith.Invalid)
}

// An upload that breaks off is one that failed: nothing of it is shared.
func TestUploadBreaksOff(t *testing.T) {
	failed := make(chan error, 1)
	n := &breaking{failed: failed}
	s := httptest.NewServer(newHandler(n, Options{}))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PUT %s/conversations/anna/uploads/b?path=a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf", Prefix)
	conn.(*net.TCPConn).CloseWrite()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	defer conn.Close()
	if err := <-failed; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the node got %v", err)
	}
	var p Problem
	if err := json.NewDecoder(answer.Body).Decode(&p); err != nil || p.Kind != kith.Invalid || !strings.Contains(p.Detail, "broke off") {
		t.Errorf("%+v, %v", p, err)
	}
}

// breaking tells how reading an upload ended.
type breaking struct {
	fakeNode
	failed chan error
}

func (b *breaking) Upload(_ context.Context, _, _, _ string, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	b.failed <- err
	return err
}

// Some requests hold more than others may.
func TestLargeBodies(t *testing.T) {
	list := func(n int) string {
		text, err := json.Marshal(node.FetchRequest{Files: strings.Split(strings.Repeat("Films/a film with quite a long name.mp4\n", n), "\n")})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	torrent := func(n int) string {
		return `{"torrent":"` + base64.StdEncoding.EncodeToString(make([]byte, n)) + `"}`
	}
	for _, test := range []struct {
		name, path, body string
		status           int
	}{
		{"a long list", "/files/a/fetch", list(99_000), 200},
		{"too long a list", "/files/a/fetch", list(100_001), 422},
		{"a large torrent", "/conversations/anna/torrents", torrent(maxTorrent), 200},
		{"too large a torrent", "/conversations/anna/torrents", torrent(maxTorrent + 1), 422},
		{"far too large", "/conversations/anna/torrents", torrent(2 * maxTorrent), 413},
		{"elsewhere", "/files/a/move", `{"before":"` + strings.Repeat("x", maxBody) + `"}`, 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := ask(newHandler(&fakeNode{}, Options{}), "POST", Prefix+test.path, "application/json", test.body)
			if w.Code != test.status {
				t.Errorf("%d %.200s", w.Code, w.Body)
			}
		})
	}
}

func TestBadFileRequests(t *testing.T) {
	for _, test := range []struct{ method, path, body string }{
		{"GET", "/files?limit=501", ""},
		{"GET", "/files?before=nonsense", ""},
		{"GET", "/files?to=anna", ""},
		{"POST", "/conversations/anna/files", `{"paths":[]}`},
		{"POST", "/conversations/anna/files", `{"paths":["/a"],"reply_to":"nonsense"}`},
		{"POST", "/conversations/anna/files", `{"paths":["/a"],"hidden":true}`},
		{"POST", "/files/a/launch?number=-1", ""},
		{"PATCH", "/conversations/anna/folder", `{"fetch":"everything"}`},
		{"PATCH", "/conversations/anna/folder", `{"most":-1}`},
		{"PUT", "/transfers/settings", `{"down":-1,"up":0,"hours":[],"torrents":false,"fetch":"all","most":0}`},
		{"PUT", "/transfers/settings", `{"down":0,"up":0,"hours":null,"torrents":false,"fetch":"all","most":0}`},
		{"PUT", "/transfers/settings", `{"down":0,"up":0,"hours":[{"from":"24:00","until":"07:00","down":0,"up":0}],"torrents":false,"fetch":"all","most":0}`},
		{"PUT", "/files/a/torrent", `{"sequential":true,"first_last":true,"ratio":1001}`},
		{"POST", "/conversations/anna/torrents", `{"torrent":"not base64"}`},
	} {
		f := &fakeNode{}
		kind := ""
		if test.body != "" {
			kind = "application/json"
		}
		w := ask(newHandler(f, Options{}), test.method, Prefix+test.path, kind, test.body)
		checkProblem(t, w, 422, kith.Invalid)
		if method, _ := f.asked(); method != "" {
			t.Errorf("%s %s %s: the node was asked %s", test.method, test.path, test.body, method)
		}
	}
}
