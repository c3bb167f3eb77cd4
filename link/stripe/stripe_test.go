package stripe

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/wire"
)

// both makes the two ends of a stream with some lanes. Each lane has its own
// pace.
func both(random *rand.Rand, lanes int) (w *Writer, r *Reader, all []*pipe) {
	lane := func() *pipe {
		slowest := 1 + random.Int64N(int64(20*time.Millisecond))
		seeds := rand.New(rand.NewPCG(random.Uint64(), 0))
		p := newPipe(1+random.IntN(64<<10), func() time.Duration { return time.Duration(seeds.Int64N(slowest)) })
		all = append(all, p)
		return p
	}
	first := lane()
	w, r = NewWriter(first, nil), NewReader(first, nil)
	for range lanes - 1 {
		l := lane()
		w.Add(l)
		r.Add(l)
	}
	return w, r, all
}

func randomBytes(random *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// writeAll writes in parts of any size, and ends the stream.
func writeAll(random *rand.Rand, w *Writer, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), 1+random.IntN(100<<random.IntN(11)))
		if _, err := w.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return w.Close()
}

// Whatever the lanes' paces, windows and number, and whenever they come and go,
// all bytes arrive, in order, and then the end.
func TestInOrder(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			data := randomBytes(random, random.IntN(1<<20))
			w, r, _ := both(random, 1+random.IntN(6))
			done := make(chan struct{})
			go func() { // lanes come and go
				changes := rand.New(rand.NewPCG(seed, 2))
				for {
					select {
					case <-done:
						return
					case <-time.After(time.Duration(changes.Int64N(int64(300 * time.Millisecond)))):
					}
					if changes.IntN(3) == 0 {
						w.Retire()
					} else {
						p := newPipe(1+changes.IntN(10<<10), func() time.Duration { return 3 * time.Millisecond })
						w.Add(p)
						r.Add(p)
					}
				}
			}()
			sent := make(chan error, 1)
			go func() { sent <- writeAll(rand.New(rand.NewPCG(seed, 3)), w, data) }()
			got, err := io.ReadAll(r)
			close(done)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("seed %d: %d bytes of %d, equal: %v, %v", seed, len(got), len(data), bytes.HasPrefix(data, got), err)
			}
			if err := <-sent; err != nil {
				t.Errorf("seed %d: write: %v", seed, err)
			}
			if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("after the end: %d, %v", n, err)
			}
			time.Sleep(time.Minute) // until all lanes have noticed
			if n, idle := w.Progress(); n != uint64(len(data)) || !idle {
				t.Errorf("%d bytes written of %d, idle: %v", n, len(data), idle)
			}
			w.Fail(errCut)
			r.Fail(errCut)
			time.Sleep(time.Minute)
		})
	}
}

// A lane is lost: both ends hear of it, and nothing wrong was read.
func TestLostLane(t *testing.T) {
	lost := 0
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 4))
			data := randomBytes(random, 1<<20)
			w, r, lanes := both(random, 2+random.IntN(4))
			sent := make(chan error, 1)
			go func() { sent <- writeAll(rand.New(rand.NewPCG(seed, 5)), w, data) }()
			defer func() { time.Sleep(time.Minute) }() // until all lanes have noticed
			time.AfterFunc(time.Duration(random.Int64N(int64(time.Second))), lanes[random.IntN(len(lanes))].Cancel)
			got, err := io.ReadAll(r)
			if err == nil && len(got) == len(data) { // it was quicker
				<-sent
				return
			}
			lost++
			if !errors.Is(err, errCut) || !bytes.HasPrefix(data, got) || len(got) == len(data) {
				t.Errorf("seed %d: %d bytes, right: %v, %v", seed, len(got), bytes.HasPrefix(data, got), err)
			}
			switch err := <-sent; {
			case err == nil:
				return // all of it was on the lanes
			case !errors.Is(err, errCut):
				t.Errorf("seed %d: write: %v", seed, err)
			}
			for _, l := range lanes {
				if _, err := l.Write([]byte{0}); !errors.Is(err, errCut) {
					t.Errorf("seed %d: a lane was not given up", seed)
				}
			}
		})
	}
	if lost < 10 {
		t.Errorf("only %d of 30 lanes were lost in time", lost)
	}
}

