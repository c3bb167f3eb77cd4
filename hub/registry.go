package hub

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"kith/hubapi"
)

// A registry knows the devices that are connected, and for a while those that
// were, so that the moderator can name one that just left.
type registry struct {
	mu       sync.Mutex // guards the rest
	by       map[hubapi.Key]*device
	all      int                  // connections that have not ended, also those that were replaced
	left     map[hubapi.Key]int64 // since when, Unix seconds
	draining bool
	empty    chan struct{} // closed when draining and all have ended
}

// Those who left are remembered for a day, and only so many.
const (
	rememberFor = 24 * time.Hour
	maxLeft     = 4096
)

func newRegistry() *registry {
	return &registry{by: make(map[hubapi.Key]*device), left: make(map[hubapi.Key]int64), empty: make(chan struct{})}
}

// add lets a device in, unless the hub ends. One that is connected already has
// lost that connection, so the new one takes its place.
func (r *registry) add(d *device) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining {
		return false
	}
	if old := r.by[d.key]; old != nil {
		old.out.end(old, websocket.CloseGoingAway, "another connection of this device took its place")
	}
	r.by[d.key] = d
	r.all++
	delete(r.left, d.key)
	return true
}

func (r *registry) remove(d *device) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by[d.key] == d {
		delete(r.by, d.key)
		if len(r.left) >= maxLeft {
			for other := range r.left { // any
				delete(r.left, other)
				break
			}
		}
		r.left[d.key] = d.since
	}
	r.all--
	if r.draining && r.all == 0 {
		close(r.empty)
	}
}

// get finds a connected device; nil if it is not here.
func (r *registry) get(key hubapi.Key) *device {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by[key]
}

// count is how many devices are connected.
func (r *registry) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.by)
}

// connected gives the devices that are here.
func (r *registry) connected() []*device {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*device, 0, len(r.by))
	for _, d := range r.by {
		all = append(all, d)
	}
	return all
}

// known gives the keys of who is or was here.
func (r *registry) known() []hubapi.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := make([]hubapi.Key, 0, len(r.by)+len(r.left))
	for key := range r.by {
		keys = append(keys, key)
	}
	for key := range r.left {
		keys = append(keys, key)
	}
	return keys
}

// endSilent ends devices that said nothing for too long, and forgets those that
// left long ago. It gives the number of the former.
func (r *registry) endSilent(now time.Time) int {
	oldest, longAgo := now.Add(-silence).Unix(), now.Add(-rememberFor).Unix()
	r.mu.Lock()
	for key, at := range r.left {
		if at < longAgo {
			delete(r.left, key)
		}
	}
	r.mu.Unlock()
	silent := slices.DeleteFunc(r.connected(), func(d *device) bool { return d.heard.Load() > oldest })
	for _, d := range silent {
		d.out.mu.Lock()
		d.out.kill(d)
		d.out.mu.Unlock()
	}
	return len(silent)
}

// drain tells all devices that the hub restarts, and waits until they are gone.
func (r *registry) drain(ctx context.Context) {
	r.mu.Lock()
	if r.draining {
		r.mu.Unlock()
		return
	}
	r.draining = true
	if r.all == 0 {
		close(r.empty)
	}
	r.mu.Unlock()
	for _, d := range r.connected() {
		d.out.end(d, websocket.CloseServiceRestart, "this hub restarts")
	}
	select {
	case <-r.empty:
		return
	case <-ctx.Done():
	}
	for _, d := range r.connected() {
		d.out.mu.Lock()
		d.out.kill(d)
		d.out.mu.Unlock()
	}
}
