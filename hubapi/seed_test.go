package hubapi

import (
	"bytes"
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kith"
)

func TestInfoHashes(t *testing.T) {
	h := InfoHash{0xab, 19: 0x0f}
	text := "ab0000000000000000000000000000000000000f"
	if back, ok := ParseInfoHash(text); h.String() != text || back != h || !ok {
		t.Errorf("%s, %v", h, back)
	}
	for _, bad := range []string{"", text[1:], text + "00", strings.ToUpper(text), strings.Repeat("g", 40), "../" + text[3:]} {
		if _, ok := ParseInfoHash(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// What a hub may answer, and what the caller hears.
func TestAnswersOfASeedbox(t *testing.T) {
	file, into := InfoHash{1}, make([]byte, 10)
	keep := func(hub string) error {
		_, err := Keep(t.Context(), http.DefaultClient, hub, "token", file, []byte("info"))
		return err
	}
	state := func(hub string) error {
		_, err := KeptState(t.Context(), http.DefaultClient, hub, file)
		return err
	}
	piece := func(hub string) error {
		return KeepPiece(t.Context(), http.DefaultClient, hub, "token", file, 7, []byte("piece"))
	}
	described := InfoHash(sha1.Sum([]byte("info")))
	info := func(hub string) error {
		got, err := FetchKeptInfo(t.Context(), http.DefaultClient, hub, described)
		if err == nil && string(got) != "info" {
			err = fmt.Errorf("it is %q", got)
		}
		return err
	}
	fetch := func(hub string) error {
		return FetchKept(t.Context(), http.DefaultClient, hub, file, 5, into)
	}
	ok := kith.ErrorKind(-1)
	for _, c := range []struct {
		name   string
		call   func(hub string) error
		status int
		span   string // Content-Range
		body   string
		kind   kith.ErrorKind
	}{
		{"kept", keep, 200, "", `{"size":10,"pieces":9,"have":"/4A=","until":1}`, ok},
		{"state", state, 200, "", `{"size":10,"pieces":9,"have":"/4A=","until":1}`, ok},
		{"too few bits", state, 200, "", `{"size":10,"pieces":17,"have":"/4A="}`, kith.Unreachable},
		{"too many bits", state, 200, "", `{"size":10,"pieces":8,"have":"/4A="}`, kith.Unreachable},
		{"no pieces", state, 200, "", `{"size":10}`, kith.Unreachable},
		{"less than no pieces", state, 200, "", `{"size":10,"pieces":-8}`, kith.Unreachable},
		{"not JSON", state, 200, "", `<html>`, kith.Unreachable},
		{"without end", state, 200, "", `{"have":"` + strings.Repeat("A", 1<<20), kith.Unreachable},
		{"described", info, 200, "", "info", ok},
		{"described as another", info, 200, "", "information", kith.Unreachable},
		{"described without end", info, 200, "", strings.Repeat("A", MaxSeedInfo+1), kith.Unreachable},
		{"stored", piece, 204, "", "", ok},
		{"fetched", fetch, 206, "bytes 5-14/100", "0123456789", ok},
		{"fetched, and more", fetch, 206, "bytes 5-14/100", "0123456789and more", ok},
		{"cut short", fetch, 206, "bytes 5-14/100", "01234", kith.Unreachable},
		{"another part", fetch, 206, "bytes 0-9/100", "0123456789", kith.Unreachable},
		{"a shorter part", fetch, 206, "bytes 5-140/100", "0123456789", kith.Unreachable},
		{"the whole file", fetch, 200, "", "0123456789", kith.Unreachable},
		{"elsewhere", fetch, 304, "", "", kith.Unreachable},
		{"missing", fetch, 404, "", `{"detail":"this hub does not keep the file"}`, kith.NotFound},
		{"an old token", piece, 403, "", `{"detail":"the token has run out"}`, kith.Forbidden},
		{"no token", piece, 401, "", "", kith.Forbidden},
		{"no room", piece, 507, "", `{"detail":"the hub has room for 5 GB"}`, kith.Full},
		{"no piece", piece, 400, "", `{"detail":"not the piece"}`, kith.Invalid},
		{"too much at once", piece, 409, "", `{"detail":"one after the other"}`, kith.Unreachable},
		{"too often", keep, 429, "", "", kith.Unreachable},
		{"a fault", keep, 500, "", "", kith.Unreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				want := map[string]string{
					"PUT /v1/seed/" + file.String(): "info", "PUT /v1/seed/" + file.String() + "/7": "piece",
					"GET /v1/seed/" + described.String() + "/info": "",
					"GET /v1/seed/" + file.String():                "", "GET /v1/seed/" + file.String() + "/data": "",
				}
				sent, err := io.ReadAll(r.Body)
				if body, ok := want[r.Method+" "+r.URL.Path]; !ok || err != nil || string(sent) != body {
					t.Errorf("%s %s comes with %q, %v", r.Method, r.URL.Path, sent, err)
				}
				if auth := r.Header.Get("Authorization"); (auth == "Bearer token") != (r.Method == http.MethodPut) {
					t.Errorf("%s %s is authorized by %q", r.Method, r.URL.Path, auth)
				}
				if span := r.Header.Get("Range"); strings.HasSuffix(r.URL.Path, "/data") && span != "bytes=5-14" {
					t.Errorf("the range is %q", span)
				}
				if c.span != "" {
					w.Header().Set("Content-Range", c.span)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer hub.Close()
			err := c.call(hub.URL)
			if c.kind == ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if kith.KindOf(err) != c.kind {
				t.Errorf("it is %v: %v", kith.KindOf(err), err)
			}
			if _, detail, has := strings.Cut(c.body, `"detail":"`); has && !strings.Contains(err.Error(), strings.TrimSuffix(detail, `"}`)) {
				t.Errorf("the reason is lost: %v", err)
			}
		})
	}
	if string(into) != "0123456789" {
		t.Errorf("%q was fetched", into)
	}
}

// A transport that sends a body bit by bit.
type drip struct {
	bytes int
	every time.Duration
}

func (d drip) RoundTrip(r *http.Request) (*http.Response, error) {
	from, to := io.Pipe()
	context.AfterFunc(r.Context(), func() { from.CloseWithError(r.Context().Err()) })
	go func() {
		for range d.bytes {
			select {
			case <-time.After(d.every):
			case <-r.Context().Done():
				return
			}
			if _, err := to.Write([]byte("x")); err != nil {
				return
			}
		}
	}()
	var first, last int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); err != nil {
		return nil, err
	}
	header := http.Header{"Content-Range": {fmt.Sprintf("bytes %d-%d/100", first, last)}}
	return &http.Response{StatusCode: http.StatusPartialContent, Header: header, Body: from}, nil
}

// A line may be slow; one on which nothing moves is dead.
func TestSlowSeedbox(t *testing.T) {
	for _, c := range []struct {
		name string
		drip drip
		ok   bool
		took time.Duration
	}{
		{"slow", drip{20, callLimit - time.Second}, true, 20 * (callLimit - time.Second)},
		{"dead from the start", drip{20, callLimit + time.Second}, false, callLimit},
		{"dead half way", drip{10, time.Second}, false, 10*time.Second + callLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, into := time.Now(), make([]byte, 20)
				err := FetchKept(t.Context(), &http.Client{Transport: c.drip}, "http://hub", InfoHash{}, 0, into)
				if (err == nil) != c.ok || err != nil && kith.KindOf(err) != kith.Unreachable {
					t.Error(err)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %v, not %v", took, c.took)
				}
				if c.ok && !bytes.Equal(into, bytes.Repeat([]byte("x"), 20)) {
					t.Errorf("%q came", into)
				}
			})
		})
	}
}

// The token that Space gives is good.
func TestSpaceOfAClient(t *testing.T) {
	c := New(Options{URL: "http://hub"})
	now := time.Now()
	for _, s := range []struct {
		until time.Time
		want  string
	}{{now.Add(time.Hour), "token"}, {now.Add(-time.Hour), ""}} {
		c.opt.Events = onlySpace{}
		if err := c.heard(nil, &Space{Token: "token", Until: s.until.UnixMilli(), Quota: 1}); err != nil {
			t.Fatal(err)
		}
		if got := c.Space(); got.Token != s.want {
			t.Errorf("until %v it is %+v", s.until, got)
		}
	}
}

// onlySpace hears of a seedbox, and of nothing else.
type onlySpace struct{ Events }

func (onlySpace) Space(Space) {}
