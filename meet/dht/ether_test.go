package dht

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	mainline "github.com/anacrolix/dht/v2"
	"github.com/anacrolix/dht/v2/krpc"
	"github.com/anacrolix/log"
	"github.com/anacrolix/torrent/bencode"
	xrate "golang.org/x/time/rate"

	"kith"
	"kith/meet"
	"kith/meet/dht/guard"
	"kith/seal"
)

// An ether is an internet in memory: every packet takes the same time. It works
// in a bubble of testing/synctest.
type ether struct {
	delay time.Duration // one way

	mu    sync.Mutex
	conns map[netip.AddrPort]*endpoint
	sent  map[netip.AddrPort]int // packets, by receiver
	ports uint16
}

type packet struct {
	b    []byte
	from net.Addr
}

type endpoint struct {
	net.PacketConn // nil: what the tests do not use
	ether          *ether
	addr           netip.AddrPort
	in             chan packet
	closed         chan struct{}
	once           sync.Once
}

func newEther(delay time.Duration) *ether {
	return &ether{delay: delay, conns: make(map[netip.AddrPort]*endpoint), sent: make(map[netip.AddrPort]int), ports: 20000}
}

func (e *ether) listen(addr netip.AddrPort) *endpoint {
	p := &endpoint{ether: e, addr: addr, in: make(chan packet, 1000), closed: make(chan struct{})}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conns[addr] = p
	return p
}

// host gives a socket of a new host.
func (e *ether) host(network string) (net.PacketConn, error) {
	if network != "udp4" {
		return nil, fmt.Errorf("no %s here", network)
	}
	e.mu.Lock()
	e.ports++
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, byte(e.ports >> 8), byte(e.ports), 1}), 7000)
	e.mu.Unlock()
	return e.listen(addr), nil
}

func (p *endpoint) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case got := <-p.in:
		return copy(b, got.b), got.from, nil
	case <-p.closed:
		return 0, nil, net.ErrClosed
	}
}

func (p *endpoint) WriteTo(b []byte, to net.Addr) (int, error) {
	e := p.ether
	addr := to.(*net.UDPAddr).AddrPort()
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	e.mu.Lock()
	e.sent[addr]++
	there := e.conns[addr]
	e.mu.Unlock()
	if there == nil {
		return len(b), nil
	}
	got := packet{append([]byte(nil), b...), net.UDPAddrFromAddrPort(p.addr)}
	time.AfterFunc(e.delay, func() {
		select {
		case there.in <- got:
		case <-there.closed:
		default:
		}
	})
	return len(b), nil
}

func (p *endpoint) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.addr) }

func (p *endpoint) Close() error {
	p.once.Do(func() { close(p.closed) })
	p.ether.mu.Lock()
	defer p.ether.mu.Unlock()
	if p.ether.conns[p.addr] == p {
		delete(p.ether.conns, p.addr)
	}
	return nil
}

// sentTo is how many packets some nodes were sent.
func (e *ether) sentTo(nodes []krpc.NodeInfo) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, to := range nodes {
		ip, _ := netip.AddrFromSlice(to.Addr.IP)
		n += e.sent[netip.AddrPortFrom(ip, uint16(to.Addr.Port))]
	}
	return n
}

// packets is how many were sent to all.
func (e *ether) packets() (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.sent {
		n += m
	}
	return n
}

// A population is many servers of the library that know each other.
type population struct {
	servers []*mainline.Server
	addrs   []netip.AddrPort
}

// populate starts servers on sockets, each of which knows as many of the others
// as its table holds.
func populate(t testing.TB, n int, socket func(i int) net.PacketConn) *population {
	t.Helper()
	p := new(population)
	for i := range n {
		conn := socket(i)
		quiet := log.NewLogger("dht")
		quiet.SetHandlers(log.DiscardHandler)
		config := mainline.NewDefaultServerConfig()
		config.Conn, config.Logger = guard.Wrap(conn, true), quiet
		config.StartingNodes = func() ([]mainline.Addr, error) { return nil, nil }
		config.SendLimiter = xrate.NewLimiter(xrate.Inf, 0)
		s, err := mainline.NewServer(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		p.servers = append(p.servers, s)
		p.addrs = append(p.addrs, conn.LocalAddr().(*net.UDPAddr).AddrPort())
	}
	var pings sync.WaitGroup
	for i, s := range p.servers {
		pings.Go(func() {
			for j, addr := range p.addrs {
				if i != j {
					s.Ping(net.UDPAddrFromAddrPort(addr))
				}
			}
		})
	}
	pings.Wait()
	return p
}

// kill ends every third server; the others still name it.
func (p *population) kill() (alive []netip.AddrPort) {
	for i, s := range p.servers {
		if i%3 == 0 {
			s.Close()
		} else {
			alive = append(alive, p.addrs[i])
		}
	}
	return alive
}

// inEther gives sockets in different networks.
func inEther(e *ether) func(int) net.PacketConn {
	return func(i int) net.PacketConn {
		return e.listen(netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 1}), 6881))
	}
}

// A letter is a note that came.
type letter struct {
	from meet.Correspondent
	note string
}

// A box is a meet.Mail.
type box struct{ notes chan letter }

func newBox() *box { return &box{make(chan letter, 10000)} }

func (b *box) Note(from meet.Correspondent, _ meet.Courier, note []byte) {
	b.notes <- letter{from, string(note)}
}
func (b *box) Present(meet.Correspondent, meet.Courier) {}

// get waits for a note.
func (b *box) get(t testing.TB, limit time.Duration) letter {
	t.Helper()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case l := <-b.notes:
		return l
	case <-late.C:
		t.Fatal("no note within ", limit)
		return letter{}
	}
}

// start runs a courier until the test ends.
func start(t testing.TB, o Options, listen func(string) (net.PacketConn, error), all ...meet.Correspondent) (*Courier, *box) {
	t.Helper()
	o.Enabled = true
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if listen != nil {
		c.listen = listen
	}
	c.SetCorrespondents(all)
	b := newBox()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx, b)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return c, b
}

// A pair is two who have a secret in common.
type pair struct {
	ann, bob   kith.AccountID
	toBob      meet.Correspondent
	toAnn      meet.Correspondent
	sharedMeet seal.MeetKey
}

func newPair() (p pair) {
	var secret kith.Secret
	rand.Read(secret[:])
	rand.Read(p.ann[:])
	rand.Read(p.bob[:])
	p.sharedMeet = seal.PairMeet(secret)
	p.toBob = meet.Correspondent{Account: p.bob, Key: p.sharedMeet}
	p.toAnn = meet.Correspondent{Account: p.ann, Key: p.sharedMeet}
	return p
}

func routersOf(addrs ...netip.AddrPort) (all []string) {
	for _, a := range addrs {
		all = append(all, a.String())
	}
	return all
}

// A liar is a node whose answers the test makes up; nil is none.
func (e *ether) liar(t testing.TB, addr netip.AddrPort, say func(query krpc.Msg, from netip.AddrPort) []byte) {
	p := e.listen(addr)
	t.Cleanup(func() { p.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			n, from, err := p.ReadFrom(b)
			if err != nil {
				return
			}
			var m krpc.Msg
			if bencode.Unmarshal(b[:n], &m) == nil && m.A != nil {
				if answer := say(m, from.(*net.UDPAddr).AddrPort()); answer != nil {
					p.WriteTo(answer, from)
				}
			}
		}
	}()
}
