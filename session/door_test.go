package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/quic-go/quic-go"

	"kith/link"
	"kith/seal"
)

// makeKnock makes a knock; options may spoil it.
func makeKnock(t testing.TB, key seal.DoorKey, spoil ...stun.Setter) *stun.Message {
	t.Helper()
	setters := []stun.Setter{stun.TransactionID, stun.BindingRequest}
	if len(spoil) == 0 {
		spoil = []stun.Setter{
			stun.RawAttribute{Type: stun.AttrUsername, Value: key.Username()},
			stun.MessageIntegrity(key.Integrity[:]), stun.Fingerprint,
		}
	}
	m, err := stun.Build(append(setters, spoil...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A stranger is a plain UDP socket that talks to a node.
type stranger struct {
	t    *testing.T
	conn *net.UDPConn
}

func newStranger(t *testing.T, to *node) *stranger {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to.loopback()[0]))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &stranger{t, conn}
}

// answered sends an honest knock and checks that its answer is the first thing
// that comes back: so nothing that was sent before was answered.
func (s *stranger) answered(key seal.DoorKey, after string) {
	s.t.Helper()
	m := makeKnock(s.t, key)
	if _, err := s.conn.Write(m.Raw); err != nil {
		s.t.Fatal(err)
	}
	p := make([]byte, 1500)
	n, err := s.conn.Read(p)
	if err != nil {
		s.t.Fatalf("after %s an honest knock was not answered: %v", after, err)
	}
	var reply stun.Message
	if err := stun.Decode(p[:n], &reply); err != nil || reply.TransactionID != m.TransactionID || reply.Type != stun.BindingSuccess {
		s.t.Fatalf("%s was answered: %x", after, p[:n])
	}
	if n > len(m.Raw) {
		s.t.Errorf("an answer of %d bytes to a knock of %d", n, len(m.Raw))
	}
	if err := stun.MessageIntegrity(key.Integrity[:]).Check(&reply); err != nil {
		s.t.Error(err)
	}
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(&reply); err != nil || mapped.String() != s.conn.LocalAddr().String() {
		s.t.Errorf("mapped %v, %v", mapped, err)
	}
}

func TestStrangersHearNothing(t *testing.T) {
	b := newNode(t)
	key, wrong, gone := newDoorKey(), newDoorKey(), newDoorKey()
	b.SetDoors([]Door{{Key: gone}})
	b.SetDoors([]Door{{Key: key}})

	garbage := make([]byte, 1200)
	rand.Read(garbage)
	long := bytes.Clone(garbage)
	copy(long, []byte{0xc3, 0, 0, 0, 1, 8})
	unknown := bytes.Clone(long)
	copy(unknown, []byte{0xc3, 0xff, 0xee, 0xdd, 0xcc, 8}) // asks for version negotiation
	short := bytes.Clone(garbage)
	short[0] = 0x41
	username := stun.RawAttribute{Type: stun.AttrUsername, Value: key.Username()}

	for name, p := range map[string][]byte{
		"a byte":              {0},
		"garbage":             garbage,
		"a QUIC Initial":      long,
		"an unknown version":  unknown,
		"a short header":      short,
		"a plain STUN ping":   makeKnock(t, key, stun.Fingerprint).Raw,
		"a wrong key":         makeKnock(t, wrong).Raw,
		"a door that is gone": makeKnock(t, gone).Raw,
		"a wrong integrity":   makeKnock(t, key, username, stun.MessageIntegrity(wrong.Integrity[:]), stun.Fingerprint).Raw,
		"no integrity":        makeKnock(t, key, username, stun.Fingerprint).Raw,
		"no fingerprint":      makeKnock(t, key, username, stun.MessageIntegrity(key.Integrity[:])).Raw,
		"a truncated knock":   makeKnock(t, key).Raw[:60],
	} {
		s := newStranger(t, b)
		if _, err := s.conn.Write(p); err != nil {
			t.Fatal(err)
		}
		s.answered(key, name)
	}

	// A knock that was overheard opens nothing to another address. The first
	// sender's answer shows that the node has seen it.
	first, second := newStranger(t, b), newStranger(t, b)
	m := makeKnock(t, key)
	first.conn.Write(m.Raw)
	if _, err := first.conn.Read(make([]byte, 1500)); err != nil {
		t.Fatal(err)
	}
	second.conn.Write(m.Raw)
	second.answered(key, "an overheard knock")
	first.conn.Write(m.Raw) // but it may be repeated
	if _, err := first.conn.Read(make([]byte, 1500)); err != nil {
		t.Errorf("a repeated knock: %v", err)
	}
}

// countingConn counts what comes in.
type countingConn struct {
	net.PacketConn
	received atomic.Int64
}

func (c *countingConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, addr, err := c.PacketConn.ReadFrom(p)
	if err == nil {
		c.received.Add(1)
	}
	return n, addr, err
}

func (c *countingConn) SetReadBuffer(int) error  { return nil }
func (c *countingConn) SetWriteBuffer(int) error { return nil }

// A real QUIC client that has not knocked gets not one packet.
func TestQUICWithoutKnock(t *testing.T) {
	a, b := newNode(t), newNode(t)
	b.SetDoors([]Door{{Key: newDoorKey()}})
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	counting := &countingConn{PacketConn: conn}
	transport := &quic.Transport{Conn: counting}
	defer transport.Close()
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if _, err := transport.Dial(ctx, net.UDPAddrFromAddrPort(b.loopback()[0]), a.tls, quicConfig()); err == nil {
		t.Fatal("a handshake without a knock")
	}
	if n := counting.received.Load(); n != 0 {
		t.Errorf("%d packets came back", n)
	}
}

// When a door is closed, whoever was let in by it is let in no more, though
// links that stand go on.
func TestReplacedDoors(t *testing.T) {
	a, b := newNode(t), newNode(t)
	la, lb := dial(t, a, b)
	from := a.loopback()[0]
	initial := append([]byte{0xc3, 0, 0, 0, 1}, make([]byte, 1195)...)
	if pass, _ := b.guard.judge(initial, from); !pass {
		t.Fatal("who knocked is not let in")
	}
	b.SetDoors(nil)
	if pass, _ := b.guard.judge(initial, from); pass {
		t.Error("who knocked at a door that is gone is let in")
	}
	if pass, _ := a.guard.judge(initial, b.loopback()[0]); !pass {
		t.Error("the dialler's own side was closed")
	}
	s, err := la.Open(t.Context(), link.Talk)
	if err != nil {
		t.Fatal(err)
	}
	s.Write([]byte("still here"))
	if _, _, err := lb.Accept(inTime(t)); err != nil {
		t.Error(err)
	}
}

func TestAdmissionRunsOut(t *testing.T) {
	g := newGuard()
	now := time.Unix(1e9, 0)
	g.now = func() time.Time { return now }
	key := newDoorKey()
	g.setDoors([]Door{{Key: key}})
	from := netip.MustParseAddrPort("192.0.2.1:1000")
	initial := []byte{0xc3, 0, 0, 0, 1}
	if pass, _ := g.judge(initial, from); pass {
		t.Fatal("let in before the knock")
	}
	if _, answer := g.judge(makeKnock(t, key).Raw, from); answer == nil {
		t.Fatal("no answer")
	}
	now = now.Add(admitFor - 1)
	if pass, _ := g.judge(initial, from); !pass {
		t.Error("not let in after the knock")
	}
	if pass, _ := g.judge(initial, netip.MustParseAddrPort("192.0.2.1:1001")); pass {
		t.Error("another port was let in")
	}
	now = now.Add(1)
	if pass, _ := g.judge(initial, from); pass {
		t.Error("let in for ever")
	}
}

// A flood of knocks, good or bad, costs bounded work and memory.
func TestFlood(t *testing.T) {
	g := newGuard()
	now := time.Unix(1e9, 0)
	g.now = func() time.Time { return now }
	key := newDoorKey()
	g.setDoors([]Door{{Key: key}})
	answers, knocks := 0, 0
	for range 12 * maxAdmitted / knockRate {
		for range 2 * knockRate {
			knocks++
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(knocks >> 16), byte(knocks >> 8), byte(knocks)}), 1)
			if _, answer := g.judge(makeKnock(t, key).Raw, from); answer != nil {
				answers++
			}
		}
		now = now.Add(time.Second)
	}
	if limit := knockBurst + knockRate*12*maxAdmitted/knockRate; answers > limit || answers < limit/2 {
		t.Errorf("%d of %d knocks were looked at, want about %d", answers, knocks, limit)
	}
	if len(g.admitted) > maxAdmitted || len(g.seen.sources) > maxSeen || len(g.seen.sources) != len(g.seen.order) {
		t.Errorf("%d addresses, %d and %d knocks remembered", len(g.admitted), len(g.seen.sources), len(g.seen.order))
	}
	// Each address may knock at many doors, but not all are remembered.
	var doors []Door
	for range 3 * maxEntries {
		doors = append(doors, Door{Key: newDoorKey()})
	}
	g.setDoors(doors)
	from := netip.MustParseAddrPort("[2001:db8::1]:1")
	for _, d := range doors {
		g.judge(makeKnock(t, d.Key).Raw, from)
	}
	if e := g.entryOf(from).doors; len(e) != maxEntries || e[0] != doors[len(doors)-1] {
		t.Errorf("%d doors remembered, the latest is %v", len(e), fmt.Sprint(e[0] == doors[len(doors)-1]))
	}
}

