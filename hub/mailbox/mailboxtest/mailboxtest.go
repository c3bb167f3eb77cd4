// Package mailboxtest is the suite that every implementation of mailbox.Store
// passes. It asks nothing about time, since some implementations leave that to
// others: those that keep time themselves test it themselves.
package mailboxtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/hub/mailbox"
	"kith/hubapi"
)

// patience is how long the suite waits for what should happen at once.
const patience = 20 * time.Second

// Open makes an empty store and gives two ends of it, as two processes have
// them; b may be a itself. It closes them when the test ends.
type Open func(t *testing.T, limits mailbox.Limits) (a, b mailbox.Store)

// Conformance runs the suite.
func Conformance(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"leave, fetch and take", leaveFetchTake},
		{"who may leave", whoMayLeave},
		{"a new token", newToken},
		{"a box is full", boxFull},
		{"a box has too many bytes", boxBytes},
		{"the store is full", storeFull},
		{"as many boxes as there may be", tooManyBoxes},
		{"sizes", sizes},
		{"in parts", inParts},
		{"numbers are never given twice", numbersOnce},
		{"taking what belongs to others", takeOthers},
		{"watch", watch},
		{"many at once", manyAtOnce},
		{"bundles", bundles},
		{"too many bundles", tooManyBundles},
		{"a cancelled call", cancelled},
		{"stats", stats},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
}

// Key makes a name of a box that nobody else has.
func Key() (k hubapi.Key) { rand.Read(k[:]); return k }

var token, wrong = hubapi.Hash{1, 2, 3}, hubapi.Hash{1, 2, 4}

