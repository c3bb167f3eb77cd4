//go:build linux

package portmap_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"kith/internal/lab"
	"kith/portmap"
)

// TestMain lets the test binary map ports on a host of a lab.
func TestMain(m *testing.M) {
	if os.Getenv("PORTMAP_TEST_ROLE") == "mapper" {
		runMapper()
		return
	}
	os.Exit(m.Run())
}

var ports = []portmap.Port{{Network: "udp", Port: 4711}, {Network: "tcp", Port: 4712}}

// A report is a line that the mapper writes when something changed.
type report struct {
	State    portmap.State
	Mappings []portmap.Mapping
}

// runMapper maps ports until SIGTERM; SIGHUP says that the network changed.
func runMapper() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGHUP)
	m := portmap.New(portmap.Options{})
	m.SetPorts(ports)
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	for {
		select {
		case <-m.Changed():
			json.NewEncoder(os.Stdout).Encode(report{m.State(), m.Mappings()})
		case <-changed:
			m.NetworkChanged()
		case <-done:
			return
		}
	}
}

// A mapper is such a process.
type mapper struct {
	t       *testing.T
	cmd     *exec.Cmd
	mu      sync.Mutex
	latest  report        // guarded by mu
	drained chan struct{} // closed when it has ended
}

func newMapper(t *testing.T, host *lab.Host) *mapper {
	t.Helper()
	p := &mapper{t: t, cmd: host.Command(t.Context(), os.Args[0]), drained: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "PORTMAP_TEST_ROLE=mapper")
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.drained)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var r report
			if json.Unmarshal(lines.Bytes(), &r) == nil {
				p.mu.Lock()
				p.latest = r
				p.mu.Unlock()
			}
		}
		p.cmd.Wait()
	}()
	return p
}

// until waits until the mapper's report is as it should be.
func (p *mapper) until(within time.Duration, fits func(report) error) {
	p.t.Helper()
	lab.Eventually(p.t, within, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if err := fits(p.latest); err != nil {
			return fmt.Errorf("%w: %+v", err, p.latest)
		}
		return nil
	})
}

// working says if all ports are mapped to an address by one of these protocols.
func working(outside netip.Addr, by ...string) func(report) error {
	return func(r report) error {
		if !r.State.Working || len(r.Mappings) != len(ports) {
			return errors.New("not all is mapped")
		}
		for _, m := range r.Mappings {
			if m.Outside.Addr() != outside || !slices.Contains(by, m.By) {
				return errors.New("wrongly mapped")
			}
		}
		return nil
	}
}

const soon = 20 * time.Second

// TestMiniupnpd maps ports at the most common router of the world, in each of
// its languages, and comes in through them.
func TestMiniupnpd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		speaks lab.Mapping
		by     []string
		kind   lab.Kind
	}{
		"UPnP":             {lab.Mapping{UPnP: true}, []string{"upnp"}, lab.PortRestricted},
		"NAT-PMP and PCP":  {lab.Mapping{NATPMP: true}, []string{"pcp", "nat-pmp"}, lab.PortRestricted},
		"symmetric router": {lab.Mapping{UPnP: true, NATPMP: true}, []string{"upnp", "pcp", "nat-pmp"}, lab.Symmetric},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := lab.NewInternet(t, lab.Line{})
			hub, home := i.Host("hub"), i.Home(c.kind)
			home.MapPorts(c.speaks)
			alice := home.Host("alice")
			in := newVisitor(t, hub, alice)
			if in.udp(home.Outside()) || in.tcp(home.Outside()) {
				t.Fatal("the router lets in whoever comes")
			}
			p := newMapper(t, alice)
			p.until(soon, working(home.Outside(), c.by...))
			in.bothWays(home.Outside())

			home.Renumber()
			p.cmd.Process.Signal(syscall.SIGHUP)
			p.until(soon, working(home.Outside(), c.by...))
			in.bothWays(home.Outside())

			// What a crash left behind is in nobody's way.
			p.cmd.Process.Kill()
			<-p.drained
			p = newMapper(t, alice)
			p.until(soon, working(home.Outside(), c.by...))
			in.bothWays(home.Outside())

			start := time.Now()
			p.cmd.Process.Signal(syscall.SIGTERM)
			<-p.drained
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("to end took %v", took)
			}
			if udp, tcp := in.udp(home.Outside()), in.tcp(home.Outside()); udp || tcp {
				t.Errorf("the router still lets in by UDP: %v, by TCP: %v", udp, tcp)
			}
		})
	}
}

// TestRoutersThatDoNotMap gives the reasons of the others.
func TestRoutersThatDoNotMap(t *testing.T) {
	t.Parallel()
	i := lab.NewInternet(t, lab.Line{})
	deaf := i.Home(lab.PortRestricted)
	behind := i.Home(lab.CarrierGrade)
	behind.MapPorts(lab.Mapping{UPnP: true, NATPMP: true})
	for _, host := range []*lab.Host{deaf.Host("alice"), behind.Host("bob"), i.Host("carol")} {
		p := newMapper(t, host)
		p.until(soon, func(r report) error {
			if r.State.Working || len(r.Mappings) > 0 || r.State.Reason == "" {
				return errors.New("no reason")
			}
			t.Logf("%s: %s", host.Name(), r.State.Reason)
			return nil
		})
	}
}

// A visitor tries to get in from the hub to sockets of a host at home.
type visitor struct {
	t    *testing.T
	from *lab.Host
	seen net.PacketConn
}

func newVisitor(t *testing.T, from, to *lab.Host) *visitor {
	t.Helper()
	v := &visitor{t: t, from: from}
	var l net.Listener
	if err := to.Do(func() (err error) {
		if v.seen, err = net.ListenPacket("udp4", ":4711"); err == nil {
			l, err = net.Listen("tcp4", ":4712")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.seen.Close(); l.Close() })
	return v
}

const unheard = 200 * time.Millisecond

// udp says if a packet gets in, from a port that the router does not know yet.
func (v *visitor) udp(outside netip.Addr) bool {
	v.t.Helper()
	conn, err := v.from.Dial(v.t.Context(), "udp", netip.AddrPortFrom(outside, 4711).String())
	if err != nil {
		v.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		v.t.Fatal(err)
	}
	v.seen.SetReadDeadline(time.Now().Add(unheard))
	_, _, err = v.seen.ReadFrom(make([]byte, 16))
	return err == nil
}

// tcp says if a connection gets in.
func (v *visitor) tcp(outside netip.Addr) bool {
	ctx, stop := context.WithTimeout(v.t.Context(), unheard)
	defer stop()
	conn, err := v.from.Dial(ctx, "tcp", netip.AddrPortFrom(outside, 4712).String())
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// bothWays fails the test if one of them does not get in.
func (v *visitor) bothWays(outside netip.Addr) {
	v.t.Helper()
	lab.Eventually(v.t, soon, func() error {
		if !v.udp(outside) {
			return errors.New("no packet gets in")
		}
		if !v.tcp(outside) {
			return errors.New("no connection gets in")
		}
		return nil
	})
}
