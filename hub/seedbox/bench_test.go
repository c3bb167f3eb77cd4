package seedbox

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/hubapi"
)

// Ten thousand files do not make the start slow.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	s := openStore(b, dir, DefaultConfig())
	var all []*file
	for n := range 10_000 {
		f := &file{hash: hubapi.InfoHash{byte(n), byte(n >> 8)}, shape: shape{1, 1 << 20, 60}, info: 120, there: 1, complete: true}
		f.keepings = []keeping{{device(byte(n % 100)), time.Now().UnixMilli()}}
		for _, name := range []string{infoFile, haveFile, dataFile} {
			err := os.MkdirAll(s.folder(f.hash), 0o700)
			if err == nil {
				err = os.WriteFile(s.path(f.hash, name), []byte("x"), 0o600)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		s.files.add(f)
		all = append(all, f)
	}
	if _, err := s.index.add(s.files.by, all...); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(dir, DefaultConfig(), s.log)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil || len(s.files.by) != len(all) {
			b.Fatal(len(s.files.by), err)
		}
	}
}

// BenchmarkPieces keeps pieces of a MiB from so many devices at the same time.
func BenchmarkPieces(b *testing.B) {
	for _, devices := range []int{1, 8} {
		b.Run(fmt.Sprint(devices), func(b *testing.B) {
			s := openStore(b, b.TempDir(), DefaultConfig())
			f := newShare(1, 64*testPiece)
			b.SetBytes(int64(len(f.data)))
			for b.Loop() {
				var all sync.WaitGroup
				for who := range devices {
					mustKeep(b, s, device(byte(who)), f)
				}
				for who := range devices {
					all.Go(func() {
						for n := who; n < f.pieces(); n += devices {
							if err := s.KeepPiece(device(byte(who)), f.hash, n, bytes.NewReader(f.piece(n))); err != nil {
								b.Error(err)
							}
						}
					})
				}
				all.Wait()
				for who := range devices {
					if err := s.Release(device(byte(who)), f.hash); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkFull asks for room when there is none, of 100,000 files.
func BenchmarkFull(b *testing.B) {
	cfg := DefaultConfig()
	cfg.Room = 1
	fs, now := newFiles(&cfg), time.Now()
	for n := range 100_000 {
		f := &file{hash: hubapi.InfoHash{byte(n), byte(n >> 8), byte(n >> 16)}, shape: shape{1, 1 << 20, 60}, complete: true}
		f.keepings = []keeping{{device(byte(n % 100)), now.UnixMilli()}}
		fs.add(f)
	}
	for b.Loop() {
		if _, err := fs.roomInAll(1, 1, nil, nil, now); kith.KindOf(err) != kith.Full {
			b.Fatal(err)
		}
	}
}
