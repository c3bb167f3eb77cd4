package portmap

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"kith"
)

// errUnconnected means that the router has no outside address.
var errUnconnected = kith.Errorf(kith.Unreachable, "asking the router for its outside address: it has none")

// A keeper holds mappings at one router by one protocol. It belongs to Run's
// goroutine.
type keeper struct {
	m     *Mapper
	route route
	proto protocol
	held  map[Port]*holding
	wish  map[Port]uint16 // outside ports that were granted before
	seen  view
	at    time.Time // when seen was
	tries int       // looks without an answer, in a row
}

// A holding is a mapping that the router has granted.
type holding struct {
	grant
	until time.Time
	renew time.Time
}

// How often the router is asked.
const (
	lookEvery = time.Minute
	lookAgain = 5 * time.Second // after no answer
	maxTries  = 3               // looks without an answer: the router is gone
	renewIn   = 30 * time.Second
)

// race asks all protocols side by side. The first that answers and maps a port
// is returned with its mappings; else the reason why there is none.
func (m *Mapper) race(ctx context.Context) (*keeper, string) {
	r, err := m.find()
	if err != nil {
		m.log.Debug("no router to map ports", "error", short(err))
		return nil, excuse(err)
	}
	type answer struct {
		proto protocol
		view  view
		err   error
	}
	all := m.ask(r)
	answers := make(chan answer, len(all))
	asking, stop := context.WithTimeout(ctx, callWithin)
	defer stop()
	for _, proto := range all {
		go func() {
			v, err := proto.look(asking)
			answers <- answer{proto, v, err}
		}()
	}
	why := error(nil)
	for range all {
		var a answer
		select {
		case a = <-answers:
		case <-ctx.Done():
			return nil, reasonOff
		}
		// Only now is anything mapped: protocols that share one table in the
		// router would take each other's mappings away.
		k := &keeper{m: m, route: r, proto: a.proto, seen: a.view, at: time.Now(), held: map[Port]*holding{}, wish: map[Port]uint16{}}
		if a.err == nil {
			a.err = k.adjust(ctx)
		}
		if len(k.held) > 0 {
			return k, ""
		}
		if a.err != nil {
			m.log.Debug("no mapping of ports", "by", a.proto.name(), "error", short(a.err))
			if why == nil || errors.Is(a.err, errUnconnected) {
				why = a.err
			}
		}
	}
	return nil, excuse(why)
}

// keep renews the mappings until ctx ends, when it removes them, or until all
// has to begin anew.
func (k *keeper) keep(ctx context.Context) {
	look := time.Now().Add(lookEvery)
	for {
		k.publish()
		k.m.sleep(ctx, time.Until(k.next(look)))
		if ctx.Err() != nil {
			k.leave()
			return
		}
		changed := k.m.settle()
		if changed {
			if r, err := k.m.find(); err != nil || r != k.route {
				k.m.publish(nil, State{Reason: reasonAsking})
				return // the router of before is out of reach
			}
		}
		if changed || !time.Now().Before(look) {
			if !k.look(ctx) && ctx.Err() == nil {
				k.m.publish(nil, State{Reason: reasonAsking})
				return
			}
			look = time.Now().Add(lookEvery)
			if k.tries > 0 {
				look = time.Now().Add(lookAgain)
			}
		}
		if err := k.adjust(ctx); err != nil {
			k.m.log.Debug("a port is not mapped", "by", k.proto.name(), "error", short(err))
		}
		if len(k.held) == 0 && ctx.Err() == nil {
			// Nothing is wanted, or the router does no more what it did.
			k.m.publish(nil, State{Reason: reasonAsking})
			return
		}
	}
}

// next is when something has to be done.
func (k *keeper) next(look time.Time) time.Time {
	for _, h := range k.held {
		if h.renew.Before(look) {
			look = h.renew
		}
	}
	return look
}

