package relay

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serveVariable makes the test program a relay, so that its processor time is
// its own.
const serveVariable = "KITH_TEST_RELAY"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	s, err := Start(lab(), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.Port())
	_, _ = bufio.NewReader(os.Stdin).ReadString(0) // until the benchmark ends
}

func startOurs(b testing.TB) server {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVariable+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return server{cmd.Process.Pid, "127.0.0.1:" + strings.TrimSpace(port)}
}

// burned is how long a process's threads have run.
func burned(b testing.TB, pid int) (sum time.Duration) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, name := range tasks {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a thread that ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			b.Skip("this system does not tell how long threads ran:", err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// A load is a client's socket that keeps some frames under way over a channel,
// to a peer that sends them back.
type load struct {
	net.PacketConn
	got  atomic.Int64
	left atomic.Int64 // frames that may still be sent
}

// ReadFrom gives the TURN client what is not for the channel.
func (l *load) ReadFrom(buf []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.PacketConn.ReadFrom(buf)
		if err != nil || !isFrame(buf[0]) {
			return n, from, err
		}
		l.got.Add(1)
		if l.left.Add(-1) >= 0 {
			if _, err := l.PacketConn.WriteTo(buf[:n], from); err != nil {
				return 0, nil, err
			}
		}
	}
}

const (
	loadClients = 4
	loadPayload = 1000
)

// carry has clients of a server pass packets to a peer and back, and gives the
// processor time that the server took for each packet.
func carry(b testing.TB, to server, window, trips int) time.Duration {
	name := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10) + ":bench"
	peer := echo(b)
	var loads []*load
	serverAddr := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to.addr))
	for range loadClients {
		sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		l := &load{PacketConn: sock}
		loads = append(loads, l)
		relayed := allocate(b, dialOver(b, to.addr, name, password(secret, name), defaultRealm, l))
		// The first packet has the client ask for a channel behind.
		if _, err := relayed.WriteTo([]byte("open"), peer.LocalAddr()); err != nil {
			b.Fatal(err)
		}
		frame := binary.BigEndian.AppendUint32(nil, 0x4000<<16|loadPayload)
		frame = append(frame, make([]byte, loadPayload)...)
		for l.got.Load() == 0 { // until the channel is bound
			if _, err := l.PacketConn.WriteTo(frame, serverAddr); err != nil {
				b.Fatal(err)
			}
			waitTick()
		}
	}
	frame := binary.BigEndian.AppendUint32(nil, 0x4000<<16|loadPayload)
	frame = append(frame, make([]byte, loadPayload)...)
	start := burned(b, to.pid)
	var before int64
	for _, l := range loads {
		before += l.got.Load()
		l.left.Store(int64(trips/loadClients - window))
		for range window {
			if _, err := l.PacketConn.WriteTo(frame, serverAddr); err != nil {
				b.Fatal(err)
			}
		}
	}
	count := func() (n int64) {
		for _, l := range loads {
			n += l.got.Load()
		}
		return n - before
	}
	// Until all came back, or nothing has for a while: packets may be lost.
	for last, still := int64(0), 0; still < 20 && count() < int64(trips); waitTick() {
		if n := count(); n != last {
			last, still = n, 0
		} else {
			still++
		}
	}
	n := count()
	if n < int64(trips)/2 {
		b.Fatalf("only %d of %d packets came back", n, trips)
	}
	return (burned(b, to.pid) - start) / time.Duration(2*n)
}

// BenchmarkRelay compares the processor time of a relayed packet of 1000 bytes
// with coturn's, round by round: of four clients that keep 32 packets under way
// each, as a transfer does, and of four that wait for each to come back, where
// the time is that of waking up.
func BenchmarkRelay(b *testing.B) {
	for _, window := range []int{1, 32} {
		b.Run(fmt.Sprintf("window=%d", window), func(b *testing.B) {
			theirs, ours := startCoturn(b), startOurs(b)
			trips := 60_000
			if window == 1 {
				trips = 20_000
			}
			carry(b, theirs, window, trips/4) // both warm
			carry(b, ours, window, trips/4)
			for b.Loop() {
				var a, c, ratios []float64
				for range 5 {
					x, y := carry(b, theirs, window, trips), carry(b, ours, window, trips)
					a, c = append(a, float64(x)), append(c, float64(y))
					ratios = append(ratios, float64(y)/float64(x))
				}
				slices.Sort(a)
				slices.Sort(c)
				slices.Sort(ratios)
				b.ReportMetric(a[2], "coturn-ns/packet")
				b.ReportMetric(c[2], "kith-ns/packet")
				b.ReportMetric(ratios[2], "kith/coturn")
			}
		})
	}
}
