//go:build linux

package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
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
}

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
	// Headers come between the halves of a word that is cut, so only whole ones
	// are found; the plaintext repeats its word often enough.
	for what, needle := range c.needles {
		if bytes.Contains(frame, needle) {
			c.found[what] = true
		}
	}
}

// Nothing on the wire tells what is shared: not its bytes, nor its name, nor
// the number by which BitTorrent knows it, nor anybody's name.
func TestNothingInClear(t *testing.T) {
	t.Parallel()
	net := lab.New(t)
	lan := net.Switch("lan", lab.Line{Rate: 3e6}) // which the capture can follow
	hostA, hostB := net.Host("ann", lan), net.Host("bob", lan)
	ann, bob := lives(t, hostA, "Ann", lab.Kith{}), lives(t, hostB, "Bob", lab.Kith{})
	befriend(t, ann, bob)
	bob.fetches(t, "Ann", "click")
	word := []byte("this sentence must never be seen on a wire. ")
	path := filepath.Join(t.TempDir(), "holiday-in-norway.txt")
	data := bytes.Repeat(word, 4<<20/len(word))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	m := ann.shares(t, "Bob", path)
	bob.reaches(t, m.ID, "none", 0)
	infohash := onlyFolder(t, filepath.Join(ann.Home(), "swarm"))
	raw, err := hex.DecodeString(infohash)
	if err != nil {
		t.Fatal(err)
	}
	seen := captureOf(t, hostB, map[string][]byte{
		"the content": word, "the name": []byte("holiday-in-norway"), "the infohash": raw, "the infohash in hex": []byte(infohash),
		"BitTorrent's greeting": []byte("BitTorrent protocol"), "the home of who shared it": []byte(ann.Home()),
	})
	control := captureOf(t, hostB, map[string][]byte{"a word of ours": []byte("plainly said")})
	if _, err := bob.api.FetchFile(t.Context(), m.ID.String(), node.FetchRequest{}); err != nil {
		t.Fatal(err)
	}
	bob.reaches(t, m.ID, "complete", int64(len(data)))
	if err := plainly(hostA, hostB); err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, soon, func() error {
		control.mu.Lock()
		defer control.mu.Unlock()
		if len(control.found) == 0 {
			return errors.New("the capture does not see what is in clear")
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
	t.Logf("%d bytes captured", seen.bytes)
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
func plainly(from, to *lab.Host) error {
	return from.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, []byte("plainly said"), 0, &unix.SockaddrInet4{Port: 9, Addr: to.Addr().As4()})
	})
}
