//go:build linux

package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A worker is a process that answers one line for each that it is told.
type worker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// hire starts a worker.
func hire(b *testing.B, env, name string, args ...string) *worker {
	b.Helper()
	w := &worker{cmd: exec.Command(name, args...)}
	w.cmd.Env = append(os.Environ(), env)
	w.cmd.Stderr = os.Stderr
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := w.cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	w.in, w.out = in, bufio.NewReaderSize(out, 1<<20)
	return w
}

// hireTrader starts the process of a swarm.
func hireTrader(b *testing.B, t trade) *worker {
	b.Helper()
	raw, err := json.Marshal(t)
	if err != nil {
		b.Fatal(err)
	}
	return hire(b, tradeEnv+"="+string(raw), os.Args[0], "-test.run=^TestTradeProcess$", "-test.timeout=0")
}

// ask tells a worker a line and gives its answer.
func (w *worker) ask(b *testing.B, line string) string {
	b.Helper()
	fmt.Fprintln(w.in, line)
	answer, err := w.out.ReadString('\n')
	if err != nil {
		b.Fatalf("the worker said %q: %v", answer, err)
	}
	return strings.TrimSpace(answer)
}

// end ends a worker and tells the highest memory that it had, in MiB.
func (w *worker) end(b *testing.B) float64 {
	b.Helper()
	w.in.Close()
	io.Copy(io.Discard, w.out)
	if err := w.cmd.Wait(); err != nil {
		b.Errorf("a worker did not end cleanly: %v", err)
	}
	return float64(w.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024
}

// bigFile writes a file of random bytes, which is then in the page cache.
func bigFile(b *testing.B, size int64) string {
	b.Helper()
	name := filepath.Join(b.TempDir(), "film.mkv")
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	block, source := make([]byte, 1<<20), rand.NewChaCha8([32]byte{})
	for range size >> 20 {
		source.Read(block)
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil { // writing it back is not what is measured
		b.Fatal(err)
	}
	f.Close()
	return name
}

// needs skips a benchmark without a program to compare with.
func needs(b *testing.B, pkg, program string, args ...string) {
	b.Helper()
	if err := exec.Command(program, args...).Run(); err != nil {
		b.Skipf("there is nothing to compare with: install Debian's package %s (%v)", pkg, err)
	}
}

// BenchmarkSeal: hashing and encrypting a file that is dropped, beside a
// program that only hashes it.
func BenchmarkSeal(b *testing.B) {
	const size = 4 << 30
	needs(b, "mktorrent", "sh", "-c", "command -v mktorrent")
	speed := newFigure(figure{
		what: "4 GiB dropped, in the page cache: hashed and sealed, 2 cores", aim: "≥ 2,200 MB/s", unit: "MB/s",
		met: func(v, _ float64) bool { return v >= 2200 },
	})
	times := newFigure(figure{
		what: "… times `mktorrent -t 2` in the same run", aim: "≥ 0.8", unit: "×",
		met: func(v, _ float64) bool { return v >= 0.8 },
	})
	name := bigFile(b, size)
	sealer := hireTrader(b, trade{Role: "seal", Path: name})
	for b.Loop() {
		begin := time.Now()
		sealer.ask(b, "{}")
		ours := time.Since(begin)
		torrent := filepath.Join(b.TempDir(), "film.torrent")
		begin = time.Now()
		if out, err := exec.Command("mktorrent", "-t", "2", "-l", "20", "-o", torrent, name).CombinedOutput(); err != nil {
			b.Fatalf("mktorrent: %v\n%s", err, out)
		}
		theirs := time.Since(begin)
		os.Remove(torrent)
		speed.add(size / ours.Seconds() / 1e6)
		times.add(theirs.Seconds() / ours.Seconds())
	}
	sealer.end(b)
	speed.report(b, "seal")
	times.report(b, "mktorrent")
}

// carry passes a file from one new process to another, and gives the speed in
// MB/s, from when it is dropped to when all of it is verified and synced, and the
// highest memory of both in MiB.
func carry(b *testing.B, name string, size int64, byLink bool) (speed, seeder, fetcher float64) {
	home := b.TempDir()
	dest := filepath.Join(home, "there.mkv")
	a := hireTrader(b, trade{Role: "seed", Path: name, Home: filepath.Join(home, "a"), Link: byLink})
	c := hireTrader(b, trade{Role: "fetch", Path: dest, Home: filepath.Join(home, "b"), Link: byLink})
	begin := time.Now()
	c.ask(b, a.ask(b, "{}"))
	took := time.Since(begin)
	seeder, fetcher = a.end(b), c.end(b)
	os.Remove(dest)
	return float64(size) / took.Seconds() / 1e6, seeder, fetcher
}

// libtorrentScript seeds, or fetches, with everything off that finds peers.
const libtorrentScript = `
import libtorrent as lt, os, sys, time
role, path = sys.argv[1:3]
s = lt.session({"listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False, "enable_upnp": False,
    "enable_natpmp": False, "enable_outgoing_utp": False, "enable_incoming_utp": False, "hashing_threads": 2,
    "out_enc_policy": 2, "in_enc_policy": 2, "alert_mask": 0})
for line in sys.stdin:
    if role == "seed":
        files = lt.file_storage()
        lt.add_files(files, path)
        made = lt.create_torrent(files, 0, lt.create_torrent.v1_only)
        lt.set_piece_hashes(made, os.path.dirname(path))
        raw = lt.bencode(made.generate())
        h = s.add_torrent({"ti": lt.torrent_info(raw), "save_path": os.path.dirname(path), "flags": lt.torrent_flags.seed_mode})
        print(s.listen_port(), raw.hex(), flush=True)
    else:
        port, raw = line.split()
        ti = lt.torrent_info(bytes.fromhex(raw))
        h = s.add_torrent({"ti": ti, "save_path": path, "flags": lt.torrent_flags.sequential_download})
        h.connect_peer(("127.0.0.1", int(port)))
        while not h.status().is_seeding:
            time.sleep(0.005)
        h.flush_cache()
        fd = os.open(os.path.join(path, ti.name()), os.O_RDONLY)
        os.fsync(fd)
        print("done", flush=True)
`

// carryByLibtorrent is carry with two processes of libtorrent.
func carryByLibtorrent(b *testing.B, name string, size int64) (speed, seeder, fetcher float64) {
	dest := b.TempDir()
	a := hire(b, "LANG=C", "/usr/bin/python3", "-c", libtorrentScript, "seed", name)
	c := hire(b, "LANG=C", "/usr/bin/python3", "-c", libtorrentScript, "fetch", dest)
	begin := time.Now()
	c.ask(b, a.ask(b, "drop"))
	took := time.Since(begin)
	seeder, fetcher = a.end(b), c.end(b)
	os.Remove(filepath.Join(dest, filepath.Base(name)))
	return float64(size) / took.Seconds() / 1e6, seeder, fetcher
}

// BenchmarkShare: a file from one node's disk to another's on one machine, by
// the packages that do it, each in a process of its own.
func BenchmarkShare(b *testing.B) {
	const size = 2 << 30
	needs(b, "python3-libtorrent", "/usr/bin/python3", "-c", "import libtorrent")
	small := func(v, _ float64) bool { return v <= 100 }
	direct := newFigure(figure{
		what: "2 GiB from dropped here to verified on disk there, one machine", aim: "≥ 450 MB/s", unit: "MB/s",
		met: func(v, _ float64) bool { return v >= 450 },
	})
	times := newFigure(figure{
		what: "… times libtorrent in the same run", aim: "≥ 1.3", unit: "×",
		met: func(v, _ float64) bool { return v >= 1.3 },
	})
	seeder := newFigure(figure{what: "… highest memory (RSS) of who seeds", aim: "≤ 100 MiB", unit: "MiB", met: small})
	fetcher := newFigure(figure{what: "… highest memory (RSS) of who fetches", aim: "≤ 100 MiB", unit: "MiB", met: small})
	byLink := newFigure(figure{
		what: "… over streams of a link alone", aim: "≥ 150 MB/s", unit: "MB/s",
		met: func(v, _ float64) bool { return v >= 150 },
	})
	theirs := newFigure(figure{what: "for comparison: the same by libtorrent 2, without encryption", unit: "MB/s"})
	name := bigFile(b, size)
	for b.Loop() {
		speed, memA, memB := carry(b, name, size, false)
		direct.add(speed)
		seeder.add(memA)
		fetcher.add(memB)
		other, _, _ := carryByLibtorrent(b, name, size)
		theirs.add(other)
		times.add(speed / other)
		speed, _, _ = carry(b, name, size, true)
		byLink.add(speed)
	}
	for name, f := range map[string]*figure{"direct": direct, "libtorrent": times, "seeder": seeder, "fetcher": fetcher, "link": byLink, "theirs": theirs} {
		f.report(b, name)
	}
}
