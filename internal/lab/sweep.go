//go:build linux

package lab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// sweepOnce removes what killed test processes left behind.
var sweepOnce = sync.OnceFunc(sweep)

// sweep removes namespaces and folders whose name holds the process ID of a
// process that is gone. It runs before this process makes its first lab, so
// what bears our own ID is of an earlier process with the same one.
func sweep() {
	spaces, _ := filepath.Glob("/run/netns/kithlab-*")
	for _, path := range spaces {
		if space := filepath.Base(path); stale(space) {
			killAll(space)
			// Another test process may be sweeping too; whoever comes second
			// finds it gone.
			run("", "ip", "netns", "del", space)
		}
	}
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), "kithlab-*"))
	for _, dir := range dirs {
		if stale(filepath.Base(dir)) {
			os.RemoveAll(dir)
		}
	}
}

// stale reports whether a name belongs to a lab whose process is gone.
func stale(name string) bool {
	digits, _, _ := strings.Cut(strings.TrimPrefix(name, "kithlab-"), "-")
	pid, err := strconv.Atoi(digits)
	if err != nil || pid <= 0 {
		return false
	}
	return pid == os.Getpid() || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// killAll kills every process in a namespace.
func killAll(space string) {
	out, err := exec.Command("ip", "netns", "pids", space).Output()
	if err != nil {
		return // no such namespace any more
	}
	for field := range strings.FieldsSeq(string(out)) {
		// One of our own threads may be visiting; see inside.
		if pid, err := strconv.Atoi(field); err == nil && pid != os.Getpid() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
