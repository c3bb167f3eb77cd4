//go:build linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kith"
	"kith/api/client"
	"kith/internal/lab"
	"kith/node"
)

const mib = 1 << 20

// bytesOf makes a file of n bytes that nothing compresses, in the page cache.
func bytesOf(b *testing.B, n int) string {
	b.Helper()
	f, err := os.CreateTemp(b.TempDir(), "film-*.mp4")
	if err != nil {
		b.Fatal(err)
	}
	random := rand.NewChaCha8([32]byte{1})
	block := make([]byte, mib)
	for written := 0; written < n; written += len(block) {
		random.Read(block)
		if written == 0 {
			copy(block, "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom") // a film, to who looks at its head
		}
		if _, err := f.Write(block[:min(len(block), n-written)]); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return f.Name()
}

// share shares a file and gives its message.
func share(b *testing.B, from *client.Client, ref, path string) kith.EventID {
	b.Helper()
	shared, err := from.ShareFiles(b.Context(), ref, node.ShareRequest{Paths: []string{path}})
	if err != nil {
		b.Fatal(err)
	}
	return shared[0].ID
}

// fetchAll has a node fetch whatever is shared in a conversation.
func fetchAll(b *testing.B, c *client.Client, ref string) {
	b.Helper()
	all := "all"
	if _, err := c.SetFolder(b.Context(), ref, node.FolderChange{Fetch: &all}); err != nil {
		b.Fatal(err)
	}
}

// complete takes notices until a share is whole, and gives when.
func complete(b *testing.B, notices <-chan seen, c *client.Client, share func() kith.EventID, within time.Duration) time.Time {
	b.Helper()
	return await(b, notices, within, "complete", func(n *seen) bool {
		return n.Message != nil && n.Message.ID == share() && n.Message.File != nil && n.Message.File.Transfer.State == node.TransferComplete
	}).at
}

// BenchmarkFile: two nodes on one machine, from the drop to verified on disk.
func BenchmarkFile(b *testing.B) {
	const size = 2 << 30
	speed := newFigure(figure{
		what: "2 GiB between two nodes on this machine, from the drop to verified on disk", aim: "≥ 450 MB/s", unit: "MB/s",
		met: func(v, _ float64) bool { return v >= 450 },
	})
	seals := newFigure(figure{what: "… of that until it is sealed and said", unit: "ms"})
	receives := newFigure(figure{
		what: "… highest memory (RSS) of the node that fetches", aim: "≤ 100 MiB", unit: "MiB",
		met: func(v, _ float64) bool { return v <= 100 },
	})
	sends := newFigure(figure{
		what: "… highest memory (RSS) of the node that shares", aim: "≤ 100 MiB", unit: "MiB",
		met: func(v, _ float64) bool { return v <= 100 },
	})
	path := bytesOf(b, size)
	b.Run("kith", func(b *testing.B) {
		for b.Loop() {
			here := lab.Here(b)
			conf := lab.Kith{Env: []string{"KITH_LOOPBACK=1"}}
			ann, bob := here.Kith(conf), here.Kith(conf)
			ann.Run(b, "me", "--name", "Ann")
			bob.Run(b, "me", "--name", "Bob")
			bob.Run(b, "join", ann.Run(b, "invite"))
			connected(b, ann, "Bob")
			a, c := reach(b, ann.Home()), reach(b, bob.Home())
			fetchAll(b, c, "Ann")
			ctx, stop := context.WithCancel(b.Context())
			notices := watch(ctx, c)
			begin := time.Now()
			id := share(b, a, "Bob", path)
			sealed := time.Now()
			done := complete(b, notices, c, func() kith.EventID { return id }, 5*time.Minute)
			speed.add(size / done.Sub(begin).Seconds() / 1e6)
			seals.add(milliseconds(sealed.Sub(begin)))
			receives.add(memory(b, bob.PID(), "VmHWM"))
			sends.add(memory(b, ann.PID(), "VmHWM"))
			stop()
			for _, n := range []*lab.Node{ann, bob} {
				n.Stop()
				os.RemoveAll(n.Home())
			}
		}
		speed.report(b, "speed")
		seals.report(b, "seal")
		receives.report(b, "receiver")
		sends.report(b, "sender")
	})
	for _, other := range []struct {
		name, program, aim, get string
		least                   float64
		pass                    func(*testing.B, string, int64) float64
	}{
		{"croc", "croc", "≥ 5", "go install github.com/schollz/croc/v10@v10.7.0", 5, besideCroc},
		{"Syncthing", "syncthing", "", "Debian's package syncthing", 0, besideSyncthing},
	} {
		times := newFigure(figure{what: "… times " + other.name, aim: other.aim, unit: "×"})
		if other.least > 0 {
			times.met = func(v, _ float64) bool { return v >= other.least }
		}
		theirs := newFigure(figure{what: "for comparison: the same by " + other.name, unit: "MB/s"})
		b.Run(other.program, func(b *testing.B) {
			if _, err := exec.LookPath(other.program); err != nil {
				b.Skipf("there is nothing to compare with: install %s", other.get)
			}
			for b.Loop() {
				v := other.pass(b, path, size)
				theirs.add(v)
				if len(speed.values) > 0 {
					times.add(median(speed.values) / v)
				}
			}
			theirs.report(b, "theirs")
			times.report(b, "times")
		})
	}
}

// BenchmarkFileLine: one file over a line of 100 Mbit/s, beside one TCP flow with
// cubic, the congestion control of most systems, over the same line.
func BenchmarkFileLine(b *testing.B) {
	const size, rate = 256 * mib, 100e6 / 8
	for _, test := range []struct {
		name string
		loss float64
	}{{"no loss", 0}, {"0.5 % loss", 0.005}} {
		line := newFigure(figure{
			what: "256 MiB over 100 Mbit/s at 50 ms, " + test.name, aim: "≥ 90 % of the line", unit: "%",
			met: func(v, _ float64) bool { return v >= 90 },
		})
		if test.loss > 0 {
			line.aim, line.met = "", nil
		}
		ratio := newFigure(figure{what: "… beside one TCP flow with cubic over it, " + test.name, unit: "×"})
		if test.loss > 0 {
			ratio.aim, ratio.met = "≥ 5 ×", func(v, _ float64) bool { return v >= 5 }
		}
		b.Run(test.name, func(b *testing.B) {
			path := bytesOf(b, size)
			for b.Loop() {
				net := lab.New(b)
				lan := net.Switch("lan", lab.Line{Delay: 25 * time.Millisecond, Rate: rate})
				ann, bob := couple(b, lan, net)
				a, c := reach(b, ann.Home()), reach(b, bob.Home())
				fetchAll(b, c, "Ann")
				ctx, stop := context.WithCancel(b.Context())
				notices := watch(ctx, c)
				lan.SetLine(lab.Line{Delay: 25 * time.Millisecond, Rate: rate, Loss: test.loss})
				id := share(b, a, "Bob", path)
				begin := time.Now()
				done := complete(b, notices, c, func() kith.EventID { return id }, 10*time.Minute)
				speed := size / done.Sub(begin).Seconds()
				line.add(100 * speed / rate)
				ratio.add(speed / cubic(b, ann.Host(), bob.Host()))
				stop()
				ann.Stop()
				bob.Stop()
			}
			line.report(b, "line")
			ratio.report(b, "cubic")
		})
	}
}

// cubic measures one TCP flow with cubic between two hosts, in bytes a second.
func cubic(b *testing.B, from, to *lab.Host) float64 {
	b.Helper()
	useCubic := func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic")
		})
		return errors.Join(err, failed)
	}
	var listener net.Listener
	if err := to.Do(func() (err error) { listener, err = net.Listen("tcp4", to.Addr().String()+":0"); return err }); err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	const during = 10 * time.Second
	got := make(chan int64)
	go func() {
		var n int64
		if conn, err := listener.Accept(); err == nil {
			conn.SetReadDeadline(time.Now().Add(during))
			n, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
		got <- n
	}()
	if err := from.Do(func() error {
		conn, err := (&net.Dialer{Control: useCubic}).Dial("tcp4", listener.Addr().String())
		if err != nil {
			return err
		}
		defer conn.Close()
		block := make([]byte, mib)
		for {
			if _, err := conn.Write(block); err != nil {
				return nil // the other side has seen enough
			}
		}
	}); err != nil {
		b.Fatal(err)
	}
	return float64(<-got) / during.Seconds()
}

