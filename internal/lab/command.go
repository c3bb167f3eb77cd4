//go:build linux

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// commandWithin bounds one command; all of them are meant to be quick.
const commandWithin = time.Minute

// env is the environment of the node and of commands to it. The folders of
// conversations are made in the node's home. A program with the
// race detector would otherwise sleep for a second before it ends.
func (k *Node) env() []string {
	race := "GORACE=" + strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0")
	return slices.Concat(os.Environ(), []string{"KITH_HOME=" + k.conf.Home, "KITH_FOLDERS=" + k.conf.Home, "KITH_DHT_ROUTERS=none", race}, k.conf.Env)
}

// Command is `kith ARGS…` on the node's host, for the node's home, yet to be
// started: for commands that run on or read standard input.
func (k *Node) Command(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := k.host.Command(ctx, k.conf.Binary, args...)
	cmd.Env = k.env()
	return cmd
}

// Run runs `kith ARGS…` on the node's host, for the node's home. It returns
// what the command wrote to standard output, without the last line end, and
// fails the test if the command fails.
func (k *Node) Run(t testing.TB, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := k.exec(t, &out, &errs, args); code != 0 {
		t.Fatalf("lab: on %s, kith %s: exit code %d\n%s%s", k.host.name, strings.Join(args, " "), code, &out, &errs)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// Try is Run for commands that may fail: it returns all that the command
// wrote, errors too, and its exit code.
func (k *Node) Try(t testing.TB, args ...string) (output string, code int) {
	t.Helper()
	var out bytes.Buffer
	code = k.exec(t, &out, &out, args)
	return strings.TrimSuffix(out.String(), "\n"), code
}

// JSON runs a command and decodes what it prints into v.
func (k *Node) JSON(t testing.TB, v any, args ...string) {
	t.Helper()
	out := k.Run(t, args...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		t.Fatalf("lab: on %s, kith %s printed no such JSON: %v\n%s", k.host.name, strings.Join(args, " "), err, out)
	}
}

func (k *Node) exec(t testing.TB, out, errs *bytes.Buffer, args []string) (code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandWithin)
	defer cancel()
	cmd := k.Command(ctx, t, args...)
	cmd.Stdout, cmd.Stderr = out, errs
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("lab: on %s, kith %s did not end within %v\n%s", k.host.name, strings.Join(args, " "), commandWithin, out)
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatalf("lab: on %s, kith %s: %v", k.host.name, strings.Join(args, " "), err)
	}
	return cmd.ProcessState.ExitCode()
}