// Without a reader the writer is stopped by the lanes' windows.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lanes, window = 4, 32 << 10
		first := newPipe(window, nil)
		w, r := NewWriter(first, nil), NewReader(first, nil)
		for range lanes - 1 {
			p := newPipe(window, nil)
			w.Add(p)
			r.Add(p)
		}
		data := randomBytes(rand.New(rand.NewPCG(1, 1)), 4<<20)
		go func() {
			w.Write(data)
			w.Close()
		}()
		synctest.Wait()
		// In the windows, in the hands of the lanes, and one more for each.
		if n, idle := w.Progress(); n > lanes*(window+2*chunkSize+headRoom) || idle {
			t.Errorf("%d bytes were written, idle: %v", n, idle)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

func TestEndOfWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, failed := newPipe(1<<10, nil), make(chan error, 2)
		w := NewWriter(first, func(err error) { failed <- err })
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("x")); err == nil {
			t.Error("wrote after Close")
		}
		late := newPipe(1, nil)
		w.Add(late)
		if _, err := late.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("a lane that came too late: %v", err)
		}
		got, err := io.ReadAll(first)
		if want := wire.AppendChunk(nil, wire.Chunk{}); err != nil || !bytes.Equal(got, want) {
			t.Errorf("an empty stream is %x, %v", got, err)
		}
		w.Fail(errCut)
		w.Fail(io.EOF)
		synctest.Wait()
		if err := <-failed; err != errCut || len(failed) > 0 {
			t.Errorf("failed by %v, and %d times more", err, len(failed))
		}
		if _, err := w.Write([]byte("x")); err != errCut {
			t.Errorf("wrote after it failed: %v", err)
		}
	})
}

// chunks are what somebody wrote to a lane.
func chunks(list ...any) (data []byte) {
	for _, c := range list {
		switch c := c.(type) {
		case wire.Chunk:
			data = wire.AppendChunk(data, c)
			data = append(data, bytes.Repeat([]byte{'x'}, c.Length)...)
		case []byte:
			data = append(data, c...)
		}
	}
	return data
}

// at is a chunk of n bytes.
func at(offset uint64, n int) wire.Chunk { return wire.Chunk{Offset: offset, Length: n} }

func end(offset uint64) wire.Chunk { return wire.Chunk{Offset: offset} }

// What breaks the protocol ends the stream, and is not read.
func TestHostileLanes(t *testing.T) {
	for name, test := range map[string]struct {
		first, second []byte
		most          int // bytes that are read before, whichever lane is looked at first
		torn          bool
	}{
		"the same twice":               {chunks(at(0, 10)), chunks(at(0, 10)), 10, false},
		"an overlap":                   {chunks(at(0, 10), at(10, 10)), chunks(at(5, 10)), 20, false},
		"back on a lane":               {chunks(at(0, 10), at(5, 10)), nil, 10, false},
		"back before what is not read": {chunks(at(0, 10), at(30, 5), at(20, 10)), chunks(at(10, 20)), 35, false},
		"beyond the end":               {chunks(end(5)), chunks(at(0, 10)), 10, false},
		"an end that is past":          {chunks(at(0, 10), end(5)), nil, 10, false},
		"an end elsewhere":             {chunks(at(0, 10)), chunks(end(10)), 10, false},
		"something after the end":      {chunks(at(0, 10), end(20), at(10, 10)), nil, 10, false},
		"no end":                       {chunks(at(0, 10)), nil, 10, false},
		"half a chunk":                 {chunks(at(0, 10), []byte{20, 10, 'x'}), nil, 11, true},
		"half a head":                  {chunks(at(0, 10), []byte{20}), nil, 10, true},
		"a head in a wrong form":       {chunks([]byte{0x80, 0x00}), nil, 0, false},
		"a chunk that is too long":     {chunks([]byte{0xff, 0xff, 0x7f, 0x00}), nil, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := filled(test.first), filled(test.second)
				r := NewReader(first, nil)
				r.Add(second)
				got, err := io.ReadAll(r)
				if torn := errors.Is(err, io.ErrUnexpectedEOF); torn != test.torn || !torn && kith.KindOf(err) != kith.BadPeer || len(got) > test.most {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				if _, again := r.Read(make([]byte, 1)); again != err {
					t.Errorf("then %v", again)
				}
			})
		})
	}
}

// Whatever two lanes carry, the reader does not panic, gives no more than came,
// and ends when it is told to.
func FuzzReader(f *testing.F) {
	f.Add(chunks(at(0, 3), end(7)), chunks(at(3, 4)))
	f.Add(chunks(at(2, 3), at(9, 1)), chunks(at(0, 2), at(5, 4)))
	f.Add(chunks(at(0, 10)), chunks(at(5, 10)))
	f.Add([]byte{0x81, 0x00}, []byte{0x05})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		synctest.Test(t, func(t *testing.T) {
			r := NewReader(filled(one), nil)
			r.Add(filled(two))
			read := make(chan int, 1)
			go func() {
				got, _ := io.ReadAll(r)
				read <- len(got)
			}()
			synctest.Wait()
			r.Fail(errCut)
			if n := <-read; n > len(one)+len(two) {
				t.Errorf("%d bytes came of %d and %d", n, len(one), len(two))
			}
		})
	})
}