// BenchmarkFileToEight: one seeder and eight members, who help each other. Their
// uplinks are limits of the program: nine lines of the lab at that speed would be
// all that two cores can do.
func BenchmarkFileToEight(b *testing.B) {
	const size, rate, members = 256 * mib, 10e6, 8
	last := newFigure(figure{
		what: "one seeder and eight members of 10 MB/s each, 256 MiB: until the last one is done", aim: "≤ 1.3 × size ÷ uplink", unit: "×",
		met: func(v, _ float64) bool { return v <= 1.3 },
	})
	path := bytesOf(b, size)
	for b.Loop() {
		here := lab.Here(b)
		conf := lab.Kith{Env: []string{"KITH_LOOPBACK=1"}}
		all := []*lab.Node{here.Kith(conf)}
		all[0].Run(b, "me", "--name", "N0")
		all[0].Run(b, "sphere", "new", "Family")
		ctx, stop := context.WithCancel(b.Context())
		var notices []<-chan seen
		for i := 1; i <= members; i++ {
			n := here.Kith(conf)
			all = append(all, n)
			n.Run(b, "me", "--name", fmt.Sprintf("N%d", i))
			n.Run(b, "join", all[0].Run(b, "invite"))
			connected(b, all[0], fmt.Sprintf("N%d", i))
			all[0].Run(b, "sphere", "invite", "Family", fmt.Sprintf("N%d", i))
			c := reach(b, n.Home())
			lab.Eventually(b, 30*time.Second, func() error { _, err := c.JoinSphere(ctx, "Family"); return err })
		}
		for _, n := range all[1:] {
			c := reach(b, n.Home())
			lab.Eventually(b, time.Minute, func() error {
				s, err := c.Sphere(ctx, "Family")
				if err == nil && s.Linked < members {
					err = fmt.Errorf("linked to %d", s.Linked)
				}
				return err
			})
			fetchAll(b, c, "Family")
			notices = append(notices, watch(ctx, c))
		}
		for _, n := range all {
			c := reach(b, n.Home())
			t, err := c.Transfers(ctx)
			if err != nil {
				b.Fatal(err)
			}
			t.Settings.Up = rate
			if _, err := c.SetTransferSettings(ctx, t.Settings); err != nil {
				b.Fatal(err)
			}
		}
		id := share(b, reach(b, all[0].Home()), "Family", path)
		begin := time.Now()
		var end time.Time
		for i, from := range notices {
			done := complete(b, from, reach(b, all[i+1].Home()), func() kith.EventID { return id }, 10*time.Minute)
			if done.After(end) {
				end = done
			}
		}
		last.add(end.Sub(begin).Seconds() / (size / rate))
		stop()
		for _, n := range all {
			n.Stop()
		}
	}
	last.report(b, "last")
}

