package client

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// untilDone is a body in which nothing is heard until its reader gives up.
type untilDone struct{ ctx context.Context }

func (b untilDone) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

// A connection that died without a word, as when a machine slept, is noticed
// by the missing heartbeat.
func TestSilentStreamIsReopened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened []time.Time
		server := roundTrip(func(r *http.Request) (*http.Response, error) {
			opened = append(opened, time.Now())
			answer := &http.Response{StatusCode: 200, Request: r, Body: io.NopCloser(untilDone{r.Context()})}
			if len(opened) == 2 {
				answer.Body = io.NopCloser(strings.NewReader("id: k-2\nevent: message\nretry: 5\ndata:{\"type\":\"me\"}\n\n"))
			}
			return answer, nil
		})
		for n, err := range New("http://kith.test", &http.Client{Transport: server}).Events(t.Context(), "k-1") {
			if err != nil || n.ID != "k-2" || n.Type != "me" {
				t.Errorf("got %+v, %v", n, err)
			}
			break
		}
		if len(opened) != 2 || opened[1].Sub(opened[0]) < silence || opened[1].Sub(opened[0]) > silence+time.Second {
			t.Errorf("opened at %v", opened)
		}
	})
}

// What does not keep to the format ends the sequence with an error.
func TestGarbledStream(t *testing.T) {
	server := roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Request: r, Body: io.NopCloser(strings.NewReader("id: k-2\ndata: {nonsense\n\n"))}, nil
	})
	count := 0
	for n, err := range New("http://kith.test", &http.Client{Transport: server}).Events(t.Context(), "") {
		if count++; err == nil {
			t.Errorf("got %+v", n)
		}
	}
	if count != 1 {
		t.Errorf("%d elements", count)
	}
}
