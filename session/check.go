package session

import (
	"context"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// checkTimes are the pauses between the checks of a pair: short ones, because
// the first that finds both NATs open makes the link. Later ones follow every
// checkSoon, and after checkMany every checkLate, which keeps the ways through
// NATs open. An answer that is late is still known after as many checks as a
// pair has ids.
var checkTimes = [...]time.Duration{
	25 * time.Millisecond, 25 * time.Millisecond, 25 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 400 * time.Millisecond,
}

const (
	checkSoon = 500 * time.Millisecond
	checkLate = 2 * time.Second
	checkMany = 20
)

// heard takes a check of the other side whose integrity is right. It reports
// whether to answer.
func (o *Offering) heard(via *leg, m *stun.Message, other string, from netip.AddrPort) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended || o.peer.ufrag != "" && other != o.peer.ufrag || !o.seen.admits(m.TransactionID[:], from, maxChecksSeen) {
		return false
	}
	l := o.legLocked(via, from)
	if l == nil {
		return false
	}
	p := o.pairLocked(l, from)
	if p == nil {
		return false
	}
	p.heardAt = time.Now()
	if priority, err := m.Get(stun.AttrPriority); err == nil && len(priority) == 4 && priority[0] == typeRelay {
		p.far = true
	}
	if p.answer.IsZero() && time.Until(p.next) > checkTimes[0]/2 {
		p.next = p.heardAt // triggered (RFC 8445 section 7.3.1.4)
		signal(o.due)
	}
	signal(o.ready)
	return true
}

// check checks all pairs until ctx ends.
func (o *Offering) check(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-o.due:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		wait := checkLate
		var due []*pair
		o.mu.Lock()
		for _, p := range o.pairs {
			if until := p.next.Sub(now); until > 0 {
				wait = min(wait, until)
				continue
			}
			pause := p.pause()
			due = append(due, p)
			p.next = now.Add(pause)
			p.sent++
			wait = min(wait, pause)
		}
		o.mu.Unlock()
		for _, p := range due {
			o.sendCheck(p)
		}
		timer.Reset(wait)
	}
}

// pause is how long to wait for the next check.
func (p *pair) pause() time.Duration {
	switch {
	case p.sent < len(checkTimes) && p.answer.IsZero():
		return checkTimes[p.sent]
	case p.sent < checkMany && p.answer.IsZero():
		return checkSoon
	}
	return checkLate
}

// sendCheck checks one pair: a Binding request that only the two sides can
// make (RFC 8445 section 7.2.4).
func (o *Offering) sendCheck(p *pair) {
	role := stun.AttrICEControlling
	if o.answer {
		role = stun.AttrICEControlled
	}
	kind := byte(typePrflx)
	if p.leg.relayed {
		kind = typeRelay
	}
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(o.peer.ufrag+":"+o.ufrag),
		stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{kind, 0xff, 0xff, 0xff}},
		stun.RawAttribute{Type: role, Value: o.tieBreaker[:]},
		o.peer.integrity, stun.Fingerprint)
	if err != nil {
		return // cannot happen: the sizes are checked by the codec
	}
	sent := time.Now()
	o.endpoint.guard.ask(m.TransactionID, &transaction{
		via: p.leg.via(), to: p.remote, key: o.peer.integrity, offering: o,
		done: func(netip.AddrPort) { o.checked(p, time.Since(sent)) },
	})
	o.mu.Lock()
	ended := o.ended
	slot := &p.ids[p.sent%len(p.ids)]
	old := *slot
	*slot = m.TransactionID
	o.mu.Unlock()
	if ended {
		old = m.TransactionID
	}
	o.endpoint.guard.forget(old)
	if !ended {
		p.leg.send(m.Raw, p.remote)
	}
}

// checked takes the answer to a check.
func (o *Offering) checked(p *pair, rtt time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p.rtt = rtt
	if p.answer.IsZero() {
		p.answer = time.Now()
		signal(o.ready)
	}
}
