package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"kith"
	"kith/node"
	"kith/wire"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kith": main})
}

// TestScripts runs the transcripts of testdata/script against real nodes, each
// in a home of its own under $WORK. Besides the commands of testscript they
// have:
//
//	alice ARGS…, bob ARGS…, carol ARGS…   kith with that one's home
//	fails CODE alice ARGS…                ends with that exit code
//	up alice [ARGS…]                      start "kith up", wait until it is ready;
//	                                      its folders are in $WORK/alice.folders/Kith
//	down alice                            SIGTERM; has to end well within 2 s
//	keep NAME                             set $NAME to the last standard output
//	firstid NAME                          set $NAME to the first id of the last output
//	samefile FILE DIR NAME                a file of that name lies below DIR, and is equal
//	eventually PATTERN alice ARGS…        again until the output matches
//	watch KEY alice ARGS…                 start a command that goes on
//	seen KEY PATTERN                      wait until its output matches
//	unwatch KEY                           SIGINT; has to end with 0
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			s := &script{running: map[string]*process{}}
			e.Values[scriptKey{}] = s
			e.Defer(func() { s.killAll(e.WorkDir) })
			for _, kv := range [][2]string{
				{"KITH_LOOPBACK", "1"},
				{"TZ", "UTC"},
				{"KITH_FOLDERS", filepath.Join(e.WorkDir, "folders")},
				{"GORACE", "atexit_sleep_ms=0"}, // a second for each command otherwise
				{"EXPIRED", expiredLine()},
			} {
				e.Setenv(kv[0], kv[1])
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "10MB"), bytes.Repeat([]byte("kith "), 2<<20), 0o644)
		},
		Condition: func(name string) (bool, error) {
			if name != "root" { // to whom permissions mean nothing
				return false, fmt.Errorf("there is no condition %q", name)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"alice": asPerson("alice"), "bob": asPerson("bob"), "carol": asPerson("carol"),
			"fails": cmdFails, "up": cmdUp, "down": cmdDown, "keep": cmdKeep,
			"firstid": cmdFirstID, "samefile": cmdSameFile,
			"eventually": cmdEventually, "watch": cmdWatch, "seen": cmdSeen, "unwatch": cmdUnwatch,
		},
	})
}

// patience is how long a script waits for something to happen.
const patience = time.Minute

type scriptKey struct{}

// A script is what the commands of one transcript share.
type script struct{ running map[string]*process }

func of(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// killAll ends what a transcript that failed has left: its own processes, and
// nodes in the background, which have a log.
func (s *script) killAll(work string) {
	logs, _ := filepath.Glob(filepath.Join(work, "*", node.LogFile))
	for _, log := range logs {
		run(context.Background(), &env{out: io.Discard, err: io.Discard, getenv: os.Getenv, home: filepath.Dir(log)}, []string{"down"})
	}
	for _, p := range s.running {
		p.cmd.Process.Kill()
		<-p.done
	}
}

// expiredLine is an invitation that nobody can use any more.
func expiredLine() string {
	return wire.Invitation{Account: kith.AccountID{1}, Secret: kith.InvitationSecret{2}, Expires: time.Now().Add(-time.Hour).Truncate(time.Second)}.Line()
}

func args(ts *testscript.TestScript, words []string) []string {
	return append([]string{"--home", ts.MkAbs(words[0])}, words[1:]...)
}

func asPerson(who string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, words []string) {
		err := ts.Exec("kith", args(ts, append([]string{who}, words...))...)
		if neg == (err == nil) {
			ts.Fatalf("kith %s: %v", strings.Join(words, " "), err)
		}
	}
}

