package chat

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"kith"
	"kith/node"
)

var update = flag.Bool("update", false, "write the golden files anew")

// start is when the tests take place.
var start = time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)

// gone is how the client says that no node runs.
var gone = kith.Errorf(kith.Unreachable, "no Kith runs in /home/al: start it with kith up")

// A fake is a node with one conversation, without a network.
type fake struct {
	list    []node.Message
	with    node.Contact
	status  node.ContactStatus
	err     error // of every call
	calls   []string
	typings []bool
}

func (f *fake) call(format string, args ...any) error {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return f.err
}

func (f *fake) Conversation(context.Context, string) (node.Conversation, error) {
	return node.Conversation{ID: conversation, Name: f.with.Name, With: &f.with}, f.err
}

func (f *fake) Status(context.Context) (node.Status, error) {
	return node.Status{Contacts: []node.ContactStatus{f.status}}, f.err
}

func (f *fake) Log(_ context.Context, _ string, p node.Page) ([]node.Message, error) {
	list := f.list
	if !p.Before.IsZero() {
		list = list[:slices.IndexFunc(list, func(m node.Message) bool { return m.ID == p.Before })]
	}
	return slices.Clone(list[max(0, len(list)-p.Limit):]), f.call("log %d", p.Limit)
}

func (f *fake) Message(_ context.Context, id string) (node.Message, error) {
	for _, m := range f.list {
		if strings.HasPrefix(m.ID.String(), id) {
			return m, f.err
		}
	}
	return node.Message{}, kith.Errorf(kith.NotFound, "no message %s", id)
}

func (f *fake) LastOwn(context.Context, string) (node.Message, error) {
	for _, m := range slices.Backward(f.list) {
		if m.Mine && !m.Deleted {
			return m, f.err
		}
	}
	return node.Message{}, kith.Errorf(kith.NotFound, "none")
}

func (f *fake) Search(_ context.Context, words, _ string, _ int) ([]node.Message, error) {
	var found []node.Message
	for _, m := range slices.Backward(f.list) {
		if strings.Contains(m.Text, words) {
			found = append(found, m)
		}
	}
	return found, f.err
}

func (f *fake) Send(_ context.Context, _ []string, text string, to kith.EventID, _ ...kith.Mention) ([]node.Message, error) {
	if err := f.call("send %q %v", text, !to.IsZero()); err != nil {
		return nil, err
	}
	m := mine(len(f.list)+1, text)
	m.State = kith.Pending
	if !to.IsZero() {
		m.ReplyTo = &to
	}
	f.list = append(f.list, m)
	return []node.Message{m}, nil
}

func (f *fake) Edit(_ context.Context, id, text string, _ ...kith.Mention) (node.Message, error) {
	return node.Message{}, f.call("edit %s %q", id, text)
}

func (f *fake) Delete(_ context.Context, id string) (node.Message, error) {
	return node.Message{}, f.call("delete %s", id)
}

func (f *fake) React(_ context.Context, id, emoji string) (node.Message, error) {
	return node.Message{}, f.call("react %s %s", id, emoji)
}

func (f *fake) MarkRead(_ context.Context, _ string, id kith.EventID) error {
	return f.call("read %s", id)
}

func (f *fake) SetTyping(_ context.Context, _ string, active bool) error {
	f.typings = append(f.typings, active)
	return f.err
}

func (f *fake) Block(_ context.Context, _ string, d time.Duration) (node.Contact, error) {
	return f.with, f.call("block %v", d)
}

func (f *fake) Unblock(context.Context, string) (node.Contact, error) {
	return f.with, f.call("unblock")
}
func (f *fake) Retry(context.Context, string) error { return f.call("retry") }

func (f *fake) Events(context.Context, string) iter.Seq2[node.Numbered, error] {
	return func(func(node.Numbered, error) bool) {}
}

var (
	conversation = kith.ConversationID{9}
	bob          = kith.AccountID{2}
)

// message n is written at n minutes past nine; its ID begins with n.
func message(n int, text string) node.Message {
	return node.Message{ID: kith.EventID{byte(n), byte(n >> 8), 1, 2, 3, 4}, Conversation: conversation,
		Text: text, Sent: start.Add(time.Duration(n) * time.Minute)}
}

func mine(n int, text string) node.Message {
	m := message(n, text)
	m.Mine, m.From, m.FromName, m.State = true, kith.AccountID{1}, "Al", kith.Delivered
	return m
}

func theirs(n int, text string) node.Message {
	m := message(n, text)
	m.From, m.FromName, m.State = bob, "Bob", kith.Delivered
	return m
}

// A stage runs a model as Bubble Tea would, but without its goroutines: each
// command at once, until none is left.
type stage struct {
	t *testing.T
	*fake
	m     *Model
	clock time.Time
	quit  bool
}

func newStage(t *testing.T, list ...node.Message) *stage {
	s := &stage{t: t, clock: start.Add(10 * time.Hour), fake: &fake{
		list: list,
		with: node.Contact{Account: bob, Conversation: conversation, Name: "Bob", Connection: node.Connected},
		status: node.ContactStatus{Account: bob, Name: "Bob", Connection: node.Connected,
			Links: []node.Link{{Way: "lan", Path: "direct", RTT: 1.25}}},
	}}
	s.m = New(t.Context(), Options{Client: s.fake, Now: func() time.Time { return s.clock }, Zone: time.UTC, Duration: time.ParseDuration},
		node.Conversation{ID: conversation, Name: s.with.Name, With: &s.with})
	s.do(s.m.Init())
	s.tell(tea.WindowSizeMsg{Width: 60, Height: 16})
	return s
}

// tell hands the model a message and runs all that follows from it, except
// what waits for time to pass.
func (s *stage) tell(msg tea.Msg) {
	s.t.Helper()
	_, cmd := s.m.Update(msg)
	s.do(cmd)
}

func (s *stage) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	result := make(chan tea.Msg, 1)
	go func() { result <- cmd() }()
	select {
	case msg := <-result:
		switch msg := msg.(type) {
		case nil:
		case tea.BatchMsg:
			for _, c := range msg {
				s.do(c)
			}
		case tea.QuitMsg:
			s.quit = true
		default:
			s.tell(msg)
		}
	case <-time.After(between / 2): // a tick
	}
}

func (s *stage) keys(names ...string) {
	codes := map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "up": {Code: tea.KeyUp},
		"pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown}, "alt+enter": {Code: tea.KeyEnter, Mod: tea.ModAlt},
		"ctrl+c": {Code: 'c', Mod: tea.ModCtrl},
	}
	for _, name := range names {
		if k, ok := codes[name]; ok {
			s.tell(k)
			continue
		}
		for _, r := range name {
			s.tell(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

func (s *stage) screen() string {
	return ansi.Strip(s.m.View().Content)
}

// golden compares the screen with testdata/name.golden.
func (s *stage) golden(name string) {
	s.t.Helper()
	var b strings.Builder
	for line := range strings.SplitSeq(s.screen(), "\n") {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(b.String()), 0o644)); err != nil {
			s.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if b.String() != string(want) {
		s.t.Errorf("the screen is not as in %s:\n%s", path, b.String())
	}
}

// called reports whether the node was asked for something, and forgets it.
func (s *stage) called(what string) bool {
	at := slices.Index(s.calls, what)
	if at >= 0 {
		s.calls = slices.Delete(s.calls, at, at+1)
	}
	return at >= 0
}
