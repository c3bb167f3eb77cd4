package meet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	mdnsPort = 5353
	// mdnsSize is the largest message that RFC 6762 section 17 allows.
	mdnsSize = 9000
	mdnsHops = 255
)

// An mdnsConn sends and receives multicast DNS on some interfaces: one socket
// for IPv4, one for IPv6, either may be missing. They share the port with every
// other responder of the machine.
type mdnsConn struct {
	v4      *ipv4.PacketConn
	v6      *ipv6.PacketConn
	ifaces  []lanInterface
	packets chan mdnsPacket
	failed  chan error // a socket can't be read any more; holds one each
	closed  chan struct{}
	readers sync.WaitGroup
}

// A lanInterface is an interface on which at least one group was joined.
type lanInterface struct {
	net.Interface
	prefixes []netip.Prefix
	v4, v6   bool
}

// An mdnsPacket is a message that came to the group.
type mdnsPacket struct {
	mdnsMessage
	on   *lanInterface
	from netip.Addr
}

var errNoInterface = errors.New("no network interface with multicast is up")

// localInterfaces are those on which neighbours can be: up, with multicast, no
// loopback, no tunnel to a single peer.
func localInterfaces() ([]net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(ifi net.Interface) bool {
		const need = net.FlagUp | net.FlagMulticast
		return ifi.Flags&need != need || ifi.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0
	}), nil
}

// openMDNS joins the groups on the interfaces and starts to read.
func openMDNS(ifaces []net.Interface) (*mdnsConn, error) {
	c := &mdnsConn{packets: make(chan mdnsPacket), failed: make(chan error, 2), closed: make(chan struct{})}
	group4, group6 := &net.UDPAddr{IP: mdnsGroup4, Port: mdnsPort}, &net.UDPAddr{IP: mdnsGroup6, Port: mdnsPort}
	// Listening at a group address makes package net share the port, which a
	// plain address would not. The socket is bound to the wildcard.
	var failure error // the first
	note := func(err error) bool {
		if failure == nil {
			failure = err
		}
		return err == nil
	}
	if conn, err := net.ListenUDP("udp4", group4); note(err) {
		c.v4 = ipv4.NewPacketConn(conn)
		note(c.v4.SetMulticastTTL(mdnsHops))
		note(c.v4.SetMulticastLoopback(true))
		_ = c.v4.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true) // not on Windows; see onInterface
	}
	if conn, err := net.ListenUDP("udp6", group6); note(err) {
		c.v6 = ipv6.NewPacketConn(conn)
		note(c.v6.SetMulticastHopLimit(mdnsHops))
		note(c.v6.SetMulticastLoopback(true))
		_ = c.v6.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)
	}
	for _, ifi := range ifaces {
		l := lanInterface{Interface: ifi, prefixes: prefixes(&ifi)}
		has4 := slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Addr().Is4() })
		has6 := slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Addr().Is6() })
		l.v4 = has4 && c.v4 != nil && note(c.v4.JoinGroup(&ifi, group4))
		l.v6 = has6 && c.v6 != nil && note(c.v6.JoinGroup(&ifi, group6))
		if l.v4 || l.v6 {
			c.ifaces = append(c.ifaces, l)
		}
	}
	if len(c.ifaces) == 0 {
		c.close()
		if failure == nil {
			failure = errNoInterface
		}
		return nil, failure
	}
	if c.v4 != nil {
		c.readers.Go(c.read4)
	}
	if c.v6 != nil {
		c.readers.Go(c.read6)
	}
	return c, nil
}

var (
	mdnsGroup4 = net.IPv4(224, 0, 0, 251)
	mdnsGroup6 = net.ParseIP("ff02::fb")
)

// close returns when both readers have ended.
func (c *mdnsConn) close() {
	close(c.closed)
	if c.v4 != nil {
		c.v4.Close()
	}
	if c.v6 != nil {
		c.v6.Close()
	}
	c.readers.Wait()
}

