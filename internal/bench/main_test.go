//go:build linux

package bench

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "replace the measured rows of docs/benchmarks.md")

const document = "../../docs/benchmarks.md"

func TestMain(m *testing.M) {
	flag.Parse()
	if line := os.Getenv(crowdEnv); line != "" {
		if err := crowd(context.Background(), line); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if flag.Lookup("test.bench").Value.String() == "" {
		os.Exit(m.Run()) // nothing is to be measured, so nothing built
	}
	os.Exit(measure(m))
}

// measure runs the benchmarks and shows the table.
func measure(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kith-bench-")
	if err == nil {
		defer os.RemoveAll(dir)
		shared.dir = dir
		err = buildBinary(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	goFirst()
	late := watchLateness()
	code := m.Run()
	if len(figures) == 0 {
		return code
	}
	late()
	fmt.Printf("\n%s\n", table())
	if *update {
		if err := updateDocument(document); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// shared is what several benchmarks use. dir is gone at the end of the process.
var shared struct {
	dir     string
	million *millionHome
	backlog *backlogHomes
}

// goFirst puts this process, and the nodes that it starts, before other work on
// the machine, which is not what is to be measured. It needs root.
func goFirst() { schedule(unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: -15}) }

// beExact lets nothing at all keep this process waiting, until the function
// that it returns is called: it carries the frames of the lab's lines, and a
// late frame is a longer line. Nodes that run already stay as they are.
func beExact() (end func()) {
	schedule(unix.SchedAttr{Policy: unix.SCHED_RR, Priority: 1})
	return goFirst
}

// schedule sets the scheduling of all threads; those to come inherit it.
func schedule(attr unix.SchedAttr) {
	attr.Size = unix.SizeofSchedAttr
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads {
		if tid, err := strconv.Atoi(thread.Name()); err == nil {
			unix.SchedSetAttr(tid, &attr, 0) // without the right to it we stay as we are
		}
	}
}

// watchLateness notes, all the time, how late this machine wakes a goroutine:
// by that much, other work on the machine may have disturbed a figure. The
// function that it returns ends it and makes a row of it.
func watchLateness() (end func()) {
	const nap = 10 * time.Millisecond
	stop, stopped := make(chan struct{}), make(chan struct{})
	var samples []float64
	go func() {
		defer close(stopped)
		for {
			begin := time.Now()
			select {
			case <-time.After(nap):
				samples = append(samples, milliseconds(time.Since(begin)-nap))
			case <-stop:
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		newFigure(figure{what: "for comparison: how late this machine wakes who slept 10 ms, all the while", unit: "ms"}).addSamples(samples)
	}
}

// buildBinary builds the program the way it is shipped, for the lab as well,
// unless KITH_BINARY names one.
func buildBinary(dir string) error {
	if os.Getenv("KITH_BINARY") != "" {
		return nil
	}
	path := filepath.Join(dir, "kith")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "kith/cmd/kith")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building kith: %w\n%s", err, out)
	}
	return os.Setenv("KITH_BINARY", path)
}