// Nobody but the one who was knocked at can answer a knock.
func TestForgedAnswer(t *testing.T) {
	g := newGuard()
	key := newDoorKey()
	m := makeKnock(t, key)
	to := netip.MustParseAddrPort("192.0.2.1:1000")
	answered := false
	g.ask(m.TransactionID, &transaction{key: key.Integrity[:], to: to, done: func(netip.AddrPort) { answered = true }})
	answer := func(key seal.DoorKey) []byte {
		reply, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess,
			&stun.XORMappedAddress{IP: net.IPv4(198, 51, 100, 7), Port: 7}, stun.MessageIntegrity(key.Integrity[:]), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		return reply.Raw
	}
	g.judge(answer(newDoorKey()), to)
	g.judge(answer(key), netip.MustParseAddrPort("192.0.2.2:1000"))
	if answered || len(g.mapped) != 0 || len(g.admitted) != 0 {
		t.Fatal("a forged answer was believed")
	}
	g.judge(answer(key), to)
	if !answered || len(g.mapped) != 1 || g.mapped[0].addr.String() != "198.51.100.7:7" {
		t.Errorf("the answer was not believed: %v %v", answered, g.mapped)
	}
	g.judge(answer(key), to) // again, as the network may deliver it
}

func FuzzDoor(f *testing.F) {
	key := seal.DoorKey{Tag: [16]byte{1}, Integrity: [32]byte{2}}
	f.Add(makeKnock(f, key).Raw)
	f.Add(makeKnock(f, key, stun.Fingerprint).Raw)
	f.Add([]byte{0xc3, 0, 0, 0, 1, 8})
	f.Add([]byte{0x41, 2, 3})
	f.Add([]byte{})
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	from := netip.MustParseAddrPort("192.0.2.1:1000")
	f.Fuzz(func(t *testing.T, p []byte) {
		g := newGuard()
		g.setDoors([]Door{{Key: key}})
		before := bytes.Clone(p)
		pass, answer := g.judge(p, from)
		if !bytes.Equal(p, before) {
			t.Fatal("the packet was changed")
		}
		if pass && (len(p) == 0 || p[0]&0xc0 != 0x40) {
			t.Fatalf("%x passed without a knock", p)
		}
		if len(answer) > len(p) {
			t.Fatalf("%d bytes answered to %d", len(answer), len(p))
		}
		if admitted := len(g.admitted) > 0; admitted != (answer != nil) {
			t.Fatalf("admitted %v, answer %x", admitted, answer)
		}
	})
}