func cmdFails(ts *testscript.TestScript, neg bool, words []string) {
	if neg || len(words) < 2 {
		ts.Fatalf("usage: fails CODE WHO ARGS…")
	}
	want, err := strconv.Atoi(words[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec("kith", args(ts, words[1:])...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
	if report := ts.ReadFile("stderr"); !strings.HasPrefix(report, "kith: ") || strings.Count(report, "\n") != 1 {
		ts.Fatalf("the error is not one line that begins with kith: %q", report)
	}
}

func cmdKeep(ts *testscript.TestScript, neg bool, words []string) {
	if neg || len(words) != 1 {
		ts.Fatalf("usage: keep NAME")
	}
	ts.Setenv(words[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func cmdFirstID(ts *testscript.TestScript, neg bool, words []string) {
	id := regexp.MustCompile(`"id":"([a-z2-7]+)"`).FindStringSubmatch(ts.ReadFile("stdout"))
	if neg || len(words) != 1 || id == nil {
		ts.Fatalf("usage: firstid NAME, after a list of messages")
	}
	ts.Setenv(words[0], id[1])
}

func cmdSameFile(ts *testscript.TestScript, neg bool, words []string) {
	if neg || len(words) != 3 {
		ts.Fatalf("usage: samefile FILE DIR NAME")
	}
	want, found := ts.ReadFile(words[0]), false
	ts.Check(filepath.WalkDir(ts.MkAbs(words[1]), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == words[2] {
			found = true
			if ts.ReadFile(path) != want {
				ts.Fatalf("%s is another file", path)
			}
		}
		return err
	}))
	if !found {
		ts.Fatalf("there is no %s below %s", words[2], words[1])
	}
}

func cmdEventually(ts *testscript.TestScript, neg bool, words []string) {
	if len(words) < 2 {
		ts.Fatalf("usage: eventually PATTERN WHO ARGS…")
	}
	pattern := regexp.MustCompile("(?m)" + words[0])
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		err := ts.Exec("kith", args(ts, words[1:])...)
		if err == nil && pattern.MatchString(ts.ReadFile("stdout")) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("after %v still not: %s", patience, words[0])
		}
	}
}

// A process runs beside the script.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended, with err set
	err  error

	mu   sync.Mutex
	said []byte        // guarded by mu: its standard output
	more chan struct{} // guarded by mu; closed and replaced when it said more
}

func (s *script) start(ts *testscript.TestScript, key string, words []string) *process {
	p := &process{done: make(chan struct{}), more: make(chan struct{})}
	p.cmd = exec.Command("kith", words...)
	// The script's PATH leads to the kith that testscript has made.
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, "kith"); p.cmd.Err != nil || !filepath.IsAbs(p.cmd.Path) {
			if _, err := os.Stat(path); err == nil {
				p.cmd.Path, p.cmd.Err = path, nil
			}
		}
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "KITH_LOOPBACK", "KITH_FOLDERS", "TZ", "GORACE", "GOCOVERDIR"} {
		p.cmd.Env = append(p.cmd.Env, name+"="+ts.Getenv(name))
	}
	p.cmd.Dir = ts.MkAbs(".")
	log, err := os.Create(ts.MkAbs(key + ".stderr"))
	ts.Check(err)
	defer log.Close()
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	s.running[key] = p
	go func() {
		io.Copy(p, out)
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p
}

// Write takes what the process says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, b...)
	close(p.more)
	p.more = make(chan struct{})
	return len(b), nil
}

// wait waits until the process has said something that matches.
func (p *process) wait(ts *testscript.TestScript, pattern string) []byte {
	re := regexp.MustCompile("(?m)" + pattern)
	timeout := time.After(patience)
	for ended := false; ; {
		p.mu.Lock()
		said, more := bytes.Clone(p.said), p.more
		p.mu.Unlock()
		if re.Match(said) {
			return said
		}
		if ended {
			ts.Fatalf("it ended (%v) and did not say %s, only\n%s", p.err, pattern, said)
		}
		select {
		case <-more:
		case <-p.done:
			ended = true // what it said last is still to be looked at
		case <-timeout:
			ts.Fatalf("after %v it did not say %s, only\n%s", patience, pattern, said)
		}
	}
}

// end sends a signal and waits for a good end.
func (s *script) end(ts *testscript.TestScript, key string, signal os.Signal, within time.Duration) {
	p := s.running[key]
	if p == nil {
		ts.Fatalf("%s does not run", key)
	}
	ts.Check(p.cmd.Process.Signal(signal))
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
		ts.Fatalf("%s has not ended after %v", key, within)
	}
	delete(s.running, key)
	if p.err != nil {
		ts.Fatalf("%s: %v\n%s", key, p.err, ts.ReadFile(key+".stderr"))
	}
}

func cmdUp(ts *testscript.TestScript, neg bool, words []string) {
	if neg || len(words) == 0 {
		ts.Fatalf("usage: up WHO [ARGS…]")
	}
	who := words[0]
	// Each has folders of its own: a sphere's is called the same at all.
	p := of(ts).start(ts, who, append(args(ts, []string{who, "up", "--no-open", "--folders", ts.MkAbs(who + ".folders")}), words[1:]...))
	said := string(p.wait(ts, `\n`))
	if ok, _ := regexp.MatchString(`^Kith is running: http://127\.0\.0\.1:\d+/\S*\n$`, said); !ok {
		ts.Fatalf("standard output holds %q", said)
	}
}

// endWithin is the promise of kith up: a signal ends it in two seconds.
const endWithin = 2 * time.Second

func cmdDown(ts *testscript.TestScript, neg bool, words []string) {
	if neg || len(words) != 1 {
		ts.Fatalf("usage: down WHO")
	}
	of(ts).end(ts, words[0], syscall.SIGTERM, endWithin)
}

func cmdWatch(ts *testscript.TestScript, neg bool, words []string) {
	if neg || len(words) < 2 {
		ts.Fatalf("usage: watch KEY WHO ARGS…")
	}
	of(ts).start(ts, words[0], args(ts, words[1:]))
}

func cmdSeen(ts *testscript.TestScript, neg bool, words []string) {
	p := of(ts).running[words[0]]
	if neg || len(words) != 2 || p == nil {
		ts.Fatalf("usage: seen KEY PATTERN")
	}
	p.wait(ts, words[1])
}

func cmdUnwatch(ts *testscript.TestScript, neg bool, words []string) {
	if neg || len(words) != 1 {
		ts.Fatalf("usage: unwatch KEY")
	}
	of(ts).end(ts, words[0], os.Interrupt, endWithin)
}
