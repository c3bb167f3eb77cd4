//go:build linux

package bench

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kith"
	"kith/node"
)

// BenchmarkSends: durable sends of 200 B by eight writers, to somebody who is
// away.
func BenchmarkSends(b *testing.B) {
	const writers, count = 8, 10_000
	annHome, bobHome := newDir(b), newDir(b)
	befriend(b, annHome, bobHome)
	met := func(v, _ float64) bool { return v >= 3000 }
	one := func(b *testing.B, f *figure, send func(ctx context.Context, refs []string, text string, replyTo kith.EventID, mentions ...kith.Mention) ([]node.Message, error)) {
		begin := time.Now()
		err := sendAll(writers, 0, count, func(text string) error {
			_, err := send(b.Context(), []string{"Bob"}, text, kith.EventID{})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		f.add(count / time.Since(begin).Seconds())
	}
	b.Run("node", func(b *testing.B) {
		f := newFigure(figure{what: "durable sends by one node, 8 writers", aim: "≥ 3,000 /s", unit: "/s", met: met})
		ann := mustOpen(b, annHome)
		defer mustClose(b, ann)
		for b.Loop() {
			one(b, f, ann.Send)
		}
		f.report(b, "sends")
	})
	b.Run("api", func(b *testing.B) {
		f := newFigure(figure{what: "… through the HTTP API, over the socket", aim: "≥ 3,000 /s", unit: "/s", met: met})
		ann := startKith(b, annHome)
		defer ann.stop(b)
		c := reach(b, annHome)
		for b.Loop() {
			one(b, f, c.Send)
		}
		f.report(b, "sends")
	})
	b.Run("sync", func(b *testing.B) {
		f := newFigure(figure{what: "for comparison: one write of 4 KiB made durable by this disk", unit: "ms"})
		for b.Loop() {
			f.addSamples(syncs(b, 300))
		}
		f.report(b, "sync")
	})
}

// syncs measures what a disk takes to make a write durable.
func syncs(b *testing.B, count int) []float64 {
	b.Helper()
	file, err := os.Create(filepath.Join(newDir(b), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	block := make([]byte, 4096)
	var samples []float64
	for range count {
		begin := time.Now()
		if _, err := file.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
		samples = append(samples, milliseconds(time.Since(begin)))
	}
	return samples
}
