package sqlite

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"kith/hub/mailbox"
	"kith/hub/mailbox/mailboxtest"
	"kith/hubapi"
)

// BenchmarkLeave measures durable answers to 64 senders, each to another box of
// 100,000, of the size of an envelope with a short text.
func BenchmarkLeave(b *testing.B) {
	const senders = 64
	s := open(b, filepath.Join(b.TempDir(), "mailbox.db"), mailbox.DefaultLimits())
	boxes := fill(b, s, 100_000)
	body := make([]byte, 300)
	rand.Read(body)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range senders {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if _, err := s.Leave(b.Context(), boxes[n*7919%int64(len(boxes))], token, body); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}

// BenchmarkMemory measures the resident memory of this process with 100,000
// boxes of three envelopes each.
func BenchmarkMemory(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "mailbox.db"), mailbox.DefaultLimits())
	boxes := fill(b, s, 100_000)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for n := i; n < 3*len(boxes); n += 64 {
				if _, err := s.Leave(b.Context(), boxes[n%len(boxes)], token, make([]byte, 300)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	boxes = nil
	for b.Loop() {
		runtime.GC()
	}
	b.ReportMetric(resident(b), "MiB-resident")
}

// fill makes n boxes.
func fill(b *testing.B, s *Store, n int) []hubapi.Key {
	b.Helper()
	boxes := make([]hubapi.Key, n)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for ; i < n; i += 64 {
				boxes[i] = mailboxtest.Key()
				if _, err := s.Open(b.Context(), boxes[i], token, true); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return boxes
}

// resident is the memory of this process that is in use, in MiB.
func resident(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("only Linux tells")
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); fields[0] == "VmRSS:" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				b.Fatal(fmt.Errorf("%s: %w", line, err))
			}
			return float64(kib) / 1024
		}
	}
	return 0
}
