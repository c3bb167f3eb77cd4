package relay

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
)

// A front is the UDP socket that clients speak to. It keeps the frames of
// channels and gives the library everything else.
type front struct {
	*socket
	s *Server

	// messages are for the library, which reads in one goroutine.
	messages []message

	mu      sync.RWMutex // guards all below
	clients map[netip.AddrPort]*allocation
}

// A message came from somebody.
type message struct {
	from netip.AddrPort
	b    []byte
}

// ReadFrom gives the next message that is not for a channel.
func (f *front) ReadFrom(b []byte) (int, net.Addr, error) {
	for len(f.messages) == 0 {
		if err := f.receive(f.s, 0, f.take); err != nil {
			return 0, nil, err
		}
	}
	m := f.messages[0]
	f.messages = f.messages[1:]
	return copy(b, m.b), net.UDPAddrFromAddrPort(m.from), nil
}

// take handles a packet, and reports whether it is for the library.
func (f *front) take(o outgoing, from netip.AddrPort, b []byte) bool {
	if len(b) == 0 {
		return false
	}
	if !isFrame(b[0]) {
		f.messages = append(f.messages, message{from, bytes.Clone(b)})
		return true
	}
	f.mu.RLock()
	a := f.clients[from]
	f.mu.RUnlock()
	if a != nil {
		a.fromClient(o, b)
	} else {
		f.s.counts.notPermitted.Add(1)
	}
	return false
}

// A datagramClient is reached over a front.
type datagramClient struct {
	at   *front
	addr netip.AddrPort
}

func (c *datagramClient) send(o outgoing, b []byte) error {
	o.add(c.at.socket, c.addr, b)
	return nil
}

func (c *datagramClient) hold(a *allocation) {
	c.at.mu.Lock()
	defer c.at.mu.Unlock()
	c.at.clients[c.addr] = a
}

func (c *datagramClient) release(a *allocation) {
	c.at.mu.Lock()
	defer c.at.mu.Unlock()
	if c.at.clients[c.addr] == a {
		delete(c.at.clients, c.addr)
	}
}
