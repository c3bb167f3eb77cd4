//go:build linux

package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kith/api/client"
	"kith/node"
)

// A process is a node that runs on this machine's own network.
type process struct {
	cmd *exec.Cmd
	up  time.Duration // from the start of the program to its ready line
}

// startKith runs kith up on a home and waits until it is ready.
func startKith(b *testing.B, home string) *process {
	b.Helper()
	cmd := exec.Command(os.Getenv("KITH_BINARY"), "up", "--home", home, "--no-open")
	cmd.Env = append(os.Environ(), "KITH_LOOPBACK=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	p := &process{cmd: cmd, up: time.Since(begin)}
	if err != nil || !strings.HasPrefix(line, "Kith is running: ") {
		cmd.Process.Kill()
		b.Fatalf("kith up said %q: %v", line, err)
	}
	go io.Copy(io.Discard, out)
	return p
}

// stop ends the node and waits for its end.
func (p *process) stop(b *testing.B) {
	b.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		b.Errorf("kith did not end cleanly: %v", err)
	}
}

// memory reads a line of /proc/PID/status, such as VmRSS, in MiB.
func memory(b *testing.B, pid int, field string) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	b.Fatalf("/proc/%d/status has no %s", pid, field)
	return 0
}

// cpuTime is how long a process has worked so far, in user and kernel mode.
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	// The name, in parentheses, may hold anything; utime and stime are the 12th
	// and 13th fields after it, in hundredths of a second (proc(5)).
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// reach makes a client of the node on a home.
func reach(b *testing.B, home string) *client.Client {
	b.Helper()
	c, err := client.Home(home)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// A seen notice came to a subscriber at a time.
type seen struct {
	node.Notice
	at time.Time
}

// watch subscribes to a node's notices. The subscription holds when it
// returns, and ends with ctx.
func watch(ctx context.Context, c *client.Client) <-chan seen {
	out := make(chan seen, 1024)
	notices := c.Events(ctx, "")
	go func() {
		defer close(out)
		for n, err := range notices {
			if err != nil {
				return
			}
			select {
			case out <- seen{n.Notice, time.Now()}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// await takes notices until one is wanted.
func await(b *testing.B, notices <-chan seen, within time.Duration, what string, wanted func(*seen) bool) seen {
	b.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		select {
		case n, ok := <-notices:
			if !ok {
				b.Fatalf("the notices ended before %s", what)
			}
			if wanted(&n) {
				return n
			}
		case <-timer.C:
			b.Fatalf("not within %v: %s", within, what)
		}
	}
}

// pause lets time pass between two messages, as people do.
func pause(d time.Duration) { <-time.After(d) }

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
