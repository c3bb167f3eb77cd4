//go:build linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
	"kith/node"
)

const (
	crowdSize  = 50
	crowdEnv   = "KITH_BENCH_CROWD" // an invitation line: the process is the crowd
	settling   = 100 * time.Second  // QUIC probes the path's MTU at each keep-alive, for a minute
	idleWindow = time.Minute
)

// crowd runs fifty nodes that join by an invitation, until standard input ends.
func crowd(ctx context.Context, line string) (err error) {
	dir, err := os.MkdirTemp("", "kith-bench-crowd-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for i := range crowdSize {
		n, err := openNode(ctx, filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			return err
		}
		defer n.Close()
		if _, err := n.SetName(ctx, fmt.Sprintf("Friend %d", i)); err != nil {
			return err
		}
		if _, err := n.Join(ctx, line); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// BenchmarkIdle: a node that is linked to fifty contacts and does nothing.
func BenchmarkIdle(b *testing.B) {
	rss := newFigure(figure{what: "idle with 50 linked contacts: memory (RSS)", aim: "≤ 80 MiB", unit: "MiB", met: func(v, _ float64) bool { return v <= 80 }})
	cpu := newFigure(figure{what: "… of one core", aim: "< 0.5 %", unit: "%", met: func(v, _ float64) bool { return v < 0.5 }})
	traffic := newFigure(figure{what: "… traffic of a link, both directions, with IP headers", aim: "< 40 B/s", unit: "B/s", met: func(v, _ float64) bool { return v < 40 }})
	multicast := newFigure(figure{what: "… mDNS on the LAN of 51 devices, all together", unit: "B/s"})

	net := lab.New(b)
	lan := net.Switch("lan")
	ann := net.Host("ann", lan).Kith(lab.Kith{})
	gather(b, ann, net.Host("crowd", lan))
	ann.Restart() // or the memory would be that of the gathering
	allConnected(b, ann)
	count(b, ann.Host())
	pause(settling)
	for b.Loop() {
		worked, linked, found := cpuTime(b, ann.PID()), counted(b, ann.Host(), "link"), counted(b, ann.Host(), "mdns")
		begin := time.Now()
		pause(idleWindow)
		seconds := time.Since(begin).Seconds()
		rss.add(memory(b, ann.PID(), "VmRSS"))
		cpu.add(100 * (cpuTime(b, ann.PID()) - worked).Seconds() / seconds)
		traffic.add((counted(b, ann.Host(), "link") - linked) / seconds / crowdSize)
		multicast.add((counted(b, ann.Host(), "mdns") - found) / seconds)
	}
	allConnected(b, ann)
	rss.report(b, "rss")
	cpu.report(b, "cpu")
	traffic.report(b, "traffic")
	multicast.report(b, "mdns")
}

// gather starts the crowd on a host and accepts each who comes.
func gather(b *testing.B, ann *lab.Node, host *lab.Host) {
	b.Helper()
	c := reach(b, ann.Home())
	if _, err := c.SetName(b.Context(), "Ann"); err != nil {
		b.Fatal(err)
	}
	invitation, err := c.Invite(b.Context(), node.InviteOptions{Reusable: true})
	if err != nil {
		b.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	helper := host.Command(context.WithoutCancel(b.Context()), self) // it ends with its input
	helper.Env = append(os.Environ(), crowdEnv+"="+invitation.Line)
	helper.Stderr = os.Stderr
	in, err := helper.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		b.Fatal(err)
	}
	wait := sync.OnceValue(helper.Wait)
	b.Cleanup(func() {
		in.Close()
		if err := wait(); err != nil {
			b.Errorf("the crowd: %v", err)
		}
	})
	lab.Eventually(b, 5*time.Minute, func() error {
		contacts, err := c.Contacts(b.Context())
		for _, one := range contacts {
			if one.Relation == kith.Asking {
				_, accepted := c.Accept(b.Context(), one.Account.String())
				err = errors.Join(err, accepted)
			}
		}
		if err == nil && len(contacts) < crowdSize {
			err = fmt.Errorf("%d of %d came", len(contacts), crowdSize)
		}
		return err
	})
}

func allConnected(b *testing.B, ann *lab.Node) {
	b.Helper()
	c := reach(b, ann.Home())
	lab.Eventually(b, 5*time.Minute, func() error {
		contacts, err := c.Contacts(b.Context())
		if err != nil {
			return err
		}
		linked := 0
		for _, one := range contacts {
			if one.Connection == node.Connected && one.Relation == kith.Accepted {
				linked++
			}
		}
		if linked < crowdSize {
			return fmt.Errorf("%d of %d contacts are linked", linked, crowdSize)
		}
		return nil
	})
}

// count begins to count what a host sends and receives.
func count(b *testing.B, h *lab.Host) {
	b.Helper()
	configure(b, h, `table inet bench {
	counter mdns { }
	counter link { }
	chain in {
		type filter hook input priority 0
		iifname eth0 udp dport 5353 counter name mdns return
		iifname eth0 meta l4proto udp counter name link
	}
	chain out {
		type filter hook output priority 0
		oifname eth0 udp dport 5353 counter name mdns return
		oifname eth0 meta l4proto udp counter name link
	}
}
`)
}

// configure gives nftables of a host a script.
func configure(b *testing.B, h *lab.Host, script string) {
	b.Helper()
	nft := h.Command(b.Context(), "nft", "-f", "-")
	nft.Stdin = strings.NewReader(script)
	if out, err := nft.CombinedOutput(); err != nil {
		b.Fatalf("nftables: %v\n%s", err, out)
	}
}

var countedBytes = regexp.MustCompile(`bytes (\d+)`)

// counted reads a counter in bytes.
func counted(b *testing.B, h *lab.Host, counter string) float64 {
	b.Helper()
	out, err := h.Command(b.Context(), "nft", "list", "counter", "inet", "bench", counter).CombinedOutput()
	match := countedBytes.FindSubmatch(out)
	if err != nil || match == nil {
		b.Fatalf("reading a counter: %v\n%s", err, out)
	}
	n, err := strconv.ParseFloat(string(match[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkAlone: what the program weighs.
func BenchmarkAlone(b *testing.B) {
	rss := newFigure(figure{what: "idle with no contacts: memory (RSS)", unit: "MiB"})
	size := newFigure(figure{what: "the program on disk", unit: "MiB"})
	net := lab.New(b)
	ann := net.Host("ann", net.Switch("lan"))
	for b.Loop() {
		n := ann.Kith(lab.Kith{})
		n.Restart() // without what making keys and tables took
		pause(20 * time.Second)
		rss.add(memory(b, n.PID(), "VmRSS"))
		n.Stop()
		info, err := os.Stat(lab.Binary(b))
		if err != nil {
			b.Fatal(err)
		}
		size.add(float64(info.Size()) / (1 << 20))
	}
	rss.report(b, "rss")
	size.report(b, "size")
}
