package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"kith"
	"kith/node"
)

func TestScreen(t *testing.T) {
	hello := theirs(1, "hello there, this is a message that is too long for one line")
	reply := mine(3, "yes, I agree")
	reply.ReplyTo, reply.State = &hello.ID, kith.Read
	edited := mine(20, "see you on Saturday")
	edited.Edited = true
	deleted := theirs(21, "")
	deleted.Deleted = true
	liked := theirs(60*24+5, "日本語\nsecond line")
	liked.Reactions = []node.Reaction{{Emoji: "👍", FromName: "Al"}, {Emoji: "👍", FromName: "Bob"}}
	waiting := mine(60*24+6, "good")
	waiting.State = kith.Pending
	s := newStage(t, hello, reply, edited, deleted, liked, waiting)
	s.tell(tea.WindowSizeMsg{Width: 60, Height: 24})
	s.golden("screen")

	s.keys("/reply ")
	s.golden("numbers")

	s.keys("esc", "/help", "enter")
	s.golden("help")
	s.keys("esc", "/status", "enter")
	s.golden("status")
	s.keys("esc", "/search good", "enter")
	s.golden("search")
}

func TestHostileText(t *testing.T) {
	evil := theirs(1, "\x1b[2J\x1b]0;owned\x07\x1b[1;1HBob: \u202egnp.exe\r\nYou: I owe 100")
	evil.FromName = "B\x1b[31mob\u202e"
	evil.Reactions = []node.Reaction{{Emoji: "\x1b[5m", FromName: "x\x9by"}}
	s := newStage(t, evil)
	s.with.Name, s.with.Warning = evil.FromName, "key\x1b[8mchanged"
	s.tell(noticeMsg{Type: "contact", Contact: &s.with})
	view := s.m.View()
	for _, bad := range []string{"\x1b[2J", "\x1b]", "\x07", "\x1b[1;1H", "\u202e", "\x1b[5m", "\u009b", "\x1b[8m"} {
		if strings.Contains(view.Content, bad) || strings.Contains(view.WindowTitle, bad) {
			t.Errorf("%q came through to the terminal", bad)
		}
	}
	s.golden("hostile")
}

func TestSend(t *testing.T) {
	s := newStage(t, theirs(1, "hi"))
	s.keys("one", "alt+enter", "two", "enter")
	if !s.called(`send "one\ntwo" false`) {
		t.Fatalf("not sent: %v", s.calls)
	}
	if s.m.input.Value() != "" {
		t.Errorf("the input still holds %q", s.m.input.Value())
	}
	if !strings.Contains(s.screen(), "two  …") {
		t.Errorf("the message is not shown as pending:\n%s", s.screen())
	}
	s.keys("//shrug", "enter")
	if !s.called(`send "/shrug" false`) {
		t.Errorf("a text with a slash was not sent: %v", s.calls)
	}
}

func TestCommands(t *testing.T) {
	first, second := theirs(1, "first"), theirs(2, "second")
	for _, c := range []struct{ line, call string }{
		{"/reply 2 to the first", `send "to the first" true`},
		{"/reply " + first.ID.String()[:6] + " too", `send "too" true`},
		{"/react 1 👍", "react " + second.ID.String() + " 👍"},
		{"/react 1", "react " + second.ID.String() + " "},
		{"/edit 1 third", "edit " + second.ID.String() + ` "third"`},
		{"/delete 2", "delete " + first.ID.String()},
		{"/delete " + first.ID.String()[:6], "delete " + first.ID.String()[:6]},
		{"/block 30m", "block 30m0s"},
		{"/block", "block 0s"},
		{"/unblock", "unblock"},
		{"/retry", "retry"},
	} {
		s := newStage(t, first, second)
		s.keys(c.line, "enter")
		if !s.called(c.call) {
			t.Errorf("%s: calls %v, want %s", c.line, s.calls, c.call)
		}
		if s.m.input.Value() != "" {
			t.Errorf("%s stays in the input", c.line)
		}
	}
}

func TestCommandMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"/rely 1 hi":  "there is no command /rely",
		"/reply 1":    "write /reply N TEXT",
		"/reply 9 hi": "there is no message 9",
		"/delete":     "write /delete N",
		"/block soon": "invalid duration",
		"/search":     "write /search WORDS",
	} {
		s := newStage(t, theirs(1, "hi"))
		s.keys(line, "enter")
		if !strings.Contains(s.screen(), want) {
			t.Errorf("%s: no %q on\n%s", line, want, s.screen())
		}
		if s.m.input.Value() != line {
			t.Errorf("%s: the input holds %q", line, s.m.input.Value())
		}
	}
}