// look asks the router how it is. If its address is another, or it has
// forgotten, no mapping is held any more. It reports false if the router is
// gone.
func (k *keeper) look(ctx context.Context) bool {
	asking, stop := context.WithTimeout(ctx, callWithin)
	defer stop()
	now := time.Now()
	v, err := k.proto.look(asking)
	if err != nil {
		k.tries++
		k.m.log.Debug("the router does not answer", "by", k.proto.name(), "error", short(err))
		return k.tries < maxTries
	}
	k.tries = 0
	if k.forgot(v, now) || k.elsewhere(v) {
		clear(k.held) // as the router has
	}
	k.seen, k.at = v, now
	return true
}

// forgot says if the router has lost its mappings since the last look: its age
// is less than it must be, by a rule of RFC 6886, section 3.6.
func (k *keeper) forgot(v view, now time.Time) bool {
	if !v.aged || !k.seen.aged {
		return false
	}
	passed := int64(now.Sub(k.at) / time.Second)
	return int64(v.age) < int64(k.seen.age)+passed*7/8-2
}

// elsewhere says if the router has another outside address than before.
func (k *keeper) elsewhere(v view) bool {
	for _, h := range k.held {
		if v.outside.IsValid() && v.outside != h.outside.Addr() {
			return true
		}
	}
	return false
}

// adjust maps what is wanted and not held, renews what is due, and removes what
// is wanted no more. It returns the last error; what else worked is held.
func (k *keeper) adjust(ctx context.Context) (last error) {
	wanted := k.m.wanted()
	for p, h := range k.held {
		if !slices.Contains(wanted, p) {
			delete(k.held, p)
			if err := k.call(ctx, func(ctx context.Context) error { return k.proto.remove(ctx, p, h.outside.Port()) }); err != nil {
				last = err
			}
		}
	}
	for _, p := range wanted {
		if h := k.held[p]; h != nil && time.Now().Before(h.renew) {
			continue
		}
		if err := k.add(ctx, p); err != nil {
			last = err
			if ctx.Err() != nil {
				return last
			}
			// A router that refuses the first port, or is silent, has no more
			// of our time.
			if len(k.held) == 0 {
				return last
			}
		}
	}
	return last
}

// add maps a port, or renews its mapping. When that fails, a mapping that is
// held is tried again until it ends.
func (k *keeper) add(ctx context.Context, p Port) error {
	wish := cmp.Or(k.wish[p], p.Port)
	var g grant
	err := k.call(ctx, func(ctx context.Context) (err error) {
		if g, err = k.proto.add(ctx, p, wish, lifetime); err == nil {
			g, err = g.check()
		}
		return err
	})
	now := time.Now()
	if err != nil {
		if h := k.held[p]; h != nil {
			h.renew = now.Add(renewIn)
			if !h.renew.Before(h.until) {
				delete(k.held, p)
			}
		}
		return err
	}
	k.wish[p] = g.outside.Port()
	k.held[p] = &holding{grant: g, until: now.Add(g.lifetime), renew: now.Add(g.lifetime / 2)}
	return nil
}

// call bounds how long the router may take.
func (k *keeper) call(ctx context.Context, f func(context.Context) error) error {
	asking, stop := context.WithTimeout(ctx, callWithin)
	defer stop()
	return f(asking)
}

// leave removes all mappings, though ctx has ended.
func (k *keeper) leave() {
	ctx, stop := context.WithTimeout(context.Background(), leaveIn)
	defer stop()
	for p, h := range k.held {
		if err := k.proto.remove(ctx, p, h.outside.Port()); err != nil {
			k.m.log.Debug("a mapping was not removed", "by", k.proto.name(), "error", short(err))
		}
	}
}

// publish shows what is held.
func (k *keeper) publish() {
	ports := slices.SortedFunc(maps.Keys(k.held), func(a, b Port) int {
		return cmp.Or(-cmp.Compare(a.Network, b.Network), cmp.Compare(a.Port, b.Port))
	})
	var mappings []Mapping
	for _, p := range ports {
		h := k.held[p]
		mappings = append(mappings, Mapping{Network: p.Network, Inside: p.Port, Outside: h.outside, By: k.proto.name(), Until: h.until})
	}
	k.m.publish(mappings, describe(mappings))
}
