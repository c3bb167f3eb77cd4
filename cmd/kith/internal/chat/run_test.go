package chat

import (
	"context"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"kith"
	"kith/node"
)

// A live is a fake whose events and sends can be watched from another
// goroutine.
type live struct {
	fake
	mu     sync.Mutex // guards the fake's Log and Send
	events chan node.Numbered
	sent   chan string
}

func (l *live) Log(ctx context.Context, ref string, p node.Page) ([]node.Message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fake.Log(ctx, ref, p)
}

func (l *live) Send(_ context.Context, _ []string, text string, _ kith.EventID, _ ...kith.Mention) ([]node.Message, error) {
	l.sent <- text
	return nil, nil
}

func (l *live) MarkRead(context.Context, string, kith.EventID) error { return nil }
func (l *live) SetTyping(context.Context, string, bool) error        { return nil }
func (l *live) Conversation(context.Context, string) (node.Conversation, error) {
	return node.Conversation{ID: conversation, Name: l.with.Name, With: &l.with}, nil
}

func (l *live) Events(ctx context.Context, _ string) iter.Seq2[node.Numbered, error] {
	return func(yield func(node.Numbered, error) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case n := <-l.events:
				if !yield(n, nil) {
					return
				}
			}
		}
	}
}

// A screen collects what is written to the terminal.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	select {
	case s.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (s *screen) wait(t *testing.T, want string) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		s.mu.Lock()
		found := strings.Contains(s.text.String(), want)
		s.mu.Unlock()
		if found {
			return
		}
		select {
		case <-s.more:
		case <-timeout:
			t.Fatalf("%q did not come on the screen:\n%q", want, s.text.String())
		}
	}
}

// The whole program: what arrives is shown, what is typed is sent, Ctrl+C
// leaves.
func TestRun(t *testing.T) {
	l := &live{fake: fake{with: node.Contact{Account: bob, Name: "Bob", Connection: node.Connected}},
		events: make(chan node.Numbered), sent: make(chan string, 1)}
	keys, typing := io.Pipe()
	out := &screen{more: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	go func() {
		ended <- Run(t.Context(), Options{Client: l, Ref: "bob", In: keys, Out: out, Env: []string{"TERM=xterm"},
			Now: time.Now, Zone: time.UTC, Duration: time.ParseDuration,
			size: []tea.ProgramOption{tea.WithWindowSize(60, 12)}})
	}()
	out.wait(t, "Write a message")

	arrived := theirs(1, "knock-knock")
	l.mu.Lock()
	l.list = append(l.list, arrived)
	l.mu.Unlock()
	l.events <- node.Numbered{Notice: node.Notice{Type: "message", Message: &arrived}}
	out.wait(t, "knock-knock")

	io.WriteString(typing, "who is there?\r")
	select {
	case text := <-l.sent:
		if text != "who is there?" {
			t.Errorf("sent %q", text)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was sent")
	}
	io.WriteString(typing, "\x03")
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Ctrl+C did not leave")
	}
}
