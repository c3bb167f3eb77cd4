//go:build linux

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAKilledRunIsSweptUp runs itself in a second process, which makes a lab
// with a node and another program in it, and one with routers, and is killed.
func TestAKilledRunIsSweptUp(t *testing.T) {
	ann, conf := fakes(t)
	if os.Getenv("LAB_TEST_KILL_ME") != "" {
		sleep := ann.Command(t.Context(), "sleep", "1000")
		if err := sleep.Start(); err != nil {
			t.Fatal(err)
		}
		node := ann.Kith(conf).run.cmd.Process.Pid
		home := NewInternet(t, Line{}).Home(CarrierGrade)
		home.MapPorts(Mapping{UPnP: true})
		home.Host("carl")
		fmt.Println("built", filepath.Base(ann.net.dir), filepath.Base(home.net.net.dir), node, sleep.Process.Pid)
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAKilledRunIsSweptUp$")
	cmd.Env = append(os.Environ(), "LAB_TEST_KILL_ME=1")
	text, err := cmd.CombinedOutput()
	var lab, internet string
	var node, sleep int
	if _, scanErr := fmt.Sscanf(string(text), "built %s %s %d %d", &lab, &internet, &node, &sleep); scanErr != nil {
		t.Fatalf("the second process: %v, %v: %s", scanErr, err, text)
	}
	Eventually(t, answerWithin, func() error { return gone(node) })
	// The next run on this machine makes some lab.
	next := exec.Command(os.Args[0], "-test.run=^TestNothingStays$")
	if out, err := next.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if left := append(leftovers(t, lab), leftovers(t, internet)...); len(left) != 0 {
		t.Errorf("the killed run left %q", left)
	}
	Eventually(t, answerWithin, func() error { return gone(sleep) })
	if left := leftovers(t, filepath.Base(ann.net.dir)); len(left) != 3 {
		t.Errorf("of this living lab only %q is left", left)
	}
}

// gone says if a process still runs; a zombie does not.
func gone(pid int) error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	if _, after, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(after, "Z") {
		return nil
	}
	return fmt.Errorf("process %d lives: %s", pid, stat)
}

func TestStale(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		fmt.Sprintf("kithlab-%d-1-ann", os.Getppid()): false,
		fmt.Sprintf("kithlab-%d-1-ann", os.Getpid()):  true,
		"kithlab-4194305-1-ann":                       true, // above the highest possible ID
		"kithlab-x-1-ann":                             false,
		"kithlab--1-ann":                              false,
		"kithlab-0-ann":                               false,
	} {
		if got := stale(name); got != want {
			t.Errorf("%s is stale: %v, want %v", name, got, want)
		}
	}
}
