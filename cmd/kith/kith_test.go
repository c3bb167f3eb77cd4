package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"kith"
	"kith/node"
)

// newTestEnv is a world without a terminal, at a fixed time in UTC.
func newTestEnv(t *testing.T, in string) (e *env, out, err *bytes.Buffer) {
	out, err = &bytes.Buffer{}, &bytes.Buffer{}
	return &env{
		in: strings.NewReader(in), out: out, err: err,
		getenv: func(string) string { return "" },
		now:    func() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) },
		zone:   time.UTC,
		home:   t.TempDir(),
	}, out, err
}

// Every command says in a line what it does and gives an example.
func TestHelpOfEveryCommand(t *testing.T) {
	e, _, _ := newTestEnv(t, "")
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: what it does is %q", c.CommandPath(), c.Short)
		}
		if c.Runnable() && !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s: no example with it", c.CommandPath())
		}
		if c.HasParent() && !c.Parent().HasParent() && c.Runnable() && c.GroupID == "" {
			t.Errorf("%s: in no group of the help", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRootCmd(e))
}

// Whoever writes a program against a command finds it in "kith help json".
func TestJSONOfEveryCommand(t *testing.T) {
	nothing := []string{"chat", "completion", "down", "help", "passphrase", "read", "refuse", "revoke", "retry", "remove", "open", "backup", "restore",
		"decline", "exit-codes", "json"}
	e, _, _ := newTestEnv(t, "")
	words := strings.FieldsFunc(newJSONTopic().Long, func(r rune) bool { return strings.ContainsRune(" \n,/", r) })
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if name := sub.Name(); !slices.Contains(words, name) && !slices.Contains(nothing, name) {
				t.Errorf("%s is not there", sub.CommandPath())
			}
			check(sub)
		}
	}
	check(newRootCmd(e))
}

// What is wrong before a node is asked.
func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"snd bob hi", exitInvalid, `there is no command "kith snd"; did you mean send?`},
		{"frobnicate", exitInvalid, `there is no command "kith frobnicate"; see kith --help`},
		{"config foo", exitInvalid, `there is no command "kith config foo"`},
		{"send bob", exitInvalid, "something is missing; write kith send NAME... TEXT"},
		{"edit x y z", exitInvalid, "too many arguments; write kith edit ID TEXT"},
		{"log bob --limit 0", exitInvalid, "--limit is from 1 to 500"},
		{"log bob --limit 501", exitInvalid, "--limit is from 1 to 500"},
		{"log bob --limit many", exitInvalid, `invalid argument "many"`},
		{"log bob --follow --before abcdef", exitInvalid, "contradict"},
		{"invite --expires soon", exitInvalid, `"soon" is not a length of time`},
		{"block bob --for -1h", exitInvalid, "is not a length of time"},
		{"react abcdef", exitInvalid, "give either an emoji or --remove"},
		{"react abcdef x --remove", exitInvalid, "give either an emoji or --remove"},
		{"verify bob --yes --unverify", exitInvalid, "contradict"},
		{"connect bob nonsense", exitInvalid, `"nonsense" is no line of a connection`},
		{"up --log-level loud", exitInvalid, `"loud" is not a log level`},
		{"share bob", exitInvalid, "something is missing; write kith share SPHERE|NAME PATH..."},
		{"share bob none.torrent --torrent", exitInvalid, "the torrent can't be read"},
		{"share bob a.mp4", exitUnreachable, "start it with kith up"},
		{"files bob --of abcdefgh", exitInvalid, "--of names a message already"},
		{"files --limit 501", exitInvalid, "--limit is from 1 to 500"},
		{"open abcdefgh first", exitInvalid, `"first" is not the number of a file`},
		{"open abcdefgh -1", exitInvalid, "unknown shorthand flag"},
		{"folder bob --fetch some", exitInvalid, "it is one of all, small, click"},
		{"folder bob --most much", exitInvalid, `"much" is not a number of bytes`},
		{"limits --down fast", exitInvalid, `"fast" is not a speed`},
		{"limits --hours 22-7=1/1", exitInvalid, "are no hours; write them as 22:00-07:00=2MB/500kB"},
		{"limits --torrents maybe", exitInvalid, "it is one of on, off"},
		{"--nonsense", exitInvalid, "unknown flag: --nonsense; see kith --help"},
		{"passphrase --remove --new-file x", exitInvalid, "contradict"},
		{"chat bob", exitInvalid, "kith log --follow and kith send"},
		{"contacts", exitUnreachable, "start it with kith up"},
		{"down", exitUnreachable, "start it with kith up"},
		{"send bob hi", exitUnreachable, "start it with kith up"},
		{"version", exitOK, ""},
		{"help exit-codes", exitOK, ""},
	} {
		e, _, errs := newTestEnv(t, "")
		if code := run(t.Context(), e, strings.Fields(c.args)); code != c.code {
			t.Errorf("kith %s: exit code %d, want %d", c.args, code, c.code)
		}
		if got := errs.String(); !strings.Contains(got, c.says) || (c.says != "" && !strings.HasPrefix(got, "kith: ")) || strings.Count(got, "\n") > 1 {
			t.Errorf("kith %s said %q, want one line with %q", c.args, got, c.says)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("x"), 1},
		{kith.Errorf(kith.Internal, "x"), 1},
		{kith.Errorf(kith.Full, "x"), 1},
		{kith.Errorf(kith.Damaged, "x"), 1},
		{kith.Errorf(kith.Invalid, "x"), 2},
		{fmt.Errorf("doing: %w", kith.Errorf(kith.NotFound, "x")), 3},
		{kith.Errorf(kith.Conflict, "x"), 4},
		{kith.Errorf(kith.Forbidden, "x"), 4},
		{kith.Errorf(kith.Unreachable, "x"), 5},
		{fmt.Errorf("doing: %w", context.Canceled), 130},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestReportNeutralises(t *testing.T) {
	var b bytes.Buffer
	report(&b, kith.Errorf(kith.NotFound, "there is no contact %s", "\x1b[2Jbob\u202e"))
	if got, want := b.String(), "kith: there is no contact ␛[2Jbob⟨U+202E⟩\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	b.Reset()
	report(&b, context.Canceled)
	if b.Len() > 0 {
		t.Errorf("an interruption was reported: %q", b.String())
	}
}

func TestParseDuration(t *testing.T) {
	day := 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"30m": 30 * time.Minute, "1h30m": 90 * time.Minute, "7d": 7 * day, "2w": 14 * day, "0.5d": 12 * time.Hour, " 1d ": day,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "0d", "0s", "7", "7 days", "NaNd", "Infd", "1e300d", "99999999999999w", "-5m"} {
		if got, err := parseDuration(text); kith.KindOf(err) != kith.Invalid || err == nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"Bob", "Bobby", "Carol", "Zoë", "", strings.Repeat("x", 500)}
	for ref, want := range map[string]string{
		"bobb": "Bob Bobby", "boby": "Bob Bobby", "carl": "Carol", "car": "Carol", "zoe": "Zoë", "mallory": "", "bob": "Bobby",
	} {
		if got := strings.Join(nearest(ref, names), " "); got != want {
			t.Errorf("%s: %q, want %q", ref, got, want)
		}
	}
}

