package tracker

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"kith/hub/customer"
)

// An event is what an announce tells, numbered as in BEP 15.
type event uint32

const (
	update event = iota
	completed
	started
	stopped
)

// A member is a peer of a swarm.
type member[K comparable] struct {
	key  K
	id   ID
	seed bool
	seen time.Time
	sock *socket // of a web peer
}

// members are peers of one kind.
type members[K comparable] struct {
	list []member[K]
	at   map[K]int
}

func (m *members[K]) get(key K) *member[K] {
	if i, ok := m.at[key]; ok {
		return &m.list[i]
	}
	return nil
}

func (m *members[K]) put(p member[K]) {
	if old := m.get(p.key); old != nil {
		*old = p
		return
	}
	if m.at == nil {
		m.at = map[K]int{}
	}
	m.at[p.key] = len(m.list)
	m.list = append(m.list, p)
}

// remove takes one out; the last takes its place.
func (m *members[K]) remove(key K) {
	i, ok := m.at[key]
	if !ok {
		return
	}
	last := len(m.list) - 1
	m.list[i] = m.list[last]
	m.at[m.list[i].key] = i
	m.list[last] = member[K]{}
	m.list = m.list[:last]
	delete(m.at, key)
}

// some gives at most n, from a random one on, but not one of a key; for a seed,
// nobody who needs nothing.
func (m *members[K]) some(n int, not K, forSeed bool) (out []member[K]) {
	if n = min(n, len(m.list)); n <= 0 {
		return nil
	}
	out = make([]member[K], 0, n)
	first := rand.IntN(len(m.list))
	for i := range m.list {
		p := m.list[(first+i)%len(m.list)]
		if p.key == not || forSeed && p.seed {
			continue
		}
		if out = append(out, p); len(out) == n {
			break
		}
	}
	return out
}

// A swarm is all who have or want one thing.
type swarm struct {
	four, six  members[netip.AddrPort]
	web        members[ID]
	seeds      int
	downloaded uint32
}

func (s *swarm) size() int { return len(s.four.list) + len(s.six.list) + len(s.web.list) }

func (s *swarm) family(ip netip.Addr) *members[netip.AddrPort] {
	if ip.Is4() {
		return &s.four
	}
	return &s.six
}

// swarms are all of them.
type swarms struct {
	cfg Config

	mu    sync.Mutex // guards all below, and what is in it
	all   map[Hash]*swarm
	peers int
	byNet map[netip.Prefix]int
	full  uint64 // announces that were not kept
}

func newSwarms(cfg Config) *swarms {
	return &swarms{cfg: cfg, all: map[Hash]*swarm{}, byNet: map[netip.Prefix]int{}}
}

// An announce is what a peer tells.
type announce struct {
	hash  Hash
	id    ID
	addr  netip.AddrPort // port 0: it can't be reached, and is not kept
	left  uint64
	event event
	want  int // negative: as many as usual
}

// counts are how a swarm is.
type swarmCounts struct {
	complete, incomplete int
	downloaded           uint32
}

func (s *swarm) counts() swarmCounts {
	return swarmCounts{s.seeds, s.size() - s.seeds, s.downloaded}
}

// announce notes a peer and gives it others: those of its family, and those of
// the other one.
func (t *swarms) announce(a announce, now time.Time) (own, other []netip.AddrPort, c swarmCounts) {
	want := min(a.want, maxWant)
	if want < 0 {
		want = usualWant
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.all[a.hash]
	if s == nil {
		s = &swarm{}
	}
	m := s.family(a.addr.Addr())
	if a.event == stopped {
		if old := m.get(a.addr); old != nil && old.id == a.id {
			drop(t, s, m, old, a.addr.Addr())
		}
		t.settle(a.hash, s)
		return nil, nil, s.counts()
	}
	p := member[netip.AddrPort]{key: a.addr, id: a.id, seed: a.left == 0, seen: now}
	if a.addr.Port() != 0 {
		if a.event == completed && m.get(a.addr) != nil && !m.get(a.addr).seed {
			s.downloaded++
		}
		keep(t, a.hash, s, m, p, a.addr.Addr())
	}
	far := &s.six
	if m == far {
		far = &s.four
	}
	own = addrs(m.some(want, a.addr, p.seed))
	other = addrs(far.some(want, a.addr, p.seed))
	return own, other, s.counts()
}

func addrs(of []member[netip.AddrPort]) []netip.AddrPort {
	out := make([]netip.AddrPort, len(of))
	for i, p := range of {
		out[i] = p.key
	}
	return out
}

// keep notes a peer, if there is room for it. The caller holds the lock.
func keep[K comparable](t *swarms, h Hash, s *swarm, m *members[K], p member[K], ip netip.Addr) bool {
	old := m.get(p.key)
	where := customer.Of(ip)
	if old == nil {
		if t.all[h] == nil && len(t.all) >= t.cfg.MaxSwarms || t.peers >= t.cfg.MaxPeers ||
			s.size() >= t.cfg.SwarmPeers || t.byNet[where] >= t.cfg.AddressPeers {
			t.full++
			return false
		}
		t.all[h] = s
		t.peers++
		t.byNet[where]++
	} else if old.seed {
		s.seeds--
	}
	if p.seed {
		s.seeds++
	}
	m.put(p)
	return true
}

// drop forgets a peer. The caller holds the lock.
func drop[K comparable](t *swarms, s *swarm, m *members[K], p *member[K], ip netip.Addr) {
	where := customer.Of(ip)
	if t.byNet[where]--; t.byNet[where] <= 0 {
		delete(t.byNet, where)
	}
	t.peers--
	if p.seed {
		s.seeds--
	}
	m.remove(p.key)
}

// settle forgets a swarm that is empty. The caller holds the lock.
func (t *swarms) settle(h Hash, s *swarm) {
	if s.size() == 0 {
		delete(t.all, h)
	}
}

// scrape tells how a swarm is.
func (t *swarms) scrape(h Hash) swarmCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.all[h]; s != nil {
		return s.counts()
	}
	return swarmCounts{}
}

// sweep forgets peers that did not announce for long. A web peer goes with its
// socket.
func (t *swarms) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for h, s := range t.all {
		for _, m := range []*members[netip.AddrPort]{&s.four, &s.six} {
			for i := len(m.list) - 1; i >= 0; i-- {
				if p := &m.list[i]; now.Sub(p.seen) > expiry {
					drop(t, s, m, p, p.key.Addr())
				}
			}
		}
		t.settle(h, s)
	}
}
