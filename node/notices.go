package node

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// ringSize is how many notices are kept for a reader who lost its connection.
const ringSize = 4096

// A Numbered notice has an ID by which a reader resumes after it.
type Numbered struct {
	ID string
	Notice
}

// notices is a ring of what happened, and those who read along.
type notices struct {
	epoch string // tells the numbers of this process from those of others

	mu     sync.Mutex // guards the rest
	next   uint64     // number of the next notice; the first is 1
	ring   [ringSize]happening
	wake   chan struct{} // closed and replaced when something was added
	closed bool
}

// A happening is a notice, or how to make one when it is read: what takes much
// room, or much work, is not kept for readers who may never come.
type happening struct {
	Notice
	about any                   // of those about the same only the newest is made
	view  func() (Notice, bool) // nil if the notice is complete
}

func newNotices() *notices {
	return &notices{epoch: rand.Text()[:10], next: 1, wake: make(chan struct{})}
}

func (n *notices) publish(notice Notice) { n.add(happening{Notice: notice}) }

// publishLater publishes a notice that is made when it is read, and shows what
// is so then. It is left out if view says so, or if there is a newer one.
func (n *notices) publishLater(about any, view func() (Notice, bool)) {
	n.add(happening{about: about, view: view})
}

func (n *notices) add(h happening) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.ring[n.next%ringSize] = h
	n.next++
	close(n.wake)
	n.wake = make(chan struct{})
}

func (n *notices) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.closed = true
		close(n.wake)
	}
}

// after gives what came after a number. A reader who is too far behind gets a
// reset and goes on with the newest.
func (n *notices) after(last uint64) (batch []Numbered, now uint64, wake <-chan struct{}, open bool) {
	n.mu.Lock()
	now, wake, open = n.next-1, n.wake, !n.closed
	if last+1+ringSize < n.next || last >= n.next {
		n.mu.Unlock()
		return []Numbered{{ID: n.id(now), Notice: Notice{Type: "reset"}}}, now, wake, open
	}
	var happened []happening
	for number := last + 1; number <= now; number++ {
		happened = append(happened, n.ring[number%ringSize])
	}
	n.mu.Unlock()

	newest := map[any]int{}
	for i, h := range happened {
		if h.view != nil {
			newest[h.about] = i
		}
	}
	for i, h := range happened {
		if h.view != nil {
			made := false
			if newest[h.about] == i {
				h.Notice, made = h.view()
			}
			if !made {
				continue
			}
		}
		batch = append(batch, Numbered{ID: n.id(last + 1 + uint64(i)), Notice: h.Notice})
	}
	return batch, now, wake, open
}

func (n *notices) id(number uint64) string { return fmt.Sprintf("%s-%d", n.epoch, number) }

// number parses an ID. ok is false if it is not of this process.
func (n *notices) number(id string) (number uint64, ok bool) {
	digits, ok := strings.CutPrefix(id, n.epoch+"-")
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, err == nil
}

// Subscribe gives all notices from now on or, if after is the ID of a notice,
// from there. If it is too old, or of another process, the first notice is of
// type reset: the reader loads what it shows again. The channel closes when
// ctx ends or the node closes.
func (n *Node) Subscribe(ctx context.Context, after string) <-chan Numbered {
	out := make(chan Numbered)
	last, ok := n.notices.number(after)
	if !ok {
		n.notices.mu.Lock()
		last = n.notices.next - 1
		n.notices.mu.Unlock()
		if after != "" {
			last = ^uint64(0) // beyond all: a reset
		}
	}
	go func() {
		defer close(out)
		for {
			batch, now, wake, open := n.notices.after(last)
			for _, notice := range batch {
				select {
				case out <- notice:
				case <-ctx.Done():
					return
				}
			}
			last = now
			if !open {
				return
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