// A number names what stood beside it when the command was begun, whatever
// arrives while it is written.
func TestNumbersStay(t *testing.T) {
	s := newStage(t, theirs(1, "first"))
	s.keys("/react 1")
	s.list = append(s.list, theirs(2, "second"))
	s.tell(noticeMsg{Type: "message", Message: &s.list[1]})
	s.keys(" ❤", "enter")
	if want := "react " + s.list[0].ID.String() + " ❤"; !s.called(want) {
		t.Errorf("calls %v, want %s", s.calls, want)
	}
}

func TestEditLast(t *testing.T) {
	s := newStage(t, mine(1, "helo"), theirs(2, "what?"))
	s.keys("up")
	if got := s.m.input.Value(); got != "helo" {
		t.Fatalf("the input holds %q", got)
	}
	s.keys("!", "enter")
	if want := fmt.Sprintf("edit %s %q", s.list[0].ID, "helo!"); !s.called(want) {
		t.Fatalf("calls %v, want %s", s.calls, want)
	}
	s.keys("up", "esc")
	if s.m.input.Value() != "" || !s.m.editing.IsZero() {
		t.Errorf("Esc did not leave the edit: %q", s.m.input.Value())
	}
	s.keys("x", "up")
	if s.m.input.Value() != "x" {
		t.Errorf("the up key replaced what was being written by %q", s.m.input.Value())
	}
}

func TestFailedSendGivesTheTextBack(t *testing.T) {
	s := newStage(t, theirs(1, "hi"))
	s.keys("precious")
	s.err = kith.Errorf(kith.Full, "the disk is full")
	s.keys("enter")
	if s.m.input.Value() != "precious" || !strings.Contains(s.screen(), "the disk is full") {
		t.Errorf("the text was lost or the reason is not shown:\n%s", s.screen())
	}
}

func TestNodeRestarts(t *testing.T) {
	s := newStage(t, theirs(1, "hi"))
	s.err = gone
	s.tell(lostMsg{gone})
	s.keys("still here", "enter")
	if s.m.input.Value() != "still here" {
		t.Fatalf("what was typed is gone: %q", s.m.input.Value())
	}
	s.m.note = note{}
	s.golden("lost")
	s.tell(retryMsg{})
	if !s.m.lost {
		t.Fatal("found a node that does not run")
	}
	s.err = nil
	s.list = append(s.list, theirs(2, "while you were away"))
	s.tell(retryMsg{})
	if s.m.lost || !strings.Contains(s.screen(), "while you were away") {
		t.Errorf("not taken up again:\n%s", s.screen())
	}
	s.calls = nil
	s.keys("enter")
	if !s.called(`send "still here" false`) {
		t.Errorf("calls %v", s.calls)
	}
}

func TestScrollBack(t *testing.T) {
	var list []node.Message
	for n := range 120 {
		list = append(list, theirs(n+1, fmt.Sprint("message ", n+1)))
	}
	s := newStage(t, list...)
	if strings.Contains(s.screen(), "message 100\n") || !strings.Contains(s.screen(), "message 120") {
		t.Fatalf("not at the end:\n%s", s.screen())
	}
	for range 20 {
		s.keys("pgup")
	}
	if !strings.Contains(s.screen(), "message 1 ") && !strings.Contains(s.screen(), "message 1\n") {
		t.Fatalf("the first message is not reached:\n%s", s.screen())
	}
	if s.m.history.more {
		t.Error("looks for messages before the first")
	}

	// Whoever reads back is not disturbed by what arrives.
	before := s.screen()
	s.list = append(s.list, theirs(121, "new"))
	s.tell(noticeMsg{Type: "message", Message: &s.list[120]})
	top := func(screen string) string { return strings.Join(strings.Split(screen, "\n")[2:13], "\n") }
	if top(before) != top(s.screen()) {
		t.Errorf("the screen moved from\n%s\nto\n%s", top(before), top(s.screen()))
	}
	if !strings.Contains(s.screen(), "1 new below") {
		t.Errorf("nothing tells of the new message:\n%s", s.screen())
	}
	// A file of long ago that comes at last is nothing new.
	old := theirs(-500, "")
	old.File = &node.File{Name: "old.mp4", Transfer: node.Transfer{State: node.TransferFetching}}
	s.tell(noticeMsg{Type: "transfer", Message: &old})
	if !strings.Contains(s.screen(), "1 new below") {
		t.Errorf("it counts as new:\n%s", s.screen())
	}
	s.keys("esc")
	if !strings.Contains(s.screen(), "new") || strings.Contains(s.screen(), "new below") {
		t.Errorf("Esc did not go to the end:\n%s", s.screen())
	}
}

