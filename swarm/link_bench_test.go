//go:build unix

package swarm

import (
	"context"
	"crypto/rand"
	"net/netip"
	"testing"

	"kith"
	"kith/link"
	"kith/seal"
	"kith/session"
)

// quicLink gives both ends of a real link over loopback; the first dials.
func quicLink(b *testing.B, ann, ben person) (link.Link, link.Link) {
	end := func(p person) *session.Endpoint {
		e, err := session.Listen(session.Config{
			Device: p.device, Account: seal.AccountOf(p.account),
			Cert: seal.CertifyDevice(p.account, seal.DeviceOf(p.device)), Loopback: true,
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { e.Close(link.Goodbye) })
		return e
	}
	x, y := end(ann), end(ben)
	var secret kith.Secret
	rand.Read(secret[:])
	key := seal.PairDoor(secret)
	y.SetDoors([]session.Door{{Key: key, Account: ann.peer().Account}})
	var addrs []netip.AddrPort
	for _, a := range y.Addresses() {
		if a.Addr().IsLoopback() {
			addrs = append(addrs, a)
		}
	}
	l, err := x.Dial(b.Context(), session.Door{Key: key, Account: ben.peer().Account}, addrs, "direct")
	if err != nil {
		b.Fatal(err)
	}
	in, err := y.Accept(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return l, in.Link
}

// BenchmarkLinkStreams fetches over streams of a QUIC link alone, in one
// process.
func BenchmarkLinkStreams(b *testing.B) {
	ann, ben := newPerson(), newPerson()
	la, lb := quicLink(b, ann, ben)
	seeder := open(b, ben, func(c *Config) { c.Listen = "" })
	go func() {
		for {
			_, stream, err := lb.Accept(context.Background())
			if err != nil {
				return
			}
			go seeder.ServeStream(stream, ann.peer())
		}
	}()
	ref := share(b, seeder, bigFile(b))
	b.SetBytes(int64(ref.Size))
	began, rounds := cpu(), 0
	for b.Loop() {
		rounds++
		s := open(b, ann, func(c *Config) {
			c.Listen = ""
			c.Dial = func(ctx context.Context, _ kith.DeviceID) (link.Stream, error) { return la.Open(ctx, link.Swarm) }
		})
		done(b, s, ref, func() { s.Connect(ref.Infohash, ben.peer().Device) })
		s.Close()
	}
	b.ReportMetric(float64(cpu()-began)/float64(rounds)/float64(ref.Size), "cpu-ns/B")
}
