package meet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// A neighbourhood is what one generation knows: from the start, or a change of
// the network, to the next change or the end of the day. One goroutine owns it.
type neighbourhood struct {
	lan    *LAN
	conn   *mdnsConn
	found  func(Find)
	tag    string
	others map[string]*neighbour // by tag

	answers map[*lanInterface]time.Time // due, on an interface
	quiet   map[*lanInterface]time.Time // until then, nothing is answered there
}

type neighbour struct {
	addrs []netip.AddrPort
	heard time.Time
}

// live answers, asks and listens until ctx ends, the network changes or the day
// is over.
func (n *neighbourhood) live(ctx context.Context, midnight time.Time) error {
	again := time.NewTimer(announceAgain)
	defer again.Stop()
	interval := firstQuery
	// All devices may start at once, when the power comes back.
	query := time.NewTimer(randomly(20*time.Millisecond, 120*time.Millisecond))
	defer query.Stop()
	dayEnd := time.NewTimer(time.Until(midnight))
	defer dayEnd.Stop()
	answer := time.NewTimer(time.Hour)
	defer answer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.lan.changed:
			return nil
		case <-dayEnd.C:
			return nil
		case <-again.C:
			if err := n.announce(); err != nil {
				return err
			}
		case <-query.C:
			if err := n.ask(); err != nil {
				return err
			}
			query.Reset(interval)
			interval = min(2*interval, lastQuery)
			n.expire(time.Now())
		case <-answer.C:
			n.answer(time.Now())
		case err := <-n.conn.failed:
			return err
		case p := <-n.conn.packets:
			n.hear(p, time.Now())
		}
		if next, ok := n.nextAnswer(); ok {
			answer.Reset(time.Until(next))
		}
	}
}

func randomly(from, to time.Duration) time.Duration { return from + rand.N(to-from) }

// everywhere sends on all interfaces, and fails if it could on none.
func (n *neighbourhood) everywhere(message func(*lanInterface) ([]byte, error)) error {
	var failure error
	sent := false
	for i := range n.conn.ifaces {
		on := &n.conn.ifaces[i]
		b, err := message(on)
		if err == nil {
			err = n.conn.send(on, b)
		}
		if err != nil {
			failure = err
			continue
		}
		sent = true
	}
	if sent {
		return nil
	}
	return failure
}

func (n *neighbourhood) announce() error { return n.everywhere(n.own) }

// own tells of this device on an interface.
func (n *neighbourhood) own(on *lanInterface) ([]byte, error) {
	return mdnsAnswer(n.tag, n.lan.port, on.addresses(), false)
}

func (n *neighbourhood) ask() error {
	return n.everywhere(func(*lanInterface) ([]byte, error) { return mdnsQuery() })
}

// leave says goodbye and takes back what was found.
func (n *neighbourhood) leave() {
	// If the network is gone, so are those who would hear it.
	_ = n.everywhere(func(*lanInterface) ([]byte, error) { return mdnsAnswer(n.tag, 0, nil, true) })
	for tag := range n.others {
		n.drop(tag)
	}
}

// hear takes in a message.
func (n *neighbourhood) hear(p mdnsPacket, now time.Time) {
	instance := n.tag + "." + mdnsService
	asked := slices.ContainsFunc(p.asks, func(name string) bool {
		return name == mdnsService || name == instance || name == n.tag+"."+mdnsDomain
	})
	if asked && !slices.Contains(p.knows, instance) {
		if _, waits := n.answers[p.on]; !waits {
			at := now.Add(randomly(20*time.Millisecond, 120*time.Millisecond))
			if quiet := n.quiet[p.on]; quiet.After(at) {
				at = quiet
			}
			n.answers[p.on] = at
		}
	}
	for _, s := range p.seen {
		if s.tag != n.tag {
			n.see(s, p, now)
		}
	}
}

func (n *neighbourhood) nextAnswer() (first time.Time, ok bool) {
	for _, at := range n.answers {
		if !ok || at.Before(first) {
			first, ok = at, true
		}
	}
	return first, ok
}

func (n *neighbourhood) answer(now time.Time) {
	for on, at := range n.answers {
		if at.After(now) {
			continue
		}
		delete(n.answers, on)
		n.quiet[on] = now.Add(answerPause)
		if b, err := n.own(on); err == nil {
			_ = n.conn.send(on, b) // who asked asks again
		}
	}
}

// see takes in another device.
func (n *neighbourhood) see(s sighting, p mdnsPacket, now time.Time) {
	other := n.others[s.tag]
	if s.gone {
		if other != nil {
			n.drop(s.tag)
			n.report()
		}
		return
	}
	addrs := reachable(s, p)
	switch {
	case len(addrs) == 0 || other == nil && len(n.others) >= maxNeighbours:
		return
	case other == nil:
		other = &neighbour{}
		n.others[s.tag] = other
		n.report()
	}
	other.heard = now
	news := slices.ContainsFunc(addrs, func(a netip.AddrPort) bool { return !slices.Contains(other.addrs, a) })
	if !news {
		return
	}
	// A device on two of our networks tells of itself on both. One with
	// another port was restarted.
	other.addrs = slices.DeleteFunc(other.addrs, func(a netip.AddrPort) bool { return a.Port() != s.port })
	other.addrs = firstAddresses(slices.Concat(addrs, other.addrs))
	n.found(Find{Way: WayLAN, Instance: s.tag, Addresses: slices.Clone(other.addrs)})
}

// reachable are the sighting's addresses in the network that it was heard in.
// Others are not believed: they could send our knocks anywhere.
func reachable(s sighting, p mdnsPacket) []netip.AddrPort {
	if s.port == 0 {
		return nil
	}
	var near, link []netip.AddrPort
	for _, addr := range append(s.addrs, p.from) {
		if !p.on.local(addr) || addr.IsUnspecified() {
			continue
		}
		if addr.Is6() && addr.IsLinkLocalUnicast() {
			link = append(link, netip.AddrPortFrom(addr.WithZone(p.on.Name), s.port))
		} else {
			near = append(near, netip.AddrPortFrom(addr, s.port))
		}
	}
	return firstAddresses(append(near, link...))
}

// expire drops who was not heard of for too long.
func (n *neighbourhood) expire(now time.Time) {
	for tag, other := range n.others {
		if now.Sub(other.heard) >= entryLife {
			n.drop(tag)
			n.report()
		}
	}
}

func (n *neighbourhood) drop(tag string) {
	delete(n.others, tag)
	n.found(Find{Way: WayLAN, Instance: tag})
}

// report puts the neighbourhood into words.
func (n *neighbourhood) report() {
	others := "no other device with Kith yet"
	switch len(n.others) {
	case 0:
	case 1:
		others = "one other device with Kith"
	default:
		others = fmt.Sprintf("%d other devices with Kith", len(n.others))
	}
	n.lan.setState(true, fmt.Sprintf("Searches on %s: %s.", n.conn.names(), others))
}
