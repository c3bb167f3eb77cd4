//go:build linux

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeKith is the test binary standing in for kith, as far as a lab can tell:
// it says when it is ready, ends at a signal, and misbehaves on request.
func fakeKith(args []string) int {
	home := os.Getenv("KITH_HOME")
	if args[0] != "up" {
		switch args[0] {
		case "home":
			fmt.Println(home)
		case "json":
			json.NewEncoder(os.Stdout).Encode(args[1:])
			fmt.Fprintln(os.Stderr, "a warning")
		case "fail":
			fmt.Println("half done")
			fmt.Fprintln(os.Stderr, "no such contact")
			return 3
		}
		return 0
	}
	if !slices.Equal(args[:4], []string{"up", "--home", home, "--no-open"}) {
		fmt.Println("bad arguments:", args)
		return 2
	}
	how := args[4:]
	if slices.Contains(how, "broken") {
		fmt.Println("the store is damaged")
		return 1
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	if slices.Contains(how, "race") {
		fmt.Println("WARNING: DATA RACE")
	}
	fmt.Print("Kith is ")
	fmt.Printf("running: http://127.0.0.1:1/%d\n", os.Getpid())
	if slices.Contains(how, "short") {
		return 0
	}
	<-term
	if slices.Contains(how, "stubborn") {
		<-term
	}
	fmt.Println("goodbye")
	return 0
}

// fakes makes labs run fakeKith; the test cannot be parallel.
func fakes(t *testing.T) (*Host, Kith) {
	t.Helper()
	t.Setenv("KITH_BINARY", os.Args[0])
	n := New(t)
	return n.Host("ann", n.Switch("lan")), Kith{Env: []string{"LAB_TEST_ROLE=kith"}}
}

func TestNode(t *testing.T) {
	ann, conf := fakes(t)
	k := ann.Kith(conf)
	first := k.URL()
	if !strings.HasPrefix(first, "http://127.0.0.1:1/") {
		t.Errorf("the URL is %q", first)
	}
	if got := k.Run(t, "home"); got != k.Home() || filepath.Dir(got) != ann.net.dir {
		t.Errorf("a command sees the home %q, the node %q", got, k.Home())
	}
	var args []string
	if k.JSON(t, &args, "json", "a b", "ü"); !slices.Equal(args, []string{"a b", "ü"}) {
		t.Errorf("a command sees the arguments %q", args)
	}
	if out, code := k.Try(t, "fail"); out != "half done\nno such contact" || code != 3 {
		t.Errorf("a failing command gives %q, %d", out, code)
	}
	k.Kill()
	k.Start()
	second := k.URL()
	k.Restart()
	if third := k.URL(); first == second || second == third {
		t.Errorf("three runs were %s, %s, %s", first, second, third)
	}
	// Only Restart asked politely.
	if log := k.Log(); strings.Count(log, "goodbye") != 1 || strings.Count(log, "--- run") != 2 {
		t.Errorf("the log of three runs is\n%s", log)
	}
}

func TestNodesThatMisbehaveFailTheTest(t *testing.T) {
	for _, test := range []struct {
		how  string
		do   func(t *verdict, k *Node)
		want string
	}{
		{"broken", nil, "ended before it was ready"},
		{"race", nil, "has a data race"},
		{"race", nil, "what kith on ann wrote:\nWARNING"},
		{"stubborn", func(t *verdict, k *Node) { k.Stop() }, "still ran 2s after SIGTERM"},
		{"short", func(t *verdict, k *Node) { k.awaitExit(); k.Kill() }, "ended by itself: exit status 0"},
		{"short", func(t *verdict, k *Node) { k.awaitExit() }, "ended by itself: exit status 0"},
		{"", func(t *verdict, k *Node) { k.Run(t, "fail") }, "kith fail: exit code 3\nhalf done\nno such contact"},
		{"", func(t *verdict, k *Node) { k.JSON(t, new(int), "json") }, "printed no such JSON"},
		{"", func(t *verdict, k *Node) { k.Kill(); k.Stop() }, "does not run"},
		{"", func(t *verdict, k *Node) { k.Start() }, "already runs"},
	} {
		ann, conf := fakes(t)
		conf.Args = []string{test.how}
		v := &verdict{TB: t}
		ann.net.t = v
		v.run(func() {
			k := ann.Kith(conf)
			if test.do != nil {
				test.do(v, k)
			}
		})
		if !strings.Contains(v.said.String(), test.want) {
			t.Errorf("%q: the test says %q, want %q", test.how, v.said.String(), test.want)
		}
	}
}

func TestHere(t *testing.T) {
	t.Setenv("KITH_BINARY", os.Args[0])
	here := Here(t)
	k := here.Kith(Kith{Env: []string{"LAB_TEST_ROLE=kith"}})
	if want := fmt.Sprintf("http://127.0.0.1:1/%d", k.PID()); k.URL() != want {
		t.Errorf("the URL is %q, want %q", k.URL(), want)
	}
	if err := here.Do(func() error { return nil }); err != nil {
		t.Error(err)
	}
	k.Kill()
	if pid := k.PID(); pid != 0 {
		t.Errorf("a killed node has the PID %d", pid)
	}
}

func TestNodeWithItsOwnBinary(t *testing.T) {
	t.Setenv("KITH_BINARY", "/nonexistent")
	k := Here(t).Kith(Kith{Binary: os.Args[0], Env: []string{"LAB_TEST_ROLE=kith"}})
	if got := k.Run(t, "home"); got != k.Home() {
		t.Errorf("a command sees the home %q", got)
	}
}

func (k *Node) awaitExit() { <-k.run.exited }

func TestEventually(t *testing.T) {
	t.Parallel()
	calls := 0
	Eventually(t, answerWithin, func() error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if calls != 3 {
		t.Errorf("called %d times", calls)
	}
	v := &verdict{TB: t}
	v.run(func() {
		Eventually(v, 30*time.Millisecond, func() error { return errors.New("bob is not there") })
	})
	if !strings.Contains(v.said.String(), "still not after 30ms: bob is not there") {
		t.Errorf("the test says %q", v.said.String())
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hello")
	if err := build(path, "kith/internal/lab/testdata/hello", raceFlags); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path).Output(); err != nil || string(out) != "hello\n" {
		t.Errorf("the built program says %q, %v", out, err)
	}
	if err := build(path, "kith/internal/lab/testdata/none", nil); err == nil || !strings.Contains(err.Error(), "testdata/none") {
		t.Errorf("building nothing gives %v", err)
	}
}

// A verdict is a test that only notes that it failed. It runs its own
// clean-ups.
type verdict struct {
	testing.TB
	said     strings.Builder
	failed   bool
	cleanups []func()
}

func (v *verdict) Helper()                        {}
func (v *verdict) Failed() bool                   { return v.failed }
func (v *verdict) Cleanup(f func())               { v.cleanups = append(v.cleanups, f) }
func (v *verdict) Log(args ...any)                { fmt.Fprintln(&v.said, args...) }
func (v *verdict) Logf(format string, a ...any)   { v.Log(fmt.Sprintf(format, a...)) }
func (v *verdict) Error(args ...any)              { v.failed = true; v.Log(args...) }
func (v *verdict) Errorf(format string, a ...any) { v.Error(fmt.Sprintf(format, a...)) }
func (v *verdict) Fatal(args ...any)              { v.Error(args...); runtime.Goexit() }
func (v *verdict) Fatalf(format string, a ...any) { v.Fatal(fmt.Sprintf(format, a...)) }

// run runs a test body, which may end its goroutine, and the clean-ups.
func (v *verdict) run(body func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, f := range slices.Backward(v.cleanups) {
				f()
			}
		}()
		body()
	}()
	<-done
}
