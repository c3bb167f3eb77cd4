package portmap

import (
	"context"
	"crypto/rand"
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"

	"kith"
)

// pcp speaks the Port Control Protocol with one router.
type pcp struct {
	route route
	port  uint16 // of the router
	held  map[Port]pcpMapping
}

func newPCP(r route) *pcp {
	return &pcp{route: r, port: pcpPort, held: map[Port]pcpMapping{}}
}

func (*pcp) name() string { return "pcp" }

// look announces us, or renews a mapping, since only the answer to that tells
// the outside address.
func (c *pcp) look(ctx context.Context) (view, error) {
	if ports := slices.Collect(maps.Keys(c.held)); len(ports) > 0 {
		reply, err := c.mapPort(ctx, ports[0], c.held[ports[0]], lifetime)
		return view{outside: reply.mapping.outside.Addr(), age: reply.epoch, aged: true}, err
	}
	reply, err := c.call(ctx, appendPCPHeader(nil, pcpAnnounce, 0, c.route.local), func(r pcpReply) bool {
		return r.opcode == pcpAnnounce
	})
	return view{age: reply.epoch, aged: true}, err
}

func (c *pcp) add(ctx context.Context, p Port, outside uint16, lifetime time.Duration) (grant, error) {
	m, ok := c.held[p]
	if !ok {
		m = pcpMapping{protocol: protocolTCP, inside: p.Port, outside: netip.AddrPortFrom(netip.IPv4Unspecified(), outside)}
		if p.Network == "udp" {
			m.protocol = protocolUDP
		}
		rand.Read(m.nonce[:])
	}
	reply, err := c.mapPort(ctx, p, m, lifetime)
	if err != nil {
		return grant{}, err
	}
	return grant{reply.mapping.outside, time.Duration(reply.lifetime) * time.Second}, nil
}

func (c *pcp) remove(ctx context.Context, p Port, _ uint16) error {
	m, ok := c.held[p]
	if !ok {
		return nil
	}
	_, err := c.mapPort(ctx, p, m, 0)
	delete(c.held, p)
	return err
}

// mapPort asks for a mapping, and remembers it.
func (c *pcp) mapPort(ctx context.Context, p Port, m pcpMapping, lifetime time.Duration) (pcpReply, error) {
	reply, err := c.call(ctx, appendPCPMap(nil, m, uint32(lifetime/time.Second), c.route.local), func(r pcpReply) bool {
		return r.opcode == pcpOpMap && r.mapping.nonce == m.nonce && r.mapping.protocol == m.protocol && r.mapping.inside == m.inside
	})
	switch {
	case err == nil:
		c.held[p] = reply.mapping
	case reply.result != 0:
		delete(c.held, p) // the next try is a new one, with another nonce
	}
	return reply, err
}

// pcpPatience is how long the first request waits for its answer; each later
// one waits twice as long as the one before.
const pcpPatience = 250 * time.Millisecond

// call sends a request, again while there is no answer, and returns the first
// response that fits.
func (c *pcp) call(ctx context.Context, request []byte, fits func(pcpReply) bool) (pcpReply, error) {
	from := net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.route.local, 0))
	// Connected, it takes packets of the router only.
	conn, err := net.DialUDP("udp4", from, net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.route.gateway, c.port)))
	if err != nil {
		return pcpReply{}, kith.Errorf(kith.Unreachable, "asking the router by PCP: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	for wait := pcpPatience; ; wait *= 2 {
		_, err := conn.Write(request)
		if err == nil {
			conn.SetReadDeadline(time.Now().Add(wait))
			var reply pcpReply
			if reply, err = listen(conn, request[1], fits); err == nil {
				return reply, reply.err()
			}
		}
		if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() {
			return pcpReply{}, kith.Errorf(kith.Unreachable, "asking the router by PCP: %w", err)
		}
	}
}

// listen reads until a response fits, or refuses without saying what.
func listen(conn net.Conn, opcode byte, fits func(pcpReply) bool) (pcpReply, error) {
	buf := make([]byte, pcpMaxSize+1)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return pcpReply{}, err
		}
		if n > 0 && buf[0] < pcpVersion {
			return pcpReply{}, errVersion
		}
		reply, err := parsePCP(buf[:n])
		if err == nil && reply.opcode == opcode && (reply.result != 0 || fits(reply)) {
			return reply, nil
		}
	}
}

// errVersion is what a router that knows NAT-PMP only means by its answer.
var errVersion = kith.Errorf(kith.Unreachable, "it does not speak PCP")