func TestSplitLine(t *testing.T) {
	for _, c := range []struct {
		args      []string
		ref, line string
	}{
		{[]string{"bob"}, "bob", ""},
		{[]string{"bob", "kith-offer:AAA"}, "bob", "kith-offer:AAA"},
		{[]string{"kith-answer:AAA"}, "", "kith-answer:AAA"},
		{[]string{"kith-offer:AAA", "BBB", "CCC"}, "", "kith-offer:AAABBBCCC"},
		{[]string{"bob", "<Kith-Offer:AAA", "BBB>"}, "bob", "<Kith-Offer:AAABBB>"},
		{[]string{"kith:AAA"}, "", "kith:AAA"}, // an invitation: the node says what to do with it
		{[]string{"kithy"}, "kithy", ""},
	} {
		if ref, line := splitLine(c.args); ref != c.ref || line != c.line {
			t.Errorf("%q: %q and %q, want %q and %q", c.args, ref, line, c.ref, c.line)
		}
	}
}

func TestTextFromInput(t *testing.T) {
	e, _, _ := newTestEnv(t, "one\ntwo\r\n")
	if got, err := e.text("-"); err != nil || got != "one\ntwo" {
		t.Errorf("got %q, %v", got, err)
	}
	e, _, _ = newTestEnv(t, strings.Repeat("x", kith.MaxText)+"\n")
	if got, err := e.text("-"); err != nil || len(got) != kith.MaxText {
		t.Errorf("the longest text: %d bytes, %v", len(got), err)
	}
	e, _, _ = newTestEnv(t, "")
	e.in = io.LimitReader(zeros{}, 10<<20)
	if _, err := e.text("-"); kith.KindOf(err) != kith.Invalid || err == nil {
		t.Errorf("10 MB: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestFirstLineLeavesTheRest(t *testing.T) {
	in := strings.NewReader("secret\r\nnext\n")
	line, err := firstLine(in)
	rest, _ := io.ReadAll(in)
	if line != "secret" || err != nil || string(rest) != "next\n" {
		t.Errorf("%q, %v, then %q", line, err, rest)
	}
	if line, err := firstLine(strings.NewReader("no end")); line != "no end" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	if _, err := firstLine(strings.NewReader("")); err != io.EOF {
		t.Errorf("empty input: %v", err)
	}
}

func TestPassphraseFromFile(t *testing.T) {
	e, _, _ := newTestEnv(t, "from input\n")
	file := filepath.Join(t.TempDir(), "pass")
	for content, want := range map[string]string{"correct horse\nmore\n": "correct horse", " spaces stay \n": " spaces stay "} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := e.passphraseFrom(file); err != nil || got != want {
			t.Errorf("%q: %q, %v", content, got, err)
		}
	}
	if got, err := e.passphraseFrom("-"); err != nil || got != "from input" {
		t.Errorf("%q, %v", got, err)
	}
	for content, want := range map[string]string{"": "empty", "\n": "empty", strings.Repeat("x", maxLine+2): "longer"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := e.passphraseFrom(file); err == nil || !strings.Contains(err.Error(), want) || kith.KindOf(err) != kith.Invalid {
			t.Errorf("%.10q: %v, want %q", content, err, want)
		}
	}
}

// The parent answers the node in the background until it is ready.
func TestConverse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, _, _ := newTestEnv(t, "")
	for _, c := range []struct {
		said, file, link, answered, failure string
	}{
		{said: "Kith is running: http://127.0.0.1:1/x\n", link: "http://127.0.0.1:1/x"},
		{said: "noise\npassphrase?\nKith is running: http://a/\n", file: file, link: "http://a/", answered: "secret\n"},
		{said: "passphrase?\npassphrase?\n", file: file, answered: "secret\n", failure: "is wrong"},
		{said: "passphrase?\n", failure: "no terminal to ask on; use --passphrase-file"},
		{said: "", failure: io.ErrUnexpectedEOF.Error()},
	} {
		var answers answerBuffer
		link, err := converse(e, startOptions{passphraseFile: c.file}, strings.NewReader(c.said), &answers)
		if link != c.link || answers.String() != c.answered || (err == nil) != (c.failure == "") || (err != nil && !strings.Contains(err.Error(), c.failure)) {
			t.Errorf("%q: link %q, answered %q, error %v", c.said, link, answers.String(), err)
		}
	}
}

