package session

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"testing"

	"github.com/quic-go/quic-go"

	"kith"
	"kith/link"
	"kith/seal"
	"kith/wire"
)

// laneTo opens a connection from one node's port to another's, as a lane.
func laneTo(t *testing.T, from, to *node) (*quic.Conn, error) {
	t.Helper()
	at := to.loopback()[0]
	from.guard.grant(at)
	return from.v4.transport.Dial(inTime(t), net.UDPAddrFromAddrPort(at), speaking(from.tls, seal.LaneALPN), laneConfig())
}

// hello says to which link a lane belongs.
func hello(t *testing.T, conn *quic.Conn, binding []byte) {
	t.Helper()
	s, err := conn.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	s.Write(binding)
	s.Close()
}

// refused waits until a lane is closed by the other side.
func refused(t *testing.T, conn *quic.Conn) {
	t.Helper()
	await(t, conn.Context().Done(), "the refusal of a lane")
	if reason := reasonOf(context.Cause(conn.Context())); reason != link.Violation {
		t.Errorf("refused with %v", reason)
	}
}

// Whoever does not know the link's binding, or is another device, gets no lane.
func TestLanesOfStrangers(t *testing.T) {
	a, b, mallory := newNode(t), newNode(t), newNode(t)
	la, lb := dial(t, a, b)
	dialBy(t, mallory, b, openDoor(b, mallory), b.loopback()) // a contact, too
	b.guard.grant(a.loopback()[0])
	b.guard.grant(mallory.loopback()[0])
	random := make([]byte, 32)
	rand.Read(random)
	for name, test := range map[string]struct {
		from    *node
		binding []byte
	}{
		"another device that knows the binding": {mallory, la.Binding()},
		"no binding":                            {a, nil},
		"another binding":                       {a, random},
		"more than the binding":                 {a, append(la.Binding()[:32:32], 0)},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := laneTo(t, test.from, b)
			if err != nil {
				t.Fatal(err)
			}
			hello(t, conn, test.binding)
			refused(t, conn)
		})
	}
	if n, _ := lanesOf(lb); n > 0 {
		t.Errorf("%d lanes", n)
	}
	echo(t, la, lb)
}

func openDoor(at, to *node) seal.DoorKey {
	key := newDoorKey()
	at.SetDoors([]Door{{Key: key, Account: to.peer.Account}})
	return key
}

// Where no lanes were granted, the port is silent to who begins one.
func TestLanesAreGranted(t *testing.T) {
	a, b := newNode(t), newNode(t)
	dial(t, a, b)
	b.guard.mu.Lock()
	clear(b.guard.admitted) // as it is after admitFor
	b.guard.mu.Unlock()
	ctx, stop := context.WithTimeout(t.Context(), roundTrip)
	defer stop()
	a.guard.grant(b.loopback()[0])
	conn, err := a.v4.transport.Dial(ctx, net.UDPAddrFromAddrPort(b.loopback()[0]), speaking(a.tls, seal.LaneALPN), laneConfig())
	if err == nil {
		t.Errorf("a lane to %v", conn.RemoteAddr())
	}
}

// Of the lanes of one link only so many are taken.
func TestTooManyLanes(t *testing.T) {
	a, b := newNode(t), newNode(t)
	la, lb := dial(t, a, b)
	b.guard.grant(a.loopback()[0])
	for i := range maxLanes + 1 {
		conn, err := laneTo(t, a, b)
		if err != nil {
			t.Fatal(err)
		}
		hello(t, conn, la.Binding())
		if i == maxLanes {
			refused(t, conn)
			break
		}
		eventually(t, "a lane", func() bool {
			n, _ := lanesOf(lb)
			return n > i
		})
	}
	if n, _ := lanesOf(lb); n != maxLanes {
		t.Errorf("%d lanes", n)
	}
	echo(t, la, lb)
}

// What breaks the protocol on a lane ends its stream, and no other.
func TestHostileLaneStreams(t *testing.T) {
	a, b := newNode(t), newNode(t)
	la, lb := dial(t, a, b)
	sa, sb := bulk(t, la, lb)
	_, other := bulk(t, la, lb)
	b.guard.grant(a.loopback()[0])
	conn, err := laneTo(t, a, b)
	if err != nil {
		t.Fatal(err)
	}
	hello(t, conn, la.Binding())
	number := sa.(*bulkStream).number

	// Of a stream that there is not, and in a wrong form.
	for _, data := range [][]byte{{0x80, 0x00}, wire.AppendStreamNumber(nil, wire.MaxStriped)[:3]} {
		s, err := conn.OpenUniStreamSync(inTime(t))
		if err != nil {
			t.Fatal(err)
		}
		s.Write(data)
		s.Close()
	}
	s, err := conn.OpenUniStreamSync(inTime(t))
	if err != nil {
		t.Fatal(err)
	}
	data := wire.AppendChunk(wire.AppendStreamNumber(nil, number), wire.Chunk{Offset: 1, Length: 1})
	s.Write(append(data, 'x')) // was said already
	if _, err := io.Copy(io.Discard, sb); kith.KindOf(err) != kith.BadPeer {
		t.Errorf("an overlap: %v", err)
	}
	if _, err := other.Write([]byte("still here")); err != nil {
		t.Error(err)
	}
	echo(t, la, lb)
}
