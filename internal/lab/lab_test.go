//go:build linux

package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary stand in for programs that run in a lab.
func TestMain(m *testing.M) {
	switch os.Getenv("LAB_TEST_ROLE") {
	case "kith":
		os.Exit(fakeKith(os.Args[1:]))
	case "interfaces":
		os.Exit(printInterfaces())
	case "agent", "relay":
		os.Exit(playRole(os.Getenv("LAB_TEST_ROLE"), os.Args[1:]))
	}
	os.Exit(m.Run())
}

const (
	answerWithin = 20 * time.Second
	port         = 7000
)

// echo opens a UDP socket on a host that sends every packet back.
func echo(t *testing.T, h *Host) {
	t.Helper()
	conn := listen(t, h, "udp", fmt.Sprintf(":%d", port))
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			conn.WriteTo(buf[:n], from)
		}
	}()
}

// listen opens a socket on a host. It tries again: a program that another test
// starts at this moment may hold a copy of a socket that was closed before.
func listen(t *testing.T, h *Host, network, address string) net.PacketConn {
	t.Helper()
	var conn net.PacketConn
	Eventually(t, answerWithin, func() error {
		return h.Do(func() (err error) {
			conn, err = net.ListenPacket(network, address)
			return err
		})
	})
	t.Cleanup(func() { conn.Close() })
	return conn
}

func dial(t *testing.T, h *Host, network string, to netip.Addr) net.Conn {
	t.Helper()
	conn, err := h.Dial(t.Context(), network, netip.AddrPortFrom(to, port).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ping sends one packet to an echo and returns how long the answer took.
func ping(conn net.Conn, within time.Duration) (time.Duration, error) {
	start := time.Now()
	if _, err := conn.Write([]byte("ping")); err != nil {
		return 0, err
	}
	conn.SetReadDeadline(start.Add(within))
	_, err := conn.Read(make([]byte, 16))
	return time.Since(start), err
}

// answers waits until an echo answers, sending again while it does not.
func answers(t *testing.T, conn net.Conn) {
	t.Helper()
	Eventually(t, answerWithin, func() error {
		_, err := ping(conn, time.Second)
		return err
	})
}

// silent fails the test if an echo answers within a time that is long for this
// network.
func silent(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := ping(conn, 150*time.Millisecond); err == nil {
		t.Error("an answer came where none should")
	}
}

func TestPlainCables(t *testing.T) {
	t.Parallel()
	n := New(t)
	lan := n.Switch("lan")
	start := time.Now()
	ann := n.Host("ann", lan)
	if took := time.Since(start); took > 500*time.Millisecond {
		t.Errorf("a host took %v to make", took)
	} else {
		t.Logf("a host took %v to make", took)
	}
	bob := n.Host("bob", lan)
	echo(t, bob)
	for _, to := range []netip.Addr{bob.Addr(), bob.Addr6()} {
		answers(t, dial(t, ann, "udp", to))
	}
	if _, err := ann.Dial(t.Context(), "udp", "192.0.2.1:9"); err == nil {
		t.Error("ann has a route out of the lab")
	}
}

func TestCommandRunsOnTheHost(t *testing.T) {
	t.Parallel()
	n := New(t)
	ann := n.Host("ann", n.Switch("lan", Line{}))
	cmd := ann.Command(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "LAB_TEST_ROLE=interfaces")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"host ann\n", ann.Addr().String() + "/24\n", ann.Addr6().String() + "/64\n", "127.0.0.1/8\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("a program on ann does not see %q but\n%s", want, out)
		}
	}
	if name, err := os.Hostname(); err != nil || name == "ann" {
		t.Errorf("outside, the host name is %q, %v", name, err)
	}
}

func printInterfaces() int {
	name, err := os.Hostname()
	addrs, err2 := net.InterfaceAddrs()
	if err := errors.Join(err, err2); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("host", name)
	for _, a := range addrs {
		fmt.Println(a)
	}
	return 0
}

func TestLabsDoNotMeet(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			n := New(t)
			lan, wan := n.Switch("lan", Line{}), n.Switch("wan")
			ann, bob, carl := n.Host("ann", lan), n.Host("bob", lan), n.Host("carl", wan)
			echo(t, bob)
			answers(t, dial(t, ann, "udp", bob.Addr()))
			// carl has bob's subnet on no card.
			if conn, err := carl.Dial(t.Context(), "udp", netip.AddrPortFrom(bob.Addr(), port).String()); err == nil {
				conn.Close()
				t.Error("carl has a route to another switch")
			}
		})
	}
}

func TestNothingStays(t *testing.T) {
	var lab string
	done := make(chan error, 1)
	t.Run("lab", func(t *testing.T) {
		n := New(t)
		lab = filepath.Base(n.dir)
		ann := n.Host("ann", n.Switch("lan", Line{}))
		n.Host("bob", n.Switch("plain"))
		cmd := ann.Command(context.Background(), "sh", "-c", "echo here; exec sleep 1000")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Before it says so it may not be in the host yet, where it is found.
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "here\n" {
			t.Fatalf("it says %q, %v", line, err)
		}
		go func() { done <- cmd.Wait() }()
		if left := leftovers(t, lab); len(left) != 5 { // 4 namespaces and a folder
			t.Errorf("while it runs, the lab has %q", left)
		}
	})
	if left := leftovers(t, lab); len(left) != 0 {
		t.Errorf("the lab left %q", left)
	}
	select {
	case <-done:
	case <-time.After(answerWithin):
		t.Error("a command outlived its lab")
	}
	cards, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, card := range cards {
		if card.Name == "ann" || card.Name == "bob" || card.Name == "br0" {
			t.Errorf("interface %s lies around", card.Name)
		}
	}
}

// leftovers lists what bears the name of a lab.
func leftovers(t *testing.T, lab string) []string {
	t.Helper()
	spaces, err := filepath.Glob("/run/netns/" + lab + "*")
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), lab+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return append(spaces, dirs...)
}
