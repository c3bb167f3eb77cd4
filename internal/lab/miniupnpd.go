//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A Mapping lets hosts ask a router for mappings of ports, as most homes do. It
// is Debian's miniupnpd, which speaks UPnP-IGD, and NAT-PMP and PCP together.
type Mapping struct {
	UPnP   bool
	NATPMP bool // and PCP
}

// MapPorts switches mapping of ports on, also after reboots. Where miniupnpd
// is not installed it skips the test.
func (r *Router) MapPorts(m Mapping) {
	t := r.net.net.t
	t.Helper()
	if _, err := exec.LookPath("miniupnpd"); err != nil {
		if os.Getenv("KITH_LAB") == "must" {
			t.Fatal("lab: the command miniupnpd is not installed (package miniupnpd-nftables)")
		}
		t.Skip("lab: the command miniupnpd is not installed (package miniupnpd-nftables)")
	}
	r.mapping = &m
	r.net.net.must(m.start(r))
}

// miniupnpd adds its rules to chains that have to be there.
const mappingTable = `table inet miniupnpd {
	chain through { type filter hook forward priority filter - 1; jump forward; }
	chain before { type nat hook prerouting priority dstnat - 1; jump prerouting; }
	chain after { type nat hook postrouting priority srcnat - 1; jump postrouting; }
	chain forward { }
	chain prerouting { }
	chain postrouting { }
}
`

// start runs miniupnpd on the router and waits until it listens.
func (m *Mapping) start(r *Router) error {
	n := r.net.net
	if err := run(mappingTable, "nsenter", "--net=/run/netns/"+r.space, "nft", "-f", "-"); err != nil {
		return err
	}
	conf := filepath.Join(n.dir, r.name+".conf")
	text := fmt.Sprintf(`ext_ifname=wan
listening_ip=lan
http_port=%d
enable_upnp=%s
enable_natpmp=%s
secure_mode=yes
system_uptime=no
min_lifetime=1
max_lifetime=86400
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
upnp_forward_chain=forward
upnp_nat_chain=prerouting
upnp_nat_postrouting_chain=postrouting
uuid=6b697468-0000-4000-8000-000000000000
allow 1024-65535 %s 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`, upnpPort, yesNo(m.UPnP), yesNo(m.NATPMP), r.inside.net4)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	box := &Host{net: n, name: r.name, space: r.space}
	cmd := box.Command(context.Background(), "miniupnpd", "-d", "-f", conf, "-P", filepath.Join(n.dir, r.name+".pid"))
	p := &process{cmd: cmd, exited: make(chan struct{})}
	log := new(transcript)
	cmd.Stdout, cmd.Stderr = log, log
	if err := p.start(); err != nil {
		return fmt.Errorf("starting miniupnpd: %w", err)
	}
	deadline := time.NewTimer(startWithin)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := m.answers(box, r)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("miniupnpd ended: %s", log.tail(4<<10))
		case <-deadline.C:
			return fmt.Errorf("miniupnpd is silent: %w: %s", err, log.tail(4<<10))
		}
	}
}

const (
	upnpPort   = 5000 // where miniupnpd serves HTTP inside
	natPMPPort = 5351
)

// answers asks miniupnpd something.
func (m *Mapping) answers(box *Host, r *Router) error {
	network, port, question := "udp", natPMPPort, "\x00\x00" // NAT-PMP: what is your address?
	if m.UPnP {
		network, port, question = "tcp", upnpPort, "GET / HTTP/1.0\r\n\r\n"
	}
	conn, err := box.Dial(context.Background(), network, net.JoinHostPort(r.Inside().String(), fmt.Sprint(port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := conn.Write([]byte(question)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
