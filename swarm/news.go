package swarm

import (
	"sync"
	"time"

	"kith"
)

// newsEvery is how far apart two reports of the same transfer are.
const newsEvery = 250 * time.Millisecond

// news gathers what changed and tells it a few times a second.
type news struct {
	tell  func(kith.Infohash)
	hurry chan struct{} // of room for one; nil if nothing is ever in a hurry

	mu      sync.Mutex
	pending map[kith.Infohash]bool
	running bool
	stopped bool
	work    sync.WaitGroup
}

func (n *news) add(ih kith.Infohash) {
	if n.tell == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return
	}
	if n.pending == nil {
		n.pending = map[kith.Infohash]bool{}
	}
	n.pending[ih] = true
	if !n.running {
		n.running = true
		n.work.Go(n.run)
	}
}

func (n *news) run() {
	for {
		n.mu.Lock()
		batch := n.pending
		n.pending = nil
		if len(batch) == 0 || n.stopped {
			n.running = false
			n.mu.Unlock()
			return
		}
		n.mu.Unlock()
		for ih := range batch {
			n.tell(ih)
		}
		select {
		case <-n.hurry:
		case <-time.After(newsEvery):
		}
	}
}

// now has what was added told at once.
func (n *news) now() {
	select {
	case n.hurry <- struct{}{}:
	default:
	}
}

func (n *news) stop() {
	n.mu.Lock()
	n.stopped = true
	n.mu.Unlock()
	n.now()
	n.work.Wait()
}
