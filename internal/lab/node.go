//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startWithin = 30 * time.Second // the first start makes keys and a store; the race detector is slow
	stopWithin  = 2 * time.Second  // what kith promises after SIGTERM
)

// Kith says how to run a node.
type Kith struct {
	Home   string   // its folder; a fresh one if empty, gone after the test
	Args   []string // after `kith up --home HOME --no-open`
	Env    []string // NAME=VALUE, for the node and for commands to it
	Binary string   // the program; [Binary] if empty
}

// A Node is a kith node on a host. When the test ends it is killed; its log is
// shown if the test failed. A node that ends by itself, or writes a report of
// the race detector, fails the test.
//
// Start, Stop, Kill and Restart are for one goroutine at a time and fail the
// test like [testing.TB.Fatalf]. Commands may be given by any goroutine.
type Node struct {
	host *Host
	conf Kith
	log  *transcript

	mu  sync.Mutex
	run *process // guarded by mu; nil while the node does not run
	url string   // guarded by mu
}

// A process is one run of a node.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended and all its output is read
}

// Kith starts a node on the host and waits until it is ready.
func (h *Host) Kith(conf Kith) *Node {
	t := h.net.t
	t.Helper()
	if conf.Home == "" {
		// Short, since a unix socket in it must fit into 108 bytes.
		dir, err := os.MkdirTemp(h.net.dir, h.name+"-")
		h.net.must(err)
		conf.Home = dir
	}
	if conf.Binary == "" {
		conf.Binary = Binary(t)
	}
	k := &Node{host: h, conf: conf, log: new(transcript)}
	t.Cleanup(k.close)
	k.Start()
	return k
}

// Home is the node's folder.
func (k *Node) Home() string { return k.conf.Home }

// Host is where the node runs.
func (k *Node) Host() *Host { return k.host }

// PID is the number of the node's process, or 0 while it does not run.
func (k *Node) PID() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.run == nil {
		return 0
	}
	return k.run.cmd.Process.Pid
}

// Log is all that the node has written so far, over all its runs.
func (k *Node) Log() string { return k.log.String() }

// URL is what the node's latest ready line says, with the one-time login if
// there is one.
func (k *Node) URL() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.url
}

// Start starts the node, again after Stop or Kill, and waits for the line by
// which it says that it is ready.
func (k *Node) Start() {
	t := k.host.net.t
	t.Helper()
	k.mu.Lock()
	running := k.run != nil
	k.mu.Unlock()
	if running {
		t.Fatalf("lab: kith on %s already runs", k.host.name)
	}
	args := slices.Concat([]string{"up", "--home", k.conf.Home, "--no-open"}, k.conf.Args)
	cmd := k.host.Command(context.Background(), k.conf.Binary, args...)
	cmd.Env = k.env()
	ready := k.log.begin()
	cmd.Stdout, cmd.Stderr = k.log, k.log
	p := &process{cmd: cmd, exited: make(chan struct{})}
	if err := p.start(); err != nil {
		t.Fatalf("lab: starting kith on %s: %v", k.host.name, err)
	}
	k.mu.Lock()
	k.run = p
	k.mu.Unlock()

	timeout := time.NewTimer(startWithin)
	defer timeout.Stop()
	select {
	case url := <-ready:
		k.mu.Lock()
		k.url = url
		k.mu.Unlock()
	case <-p.exited:
		k.take()
		t.Fatalf("lab: kith on %s ended before it was ready: %v", k.host.name, cmd.ProcessState)
	case <-timeout.C:
		t.Fatalf("lab: kith on %s was not ready within %v", k.host.name, startWithin)
	}
}

// start starts the process and reaps it when it ends.
func (p *process) start() error {
	// The process dies with us, even if we are killed. To the kernel "us" is
	// the thread that started it, so that thread stays until the process ends.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.WaitDelay = stopWithin // for output that its children hold open
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait()
			close(p.exited)
		}
	}()
	return <-started
}

// take ends the run on our side: the caller has to end the process.
func (k *Node) take() *process {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.run
	k.run = nil
	return p
}

// Stop asks the node to end, with SIGTERM. It has 2 seconds, and must leave
// with exit code 0.
func (k *Node) Stop() {
	t := k.host.net.t
	t.Helper()
	p := k.signal(syscall.SIGTERM)
	timeout := time.NewTimer(stopWithin)
	defer timeout.Stop()
	select {
	case <-p.exited:
		if !p.cmd.ProcessState.Success() {
			t.Errorf("lab: kith on %s did not end cleanly after SIGTERM: %v", k.host.name, p.cmd.ProcessState)
		}
	case <-timeout.C:
		t.Errorf("lab: kith on %s still ran %v after SIGTERM", k.host.name, stopWithin)
		p.cmd.Process.Kill()
		<-p.exited
	}
}

// Kill ends the node with SIGKILL: it gets no chance to save anything.
func (k *Node) Kill() {
	k.host.net.t.Helper()
	p := k.signal(syscall.SIGKILL)
	<-p.exited
}

// Restart is Stop and Start.
func (k *Node) Restart() {
	k.host.net.t.Helper()
	k.Stop()
	k.Start()
}

// signal takes the running process and sends it a signal.
func (k *Node) signal(sig os.Signal) *process {
	t := k.host.net.t
	t.Helper()
	p := k.take()
	if p == nil {
		t.Fatalf("lab: kith on %s does not run", k.host.name)
	}
	if err := k.endedEarly(p); err != nil {
		t.Fatal(err)
	}
	p.cmd.Process.Signal(sig)
	return p
}

// endedEarly says so if the process ended although nobody asked.
func (k *Node) endedEarly(p *process) error {
	select {
	case <-p.exited:
		return fmt.Errorf("lab: kith on %s ended by itself: %v", k.host.name, p.cmd.ProcessState)
	default:
		return nil
	}
}

// close ends the node with the test.
func (k *Node) close() {
	t := k.host.net.t
	if p := k.take(); p != nil {
		if err := k.endedEarly(p); err != nil {
			t.Error(err)
		}
		p.cmd.Process.Kill()
		<-p.exited
	}
	k.report(t)
}

// report shows the log if the test failed, or if the log fails the test.
func (k *Node) report(t testing.TB) {
	if k.log.contains("WARNING: DATA RACE") {
		t.Errorf("lab: kith on %s has a data race", k.host.name)
	}
	if t.Failed() {
		t.Logf("lab: what kith on %s wrote:\n%s", k.host.name, k.log.tail(64<<10))
	}
}
