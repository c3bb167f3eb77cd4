//go:build linux

package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A Network is a set of switches and hosts that belong to one test. Its
// methods, and those of its switches and hosts, fail that test if the machine
// refuses; they are for the test's own goroutine unless they say otherwise.
type Network struct {
	t        testing.TB
	dir      string // holds the homes of nodes; its name names the lab
	switches []*Switch
	hosts    []*Host
	spaces   []string // the namespaces made so far
	names    string   // the file that programs see as /etc/hosts; empty: the machine's own
}

// New begins an empty network, which is taken down when the test ends. The
// first lab of a process also sweeps up after killed processes.
func New(t testing.TB) *Network {
	t.Helper()
	Require(t)
	sweepOnce()
	dir, err := os.MkdirTemp("", fmt.Sprintf("kithlab-%d-", os.Getpid()))
	if err != nil {
		t.Fatalf("lab: making a folder: %v", err)
	}
	n := &Network{t: t, dir: dir}
	t.Cleanup(n.close)
	return n
}

// Require skips the test, with the reason, where no lab can be built.
func Require(t testing.TB) {
	t.Helper()
	missing := missing()
	switch {
	case missing == "":
	case os.Getenv("KITH_LAB") == "must":
		t.Fatalf("lab: this machine cannot build networks: %s", missing)
	default:
		t.Skipf("lab: this machine cannot build networks: %s", missing)
	}
}

// missing says what the machine lacks for a lab, if anything.
var missing = sync.OnceValue(func() string {
	if os.Geteuid() != 0 {
		return "network namespaces need root"
	}
	for _, tool := range [][2]string{{"ip", "iproute2"}, {"nft", "nftables"}, {"nsenter", "util-linux"}, {"unshare", "util-linux"}} {
		if _, err := exec.LookPath(tool[0]); err != nil {
			return fmt.Sprintf("the command %s is not installed (package %s)", tool[0], tool[1])
		}
	}
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		return err.Error()
	} else {
		f.Close()
	}
	if err := run("", "unshare", "--net", "--uts", "true"); err != nil {
		return err.Error()
	}
	return ""
})

var nameRule = regexp.MustCompile(`^[a-z][a-z0-9-]{0,11}$`)

// space makes a network namespace for something with this name.
func (n *Network) space(name string) string {
	n.t.Helper()
	if !nameRule.MatchString(name) {
		n.t.Fatalf("lab: %q cannot name a host or switch: it must be 1 to 12 of a-z, 0-9 and -, and also name an interface", name)
	}
	space := filepath.Base(n.dir) + "-" + name
	n.must(run("", "ip", "netns", "add", space))
	n.spaces = append(n.spaces, space)
	return space
}

// raze deletes a namespace.
func (n *Network) raze(space string) error {
	n.spaces = slices.DeleteFunc(n.spaces, func(s string) bool { return s == space })
	return run("", "ip", "netns", "del", space)
}

// must fails the test if an action of the lab failed.
func (n *Network) must(err error) {
	if err != nil {
		n.t.Helper()
		n.t.Fatalf("lab: %v", err)
	}
}

// close takes the network down. Nodes ended before: their clean-ups were
// registered later.
func (n *Network) close() {
	for _, space := range n.spaces {
		killAll(space)
	}
	for _, h := range n.hosts {
		h.cable.close()
	}
	for _, space := range n.spaces {
		if err := run("", "ip", "netns", "del", space); err != nil {
			n.t.Errorf("lab: %v", err)
		}
	}
	if err := os.RemoveAll(n.dir); err != nil {
		n.t.Errorf("lab: %v", err)
	}
}

// ip runs lines of ip(8) commands in a namespace, all in one process.
func ip(space, format string, args ...any) error {
	return run(fmt.Sprintf(format, args...), "ip", "-n", space, "-batch", "-")
}

// run runs a tool of the machine and puts what it says into the error.
func run(stdin, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
