package meet

import (
	"net/netip"
	"slices"
	"time"
)

// Limits of knocking at the unknown.
const (
	// knockLimit bounds one knock. A door that is not theirs stays silent, so
	// most knocks last that long.
	knockLimit = 5 * time.Second
	maxKnocks  = 64 // at a time
	// maxInstances are known at a time; more on one network are ignored.
	maxInstances = 64

	// remember is how long a contact that was not behind an instance is not
	// looked for there again without a reason, knockAgain how long with one.
	remember   = 30 * time.Minute
	knockAgain = 10 * time.Second
)

type instanceKey struct{ way, name string }

// An instance is a Kith that a way found and could not name.
type instance struct {
	key   instanceKey
	addrs []netip.AddrPort
	owner *contact  // who turned out to be there, or nil
	swept time.Time // when knocking at it with everybody's key began
	sweep *sweep    // while that goes on
	gone  bool
}

// find is the instance as its owner's own.
func (in *instance) find() Find {
	return Find{Way: in.key.way, Instance: in.key.name, Addresses: in.addrs}
}

// A sweep is a row of knocks: with everybody's key at one instance, or with one
// contact's key at every instance. Several take turns.
type sweep struct {
	instance *instance // and everybody from agenda.order[at]
	at       int

	contact *contact // and every instance in left
	left    []*instance
}

// sweeps find out who is behind instances. Every pair of contact and instance
// is one knock, so what was tried is not tried again at every announcement.
type sweeps struct {
	instances map[instanceKey]*instance
	queue     []*sweep
	running   int // knocks
}

// found takes in an instance, unless its owner is known: that is then returned.
func (s *sweeps) found(f Find, now time.Time) (owner *contact) {
	key := instanceKey{f.Way, f.Instance}
	in := s.instances[key]
	switch {
	case len(f.Addresses) == 0:
		if in == nil {
			return nil
		}
		in.gone = true
		delete(s.instances, key)
		return in.owner
	case in == nil:
		if len(s.instances) >= maxInstances {
			return nil
		}
		in = &instance{key: key}
		s.instances[key] = in
	case in.owner != nil:
		in.addrs = f.Addresses
		return in.owner
	case slices.Equal(in.addrs, f.Addresses) && now.Sub(in.swept) < remember:
		return nil
	}
	in.addrs = f.Addresses
	s.sweepInstance(in, now)
	return nil
}

// sweepInstance knocks at in with everybody's key.
func (s *sweeps) sweepInstance(in *instance, now time.Time) {
	in.swept = now
	if in.sweep != nil {
		in.sweep.at = 0
		return
	}
	in.sweep = &sweep{instance: in}
	s.queue = append(s.queue, in.sweep)
}

// sweepContact knocks with c's key at every instance whose owner is unknown,
// unless that was done less than pause ago.
func (s *sweeps) sweepContact(c *contact, pause time.Duration, now time.Time) {
	if !c.swept.IsZero() && now.Sub(c.swept) < pause {
		return
	}
	c.swept = now
	var left []*instance
	for _, in := range s.instances {
		// A sweep of the instance that has not come to c yet will.
		if in.owner == nil && (in.sweep == nil || in.sweep.at > c.index) {
			left = append(left, in)
		}
	}
	if len(left) > 0 {
		s.queue = append(s.queue, &sweep{contact: c, left: left})
	}
}

// again knocks at everything anew.
func (s *sweeps) again(order []*contact, now time.Time) {
	s.queue = slices.DeleteFunc(s.queue, func(sw *sweep) bool { return sw.contact != nil })
	for _, in := range s.instances {
		if in.owner == nil {
			s.sweepInstance(in, now)
		}
	}
	for _, c := range order {
		c.swept = now
	}
}

// forget is told before the unwanted leave order.
func (s *sweeps) forget(order []*contact, unwanted func(*contact) bool) {
	s.queue = slices.DeleteFunc(s.queue, func(sw *sweep) bool { return sw.contact != nil && unwanted(sw.contact) })
	for _, in := range s.instances {
		if in.owner != nil && unwanted(in.owner) {
			in.owner, in.swept = nil, time.Time{}
		}
		if in.sweep == nil {
			continue
		}
		for _, c := range order[:in.sweep.at] {
			if unwanted(c) {
				in.sweep.at--
			}
		}
	}
}

// next gives as many knocks as may run.
func (s *sweeps) next(order []*contact) (jobs []*job) {
	for s.running < maxKnocks && len(s.queue) > 0 {
		sw := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		c, in := sw.step(order)
		if c == nil {
			continue
		}
		s.queue = append(s.queue, sw)
		s.running++
		jobs = append(jobs, c.start([]route{{way: in.key.way, instance: in.key.name, addrs: in.addrs}}, knockLimit, in))
	}
	return jobs
}

// step gives the sweep's next pair; a nil contact ends it.
func (sw *sweep) step(order []*contact) (*contact, *instance) {
	if in := sw.instance; in != nil {
		for sw.at < len(order) && !in.gone && in.owner == nil {
			sw.at++
			if c := order[sw.at-1]; !c.linked {
				return c, in
			}
		}
		in.sweep = nil
		return nil, nil
	}
	for len(sw.left) > 0 && !sw.contact.linked {
		in := sw.left[0]
		sw.left = sw.left[1:]
		if !in.gone && in.owner == nil {
			return sw.contact, in
		}
	}
	return nil, nil
}