func mustOpen(t *testing.T, s mailbox.Store, box hubapi.Key, token hubapi.Hash) mailbox.Opened {
	t.Helper()
	opened, err := s.Open(t.Context(), box, token, true)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func mustLeave(t *testing.T, s mailbox.Store, box hubapi.Key, body string) {
	t.Helper()
	until, err := s.Leave(t.Context(), box, token, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Until(until); d < 0 || d > mailbox.DefaultLimits().Keep {
		t.Fatalf("it is kept until %v", until)
	}
}

func mustFetch(t *testing.T, s mailbox.Store, box hubapi.Key, after uint64, n, size int) []mailbox.Envelope {
	t.Helper()
	mail, err := s.Fetch(t.Context(), box, after, n, size)
	if err != nil {
		t.Fatal(err)
	}
	return mail
}

func wantKind(t *testing.T, err error, kind kith.ErrorKind, doing string) {
	t.Helper()
	if err == nil || kith.KindOf(err) != kind {
		t.Errorf("%s gives %v, want an error of kind %v", doing, err, kind)
	}
}

func leaveFetchTake(t *testing.T, open Open) {
	a, b := open(t, mailbox.DefaultLimits())
	box := Key()
	if opened := mustOpen(t, b, box, token); opened != (mailbox.Opened{Made: true}) {
		t.Errorf("a new box: %+v", opened)
	}
	if mail := mustFetch(t, b, box, 0, 10, 1<<20); len(mail) != 0 {
		t.Errorf("a new box holds %d envelopes", len(mail))
	}
	for i := range 5 {
		mustLeave(t, a, box, fmt.Sprint("envelope ", i))
	}
	if opened := mustOpen(t, b, box, token); opened != (mailbox.Opened{Waiting: 5}) {
		t.Errorf("a box with 5: %+v", opened)
	}
	mail := mustFetch(t, b, box, 0, 10, 1<<20)
	var last uint64
	for i, e := range mail {
		if want := fmt.Sprint("envelope ", i); string(e.Body) != want || e.ID <= last {
			t.Errorf("envelope %d after %d: %q, want %q", e.ID, last, e.Body, want)
		}
		last = e.ID
	}
	if len(mail) != 5 {
		t.Fatalf("%d envelopes of 5", len(mail))
	}
	// Out of order, one twice, one that never was.
	if err := b.Take(t.Context(), box, []uint64{mail[3].ID, mail[0].ID, mail[3].ID, last + 100}); err != nil {
		t.Fatal(err)
	}
	if opened := mustOpen(t, b, box, token); opened.Waiting != 3 {
		t.Errorf("after two were taken %d wait", opened.Waiting)
	}
	rest := mustFetch(t, a, box, 0, 10, 1<<20)
	if len(rest) != 3 || rest[0].ID != mail[1].ID || rest[2].ID != mail[4].ID {
		t.Errorf("what rests: %v", rest)
	}
}

func whoMayLeave(t *testing.T, open Open) {
	a, b := open(t, mailbox.DefaultLimits())
	box := Key()
	_, err := a.Leave(t.Context(), box, token, []byte("x"))
	wantKind(t, err, kith.NotFound, "leaving where there is no box")
	_, err = a.Open(t.Context(), box, token, false)
	wantKind(t, err, kith.NotFound, "opening a box that may not be made")
	mustOpen(t, b, box, token)
	_, err = a.Leave(t.Context(), box, wrong, []byte("x"))
	wantKind(t, err, kith.Forbidden, "leaving with a wrong token")
	if mail := mustFetch(t, b, box, 0, 10, 1<<20); len(mail) != 0 {
		t.Errorf("%d envelopes were left by who may not", len(mail))
	}
}

func newToken(t *testing.T, open Open) {
	a, b := open(t, mailbox.DefaultLimits())
	box := Key()
	mustOpen(t, a, box, wrong)
	_, err := b.Leave(t.Context(), box, token, []byte("x"))
	wantKind(t, err, kith.Forbidden, "leaving with a token to come")
	mustOpen(t, a, box, token)
	mustLeave(t, b, box, "y")
	_, err = b.Leave(t.Context(), box, wrong, []byte("x"))
	wantKind(t, err, kith.Forbidden, "leaving with the former token")
}

func boxFull(t *testing.T, open Open) {
	limits := mailbox.DefaultLimits()
	limits.BoxEnvelopes = 3
	a, b := open(t, limits)
	box, other := Key(), Key()
	mustOpen(t, b, box, token)
	mustOpen(t, b, other, token)
	for range 3 {
		mustLeave(t, a, box, "x")
	}
	_, err := a.Leave(t.Context(), box, token, []byte("x"))
	wantKind(t, err, kith.Full, "a fourth of three")
	mustLeave(t, a, other, "x")
	mail := mustFetch(t, b, box, 0, 10, 1<<20)
	if err := b.Take(t.Context(), box, []uint64{mail[0].ID}); err != nil {
		t.Fatal(err)
	}
	mustLeave(t, a, box, "x")
}

func boxBytes(t *testing.T, open Open) {
	limits := mailbox.DefaultLimits()
	limits.BoxBytes = 3000
	a, _ := open(t, limits)
	box := Key()
	mustOpen(t, a, box, token)
	mustLeave(t, a, box, string(make([]byte, 2000)))
	_, err := a.Leave(t.Context(), box, token, make([]byte, 1000))
	wantKind(t, err, kith.Full, "more bytes than a box holds")
	mustLeave(t, a, box, "a little")
}

func storeFull(t *testing.T, open Open) {
	limits := mailbox.DefaultLimits()
	limits.TotalBytes = 10_000
	a, _ := open(t, limits)
	first, second := Key(), Key()
	mustOpen(t, a, first, token)
	mustOpen(t, a, second, token)
	mustLeave(t, a, first, string(make([]byte, 9000)))
	_, err := a.Leave(t.Context(), second, token, make([]byte, 2000))
	wantKind(t, err, kith.Full, "more bytes than the store holds")
	_, err = a.Publish(t.Context(), Key(), hubapi.Hash{1}, make([]byte, 2000), time.Now().Add(time.Hour))
	wantKind(t, err, kith.Full, "a bundle of more bytes than the store holds")
	mail := mustFetch(t, a, first, 0, 1, 1<<20)
	if err := a.Take(t.Context(), first, []uint64{mail[0].ID}); err != nil {
		t.Fatal(err)
	}
	mustLeave(t, a, second, string(make([]byte, 2000)))
}

func tooManyBoxes(t *testing.T, open Open) {
	limits := mailbox.DefaultLimits()
	limits.Boxes = 2
	a, _ := open(t, limits)
	box := Key()
	mustOpen(t, a, box, token)
	mustOpen(t, a, Key(), token)
	_, err := a.Open(t.Context(), Key(), token, true)
	wantKind(t, err, kith.Full, "a third box of two")
	mustOpen(t, a, box, token)
}

func sizes(t *testing.T, open Open) {
	a, _ := open(t, mailbox.DefaultLimits())
	box := Key()
	mustOpen(t, a, box, token)
	for _, n := range []int{0, hubapi.MaxMail + 1} {
		_, err := a.Leave(t.Context(), box, token, make([]byte, n))
		wantKind(t, err, kith.Invalid, fmt.Sprint("an envelope of ", n, " bytes"))
	}
	big := make([]byte, hubapi.MaxMail)
	rand.Read(big)
	if _, err := a.Leave(t.Context(), box, token, big); err != nil {
		t.Fatal(err)
	}
	if mail := mustFetch(t, a, box, 0, 10, 1); len(mail) != 1 || !bytes.Equal(mail[0].Body, big) {
		t.Error("the biggest envelope came back as something else")
	}
	_, err := a.Publish(t.Context(), Key(), hubapi.Hash{1}, make([]byte, hubapi.MaxBundle+1), time.Now().Add(time.Hour))
	wantKind(t, err, kith.Invalid, "a bundle that is too big")
}

func inParts(t *testing.T, open Open) {
	a, b := open(t, mailbox.DefaultLimits())
	box := Key()
	mustOpen(t, a, box, token)
	for i := range 10 {
		mustLeave(t, a, box, fmt.Sprintf("%0100d", i))
	}
	var after uint64
	var got []string
	for _, part := range []struct{ n, size, want int }{{3, 1 << 20, 3}, {100, 250, 3}, {100, 1, 1}, {100, 1 << 20, 3}, {100, 1 << 20, 0}} {
		mail := mustFetch(t, b, box, after, part.n, part.size)
		if len(mail) != part.want {
			t.Errorf("%d at most, of %d bytes: %d, want %d", part.n, part.size, len(mail), part.want)
		}
		for _, e := range mail {
			got, after = append(got, string(e.Body)), e.ID
		}
	}
	for i, body := range got {
		if body != fmt.Sprintf("%0100d", i) {
			t.Errorf("envelope %d is %q", i, body)
		}
	}
}

func numbersOnce(t *testing.T, open Open) {
	a, b := open(t, mailbox.DefaultLimits())
	box := Key()
	mustOpen(t, a, box, token)
	var last uint64
	for range 5 {
		mustLeave(t, a, box, "x")
		mail := mustFetch(t, b, box, 0, 10, 1<<20)
		if len(mail) != 1 || mail[0].ID <= last {
			t.Fatalf("%v came after number %d", mail, last)
		}
		last = mail[0].ID
		if err := b.Take(t.Context(), box, []uint64{last}); err != nil {
			t.Fatal(err)
		}
	}
}

func takeOthers(t *testing.T, open Open) {
	a, _ := open(t, mailbox.DefaultLimits())
	mine, other := Key(), Key()
	mustOpen(t, a, mine, token)
	mustOpen(t, a, other, token)
	mustLeave(t, a, other, "not mine")
	mail := mustFetch(t, a, other, 0, 10, 1<<20)
	for _, box := range []hubapi.Key{mine, Key()} {
		if err := a.Take(t.Context(), box, []uint64{mail[0].ID}); err != nil {
			t.Fatal(err)
		}
	}
	if rest := mustFetch(t, a, other, 0, 10, 1<<20); len(rest) != 1 {
		t.Error("an envelope was taken out through another box")
	}
}

func watch(t *testing.T, open Open) {
	a, b := open(t, mailbox.DefaultLimits())
	box := Key()
	mustOpen(t, b, box, token)
	woken := make(chan struct{}, 1)
	stop, err := b.Watch(box, func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.After(patience)
	for i := range 3 {
		mustLeave(t, a, box, "x")
		for len(mustFetch(t, b, box, 0, 10, 1<<20)) <= i {
			select {
			case <-woken:
			case <-deadline:
				t.Fatal("nobody was told of a new envelope")
			}
		}
	}
	stop()
	for range len(woken) {
		<-woken
	}
	mustLeave(t, a, box, "x")
	if len(woken) > 0 {
		t.Error("who stopped watching was told")
	}
}

func manyAtOnce(t *testing.T, open Open) {
	a, b := open(t, mailbox.DefaultLimits())
	const senders, each = 8, 25
	box := Key()
	mustOpen(t, a, box, token)
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			for n := range each {
				if _, err := a.Leave(t.Context(), box, token, fmt.Appendf(nil, "%d %d", i, n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	mail := mustFetch(t, b, box, 0, senders*each+1, 1<<20)
	if len(mail) != senders*each {
		t.Fatalf("%d envelopes of %d", len(mail), senders*each)
	}
	next := [senders]int{}
	for _, e := range mail {
		var i, n int
		if _, err := fmt.Sscan(string(e.Body), &i, &n); err != nil || n != next[i] {
			t.Fatalf("sender %d: envelope %d where %d belongs (%v)", i, n, next[i], err)
		}
		next[i]++
	}
}

func bundles(t *testing.T, open Open) {
	a, b := open(t, mailbox.DefaultLimits())
	owner, other, name := Key(), Key(), hubapi.Hash(Key())
	_, err := b.Bundle(t.Context(), name)
	wantKind(t, err, kith.NotFound, "a bundle that nobody published")
	until := time.Now().Add(time.Hour)
	for _, body := range []string{"first", "second"} {
		end, err := a.Publish(t.Context(), owner, name, []byte(body), until)
		if err != nil {
			t.Fatal(err)
		}
		if d := until.Sub(end); d < 0 || d > time.Second {
			t.Errorf("it is kept until %v, not %v", end, until)
		}
		if got, err := b.Bundle(t.Context(), name); err != nil || string(got) != body {
			t.Errorf("the bundle is %q, %v; want %q", got, err, body)
		}
	}
	_, err = b.Publish(t.Context(), other, name, []byte("forged"), until)
	wantKind(t, err, kith.Forbidden, "a name of another device")
	_, err = b.Publish(t.Context(), other, name, nil, until)
	wantKind(t, err, kith.Forbidden, "withdrawing what another device published")
	if end, err := a.Publish(t.Context(), owner, hubapi.Hash(Key()), []byte("x"), time.Now().AddDate(9, 0, 0)); err != nil || time.Until(end) > mailbox.DefaultLimits().KeepBundle {
		t.Errorf("a bundle for 9 years is kept until %v, %v", end, err)
	}
	if _, err := a.Publish(t.Context(), owner, name, nil, until); err != nil {
		t.Fatal(err)
	}
	_, err = b.Bundle(t.Context(), name)
	wantKind(t, err, kith.NotFound, "a bundle that was withdrawn")
}

func tooManyBundles(t *testing.T, open Open) {
	limits := mailbox.DefaultLimits()
	limits.Bundles = 2
	a, _ := open(t, limits)
	owner, until := Key(), time.Now().Add(time.Hour)
	for i := range 3 {
		_, err := a.Publish(t.Context(), owner, hubapi.Hash{byte(i)}, []byte("x"), until)
		if i < 2 && err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			wantKind(t, err, kith.Full, "a third bundle of two")
		}
	}
	if _, err := a.Publish(t.Context(), owner, hubapi.Hash{1}, []byte("y"), until); err != nil {
		t.Errorf("one of them can't be replaced: %v", err)
	}
}

func cancelled(t *testing.T, open Open) {
	a, _ := open(t, mailbox.DefaultLimits())
	box := Key()
	mustOpen(t, a, box, token)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Fetch(ctx, box, 0, 1, 1); err == nil {
		t.Error("fetching with a cancelled context worked")
	}
}

func stats(t *testing.T, open Open) {
	a, _ := open(t, mailbox.DefaultLimits())
	box := Key()
	mustOpen(t, a, box, token)
	mustLeave(t, a, box, string(make([]byte, 1000)))
	mustLeave(t, a, box, string(make([]byte, 1000)))
	got, err := a.Stats(t.Context())
	if err != nil || got.Boxes != 1 || got.Envelopes != 2 || got.Bytes < 2000 || got.Bytes > 4000 {
		t.Errorf("one box with two envelopes of 1000 bytes: %+v, %v", got, err)
	}
	if err := a.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
