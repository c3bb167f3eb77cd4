package swarm

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"io/fs"
	mathrand "math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kith"
	"kith/link"
	"kith/link/linktest"
	"kith/seal"
)

// patience is how long a test waits for what should happen at once. A machine
// may be ten times slower than this one.
const patience = 2 * time.Minute

// A person is a device with an account of its own.
type person struct {
	account, device ed25519.PrivateKey
}

func newPerson() person {
	_, a, _ := ed25519.GenerateKey(rand.Reader)
	_, d, _ := ed25519.GenerateKey(rand.Reader)
	return person{a, d}
}

func (p person) peer() kith.Peer {
	return kith.Peer{Account: seal.AccountOf(p.account), Device: seal.DeviceOf(p.device)}
}

// open opens a swarm for a person that closes with the test.
func open(t testing.TB, p person, change ...func(*Config)) *Swarm {
	t.Helper()
	tls, err := seal.TLSConfig(p.device, seal.AccountOf(p.account), seal.CertifyDevice(p.account, seal.DeviceOf(p.device)))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Dir: filepath.Join(t.TempDir(), "swarm"), TLS: tls, Listen: "127.0.0.1:0",
		Allowed: func(kith.Peer, kith.Infohash) bool { return true },
	}
	for _, f := range change {
		f(&cfg)
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// dir makes Config.Dir.
func dir(name string) func(*Config) { return func(c *Config) { c.Dir = name } }

// noise writes a file of n random bytes, the same for the same seed.
func noise(t testing.TB, name string, n int, seed uint64) []byte {
	t.Helper()
	b := make([]byte, n)
	mathrand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return b
}

// share seals and seeds a path.
func share(t testing.TB, s *Swarm, path string) kith.FileRef {
	t.Helper()
	sealed, err := Seal(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Share(sealed); err != nil {
		t.Fatal(err)
	}
	return sealed.Ref
}

func fetch(t testing.TB, s *Swarm, ref kith.FileRef, dest string) {
	t.Helper()
	if err := s.Fetch(ref, dest, Selection{}); err != nil {
		t.Fatal(err)
	}
}

// connect tells s where a person's swarm is.
func connect(t testing.TB, s *Swarm, ref kith.FileRef, p person, at *Swarm) {
	t.Helper()
	var addrs []netip.AddrPort
	if at != nil {
		addrs = append(addrs, at.Address())
	}
	if err := s.Connect(ref.Infohash, p.peer().Device, addrs...); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until f holds.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	end := time.NewTimer(patience)
	defer end.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("still waiting for %s", what)
		}
	}
}

func awaitState(t testing.TB, s *Swarm, ref kith.FileRef, want State) Status {
	t.Helper()
	var st Status
	end := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		st, _ = s.Status(ref.Infohash)
		if st.State == want {
			return st
		}
		if time.Now().After(end) {
			t.Fatalf("still %+v, want %s", st, want)
		}
		<-tick.C
	}
}

// same compares a file with bytes.
func same(t testing.TB, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(got) != sha256.Sum256(want) {
		t.Fatalf("%s differs from what was shared (%d bytes of %d)", name, len(got), len(want))
	}
}

// sameTree compares two folders.
func sameTree(t testing.TB, a, b string) {
	t.Helper()
	list := func(root string) map[string][]byte {
		files := map[string][]byte{}
		filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				t.Fatal(err)
			}
			if d.Type().IsRegular() {
				rel, _ := filepath.Rel(root, name)
				files[rel], _ = os.ReadFile(name)
			}
			return nil
		})
		return files
	}
	left, right := list(a), list(b)
	if len(left) != len(right) {
		t.Errorf("%d files in %s, %d in %s", len(left), a, len(right), b)
	}
	for name, want := range left {
		if got, ok := right[name]; !ok || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, there %v %d", name, len(want), ok, len(got))
		}
	}
}

// linked gives a Dial from one person's swarm to another's over links in memory.
func linked(t testing.TB, from person, to person, at func() *Swarm, c linktest.Conditions) func(context.Context, kith.DeviceID) (link.Stream, error) {
	a, b := linktest.Pair(from.peer(), to.peer(), c)
	t.Cleanup(func() { a.Close(link.Goodbye) })
	go func() {
		for {
			_, stream, err := b.Accept(context.Background())
			if err != nil {
				return
			}
			go at().ServeStream(stream, from.peer())
		}
	}()
	return func(ctx context.Context, d kith.DeviceID) (link.Stream, error) {
		if d != to.peer().Device {
			return nil, kith.Errorf(kith.Unreachable, "no link")
		}
		return a.Open(ctx, link.Swarm)
	}
}

// sentBy is how much a swarm has sent of a share.
func sentBy(s *Swarm, ref kith.FileRef) (n int64) {
	t, _ := s.find(ref.Infohash)
	if tt := t.t; tt != nil {
		stats := tt.Stats()
		n = stats.BytesWrittenData.Int64()
	}
	return n
}