// A message that belongs between two that are shown is put there.
func TestLateMessageFindsItsPlace(t *testing.T) {
	s := newStage(t, theirs(1, "one"), theirs(3, "three"))
	late := theirs(2, "two")
	s.list = []node.Message{s.list[0], late, s.list[1]}
	s.tell(noticeMsg{Type: "message", Message: &late})
	screen := s.screen()
	if one, two, three := strings.Index(screen, "one"), strings.Index(screen, "two"), strings.Index(screen, "three"); one >= two || two >= three {
		t.Errorf("wrong order:\n%s", screen)
	}
}

func TestMarksWhatIsSeen(t *testing.T) {
	s := newStage(t, theirs(1, "one"))
	if !s.called("read " + s.list[0].ID.String()) {
		t.Errorf("not marked: %v", s.calls)
	}
	s.tell(tea.BlurMsg{})
	s.list = append(s.list, theirs(2, "two"))
	s.tell(noticeMsg{Type: "message", Message: &s.list[1]})
	read := "read " + s.list[1].ID.String()
	if s.called(read) {
		t.Error("marked while the terminal was not in front")
	}
	s.tell(tea.FocusMsg{})
	if !s.called(read) {
		t.Error("not marked when the terminal came to the front")
	}
	s.tell(noticeMsg{Type: "message", Message: &s.list[1]})
	if s.called(read) {
		t.Error("marked twice")
	}
}

// A message shows what it shares, and how it comes.
func TestFile(t *testing.T) {
	film := theirs(1, "day one")
	film.File = &node.File{Name: "be\x1bach.mp4", Size: 1 << 20, Files: 1, Transfer: node.Transfer{State: node.TransferNone}}
	s := newStage(t, film)
	if want := "[file be␛ach.mp4, 1.0 MiB, not fetched] day one"; !strings.Contains(s.screen(), want) {
		t.Errorf("%s is not in\n%s", want, s.screen())
	}
	fetching := film
	fetching.File = &node.File{Name: "beach.mp4", Size: 1 << 20, Files: 1, Transfer: node.Transfer{State: node.TransferFetching, Done: 1 << 19, Total: 1 << 20}}
	s.tell(noticeMsg{Type: "transfer", Message: &fetching})
	if want := "[file beach.mp4, 1.0 MiB, 50 %] day one"; !strings.Contains(s.screen(), want) {
		t.Errorf("%s is not in\n%s", want, s.screen())
	}
}

func TestTyping(t *testing.T) {
	s := newStage(t, theirs(1, "one"))
	s.tell(noticeMsg{Type: "typing", Typing: &node.Typing{Conversation: conversation, From: bob, Active: true}})
	if !strings.Contains(s.screen(), "Bob is writing…") {
		t.Errorf("not shown:\n%s", s.screen())
	}
	s.tell(stillMsg{s.m.typing - 1})
	if s.m.typing == 0 {
		t.Error("an old lapse ended it")
	}
	s.tell(stillMsg{s.m.typing})
	if strings.Contains(s.screen(), "writing") {
		t.Error("it did not lapse")
	}

	s.keys("/he")
	if len(s.typings) != 0 {
		t.Errorf("a command was told as writing: %v", s.typings)
	}
	s.keys("esc", "hello")
	s.clock = s.clock.Add(again)
	s.keys("x", "enter")
	if got := fmt.Sprint(s.typings); got != "[true true false]" {
		t.Errorf("told %v", got)
	}
}

func TestStatusAndWarning(t *testing.T) {
	s := newStage(t, theirs(1, "one"))
	soon := s.clock.Add(8 * time.Second)
	s.tell(noticeMsg{Type: "status", Status: &node.ContactStatus{Account: bob, Connection: node.Disconnected, Waiting: 2, NextTry: &soon,
		Ways: []node.Way{{Way: "direct", Reason: "Nobody answers at 10.0.0.1:4000."}}}})
	with := s.with
	with.Connection, with.Warning = node.Disconnected, "Bob's key is another than before."
	s.tell(noticeMsg{Type: "contact", Contact: &with})
	s.tell(tea.WindowSizeMsg{Width: 100, Height: 12})
	s.golden("warning")
}

func TestQuit(t *testing.T) {
	for _, keys := range [][]string{{"ctrl+c"}, {"/quit", "enter"}} {
		s := newStage(t)
		s.keys(keys...)
		if !s.quit {
			t.Errorf("%v did not leave", keys)
		}
	}
}

func TestSmallScreen(t *testing.T) {
	s := newStage(t, theirs(1, "one"))
	for _, size := range []tea.WindowSizeMsg{{Width: 1, Height: 1}, {Width: 0, Height: 0}, {Width: minWidth, Height: minHeight}, {Width: 500, Height: 200}} {
		s.tell(size)
		if lines := strings.Count(s.screen(), "\n") + 1; lines > max(1, size.Height) {
			t.Errorf("%d lines on a screen of %d", lines, size.Height)
		}
	}
}
