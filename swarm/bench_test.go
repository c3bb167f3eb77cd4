//go:build unix

package swarm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kith"
)

// benchMiB is how much the benchmarks carry: KITH_BENCH_MIB, or 256.
func benchMiB() int {
	if n, err := strconv.Atoi(os.Getenv("KITH_BENCH_MIB")); err == nil {
		return n
	}
	return 256
}

// bigFile makes a file of benchMiB in the page cache.
func bigFile(b *testing.B) string {
	name := filepath.Join(b.TempDir(), "film.mkv")
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	block := noise(b, name, 1<<20, 7)
	for i := range benchMiB() {
		block[i%len(block)]++
		f.Write(block)
	}
	f.Close()
	return name
}

// BenchmarkSeal measures reading, encrypting and hashing together.
func BenchmarkSeal(b *testing.B) {
	name := bigFile(b)
	b.SetBytes(int64(benchMiB()) << 20)
	began, rounds := cpu(), 0
	for b.Loop() {
		rounds++
		if _, err := Seal(b.Context(), name, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-began)/float64(rounds)/float64(benchMiB()<<20), "cpu-ns/B")
}

// offer is what the process that seeds says on its standard output.
type offer struct {
	Ref    kith.FileRef
	Addr   netip.AddrPort
	Device kith.DeviceID
}

// TestSeederProcess is the other process of BenchmarkDirect.
func TestSeederProcess(t *testing.T) {
	name := os.Getenv("KITH_BENCH_SEED")
	if name == "" {
		t.Skip("only as a part of BenchmarkDirect")
	}
	ann := newPerson()
	a := open(t, ann)
	ref := share(t, a, name)
	before := cpu()
	json.NewEncoder(os.Stdout).Encode(offer{ref, a.Address(), ann.peer().Device})
	bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println(peakMiB(), int64(cpu()-before))
}

// peakMiB is the largest resident size that this process had, page cache aside.
func peakMiB() int {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return kib >> 10
		}
	}
	return 0
}

// BenchmarkDirect fetches over TCP from another process, to verified and synced
// on the disk.
func BenchmarkDirect(b *testing.B) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestSeederProcess$")
	if name := os.Getenv("KITH_BENCH_PROFILE"); name != "" { // of the seeder; -test.cpuprofile is of the fetcher
		cmd.Args = append(cmd.Args, "-test.cpuprofile="+name)
	}
	cmd.Env = append(os.Environ(), "KITH_BENCH_SEED="+bigFile(b))
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	var o offer
	if err != nil || json.Unmarshal(line, &o) != nil {
		b.Fatalf("the seeder said %q, %v", line, err)
	}
	b.SetBytes(int64(o.Ref.Size))
	began, rounds := cpu(), 0
	for b.Loop() {
		rounds++
		s := open(b, newPerson())
		done(b, s, o.Ref, func() { s.Connect(o.Ref.Infohash, o.Device, o.Addr) })
		s.Close()
	}
	in.Write([]byte("\n"))
	spent := cpu() - began
	var seeder int
	var sent time.Duration // its time, without that for sealing
	last, _ := lines.ReadString('\n')
	if _, err := fmt.Sscan(last, &seeder, &sent); err != nil {
		b.Fatalf("the seeder said %q, %v", last, err)
	}
	cmd.Wait()
	b.ReportMetric(float64(spent+sent)/float64(rounds)/float64(o.Ref.Size), "cpu-ns/B")
	b.ReportMetric(float64(sent)/float64(rounds)/float64(o.Ref.Size), "seeder-ns/B")
	b.ReportMetric(float64(seeder), "seeder-MiB")
	b.ReportMetric(float64(peakMiB()), "fetcher-MiB")
}

// done fetches and waits until it is complete.
func done(b *testing.B, s *Swarm, ref kith.FileRef, begin func()) {
	dest := filepath.Join(b.TempDir(), "film.mkv")
	if err := s.Fetch(ref, dest, Selection{}); err != nil {
		b.Fatal(err)
	}
	begin()
	for end := time.Now().Add(10 * time.Minute); ; {
		st, _ := s.Status(ref.Infohash)
		if st.State == Seeding {
			break
		}
		if st.State == Failed || time.Now().After(end) {
			b.Fatalf("%+v", st)
		}
		<-time.After(5 * time.Millisecond)
	}
	os.Remove(dest)
}

// BenchmarkIdle measures what 10,000 shares of some thousand pieces each cost
// while nobody asks for them.
func BenchmarkIdle(b *testing.B) {
	const shares = 10_000
	for b.Loop() {
		state := filepath.Join(b.TempDir(), "state")
		made := &Swarm{cfg: Config{Dir: state}}
		for i := range shares {
			var ref kith.FileRef
			ref.Infohash[0], ref.Infohash[1] = byte(i), byte(i>>8)
			ref.Size, ref.Files = 100<<30, 1
			r := newRecord(&ref)
			r.Own, r.Complete, r.Path = true, true, fmt.Sprintf("/films/%d/a name of some length.mkv", i)
			r.Entries = []entry{{State: final, File: original{Path: r.Path, Size: 100 << 30, Modified: 1}}}
			raw, _ := encodeCBOR.Marshal(r)
			os.MkdirAll(made.folder(ref.Infohash), 0o700)
			os.WriteFile(filepath.Join(made.folder(ref.Infohash), "record"), raw, 0o600)
		}
		before := heapKiB()
		began := time.Now()
		s := open(b, newPerson(), dir(state))
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/open")
		b.ReportMetric(float64(heapKiB()-before)/shares*1024, "B/share")
		s.Close()
	}
}

// cpu is how long this process and its ended children have computed.
func cpu() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		syscall.Getrusage(who, &r)
		sum += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return sum
}

func heapKiB() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc >> 10)
}
