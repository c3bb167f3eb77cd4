package linktest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"kith/link"
)

// patience is how long the suite waits for what should happen at once. It is
// long because a busy machine is slow, and only a failure waits that long.
const patience = 20 * time.Second

// Conformance runs the tests that every implementation of link.Link passes.
// connect makes a fresh link and gives both of its ends, a having asked for
// it. The suite closes it.
func Conformance(t *testing.T, connect func(t *testing.T) (a, b link.Link)) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, a, b link.Link)
	}{
		{"ends agree", endsAgree},
		{"purposes", purposes},
		{"cancelled context", cancelledContext},
	} {
		t.Run(c.name, func(t *testing.T) { on(t, connect, c.run) })
	}
	t.Run("reasons", func(t *testing.T) { reasons(t, connect) })
	for _, c := range []struct {
		name string
		run  func(t *testing.T, a, b link.Link, purpose link.Purpose)
	}{
		{"both ways", bothWays},
		{"many streams", manyStreams},
		{"close is EOF", closeIsEOF},
		{"cancel", cancel},
		{"big transfer", bigTransfer},
		{"many big transfers", bigTransfers},
		{"back-pressure", backPressure},
		{"calls end with the link", callsEnd},
	} {
		// An implementation may carry bulk in a way of its own.
		for kind, purpose := range map[string]link.Purpose{"talk": link.Talk, "bulk": link.Swarm} {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				on(t, connect, func(t *testing.T, a, b link.Link) { c.run(t, a, b, purpose) })
			})
		}
	}
}

// on runs a test on a fresh link.
func on(t *testing.T, connect func(t *testing.T) (a, b link.Link), run func(t *testing.T, a, b link.Link)) {
	a, b := connect(t)
	defer b.Close(link.Goodbye)
	defer a.Close(link.Goodbye)
	run(t, a, b)
}

func endsAgree(t *testing.T, a, b link.Link) {
	if !a.Initiator() || b.Initiator() {
		t.Errorf("initiator: %v and %v, want true and false", a.Initiator(), b.Initiator())
	}
	if a.Peer() == b.Peer() || a.Peer().Device.IsZero() || b.Peer().Account.IsZero() {
		t.Errorf("peers %v and %v", a.Peer(), b.Peer())
	}
	if len(a.Binding()) != 32 || !bytes.Equal(a.Binding(), b.Binding()) {
		t.Errorf("bindings %x and %x", a.Binding(), b.Binding())
	}
	for _, l := range []link.Link{a, b} {
		if p := l.Path(); p.Way == "" || p.Local == "" || p.Remote == "" || (p.Kind != "direct" && p.Kind != "relayed") {
			t.Errorf("path %+v", p)
		}
		if l.RTT() < 0 {
			t.Errorf("round trip %v", l.RTT())
		}
	}
}

// open opens a stream on a with a first message and accepts it on b.
func open(t *testing.T, a, b link.Link, purpose link.Purpose) (sa, sb link.Stream) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	sa, err := a.Open(ctx, purpose)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sa.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	got, sb, err := b.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got != purpose {
		t.Fatalf("purpose %d, want %d", got, purpose)
	}
	if word := readN(t, sb, 5); word != "first" {
		t.Fatalf("read %q", word)
	}
	return sa, sb
}

func readN(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	p := make([]byte, n)
	if _, err := io.ReadFull(r, p); err != nil {
		t.Fatalf("read %d bytes: %v", n, err)
	}
	return string(p)
}

func bothWays(t *testing.T, a, b link.Link, purpose link.Purpose) {
	for _, ends := range [][2]link.Link{{a, b}, {b, a}} {
		sa, sb := open(t, ends[0], ends[1], purpose)
		for i := range 20 {
			word := fmt.Sprintf("word %03d", i)
			if _, err := sa.Write([]byte(word)); err != nil {
				t.Fatal(err)
			}
			if got := readN(t, sb, len(word)); got != word {
				t.Fatalf("read %q, want %q", got, word)
			}
			if _, err := sb.Write([]byte(word)); err != nil {
				t.Fatal(err)
			}
			if got := readN(t, sa, len(word)); got != word {
				t.Fatalf("read back %q, want %q", got, word)
			}
		}
	}
}

