//go:build linux

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/api/client"
	"kith/internal/lab"
	"kith/node"
)

// A writer writes numbered texts to somebody, one after another, and remembers
// which were acknowledged.
type writer struct {
	api   *client.Client
	to    string
	mark  string // what its texts begin with
	acked []string
}

// writers gives several of somebody's.
func (p *person) writers(to *person, count int) []*writer {
	list := make([]*writer, count)
	for i := range list {
		list[i] = &writer{api: p.api, to: to.name, mark: fmt.Sprintf("%s-%d ", p.name, i)}
	}
	return list
}

// write writes a text at every tick, or as fast as it can without ticks, until
// ctx ends or it has tried most of them, if that is above 0. What fails is not
// tried again: it may have been written all the same.
func (w *writer) write(ctx context.Context, every time.Duration, most int, padding string) {
	tick := make(<-chan time.Time)
	if every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for n := 1; ctx.Err() == nil && (most == 0 || n <= most); n++ {
		text := fmt.Sprintf("%s%06d%s", w.mark, n, padding)
		if _, err := w.api.Send(ctx, []string{w.to}, text, kith.EventID{}); err == nil {
			w.acked = append(w.acked, text)
		}
		if every > 0 {
			select {
			case <-tick:
			case <-ctx.Done():
			}
		}
	}
}

// write lets all write at once and returns when they are done.
func write(ctx context.Context, every time.Duration, most int, padding string, all ...*writer) {
	var working sync.WaitGroup
	for _, w := range all {
		working.Go(func() { w.write(ctx, every, most, padding) })
	}
	working.Wait()
}

// arrive waits until nothing of either waits for the other.
func arrive(t *testing.T, within time.Duration, a, b *person) {
	t.Helper()
	lab.Eventually(t, within, func() error {
		for _, pair := range [][2]*person{{a, b}, {b, a}} {
			s, err := pair[0].api.Status(t.Context())
			if err != nil {
				return err
			}
			for _, c := range s.Contacts {
				if c.Waiting > 0 && c.Name == pair[1].name {
					return fmt.Errorf("%d messages of %s wait for %s", c.Waiting, pair[0].name, c.Name)
				}
			}
		}
		return nil
	})
}

// audit checks the conversation of two people, who have said all: both have
// the same, each message once and delivered, every writer's in the order of
// writing, and all that was acknowledged.
func audit(t *testing.T, a, b *person, all ...*writer) []node.Message {
	t.Helper()
	arrive(t, soon, a, b)
	left, right := history(t, a, b), history(t, b, a)
	compare(t, a, b, left, right)
	once := make(map[string]int, len(left))
	for _, m := range left {
		once[m.Text]++
		if once[m.Text] == 2 {
			t.Errorf("%q is there twice", m.Text)
		}
	}
	for _, w := range all {
		var there []string
		for _, m := range left {
			if strings.HasPrefix(m.Text, w.mark) {
				there = append(there, m.Text)
			}
		}
		if !slices.IsSorted(there) { // the numbers have leading zeros
			t.Errorf("the messages of %s are not in the order of writing", w.mark)
		}
		lost := 0
		for _, text := range w.acked {
			if once[text] == 0 {
				lost++
				t.Logf("%.40q was acknowledged and is lost", text)
			}
		}
		if lost > 0 {
			t.Errorf("%d of %d acknowledged messages of %s are lost", lost, len(w.acked), w.mark)
		}
	}
	return left
}

// compare reports where two histories differ.
func compare(t *testing.T, a, b *person, left, right []node.Message) {
	t.Helper()
	if len(left) != len(right) {
		t.Errorf("%s has %d messages, %s %d", a.name, len(left), b.name, len(right))
	}
	for i := range min(len(left), len(right)) {
		l, r := left[i], right[i]
		if l.ID != r.ID || l.Text != r.Text || l.From != r.From || !l.Sent.Equal(r.Sent) || l.Edited != r.Edited || l.Deleted != r.Deleted {
			t.Fatalf("the histories part at message %d: %s has %.40q of %v, %s %.40q of %v", i, a.name, l.Text, l.Sent, b.name, r.Text, r.Sent)
		}
		mine, who := l, a
		if r.Mine {
			mine, who = r, b
		}
		if mine.State != kith.Delivered && mine.State != kith.Read {
			t.Errorf("%s's %.40q is %s", who.name, mine.Text, mine.State)
		}
	}
}

// history gives all of a conversation, oldest first.
func history(t *testing.T, p, with *person) []node.Message {
	t.Helper()
	const limit = 500
	var newestFirst []node.Message
	page := node.Page{Limit: limit}
	for {
		part, err := p.api.Log(t.Context(), with.name, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range slices.Backward(part) {
			newestFirst = append(newestFirst, m)
		}
		if len(part) < limit {
			slices.Reverse(newestFirst)
			return newestFirst
		}
		page.Before = part[0].ID
	}
}
