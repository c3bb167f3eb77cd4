//go:build linux

package bench

import (
	"context"
	"crypto/rand"
	"io"
	"net/netip"
	"testing"
	"time"

	"kith"
	"kith/internal/lab"
	"kith/link"
	"kith/seal"
	"kith/session"
)

// BenchmarkLink: one stream of a link over a line of 100 Mbit/s at 50 ms, beside
// one TCP flow with cubic over the same line.
func BenchmarkLink(b *testing.B) {
	const rate = 100e6 / 8
	for _, test := range []struct {
		name string
		loss float64
	}{{"no loss", 0}, {"0.5 % loss", 0.005}} {
		line := newFigure(figure{what: "one stream of a link over 100 Mbit/s at 50 ms, " + test.name, unit: "%"})
		ratio := newFigure(figure{what: "… beside one TCP flow with cubic over it, " + test.name, unit: "×"})
		if test.loss > 0 {
			ratio.aim, ratio.met = "≥ 5 ×", func(v, _ float64) bool { return v >= 5 }
		} else {
			line.aim, line.met = "≥ 92 % of the line", func(v, _ float64) bool { return v >= 92 }
		}
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				net := lab.New(b)
				lan := net.Switch("lan", lab.Line{Delay: 25 * time.Millisecond, Rate: rate})
				ann, bob := net.Host("ann", lan), net.Host("bob", lan)
				a, c := linkBetween(b, ann, bob)
				lan.SetLine(lab.Line{Delay: 25 * time.Millisecond, Rate: rate, Loss: test.loss})
				speed := streamed(b, a, c, 10*time.Second)
				a.Close(link.Goodbye)
				line.add(100 * speed / rate)
				ratio.add(speed / cubic(b, ann, bob))
			}
			line.report(b, "line")
			ratio.report(b, "cubic")
		})
	}
}

// linkBetween links two hosts from within this process.
func linkBetween(b *testing.B, ann, bob *lab.Host) (link.Link, link.Link) {
	b.Helper()
	listen := func(h *lab.Host) (e *session.Endpoint, account kith.AccountID) {
		account1, device := seal.NewAccountKey(), seal.NewDeviceKey()
		account = seal.AccountOf(account1)
		err := h.Do(func() (err error) {
			e, err = session.Listen(session.Config{Device: device, Account: account, Cert: seal.CertifyDevice(account1, seal.DeviceOf(device))})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { e.Close(link.Goodbye) })
		return e, account
	}
	from, _ := listen(ann)
	to, account := listen(bob)
	var secret kith.Secret
	rand.Read(secret[:])
	door := session.Door{Key: seal.PairDoor(secret)}
	to.SetDoors([]session.Door{door})
	door.Account = account
	ctx, stop := context.WithTimeout(b.Context(), 20*time.Second)
	defer stop()
	at := netip.AddrPortFrom(bob.Addr(), to.Addresses()[0].Port())
	l, err := from.Dial(ctx, door, []netip.AddrPort{at}, "direct")
	if err != nil {
		b.Fatal(err)
	}
	in, err := to.Accept(ctx)
	if err != nil {
		b.Fatal(err)
	}
	return l, in.Link
}

// streamed writes into a stream as fast as it goes, and tells how many bytes a
// second arrived.
func streamed(b *testing.B, from, to link.Link, during time.Duration) float64 {
	b.Helper()
	s, err := from.Open(b.Context(), link.Swarm)
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		for block := make([]byte, 64<<10); ; {
			if _, err := s.Write(block); err != nil {
				return // the link was closed
			}
		}
	}()
	_, r, err := to.Accept(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	var n int64
	for block := make([]byte, 64<<10); time.Since(begin) < during; {
		got, err := r.Read(block)
		n += int64(got)
		if err == io.EOF || err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(begin).Seconds()
}