func purposes(t *testing.T, a, b link.Link) {
	open(t, a, b, link.Talk)
	open(t, a, b, link.Join)
	open(t, b, a, link.Purpose(200))

	// A stream in which nothing was said but its end is seen as well.
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	s, err := a.Open(ctx, link.Join)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	purpose, s, err := b.Accept(ctx)
	if err != nil || purpose != link.Join {
		t.Fatalf("accepted %d, %v", purpose, err)
	}
	if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("read %d, %v from an empty stream", n, err)
	}
}

// manyStreams opens more streams than may be open together; each ends, so all
// get their turn. Their contents don't mix.
func manyStreams(t *testing.T, a, b link.Link, purpose link.Purpose) {
	const streams, atOnce = 150, 16
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { // the other end echoes
		for range streams {
			_, s, err := b.Accept(ctx)
			if err != nil {
				t.Errorf("accept: %v", err)
				return
			}
			wg.Go(func() {
				io.Copy(s, s)
				s.Close()
			})
		}
	})
	slots := make(chan struct{}, atOnce)
	for i := range streams {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			s, err := a.Open(ctx, purpose)
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			want := bytes.Repeat([]byte{byte(i)}, 1+i*37)
			if _, err := s.Write(want); err != nil {
				t.Errorf("write: %v", err)
				return
			}
			s.Close()
			got, err := io.ReadAll(s)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("stream %d: %d bytes of %d came back, %v", i, len(got), len(want), err)
			}
		})
	}
}

func closeIsEOF(t *testing.T, a, b link.Link, purpose link.Purpose) {
	sa, sb := open(t, a, b, purpose)
	if _, err := sa.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	if err := sa.Close(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(sb)
	if err != nil || string(rest) != "last" {
		t.Fatalf("read %q, %v", rest, err)
	}
	if n, err := sb.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("after EOF: %d, %v", n, err)
	}
	if _, err := sa.Write([]byte("x")); err == nil {
		t.Fatal("wrote after Close")
	}
	// The other direction lives on.
	if _, err := sb.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	if got := readN(t, sa, 6); got != "answer" {
		t.Fatalf("read %q", got)
	}
	sb.Close()
	if _, err := sa.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("after the other Close: %v", err)
	}
}

func cancel(t *testing.T, a, b link.Link, purpose link.Purpose) {
	sa, sb := open(t, a, b, purpose)
	here, there := make(chan error, 1), make(chan error, 1)
	read := func(s link.Stream, failed chan error) {
		_, err := s.Read(make([]byte, 1))
		failed <- err
	}
	go read(sa, here)
	go read(sb, there)
	sa.Cancel()
	for name, failed := range map[string]chan error{"the cancelling end": here, "the other end": there} {
		if err := await(t, failed, "the end of Read at "+name); err == nil || err == io.EOF {
			t.Errorf("Read at %s: %v", name, err)
		}
	}
	if _, err := sa.Write([]byte("x")); err == nil {
		t.Error("wrote after Cancel")
	}
	stopped := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			_, err = sb.Write(make([]byte, 1<<10))
		}
		stopped <- err
	}()
	await(t, stopped, "the end of Write at the other end")
	sa.Cancel()
	open(t, a, b, purpose) // the link itself lives on
}

// await receives, or fails the test when nothing comes.
func await[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		t.Fatalf("still waiting for %s", what)
		panic("unreachable")
	}
}

func bigTransfer(t *testing.T, a, b link.Link, purpose link.Purpose) {
	sa, sb := open(t, a, b, purpose)
	transfer(t, sa, sb, 8<<20)
}

// bigTransfers go at the same time, in both directions.
func bigTransfers(t *testing.T, a, b link.Link, purpose link.Purpose) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range 6 {
		sa, sb := open(t, a, b, purpose)
		if i%2 > 0 {
			sa, sb = sb, sa
		}
		wg.Go(func() { transfer(t, sa, sb, 2<<20) })
	}
}

// transfer sends random bytes and compares what arrives.
func transfer(t *testing.T, from, to link.Stream, size int64) {
	type result struct {
		sum [32]byte
		err error
	}
	sent := make(chan result, 1)
	go func() {
		h, source := sha256.New(), rand.NewChaCha8([32]byte{1})
		_, err := io.Copy(io.MultiWriter(from, h), io.LimitReader(source, size))
		from.Close()
		sent <- result{[32]byte(h.Sum(nil)), err}
	}()
	h := sha256.New()
	n, err := io.Copy(h, to)
	if err != nil || n != size {
		t.Errorf("received %d bytes, %v", n, err)
		return
	}
	if s := <-sent; s.err != nil || s.sum != [32]byte(h.Sum(nil)) {
		t.Errorf("sent %x, received %x, %v", s.sum, h.Sum(nil), s.err)
	}
}

