package swarm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"

	"kith"
)

// Over TCP, TLS 1.3 proves the two devices to each other and agrees on keys.
// What follows on the same connection is not TLS but frames of ours, which carry
// BitTorrent's bytes. The payload of a piece message is ciphertext already, and
// the hash of its piece proves it, so it passes as it is; every other byte, with
// the infohash and the numbers of pieces, is encrypted and proven:
//
//	sealed:4 ‖ open:4 ‖ AES-256-GCM(bytes) ‖ tag:16 ‖ payload
//
// sealed and open are how many bytes there are and how many of payload, big-endian,
// each up to maxFrame; they are the additional data. The nonce is the frame's
// number in its direction, 12 bytes big-endian, from 0.
//
//	secrets       = exporter(64, "EXPORTER-kith-v1-swarm"): the dialler's, then the other's
//	key:32        = HKDF-Expand(secret, "kith v1 swarm key")
//	next secret   = HKDF-Expand(secret, "kith v1 swarm next"), after framesPerKey frames
//
// The end of a connection is not signed: what is missing is asked for again. A
// payload that was changed on its way makes a piece wrong; see ban.
const (
	maxFrame     = 256 << 10
	frameHead    = 8
	frameTag     = 16
	framesPerKey = 1 << 20
)

// A frameKey encrypts one direction.
type frameKey struct {
	secret []byte
	aead   cipher.AEAD
	number uint64
	nonce  [12]byte
}

// next is called before every frame.
func (k *frameKey) next() error {
	if k.number%framesPerKey == 0 {
		if k.number > 0 {
			secret, err := hkdf.Expand(sha256.New, k.secret, "kith v1 swarm next", 32)
			if err != nil {
				return err
			}
			k.secret = secret
		}
		key, err := hkdf.Expand(sha256.New, k.secret, "kith v1 swarm key", 32)
		if err != nil {
			return err
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return err
		}
		if k.aead, err = cipher.NewGCM(block); err != nil {
			return err
		}
	}
	binary.BigEndian.PutUint64(k.nonce[4:], k.number)
	k.number++
	return nil
}

// A framed is a connection after its handshake. Read and Write may be called
// by one goroutine each.
type framed struct {
	net.Conn
	in, out frameKey
	head    [frameHead]byte
	buf     []byte   // sealed bytes that are being read
	plain   []byte   // what of them nobody has taken yet
	open    int      // bytes of payload that follow
	split   splitter // of what is written
	sealed  []byte
	vector  [2][]byte
}

// newFramed takes over a connection from TLS, which must have read it exactly.
func newFramed(nc net.Conn, state tls.ConnectionState, dialler bool) (*framed, error) {
	secrets, err := state.ExportKeyingMaterial("EXPORTER-kith-v1-swarm", nil, 64)
	if err != nil {
		return nil, kith.Errorf(kith.Internal, "agree on keys for a connection: %w", err)
	}
	f := &framed{Conn: nc, out: frameKey{secret: secrets[:32]}, in: frameKey{secret: secrets[32:]}}
	if !dialler {
		f.in, f.out = f.out, f.in
	}
	return f, nil
}

func (f *framed) Read(p []byte) (int, error) {
	for len(f.plain) == 0 && f.open == 0 {
		if err := f.readHead(); err != nil {
			return 0, err
		}
	}
	if len(f.plain) > 0 {
		n := copy(p, f.plain)
		f.plain = f.plain[n:]
		return n, nil
	}
	n, err := f.Conn.Read(p[:min(len(p), f.open)])
	f.open -= n
	return n, err
}