type answerBuffer struct{ bytes.Buffer }

func (*answerBuffer) Close() error { return nil }

// What a node in the background ended with is told, not what ended others
// before it.
func TestFailure(t *testing.T) {
	log := filepath.Join(t.TempDir(), "kith.log")
	old := "kith: something of last week\n"
	if err := os.WriteFile(log, []byte(old+"time=now level=INFO\nkith: another Kith runs already\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := failure(log, int64(len(old)), exitConflict)
	if kith.KindOf(err) != kith.Conflict || !strings.HasPrefix(err.Error(), "another Kith runs already; more may be in ") {
		t.Errorf("got %v", err)
	}
	if err := failure(log, 1<<20, -1); kith.KindOf(err) != kith.Internal || !strings.Contains(err.Error(), "without a word") {
		t.Errorf("got %v", err)
	}
}

func TestOpenLogPutsAsideTheOld(t *testing.T) {
	home := filepath.Join(t.TempDir(), "new", "home")
	f, err := openLog(home)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	name := filepath.Join(home, node.LogFile)
	if err := os.Truncate(name, maxLog+1); err != nil {
		t.Fatal(err)
	}
	if f, err = openLog(home); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("the log was not begun anew: %v, %v", info.Size(), err)
	}
	if _, err := os.Stat(name + ".old"); err != nil {
		t.Error(err)
	}
}

func TestPrintMessages(t *testing.T) {
	sent := time.Date(2026, 3, 4, 9, 1, 0, 0, time.UTC)
	id := kith.EventID{1, 2, 3, 4, 5}
	e, out, _ := newTestEnv(t, "")
	e.printMessages([]node.Message{
		{ID: id, FromName: "Bob\x1b[1m", Text: "hi\n2026-03-04 09:02  abcdefgh  ✓✓ You: forged", Sent: sent},
		{ID: id, Mine: true, Text: "yes", Sent: sent, State: kith.Read, Edited: true, ReplyTo: &id,
			Reactions: []node.Reaction{{Emoji: "👍", FromName: "Bob"}}},
		{ID: id, FromName: "Bob", Deleted: true, Sent: sent},
	})
	want := `2026-03-04 09:01  aebagbaf     Bob␛[1m: hi
                                        2026-03-04 09:02  abcdefgh  ✓✓ You: forged
2026-03-04 09:01  aebagbaf  ✓✓ You:     yes  (answers aebagbaf) (edited) [👍 Bob]
2026-03-04 09:01  aebagbaf     Bob:     (deleted)
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPrintSafetyNumber(t *testing.T) {
	e, out, _ := newTestEnv(t, "")
	e.printSafetyNumber(node.SafetyNumber{Name: "Bob", Digits: "00001 00002 00003 00004 00005 00006 00007 00008 00009 00010 00011 00012"})
	want := "Safety number with Bob\n\n    00001  00002  00003  00004\n    00005  00006  00007  00008\n    00009  00010  00011  00012\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestJSONIsOneLineOfPlainText(t *testing.T) {
	e, out, _ := newTestEnv(t, "")
	e.json = true
	if err := e.emit([]node.Message{{Text: "<b> & \n"}}, func() { t.Error("printed for people") }); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"text":"<b> & \n"`) {
		t.Errorf("got %q", got)
	}
}
