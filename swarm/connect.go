package swarm

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/anacrolix/torrent"

	"kith"
	"kith/link"
	"kith/seal"
)

// Times of connecting.
const (
	headStart   = 300 * time.Millisecond // of TCP before a stream is tried
	tcpPatience = 5 * time.Second
	firstWords  = 15 * time.Second       // for TLS and the first bytes
	leastWait   = 200 * time.Millisecond // before a member is dialled again
	firstWait   = time.Second            // and when that fails too
	mostWait    = time.Minute
	dialExpires = time.Minute // a dial that the library never made
)

// protocol is how a BitTorrent connection begins (BEP 3). Eight bytes follow,
// then the infohash.
const protocol = "\x13BitTorrent protocol"

const (
	handshakeHead = len(protocol) + 8 + 20
	handshakeSize = handshakeHead + 20 // with the peer's name
)

// Connect names a device that may have pieces of a share, and TCP addresses
// where it may be reached; none if only links reach it. While something of the
// share is wanted the device is dialled, again and again.
func (s *Swarm) Connect(ih kith.Infohash, device kith.DeviceID, addrs ...netip.AddrPort) error {
	t, err := s.find(ih)
	if err != nil {
		return err
	}
	t.mu.Lock()
	m := t.memberLocked(device)
	m.addrs = m.addrs[:0]
	for _, a := range addrs {
		m.addrs = append(m.addrs, a.String())
	}
	m.wait, m.next = 0, time.Time{}
	t.mu.Unlock()
	s.nudge()
	return nil
}

// Disconnect forgets a device: who is no member any more gets nothing.
func (s *Swarm) Disconnect(ih kith.Infohash, device kith.DeviceID) {
	t, err := s.find(ih)
	if err != nil {
		return
	}
	t.mu.Lock()
	delete(t.members, device)
	t.mu.Unlock()
	s.closeConns(func(c *conn) bool { return c.transfer == t && c.peer == device })
}

func (t *transfer) memberLocked(d kith.DeviceID) *member {
	m := t.members[d]
	if m == nil {
		m = &member{}
		t.members[d] = m
	}
	return m
}

func (m *member) failed(now time.Time) {
	m.dialing = time.Time{}
	m.next = now.Add(max(m.wait, leastWait))
	m.wait = min(max(2*m.wait, firstWait), mostWait)
}

// idle reports whether nobody is dialling the member. The library forgets to
// dial an address that it is not quite done with.
func (m *member) idle(now time.Time) bool {
	expires := dialExpires
	if !m.begun {
		expires = 2 * time.Second
	}
	return now.Sub(m.dialing) > expires
}

// dial has the library dial members that are due.
func (t *transfer) dial() {
	now := t.s.cfg.Now()
	t.mu.Lock()
	tt := t.t
	var due []kith.DeviceID
	for d, m := range t.members {
		if m.live == 0 && !now.Before(m.next) && m.idle(now) {
			m.dialing, m.begun = now, false
			due = append(due, d)
		}
	}
	t.mu.Unlock()
	if tt == nil || len(due) == 0 {
		return
	}
	var peers []torrent.PeerInfo
	t.s.mu.Lock()
	for _, d := range due {
		if !t.s.banned[d] {
			peers = append(peers, torrent.PeerInfo{Addr: syntheticAddr(t.number, t.s.numberLocked(d)), Source: torrent.PeerSourceDirect})
		}
	}
	t.s.mu.Unlock()
	tt.AddPeers(peers)
}

// A dialer makes the connections that the library asks for.
type dialer struct{ s *Swarm }

func (dialer) DialerNetwork() string { return "tcp" }

func (d dialer) Dial(ctx context.Context, addr string) (net.Conn, error) {
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	t, device, _ := d.s.resolve(a.Addr().AsSlice())
	if t == nil {
		return nil, net.ErrClosed
	}
	t.mu.Lock()
	if m := t.members[device]; m != nil {
		m.begun = true
	}
	t.mu.Unlock()
	nc, way, err := d.s.reach(ctx, t, device)
	if err != nil {
		t.mu.Lock()
		if m := t.members[device]; m != nil {
			m.failed(d.s.cfg.Now())
		}
		t.mu.Unlock()
		return nil, err
	}
	c, err := d.s.join(nc, t, device, way, true, nil)
	if err != nil {
		return nil, err // not c: a nil *conn is no nil net.Conn, and the library would use it
	}
	return c, nil
}