// readHead reads a frame up to its payload.
func (f *framed) readHead() error {
	if _, err := io.ReadFull(f.Conn, f.head[:]); err != nil {
		return err
	}
	sealed, open := binary.BigEndian.Uint32(f.head[:]), binary.BigEndian.Uint32(f.head[4:])
	if sealed > maxFrame || open > maxFrame {
		return kith.Errorf(kith.BadPeer, "a member sent a frame of %d and %d bytes", sealed, open)
	}
	f.buf = grow(f.buf, int(sealed)+frameTag)
	if _, err := io.ReadFull(f.Conn, f.buf); err != nil {
		return err
	}
	if err := f.in.next(); err != nil {
		return err
	}
	plain, err := f.in.aead.Open(f.buf[:0], f.in.nonce[:], f.buf, f.head[:])
	if err != nil {
		return kith.Errorf(kith.BadPeer, "a frame was damaged on its way: %w", err)
	}
	f.plain, f.open = plain, int(open)
	return nil
}

// grow gives a buffer of n bytes, the same one if it is large enough. Most
// frames are small; a few hold a list of pieces.
func grow(b []byte, n int) []byte {
	if n > cap(b) {
		return make([]byte, n, max(n, 4<<10))
	}
	return b[:n]
}

func (f *framed) Write(p []byte) (done int, err error) {
	for done < len(p) {
		sealed, open := f.split.cut(p[done:])
		if err := f.out.next(); err != nil {
			return done, err
		}
		f.sealed = grow(f.sealed, frameHead+len(sealed)+frameTag)
		head := f.sealed[:frameHead]
		binary.BigEndian.PutUint32(head, uint32(len(sealed)))
		binary.BigEndian.PutUint32(head[4:], uint32(len(open)))
		f.vector = [2][]byte{f.out.aead.Seal(head, f.out.nonce[:], sealed, head), open}
		vector := net.Buffers(f.vector[:])
		if _, err := vector.WriteTo(f.Conn); err != nil {
			return done, err
		}
		done += len(sealed) + len(open)
	}
	return done, nil
}

// A splitter finds the payloads of piece messages (BEP 3) in what one side of a
// BitTorrent connection says.
type splitter struct {
	begun   bool
	skip    int      // bytes of another message
	payload int      // bytes of a payload
	head    [13]byte // length:4 ‖ kind:1 ‖ piece:4 ‖ begin:4
	got     int
}

// cut gives what of p goes into the next frame: bytes to be sealed, then bytes
// of a payload. It is all of p, or more follows.
func (s *splitter) cut(p []byte) (sealed, open []byte) {
	if !s.begun {
		s.begun, s.skip = true, handshakeSize
	}
	i := 0
	for i < min(len(p), maxFrame) {
		switch {
		case s.payload > 0:
			n := min(s.payload, len(p)-i, maxFrame)
			s.payload -= n
			return p[:i], p[i : i+n]
		case s.skip > 0:
			n := min(s.skip, len(p)-i, maxFrame-i)
			s.skip -= n
			i += n
		default:
			s.head[s.got] = p[i]
			s.got++
			i++
			s.parse()
		}
	}
	return p[:i], nil
}

// parse looks at the head of a message.
func (s *splitter) parse() {
	const piece = 7
	length := int(binary.BigEndian.Uint32(s.head[:]))
	switch {
	case s.got < 4:
		return
	case s.got == 4 && length > 0:
		return
	case s.got == 5 && (s.head[4] != piece || length < 9):
		s.skip = length - 1
	case s.got == len(s.head):
		s.payload = length - 9
	case s.got > 4:
		return
	}
	s.got = 0
}

// An exactly reads a TLS handshake and no byte more, which TLS would keep to
// itself: never beyond the record that has begun (RFC 8446 section 5.1).
type exactly struct {
	net.Conn
	head [5]byte
	got  int // bytes of the head that came
	left int // bytes of the record that did not
}

func (e *exactly) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if e.left > 0 {
		n, err := e.Conn.Read(p[:min(len(p), e.left)])
		if e.left -= n; e.left == 0 {
			e.got = 0
		}
		return n, err
	}
	n, err := e.Conn.Read(p[:min(len(p), len(e.head)-e.got)])
	copy(e.head[e.got:], p[:n])
	if e.got += n; e.got == len(e.head) {
		if e.left = int(binary.BigEndian.Uint16(e.head[3:])); e.left == 0 {
			e.got = 0
		}
	}
	return n, err
}
