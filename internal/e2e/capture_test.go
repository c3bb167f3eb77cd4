//go:build linux

package e2e

import (
	"bytes"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"kith/internal/lab"
	"kith/node"
)

// A capture is all that passes a host's network card.
type capture struct {
	mu      sync.Mutex // guards the rest
	bytes   int
	needles map[string][]byte
	found   map[string]bool
	group   [][]byte // the first frames that went to many hosts
}

// maxGroup bounds the frames that a capture keeps.
const maxGroup = 10_000

// captureOf looks for words in everything that a host sends or is sent.
func captureOf(t *testing.T, h *lab.Host, needles map[string][]byte) *capture {
	t.Helper()
	var fd int
	if err := h.Do(func() (err error) {
		all := int(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)))
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all); err != nil {
			return err
		}
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	}); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "capture")
	c := &capture{needles: needles, found: map[string]bool{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<17)
		for {
			n, err := f.Read(buf)
			if errors.Is(err, unix.ENETDOWN) {
				continue
			}
			if err != nil {
				return
			}
			c.look(buf[:n])
		}
	}()
	t.Cleanup(func() { f.Close(); <-done })
	return c
}

func (c *capture) look(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += len(frame)
	if toMany := len(frame) > 14 && frame[0]&1 != 0; toMany && len(c.group) < maxGroup {
		c.group = append(c.group, bytes.Clone(frame))
	}
	// Headers come between the halves of a word that is cut, so only whole ones
	// are found; the plaintext repeats its word often enough.
	for what, needle := range c.needles {
		if bytes.Contains(frame, needle) {
			c.found[what] = true
		}
	}
}

// Nothing on the wire tells what is shared: not its bytes, nor its name, nor
// the number by which BitTorrent knows it, nor anybody's name. A third host on the
// LAN, which gets all that is said to many at once, learns nothing of it either.
func TestNothingInClear(t *testing.T) {
	t.Parallel()
	net := lab.New(t)
	lan := net.Switch("lan", lab.Line{Rate: 3e6}) // which the capture can follow
	hostA, hostB, hostE := net.Host("ann", lan), net.Host("bob", lan), net.Host("eve", lan)
	overheard := captureOf(t, hostE, nil) // from the beginning
	ann, bob := lives(t, hostA, "Annabella", lab.Kith{}), lives(t, hostB, "Bartholomew", lab.Kith{})
	befriend(t, ann, bob)
	const room = "the-hidden-family"
	sphere(t, room, ann, bob)
	bob.fetches(t, room, "click")
	word := []byte("this sentence must never be seen on a wire. ")
	path := filepath.Join(t.TempDir(), "holiday-in-norway.txt")
	data := bytes.Repeat(word, 4<<20/len(word))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	m := ann.shares(t, room, path)
	bob.reaches(t, m.ID, "none", 0)
	infohash := onlyFolder(t, filepath.Join(ann.Home(), "swarm"))
	raw, err := hex.DecodeString(infohash)
	if err != nil {
		t.Fatal(err)
	}
	needles := map[string][]byte{
		"the content": word, "the name": []byte("holiday-in-norway"), "the infohash": raw,
		"the infohash in hex": []byte(infohash), "the infohash in capitals": bytes.ToUpper([]byte(infohash)),
		"the infohash as magnet links have it": []byte(base32.StdEncoding.EncodeToString(raw)),
		"BitTorrent's greeting":                []byte("BitTorrent protocol"), "the home of who shared it": []byte(ann.Home()),
		"the name of the sphere": []byte(room), "who shared it": []byte(ann.name), "who fetched it": []byte(bob.name),
	}
	seen := captureOf(t, hostB, needles)
	control := captureOf(t, hostB, map[string][]byte{"a word of ours": []byte("plainly said")})
	if _, err := bob.api.FetchFile(t.Context(), m.ID.String(), node.FetchRequest{}); err != nil {
		t.Fatal(err)
	}
	bob.reaches(t, m.ID, "complete", int64(len(data)))
	for _, p := range []*person{ann, bob} { // and tells the LAN anew what it has to tell
		p.Restart()
		know(t, ann, bob, soon)
	}
	for _, to := range []netip.Addr{hostB.Addr(), netip.AddrFrom4([4]byte{239, 1, 2, 3})} {
		if err := plainly(hostA, to); err != nil {
			t.Fatal(err)
		}
	}
	lab.Eventually(t, soon, func() error {
		control.mu.Lock()
		defer control.mu.Unlock()
		if len(control.found) == 0 || overheard.said("plainly said") == 0 {
			return errors.New("the captures do not see what is in clear")
		}
		return nil
	})
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if seen.bytes < len(data) {
		t.Errorf("only %d bytes were captured", seen.bytes)
	}
	for what := range seen.found {
		t.Errorf("%s could be seen on the wire", what)
	}
	for what, needle := range needles {
		if n := overheard.said(string(needle)); n > 0 {
			t.Errorf("%s was said to all of the LAN, %d times", what, n)
		}
	}
	heard := overheard.announcements()
	if heard == 0 {
		t.Error("nobody announced anything on the LAN")
	}
	t.Logf("%d bytes captured, and %d announcements to the LAN", seen.bytes, heard)
}

// said counts frames to many hosts with a word in them.
func (c *capture) said(word string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, frame := range c.group {
		if bytes.Contains(frame, []byte(word)) {
			n++
		}
	}
	return n
}

// announcements counts those frames to many hosts that are multicast DNS.
func (c *capture) announcements() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, frame := range c.group {
		if _, port, ok := udpSource(frame[14:]); ok && port == mdnsPort {
			n++
		}
	}
	return n
}

// onlyFolder gives the name of the only folder in a folder.
func onlyFolder(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries in %s: %v", len(entries), dir, err)
	}
	return entries[0].Name()
}

// plainly sends a datagram in clear, to show that the capture would see it.
func plainly(from *lab.Host, to netip.Addr) error {
	return from.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.BindToDevice(fd, "eth0"); err != nil { // no route leads to a group
			return err
		}
		return unix.Sendto(fd, []byte("plainly said"), 0, &unix.SockaddrInet4{Port: 9, Addr: to.As4()})
	})
}
