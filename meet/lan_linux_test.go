package meet

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brutella/dnssd"
	dnssdlog "github.com/brutella/dnssd/log"
)

// roleVariable makes the test binary play one device in a network namespace.
const roleVariable = "KITH_MEET_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() { // the parent is gone when its pipe is
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if role == "dnssd" {
		playDNSSD(ctx)
	} else {
		playLAN(ctx, role[0])
	}
}

// playLAN prints what a device finds and how its way does.
func playLAN(ctx context.Context, device byte) {
	l := NewLAN(4000+uint16(device), tagOf(device), slog.New(slog.DiscardHandler))
	l.today = func() (uint32, time.Duration) { return 1, time.Hour }
	go WatchNetwork(ctx, func() { fmt.Println("changed"); l.NetworkChanged() })
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for last := ""; ctx.Err() == nil; <-tick.C {
			if s := l.State(); s.Reason != last {
				last = s.Reason
				fmt.Println("state", s.Working, s.Reason)
			}
		}
	}()
	_ = l.Run(ctx, func(f Find) { fmt.Println("find", f.Instance, f.Addresses) })
}

// playDNSSD is a device whose mDNS is another implementation.
func playDNSSD(ctx context.Context) {
	dnssdlog.Info.SetOutput(io.Discard)
	responder, err := dnssd.NewResponder()
	if err != nil {
		panic(err)
	}
	service, err := dnssd.NewService(dnssd.Config{Name: tagText('d', 1), Host: tagText('d', 1), Type: "_kith._udp", Port: 4000 + 'd'})
	if err != nil {
		panic(err)
	}
	if _, err := responder.Add(service); err != nil {
		panic(err)
	}
	show := func(what string) func(dnssd.BrowseEntry) {
		return func(e dnssd.BrowseEntry) { fmt.Println(what, e.Name, e.Host, e.Port, e.Text, e.IPs) }
	}
	go dnssd.LookupType(ctx, "_kith._udp.local.", show("found"), show("lost"))
	_ = responder.Respond(ctx)
}

// A device is the test binary in a namespace.
type device struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	lines chan string
}

func play(t *testing.T, namespace, role string) *device {
	t.Helper()
	cmd := exec.Command("ip", "netns", "exec", namespace, os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &device{t, cmd, stdin, make(chan string, 1000)}
	go func() {
		defer close(d.lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			d.lines <- s.Text()
		}
	}()
	t.Cleanup(d.stop)
	return d
}

func (d *device) stop() {
	d.stdin.Close()
	d.cmd.Wait()
}

// says waits for a line with all the words.
func (d *device) says(words ...string) {
	d.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case line, ok := <-d.lines:
			if !ok {
				d.t.Fatalf("ended before it said %q", words)
			}
			missing := false
			for _, w := range words {
				missing = missing || !strings.Contains(line, w)
			}
			if !missing {
				return
			}
		case <-deadline:
			d.t.Fatalf("never said %q", words)
		}
	}
}

func run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// network makes two namespaces with a cable between them, whose ends have no
// address and no route.
func network(t *testing.T) (left, right string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can make network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("the command ip (iproute2) is missing")
	}
	id := hex.EncodeToString([]byte{byte(os.Getpid() >> 8), byte(os.Getpid())})
	left, right = "kithl"+id, "kithr"+id
	for _, ns := range []string{left, right} {
		run(t, "ip", "netns", "add", ns)
		t.Cleanup(func() { run(t, "ip", "netns", "del", ns) })
	}
	run(t, "ip", "-n", left, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", right)
	return left, right
}

func plug(t *testing.T, namespace, address string) {
	t.Helper()
	run(t, "ip", "-n", namespace, "addr", "add", address, "dev", "cable")
	run(t, "ip", "-n", namespace, "link", "set", "cable", "up")
}

// Two hosts on a cable, no router, no multicast route: two devices of ours and
// one of another implementation find each other, and hear of what changes.
func TestHostsOnACable(t *testing.T) {
	left, right := network(t)
	a := play(t, left, "a")
	a.says("state false", "no network interface with multicast is up")
	plug(t, left, "10.77.0.1/24")
	plug(t, right, "10.77.0.2/24")
	a.says("changed")
	a.says("state true Searches on cable: no other device with Kith yet.")

	b := play(t, right, "b")
	b.says("find", tagText('a', 1), "10.77.0.1:4097")
	a.says("find", tagText('b', 1), "10.77.0.2:4098")
	a.says("state true Searches on cable: one other device with Kith.")

	other := play(t, right, "dnssd")
	other.says("found", tagText('a', 1), tagText('a', 1), "4097", "map[]", "10.77.0.1")
	a.says("find", tagText('d', 1), "10.77.0.2:4100")
	b.stop()
	a.says("find", tagText('b', 1), "[]")
	a.cmd.Process.Signal(syscall.SIGTERM)
	other.says("lost", tagText('a', 1))
}

// A device that gets another address is found there.
func TestAddressChange(t *testing.T) {
	left, right := network(t)
	plug(t, left, "10.77.0.1/24")
	plug(t, right, "10.77.0.2/24")
	a, b := play(t, left, "a"), play(t, right, "b")
	a.says("find", tagText('b', 1), "10.77.0.2:4098")
	b.says("find", tagText('a', 1), "10.77.0.1:4097")
	run(t, "ip", "-n", right, "addr", "del", "10.77.0.2/24", "dev", "cable")
	run(t, "ip", "-n", right, "addr", "add", "10.77.0.9/24", "dev", "cable")
	b.says("changed")
	a.says("find", tagText('b', 1), "10.77.0.9:4098")
}