// BenchmarkFilmStarts: a film is played while it arrives, over a slow uplink.
func BenchmarkFilmStarts(b *testing.B) {
	const size, rate = 256 * mib, 5e6
	first := newFigure(figure{
		what: "a film over 5 MB/s at 80 ms, clicked on 2 s after it came: its first byte", aim: "≤ 500 ms", unit: "ms",
		met: func(v, _ float64) bool { return v <= 500 },
	})
	cold := newFigure(figure{what: "… of one of which nothing was made ready", unit: "ms"})
	seek := newFigure(figure{
		what: "… after a seek to where nothing is", aim: "≤ 700 ms", unit: "ms",
		met: func(v, _ float64) bool { return v <= 700 },
	})
	path := bytesOf(b, size)
	other := filepath.Join(b.TempDir(), "other.bin") // no film, so nobody expects it to be played
	if err := os.WriteFile(other, make([]byte, 64*mib), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		net := lab.New(b)
		lan := net.Switch("lan", lab.Line{Delay: 40 * time.Millisecond, Rate: rate})
		ann, bob := couple(b, lan, net)
		c := reach(b, bob.Home())
		click := "click"
		if _, err := c.SetFolder(b.Context(), "Ann", node.FolderChange{Fetch: &click}); err != nil {
			b.Fatal(err)
		}
		id := share(b, reach(b, ann.Home()), "Bob", path)
		lab.Eventually(b, time.Minute, func() error { _, err := c.Message(b.Context(), id.String()); return err })
		ctx, stop := context.WithCancel(b.Context())
		one := make([]byte, 1)
		unready := share(b, reach(b, ann.Home()), "Bob", other)
		lab.Eventually(b, time.Minute, func() error { _, err := c.Message(b.Context(), unready.String()); return err })
		pause(2 * time.Second)
		for _, test := range []struct {
			id  kith.EventID
			row *figure
		}{{unready, cold}, {id, first}} {
			begin := time.Now()
			file, err := c.OpenFile(ctx, test.id.String(), 0)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(file, one); err != nil {
				b.Fatal(err)
			}
			test.row.add(milliseconds(time.Since(begin)))
			file.Close()
		}
		film, err := c.OpenFile(ctx, id.String(), 0)
		if err != nil {
			b.Fatal(err)
		}
		go io.CopyN(io.Discard, film, 20*mib) // somebody watches for a while
		pause(3 * time.Second)
		film.Close()
		var seeks []float64
		for _, at := range []int64{100, 200, 150, 60, 240} {
			film, err := c.OpenFile(ctx, id.String(), 0)
			if err != nil {
				b.Fatal(err)
			}
			begin := time.Now()
			if _, err := film.Seek(at*mib, io.SeekStart); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(film, one); err != nil {
				b.Fatal(err)
			}
			seeks = append(seeks, milliseconds(time.Since(begin)))
			film.Close()
		}
		seek.addSamples(seeks)
		stop()
		ann.Stop()
		bob.Stop()
	}
	first.report(b, "first")
	cold.report(b, "cold")
	seek.report(b, "seek")
}
