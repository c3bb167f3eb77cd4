package swarm

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	"kith"
	"kith/link/linktest"
)

// framedPair gives two ends with the same keys over a pipe in memory.
func framedPair(t *testing.T) (a, b *framed) {
	x, y := net.Pipe()
	t.Cleanup(func() { x.Close(); y.Close() })
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	a = &framed{Conn: x, out: frameKey{secret: one}, in: frameKey{secret: two}}
	return a, &framed{Conn: y, out: frameKey{secret: two}, in: frameKey{secret: one}}
}

// message gives a message of BitTorrent.
func message(kind byte, body []byte) []byte {
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+1)), kind), body...)
}

// conversation is what one side of a BitTorrent connection may say, and the
// payloads in it.
func conversation(size int) (all []byte, payloads [][]byte) {
	all = append([]byte(protocol), make([]byte, handshakeSize-len(protocol))...)
	all = append(all, 0, 0, 0, 0) // keep alive
	all = append(all, message(0, nil)...)
	all = append(all, message(5, make([]byte, size))...)
	for i := range 4 {
		payload := bytes.Repeat([]byte{0xa0 + byte(i)}, size>>i)
		payloads = append(payloads, payload)
		all = append(all, message(7, append([]byte("piecbegi"), payload...))...)
		all = append(all, message(4, []byte{0, 0, 0, 9})...)
	}
	return append(all, message(7, []byte("short"))...), payloads
}

func TestFramesCarryWhatWasSaid(t *testing.T) {
	for _, size := range []int{0, 1, 100, 128 << 10, 3*maxFrame + 5} {
		a, b := framedPair(t)
		all, payloads := conversation(size)
		go func() {
			for rest := all; len(rest) > 0; {
				n := min(len(rest), 1+rand.IntN(200_000))
				if size <= 100 {
					n = min(len(rest), 1+rand.IntN(20))
				}
				a.Write(rest[:n])
				rest = rest[n:]
			}
		}()
		got := make([]byte, len(all))
		if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, all) {
			t.Fatalf("%d bytes of payload: %v", size, err)
		}
		// What goes in the open is payload and nothing else.
		var s splitter
		var open []byte
		for rest := all; len(rest) > 0; {
			sealed, o := s.cut(rest)
			if len(sealed) > maxFrame || len(o) > maxFrame {
				t.Fatalf("a frame of %d and %d bytes", len(sealed), len(o))
			}
			open = append(open, o...)
			rest = rest[len(sealed)+len(o):]
		}
		if !bytes.Equal(open, bytes.Join(payloads, nil)) {
			t.Errorf("%d bytes of payload: %d bytes in the open", size, len(open))
		}
	}
}

func TestFramesAreNotChangedOnTheirWay(t *testing.T) {
	all, _ := conversation(1000)
	sent := new(bytes.Buffer)
	a, _ := framedPair(t)
	a.Conn = bufferConn{w: sent}
	a.Write(all)
	wire := sent.Bytes()
	if bytes.Contains(wire, []byte(protocol)) || bytes.Contains(wire, []byte("piecbegi")) {
		t.Error("the handshake or the number of a piece is in the open")
	}
	for i := range 200 { // the first frame is longer than that
		_, b := framedPair(t)
		b.Conn = bufferConn{r: bytes.NewReader(flip(wire, i))}
		if got, err := io.ReadAll(b); err == nil || len(got) > 0 {
			t.Fatalf("bit %d: %d bytes were believed, %v", i*8, len(got), err)
		}
	}
	for _, head := range []string{"\xff\xff\xff\xff\x00\x00\x00\x00", "\x00\x00\x00\x00\xff\xff\xff\xff"} {
		_, b := framedPair(t)
		b.Conn = bufferConn{r: bytes.NewReader(append([]byte(head), make([]byte, 100)...))}
		if _, err := b.Read(make([]byte, 10)); kith.KindOf(err) != kith.BadPeer {
			t.Errorf("%x: %v", head, err)
		}
	}
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

type bufferConn struct {
	net.Conn
	r io.Reader
	w io.Writer
}

func (c bufferConn) Read(p []byte) (int, error)  { return c.r.Read(p) }
func (c bufferConn) Write(p []byte) (int, error) { return c.w.Write(p) }

// TestKeysChange holds that both sides change keys at the same frame.
func TestKeysChange(t *testing.T) {
	var a, b frameKey
	a.secret, b.secret = make([]byte, 32), make([]byte, 32)
	a.number, b.number = framesPerKey, framesPerKey
	for range 2 {
		if a.next() != nil || b.next() != nil {
			t.Fatal("no key")
		}
		sealed := a.aead.Seal(nil, a.nonce[:], []byte("x"), nil)
		if _, err := b.aead.Open(nil, b.nonce[:], sealed, nil); err != nil {
			t.Fatal(err)
		}
	}
	var first frameKey
	first.secret = make([]byte, 32)
	if first.next() != nil || bytes.Equal(first.secret, a.secret) {
		t.Error("the secret is the same after it had to change")
	}
}

// meddler passes TCP on and changes a byte of every 100,000 that come from the
// other side, of which nearly all are payload. It counts them.
func meddler(t *testing.T, to string, changed *atomic.Int64) *net.TCPAddr {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			go func() { io.Copy(out, in); out.Close() }()
			go func() {
				defer in.Close()
				at := 0
				for buf := make([]byte, 64<<10); ; {
					n, err := out.Read(buf)
					for i := range n {
						if at++; at%100_000 == 0 {
							buf[i] ^= 1
							changed.Add(1)
						}
					}
					if _, werr := in.Write(buf[:n]); err != nil || werr != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr)
}

// TestSomebodyOnTheWayIsNotTheMember changes payloads on their way: the share
// arrives over the link, and the member is not condemned.
func TestSomebodyOnTheWayIsNotTheMember(t *testing.T) {
	ann, ben := newPerson(), newPerson()
	a := open(t, ann)
	b := open(t, ben, func(c *Config) { c.Dial = linked(t, ben, ann, func() *Swarm { return a }, linktest.Conditions{}) })
	name := filepath.Join(t.TempDir(), "film.mkv")
	want := noise(t, name, 3<<20, 1)
	ref := share(t, a, name)
	dest := filepath.Join(t.TempDir(), "film.mkv")
	fetch(t, b, ref, dest)
	var changed atomic.Int64
	at := meddler(t, a.Address().String(), &changed)
	if err := b.Connect(ref.Infohash, ann.peer().Device, at.AddrPort()); err != nil {
		t.Fatal(err)
	}
	awaitState(t, b, ref, Seeding)
	same(t, dest, want)
	if changed.Load() == 0 {
		t.Error("nothing was changed")
	}
	if len(b.Banned()) > 0 {
		t.Errorf("banned %v", b.Banned())
	}
}
