//go:build linux

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// Binary gives the path of the kith program: KITH_BINARY if that is set, else
// one that is built from cmd/kith once for the whole test process, with the
// race detector if the test has it. The folder of the built one stays until
// the next process that builds or makes a lab sweeps it up.
func Binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("KITH_BINARY"); path != "" {
		return path
	}
	path, err := built()
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	return path
}

// Plain gives the same program without the race detector, even if the test has
// it: for tests of how much and how fast.
func Plain(t testing.TB) string {
	t.Helper()
	if len(raceFlags) == 0 {
		return Binary(t)
	}
	path, err := builtPlain()
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	return path
}

var (
	built      = sync.OnceValues(func() (string, error) { return buildKith(raceFlags) })
	builtPlain = sync.OnceValues(func() (string, error) { return buildKith(nil) })
)

func buildKith(flags []string) (path string, err error) {
	sweepOnce()
	dir, err := os.MkdirTemp("", fmt.Sprintf("kithlab-%d-bin-", os.Getpid()))
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "kith")
	return path, build(path, "kith/cmd/kith", flags)
}

func build(path, pkg string, flags []string) error {
	args := slices.Concat([]string{"build"}, flags, []string{"-o", path, pkg})
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}
