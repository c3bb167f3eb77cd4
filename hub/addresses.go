package hub

import (
	"net/netip"
	"sync"
	"time"

	"kith/hub/customer"
)

// addresses counts what each address does. An address is kept only while it is
// connected, has asked for something in the last minute or made a box in the
// last day, and in memory alone.
type addresses struct {
	limits *Limits

	mu    sync.Mutex // guards the rest
	by    map[netip.Prefix]*address
	total int // connections
}

// An address is that of one customer.
type address struct {
	connections int
	requests    bucket
	boxes       bucket // that were made
	fetched     bucket // bytes of files
}

// maxAddresses bounds the addresses in memory, about 8 MiB. Beyond it, any
// other is forgotten: a flood from so many is stopped by the limits in all.
const maxAddresses = 1 << 16

func newAddresses(limits *Limits) *addresses {
	return &addresses{limits: limits, by: make(map[netip.Prefix]*address)}
}

// get finds or makes an address; mu is held.
func (a *addresses) get(p netip.Prefix) *address {
	at := a.by[p]
	if at == nil {
		if len(a.by) >= maxAddresses {
			for other, o := range a.by {
				if o.connections == 0 {
					delete(a.by, other)
					break
				}
			}
		}
		at = &address{}
		a.by[p] = at
	}
	return at
}

// connect counts a connection; release uncounts it, once.
func (a *addresses) connect(from netip.Addr) (release func(), ok bool) {
	p := customer.Of(from)
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.get(p)
	l := a.limits
	if l.Connections > 0 && a.total >= l.Connections || l.ConnectionsPerAddress > 0 && at.connections >= l.ConnectionsPerAddress {
		return nil, false
	}
	at.connections++
	a.total++
	return sync.OnceFunc(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		at.connections--
		a.total--
	}), true
}

// request reports whether an address may ask for something now, and else in how
// long.
func (a *addresses) request(from netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	most := a.limits.RequestsPerMinute
	if most <= 0 {
		return 0, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.get(customer.Of(from)).requests.take(now, 1, float64(most)/60, float64(most))
}

// fetch reports whether an address may be sent so many bytes now, of which rate
// may go a second, and else in how long; a rate of 0 is no limit.
func (a *addresses) fetch(from netip.Addr, now time.Time, bytes, rate int64) (wait time.Duration, ok bool) {
	if rate <= 0 {
		return 0, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.get(customer.Of(from)).fetched.take(now, float64(bytes), float64(rate), float64(max(rate, bytes)))
}

// mayMakeBox reports whether a box may be made from an address.
func (a *addresses) mayMakeBox(from netip.Addr, now time.Time) bool {
	return a.boxMade(from, 0, now)
}

// boxMade counts boxes that were made from an address, and reports whether a
// further one may be.
func (a *addresses) boxMade(from netip.Addr, n float64, now time.Time) bool {
	most := float64(a.limits.NewBoxesPerDay)
	if most <= 0 {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := &a.get(customer.Of(from)).boxes
	b.take(now, n, most/day.Seconds(), most)
	return b.spent+1 <= most
}

const day = 24 * time.Hour

// sweep forgets who is gone.
func (a *addresses) sweep(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p, at := range a.by {
		if at.connections == 0 && now.Sub(at.requests.at()) > time.Minute && now.Sub(at.fetched.at()) > time.Minute && now.Sub(at.boxes.at()) > day {
			delete(a.by, p)
		}
	}
}

// A bucket holds tokens that come back with time. The zero bucket is full. It
// is small, since every device and address has one.
type bucket struct {
	spent float64
	last  int64 // Unix nanoseconds
}

func (b *bucket) at() time.Time { return time.Unix(0, b.last) }

// take takes tokens, of which rate come a second and burst fit. Without one it
// tells when there will be.
func (b *bucket) take(now time.Time, cost, rate, burst float64) (wait time.Duration, ok bool) {
	if b.last != 0 {
		b.spent = max(0, b.spent-rate*now.Sub(b.at()).Seconds())
	}
	b.last = now.UnixNano()
	if b.spent+cost > burst {
		return time.Duration((b.spent + cost - burst) / rate * float64(time.Second)), false
	}
	b.spent += cost
	return 0, true
}