// reach tries TCP, and a little later a stream beside it. The first one wins.
func (s *Swarm) reach(ctx context.Context, t *transfer, device kith.DeviceID) (net.Conn, string, error) {
	if h := t.helper(device); h != nil {
		nc, err := h.Dial(ctx)
		return nc, "hub", err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.mu.Lock()
	byLink := s.byLink[device]
	s.mu.Unlock()
	t.mu.Lock()
	var addrs []string
	if m := t.members[device]; m != nil && s.cfg.TLS != nil && !byLink {
		addrs = append(addrs, m.addrs...)
	}
	t.mu.Unlock()
	type result struct {
		nc  net.Conn
		way string
		err error
	}
	results := make(chan result)
	give := func(r result) {
		select {
		case results <- r:
		case <-ctx.Done():
			if r.nc != nil {
				r.nc.Close()
			}
		}
	}
	left := 0
	for _, addr := range addrs {
		left++
		go func() {
			nc, err := s.reachTCP(ctx, addr, device)
			give(result{nc, "direct", err})
		}()
	}
	var late <-chan time.Time
	if s.cfg.Dial != nil {
		timer := time.NewTimer(headStart)
		defer timer.Stop()
		late = timer.C
		if left == 0 {
			timer.Reset(0)
		}
	}
	err := error(kith.Errorf(kith.Unreachable, "no address of the device is known"))
	for left > 0 || late != nil {
		select {
		case <-ctx.Done():
			return nil, "", ctx.Err()
		case r := <-results:
			if left--; r.err == nil {
				return r.nc, r.way, nil
			}
			err = r.err
			if left > 0 || late == nil {
				continue
			}
		case <-late:
		}
		late = nil
		left++
		go func() {
			stream, err := s.cfg.Dial(ctx, device)
			if err != nil {
				give(result{err: err})
				return
			}
			give(result{nc: &streamConn{Stream: stream}, way: "link"})
		}()
	}
	return nil, "", err
}

func (s *Swarm) reachTCP(ctx context.Context, addr string, device kith.DeviceID) (net.Conn, error) {
	ctx, stop := context.WithTimeout(ctx, tcpPatience)
	defer stop()
	dialer := net.Dialer{Control: unhurried}
	nc, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c, peer, err := s.prove(ctx, nc, true)
	if err == nil && peer.Device != device {
		err = kith.Errorf(kith.BadPeer, "another device answers at %s", addr)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

// prove has both ends of a TCP connection prove who they are.
func (s *Swarm) prove(ctx context.Context, nc net.Conn, dialler bool) (*framed, kith.Peer, error) {
	side := tls.Server
	if dialler {
		side = tls.Client
	}
	c := side(&exactly{Conn: nc}, s.cfg.TLS)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, kith.Peer{}, err
	}
	state := c.ConnectionState()
	peer, err := seal.PeerOf(state)
	if err != nil {
		return nil, kith.Peer{}, err
	}
	f, err := newFramed(nc, state, dialler)
	return f, peer, err
}

// accept takes TCP connections.
func (s *Swarm) accept() {
	slots := make(chan struct{}, 64) // of handshakes that have not ended
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			if s.ctx.Err() != nil {
				return
			}
			select { // out of file descriptors, most likely
			case <-s.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
				continue
			}
		}
		select {
		case slots <- struct{}{}:
		default:
			nc.Close()
			continue
		}
		s.work.Go(func() {
			defer func() { <-slots }()
			nc.SetDeadline(time.Now().Add(firstWords))
			c, peer, err := s.prove(s.ctx, nc, false)
			if err != nil {
				nc.Close()
				return
			}
			s.receive(c, peer, "direct")
		})
	}
}

// ServeStream takes a stream of purpose link.Swarm that another device opened.
// It returns soon; the stream is the Swarm's.
func (s *Swarm) ServeStream(stream link.Stream, peer kith.Peer) {
	c := &streamConn{Stream: stream}
	c.SetDeadline(time.Now().Add(firstWords))
	s.receive(c, peer, "link")
}

// receive reads which torrent a connection is for, and hands it to the library
// if the device may have it.
func (s *Swarm) receive(nc net.Conn, peer kith.Peer, way string) {
	head := make([]byte, handshakeHead)
	if _, err := io.ReadFull(nc, head); err != nil || string(head[:len(protocol)]) != protocol {
		nc.Close()
		return
	}
	ih := kith.Infohash(head[len(protocol)+8:])
	t, err := s.find(ih)
	if err != nil || s.cfg.Allowed == nil || !s.cfg.Allowed(peer, ih) {
		nc.Close()
		return
	}
	t.op.Lock()
	defer t.op.Unlock()
	if s.ctx.Err() != nil || !t.servable() || t.activate() != nil {
		nc.Close()
		return
	}
	nc.SetDeadline(time.Time{})
	c, err := s.join(nc, t, peer.Device, way, false, head)
	if err != nil {
		return
	}
	if err := s.gate.push(s.ctx, c); err != nil {
		c.Close()
	}
}

// servable reports whether the transfer can be of use to a member.
func (t *transfer) servable() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.removed && t.rec.Failed == ""
}
