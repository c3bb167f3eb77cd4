package meet

import (
	"net/netip"
	"slices"
	"time"

	"kith"
)

// A contact is what the agenda knows of one target.
type contact struct {
	target Target
	index  int               // in agenda.order
	jobs   map[*job]struct{} // running
	trying int               // attempts among them

	linked bool // as in agenda.links
	called bool // couriers could call it at the last attempt

	tries  int       // attempts since there was new hope
	due    time.Time // of the next attempt
	urgent bool      // somebody waits for it
	place  int       // in agenda.due, -1 if not there
	finds  []route   // one per way and instance, newest last; at most maxFinds
	swept  time.Time // when its knocks at all unknown instances began

	failures []failure // of the last attempt that failed, by way
	failed   time.Time // when
}

// A route is where to dial and which way found it, or by whom to call.
type route struct {
	way      string
	instance string
	addrs    []netip.AddrPort
	caller   Caller
}

// A job is one call on the Dialer per route, all at once.
type job struct {
	contact  *contact
	target   Target
	routes   []route
	limit    time.Duration
	instance *instance // whose knock this is; nil for an attempt
	cancel   func()    // ends it early; set by whoever runs the job
}

// An outcome is what became of a job. One that was ended early has neither a
// link nor a failure.
type outcome struct {
	linked   bool
	failures []failure
}

// A failure is why one way gave no link.
type failure struct{ way, text string }

// stop ends the contact's running jobs.
func (c *contact) stop() {
	for j := range c.jobs {
		j.cancel()
	}
}

// learn keeps a find of the contact's own and reports whether it is news.
func (c *contact) learn(f Find) bool {
	i := slices.IndexFunc(c.finds, func(r route) bool { return r.way == f.Way && r.instance == f.Instance })
	if i >= 0 {
		if slices.Equal(c.finds[i].addrs, f.Addresses) {
			return false
		}
		c.finds = slices.Delete(c.finds, i, i+1)
	}
	if len(f.Addresses) == 0 {
		return false
	}
	if len(c.finds) == maxFinds {
		c.finds = slices.Delete(c.finds, 0, 1)
	}
	c.finds = append(c.finds, route{way: f.Way, instance: f.Instance, addrs: f.Addresses})
	return true
}

func (c *contact) start(routes []route, limit time.Duration, in *instance) *job {
	j := &job{contact: c, target: c.target, routes: routes, limit: limit, instance: in}
	c.jobs[j] = struct{}{}
	return j
}

// routes are all places where the contact may be, one route a way.
func (c *contact) routes() []route {
	var all []route
	if len(c.target.Addresses) > 0 {
		all = append(all, route{way: WayDirect, addrs: c.target.Addresses})
	}
	for _, f := range slices.Backward(c.finds) {
		i := slices.IndexFunc(all, func(r route) bool { return r.way == f.way })
		if i < 0 {
			all = append(all, route{way: f.way, addrs: f.addrs})
			continue
		}
		all[i].addrs = firstAddresses(slices.Concat(all[i].addrs, f.addrs))
	}
	return all
}

// calls are the routes by couriers.
func (c *contact) calls(callers []Caller) []route {
	if c.target.Meet.IsZero() {
		return nil
	}
	var all []route
	for _, caller := range callers {
		all = append(all, route{way: caller.Name(), caller: caller})
	}
	return all
}

// firstAddresses drops invalid and repeated addresses and those beyond the
// limit.
func firstAddresses(addrs []netip.AddrPort) []netip.AddrPort {
	var kept []netip.AddrPort
	for _, addr := range addrs {
		if len(kept) == kith.MaxAddresses {
			break
		}
		if addr.IsValid() && addr.Port() != 0 && !slices.Contains(kept, addr) {
			kept = append(kept, addr)
		}
	}
	return kept
}

// A dueHeap (see container/heap) has who is due first in front; who is waited
// for goes before.
type dueHeap []*contact

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	if h[i].urgent != h[j].urgent {
		return h[i].urgent
	}
	if !h[i].due.Equal(h[j].due) {
		return h[i].due.Before(h[j].due)
	}
	return h[i].index < h[j].index
}
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *dueHeap) Push(x any) {
	c := x.(*contact)
	c.place = len(*h)
	*h = append(*h, c)
}
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	c.place = -1
	return c
}