// names lists the interfaces in use.
func (c *mdnsConn) names() string {
	names := make([]string, len(c.ifaces))
	for i := range c.ifaces {
		names[i] = c.ifaces[i].Name
	}
	return strings.Join(names, ", ")
}

// send multicasts a message on one interface. It fails only if neither family
// could send. It must not be called by two goroutines at once.
func (c *mdnsConn) send(on *lanInterface, message []byte) error {
	err4, err6 := errNoInterface, errNoInterface
	if on.v4 {
		if err4 = c.v4.SetMulticastInterface(&on.Interface); err4 == nil {
			_, err4 = c.v4.WriteTo(message, nil, &net.UDPAddr{IP: mdnsGroup4, Port: mdnsPort})
		}
	}
	if on.v6 {
		if err6 = c.v6.SetMulticastInterface(&on.Interface); err6 == nil {
			_, err6 = c.v6.WriteTo(message, nil, &net.UDPAddr{IP: mdnsGroup6, Port: mdnsPort})
		}
	}
	switch {
	case err4 == nil || err6 == nil:
		return nil
	case on.v4:
		return fmt.Errorf("send on %s: %w", on.Name, err4)
	}
	return fmt.Errorf("send on %s: %w", on.Name, err6)
}

func (c *mdnsConn) read4() {
	c.read(func(b []byte) (n, index int, dst net.IP, from net.Addr, err error) {
		n, cm, from, err := c.v4.ReadFrom(b)
		if cm != nil {
			index, dst = cm.IfIndex, cm.Dst
		}
		return n, index, dst, from, err
	})
}

func (c *mdnsConn) read6() {
	c.read(func(b []byte) (n, index int, dst net.IP, from net.Addr, err error) {
		n, cm, from, err := c.v6.ReadFrom(b)
		if cm != nil {
			index, dst = cm.IfIndex, cm.Dst
		}
		return n, index, dst, from, err
	})
}

// read passes messages on until the connection is closed or its socket fails.
func (c *mdnsConn) read(receive func([]byte) (n, index int, dst net.IP, from net.Addr, err error)) {
	b := make([]byte, mdnsSize)
	const tooMany = 100 // in a row
	for failures := 0; ; {
		n, index, dst, src, err := receive(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		from, ok := src.(*net.UDPAddr)
		if err != nil || !ok {
			if failures++; failures == tooMany {
				c.failed <- err
				return
			}
			continue // Windows reports here what happened to earlier sends
		}
		failures = 0
		if dst != nil && !dst.IsMulticast() {
			continue // it may come from beyond this network
		}
		addr := from.AddrPort().Addr().Unmap()
		on := c.onInterface(index, addr)
		if on == nil || from.Port != mdnsPort {
			continue // another network, or a plain DNS client (RFC 6762 section 6.7)
		}
		m, err := parseMDNS(b[:n])
		if err != nil || len(m.asks) == 0 && len(m.seen) == 0 {
			continue
		}
		select {
		case c.packets <- mdnsPacket{m, on, addr}:
		case <-c.closed:
			return
		}
	}
}

// onInterface is the interface that a message came in by. Where the system does
// not tell (Windows), it is the one whose network the sender is in.
func (c *mdnsConn) onInterface(index int, from netip.Addr) *lanInterface {
	for i := range c.ifaces {
		l := &c.ifaces[i]
		if index != 0 && l.Index == index || index == 0 && l.local(from) {
			return l
		}
	}
	return nil
}

// local reports whether addr is in the interface's own network.
func (l *lanInterface) local(addr netip.Addr) bool {
	if addr.Is6() && addr.IsLinkLocalUnicast() {
		return addr.Zone() == "" || addr.Zone() == l.Name
	}
	return slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// addresses are the interface's own, without zones.
func (l *lanInterface) addresses() []netip.Addr {
	addrs := make([]netip.Addr, len(l.prefixes))
	for i, p := range l.prefixes {
		addrs[i] = p.Addr()
	}
	return addrs
}
