package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/api/client"
	"kith/node"
)

// A subscription is what a stream asked of the node.
type subscription struct {
	after   string
	ctx     context.Context
	notices chan node.Numbered
}

func subscriptions(f *fakeNode) <-chan subscription {
	all := make(chan subscription, 16)
	f.subscribe = func(ctx context.Context, after string) <-chan node.Numbered {
		s := subscription{after, ctx, make(chan node.Numbered, 16)}
		all <- s
		return s.notices
	}
	return all
}

func numbered(id string) node.Numbered {
	text := sample(reflect.TypeFor[node.Message]()).Interface().(node.Message)
	return node.Numbered{ID: id, Notice: node.Notice{Type: "message", Message: &text}}
}

// A stream that the node or the network ends goes on after the last event that
// was read.
func TestEventsResume(t *testing.T) {
	f := &fakeNode{}
	subscribed := subscriptions(f)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := serve(t, f, Options{}).Events(ctx, "k-4")
	// It is open before anything is read.
	first := <-subscribed
	if first.after != "k-4" {
		t.Errorf("subscribed after %q", first.after)
	}
	first.notices <- numbered("k-5")
	first.notices <- numbered("k-6")

	var got []string
	for n, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if want := numbered(n.ID); !reflect.DeepEqual(n, want) {
			t.Fatalf("got %+v, want %+v", n, want)
		}
		got = append(got, n.ID)
		switch n.ID {
		case "k-6":
			close(first.notices) // too slow, says the node
			go func() {
				second := <-subscribed
				if second.after != "k-6" {
					t.Errorf("resumed after %q", second.after)
				}
				second.notices <- numbered("k-7")
			}()
		case "k-7":
			cancel()
		}
	}
	if want := []string{"k-5", "k-6", "k-7"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	<-first.ctx.Done() // nobody is left subscribed
}

// A connection that broke before its first event may have lost some: the node
// is told, and says reset.
func TestEventsWithoutALastOne(t *testing.T) {
	f := &fakeNode{}
	subscribed := subscriptions(f)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := serve(t, f, Options{}).Events(ctx, "")
	first := <-subscribed
	if first.after != "" {
		t.Errorf("subscribed after %q", first.after)
	}
	close(first.notices)
	go func() {
		second := <-subscribed
		if second.after == "" {
			t.Error("resumed as if nothing had been lost")
		}
		second.notices <- node.Numbered{ID: "k-9", Notice: node.Notice{Type: "reset"}}
	}()
	for n, err := range events {
		if err != nil || n.Type != "reset" {
			t.Errorf("got %+v, %v", n, err)
		}
		break
	}
}

// While the node is away every attempt tells, and the caller decides.
func TestEventsUnreachable(t *testing.T) {
	f := &fakeNode{}
	subscribed := subscriptions(f)
	s := httptest.NewServer(newHandler(f, Options{}))
	events := client.New(s.URL, s.Client()).Events(t.Context(), "k-1")
	<-subscribed
	s.CloseClientConnections()
	s.Close()
	failures := 0
	for _, err := range events {
		if kith.KindOf(err) != kith.Unreachable {
			t.Fatalf("got %v", err)
		}
		if failures++; failures == 2 {
			break
		}
	}
	if failures != 2 {
		t.Errorf("%d failures", failures)
	}
}

// A refusal is final.
func TestEventsRefused(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		WriteProblem(w, Unauthorized("log in"))
	}))
	defer s.Close()
	var got []error
	for _, err := range client.New(s.URL, s.Client()).Events(t.Context(), "") {
		got = append(got, err)
	}
	if len(got) != 1 || kith.KindOf(got[0]) != kith.Forbidden {
		t.Errorf("got %v", got)
	}
}

func TestAfterInTheAddress(t *testing.T) {
	f := &fakeNode{}
	subscribed := subscriptions(f)
	s := httptest.NewServer(newHandler(f, Options{}))
	defer s.Close()
	answer, err := s.Client().Get(s.URL + Prefix + "/events?after=k-3")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %q", got)
	}
	sub := <-subscribed
	if sub.after != "k-3" {
		t.Errorf("subscribed after %q", sub.after)
	}
	sub.notices <- node.Numbered{ID: "k-4", Notice: node.Notice{Type: "typing", Typing: &node.Typing{}}}
	close(sub.notices)
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	none := strings.Repeat("a", 52)
	want := ": kith\n\nid: k-4\ndata: {\"type\":\"typing\",\"typing\":{\"conversation\":\"" + none + "\",\"from\":\"" + none + "\",\"active\":false}}\n\n"
	if string(all) != want {
		t.Errorf("got  %q\nwant %q", all, want)
	}
}

// A wire hands each write to the test, as a flushed connection would.
type wire struct {
	header    http.Header
	deadlines chan time.Time // each as it was set
	writes    chan string
	fails     bool
}

func newWire() *wire {
	return &wire{header: http.Header{}, deadlines: make(chan time.Time, 16), writes: make(chan string, 1)}
}

func (w *wire) Header() http.Header { return w.header }
func (w *wire) WriteHeader(int)     {}
func (w *wire) Flush()              {}
func (w *wire) SetWriteDeadline(t time.Time) error {
	w.deadlines <- t
	return nil
}
func (w *wire) Write(b []byte) (int, error) {
	if w.fails {
		return 0, os.ErrDeadlineExceeded
	}
	w.writes <- string(b)
	return len(b), nil
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNode{}
		subscribed := subscriptions(f)
		ctx, cancel := context.WithCancel(t.Context())
		w := newWire()
		ended := make(chan struct{})
		go func() {
			stream(ctx, w, f, "")
			close(ended)
		}()
		<-subscribed
		<-w.writes
		<-w.deadlines
		begun := time.Now()
		for i := range 3 {
			if beat := <-w.writes; !strings.HasPrefix(beat, ":") {
				t.Errorf("wrote %q", beat)
			}
			if passed := time.Since(begun); passed != time.Duration(i+1)*20*time.Second {
				t.Errorf("beat %d after %v", i, passed)
			}
			if left := time.Until(<-w.deadlines); left != writeTime {
				t.Errorf("a write may take %v", left)
			}
		}
		cancel()
		<-ended
	})
}

// Who does not read is cut, and unsubscribed.
func TestSlowReaderIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNode{}
		subscribed := subscriptions(f)
		w := newWire()
		ended := make(chan struct{})
		go func() {
			stream(t.Context(), w, f, "")
			close(ended)
		}()
		sub := <-subscribed
		<-w.writes
		w.fails = true
		sub.notices <- numbered("k-1")
		<-ended
		<-sub.ctx.Done()
	})
}
