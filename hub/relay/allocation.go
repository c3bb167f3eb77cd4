package relay

import (
	"encoding/binary"
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
	"golang.org/x/time/rate"
)

// A client is the way back to whoever has an allocation.
type client interface {
	// send gives it a message or a channel's frame.
	send(o outgoing, b []byte) error
	// hold brings its channels' frames to its allocation, release no longer.
	hold(a *allocation)
	release(a *allocation)
}

// An allocation is a relayed address and what goes through it. To pion/turn it
// is the socket of that address: it is closed when the library forgets it, and
// from it the library reads nothing.
type allocation struct {
	s       *Server
	user    string
	relayed netip.AddrPort // what the world sees
	sock    *socket
	limit   *rate.Limiter // of the user; nil: none
	closed  sync.Once

	// Of the library's events, which may come side by side.
	mu     sync.Mutex // held while the routes are replaced
	routes atomic.Pointer[routes]

	up, down flow
}

// routes are the permissions and channels of an allocation. They are never
// changed, only replaced, so that packets read them without a lock.
type routes struct {
	client    client
	byNumber  map[uint16]netip.AddrPort
	byPeer    map[netip.AddrPort]uint16
	permitted map[netip.Addr]bool
}

// A flow counts one direction of an allocation.
type flow struct{ packets, bytes atomic.Uint64 }

func (f *flow) add(n int) {
	f.packets.Add(1)
	f.bytes.Add(uint64(n))
}

// change replaces the routes.
func (a *allocation) change(with func(r *routes)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.routes.Load()
	r := &routes{old.client, maps.Clone(old.byNumber), maps.Clone(old.byPeer), maps.Clone(old.permitted)}
	with(r)
	a.routes.Store(r)
}

func newRoutes() *routes {
	return &routes{nil, map[uint16]netip.AddrPort{}, map[netip.AddrPort]uint16{}, map[netip.Addr]bool{}}
}

// A channel's frame is a header of two bytes of number and two of length, and
// the payload (RFC 8656, section 12.4). Numbers are 0x4000 to 0x4fff; those up
// to 0x7fff were for RFC 5766, and clients of its time use them.
const channelHeader = 4

// isFrame tells a channel's frame from a message of STUN, by its first byte.
func isFrame(first byte) bool { return first&0xc0 == 0x40 }

// fromClient takes a channel's frame of the client to its peer. The frame may
// be written to.
func (a *allocation) fromClient(o outgoing, frame []byte) {
	if len(frame) < channelHeader {
		a.s.counts.malformed.Add(1)
		return
	}
	n := int(binary.BigEndian.Uint16(frame[2:]))
	if channelHeader+n > len(frame) {
		a.s.counts.malformed.Add(1)
		return
	}
	peer, ok := a.routes.Load().byNumber[binary.BigEndian.Uint16(frame)]
	if !ok {
		a.s.counts.notPermitted.Add(1)
		return
	}
	a.toPeer(o, frame[:channelHeader+n], peer)
}

// toPeer sends the payload of a frame to a peer whom the library permitted.
func (a *allocation) toPeer(o outgoing, frame []byte, peer netip.AddrPort) {
	payload := frame[channelHeader:]
	if !a.within(len(payload)) {
		return
	}
	a.up.add(len(payload))
	if a.s.isPublic(peer.Addr()) {
		if other := a.s.relayedAt(peer); other != nil {
			other.toClient(o, frame, a.relayed)
			return
		}
		// It is this machine: whatever else listens here is none of theirs.
		if !a.s.cfg.AllowPrivate {
			a.s.counts.notPermitted.Add(1)
			return
		}
	}
	o.add(a.sock, peer, payload)
}

// toClient takes what a peer sent to the client: the payload of a frame whose
// header is free to be written.
func (a *allocation) toClient(o outgoing, frame []byte, peer netip.AddrPort) {
	r := a.routes.Load()
	payload := frame[channelHeader:]
	number, bound := r.byPeer[peer]
	if r.client == nil || !bound && !r.permitted[peer.Addr()] {
		a.s.counts.notPermitted.Add(1)
		return
	}
	if !a.within(len(payload)) {
		return
	}
	a.down.add(len(payload))
	if bound {
		binary.BigEndian.PutUint16(frame, number)
		binary.BigEndian.PutUint16(frame[2:], uint16(len(payload)))
	} else {
		frame = dataIndication(payload, peer)
	}
	if err := r.client.send(o, frame); err != nil {
		a.s.counts.unsent.Add(1)
	}
}

// dataIndication is how a payload travels without a channel (RFC 8656,
// section 11.4): while ICE looks for a path.
func dataIndication(payload []byte, peer netip.AddrPort) []byte {
	m := &stun.Message{Type: stun.NewType(stun.MethodData, stun.ClassIndication), TransactionID: stun.NewTransactionID()}
	m.WriteHeader()
	from := stun.XORMappedAddress{IP: peer.Addr().AsSlice(), Port: int(peer.Port())}
	_ = from.AddToAs(m, stun.AttrXORPeerAddress) // fails only for what is no address
	m.Add(stun.AttrData, payload)
	return m.Raw
}

// within reports whether the user's bandwidth allows for n more bytes.
func (a *allocation) within(n int) bool {
	if a.limit == nil || a.limit.AllowN(time.Now(), n) {
		return true
	}
	a.s.counts.overRate.Add(1)
	return false
}

// ReadFrom carries what peers send until the allocation ends. The library calls
// it once, in a goroutine of the allocation, and never gets a packet.
func (a *allocation) ReadFrom([]byte) (int, net.Addr, error) {
	err := a.sock.receive(a.s, channelHeader, func(o outgoing, peer netip.AddrPort, frame []byte) bool {
		a.toClient(o, frame, peer)
		return false
	})
	return 0, nil, err
}

// WriteTo sends what a client sent without a channel. The library has checked
// its permission.
func (a *allocation) WriteTo(payload []byte, to net.Addr) (int, error) {
	peer, ok := addrPort(to)
	if !ok || len(payload) > maxPacket {
		return 0, net.InvalidAddrError("not an address of UDP")
	}
	a.toPeer(one{a.s}, append(make([]byte, channelHeader, channelHeader+len(payload)+3), payload...), peer)
	return len(payload), nil
}

// Close ends the allocation.
func (a *allocation) Close() error {
	a.closed.Do(func() {
		a.s.forget(a)
		if c := a.routes.Load().client; c != nil {
			c.release(a)
		}
	})
	return a.sock.Close()
}

// LocalAddr gives the socket's own address.
func (a *allocation) LocalAddr() net.Addr { return a.sock.LocalAddr() }

// SetDeadline is for the socket's other users; there are none.
func (a *allocation) SetDeadline(t time.Time) error { return a.sock.SetDeadline(t) }

// SetReadDeadline is as SetDeadline.
func (a *allocation) SetReadDeadline(t time.Time) error { return a.sock.SetReadDeadline(t) }

// SetWriteDeadline is as SetDeadline.
func (a *allocation) SetWriteDeadline(t time.Time) error { return a.sock.SetWriteDeadline(t) }

// addrPort gives an address of UDP or TCP as a value.
func addrPort(a net.Addr) (netip.AddrPort, bool) {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmapped(a.AddrPort()), true
	case *net.TCPAddr:
		return unmapped(a.AddrPort()), true
	}
	return netip.AddrPort{}, false
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	if a.Addr().Is4In6() {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return a
}