// backPressure checks that a writer whose reader does not read is stopped
// after a bounded number of bytes, and goes on when it reads.
func backPressure(t *testing.T, a, b link.Link, purpose link.Purpose) {
	const most = 32 << 20
	sa, sb := open(t, a, b, purpose)
	wrote, finished := make(chan int), make(chan error, 1)
	go func() {
		chunk := make([]byte, 64<<10)
		for range most / len(chunk) {
			if _, err := sa.Write(chunk); err != nil {
				finished <- err
				return
			}
			wrote <- len(chunk)
		}
		finished <- nil
	}()
	total := 0
	for stuck := false; !stuck; {
		timer := time.NewTimer(500 * time.Millisecond)
		select {
		case n := <-wrote:
			total += n
		case <-timer.C:
			stuck = true
		case err := <-finished:
			t.Fatalf("%d bytes went to a reader that does not read, then %v", total, err)
		}
		timer.Stop()
	}
	go func() {
		for range wrote {
		}
	}()
	if n, err := io.CopyN(io.Discard, sb, most); err != nil {
		t.Fatalf("read %d bytes, then %v", n, err)
	}
	if err := await(t, finished, "the writer"); err != nil {
		t.Fatal(err)
	}
	close(wrote)
}

func cancelledContext(t *testing.T, a, b link.Link) {
	done, stop := context.WithCancel(t.Context())
	stop()
	if _, err := a.Open(done, link.Talk); err == nil {
		t.Error("Open with a cancelled context")
	}
	if _, _, err := a.Accept(done); err == nil {
		t.Error("Accept with a cancelled context")
	}
	later, stop := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, _, err := b.Accept(later)
		failed <- err
	}()
	stop()
	if err := await(t, failed, "Accept"); err == nil {
		t.Error("Accept survived its context")
	}
	open(t, a, b, link.Talk) // nothing was lost
}

func reasons(t *testing.T, connect func(t *testing.T) (a, b link.Link)) {
	for _, reason := range []link.Reason{link.Goodbye, link.Replaced, link.Unwanted, link.Violation} {
		t.Run(reason.String(), func(t *testing.T) {
			a, b := connect(t)
			open(t, a, b, link.Talk)
			if reason == link.Replaced { // either end may close
				a, b = b, a
			}
			a.Close(reason)
			a.Close(link.Goodbye) // counts no more
			for _, l := range []link.Link{a, b} {
				await(t, l.Done(), "the end of the link")
				if l.Reason() != reason {
					t.Errorf("reason %v, want %v", l.Reason(), reason)
				}
			}
			b.Close(link.Violation)
			if b.Reason() != reason {
				t.Errorf("closing an ended link changed its reason to %v", b.Reason())
			}
		})
	}
}

// callsEnd checks that nothing waits for ever on a link that has ended.
func callsEnd(t *testing.T, a, b link.Link, purpose link.Purpose) {
	sa, sb := open(t, a, b, purpose)
	failed := make(chan error, 3)
	go func() {
		_, _, err := b.Accept(t.Context())
		failed <- err
	}()
	go func() {
		var err error
		for err == nil { // what sa writes may still arrive
			_, err = sb.Read(make([]byte, 32<<10))
		}
		failed <- err
	}()
	go func() {
		var err error
		for err == nil {
			_, err = sa.Write(make([]byte, 32<<10))
		}
		failed <- err
	}()
	a.Close(link.Goodbye)
	for range cap(failed) {
		if err := await(t, failed, "a pending call"); err == nil || err == io.EOF {
			t.Errorf("a call ended with %v", err)
		}
	}
	await(t, b.Done(), "the end of the link")
	for _, l := range []link.Link{a, b} {
		if _, err := l.Open(t.Context(), purpose); err == nil {
			t.Error("opened a stream on an ended link")
		}
		if _, _, err := l.Accept(t.Context()); err == nil {
			t.Error("accepted a stream on an ended link")
		}
	}
}
