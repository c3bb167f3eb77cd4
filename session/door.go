package session

import (
	"net/netip"
	"slices"

	"github.com/pion/stun/v4"

	"kith"
	"kith/seal"
)

// A Door is one way in. Key is shared with those who may come, Account is who
// that is; zero stands for anybody, as with an invitation.
type Door struct {
	Key     seal.DoorKey
	Account kith.AccountID
}

const (
	maxEntries   = 4    // doors that one address may have knocked at
	maxSeen      = 4096 // knocks remembered against replay
	knockRate    = 500  // knocks looked at in a second, in total
	knockBurst   = 500
	usernameSize = seal.UsernameSize
)

// A memory knows the requests that were answered, each by something random in
// it, and from where they came: one that was overheard opens nothing to
// somebody else who sends it again. The zero memory is empty.
type memory struct {
	sources map[string]netip.AddrPort
	order   []string // of sources, oldest first
}

// admits reports whether a request is new, or is repeated by its sender. It
// remembers at most as many as limit says.
func (m *memory) admits(nonce []byte, from netip.AddrPort, limit int) bool {
	if first, again := m.sources[string(nonce)]; again {
		return first == from
	}
	if m.sources == nil {
		m.sources = make(map[string]netip.AddrPort)
	}
	if len(m.order) >= limit {
		delete(m.sources, m.order[0])
		m.order = m.order[1:]
	}
	m.sources[string(nonce)] = from
	m.order = append(m.order, string(nonce))
	return true
}

// knocked answers a knock at one of the doors, and nothing else.
func (g *guard) knocked(m *stun.Message, username []byte, from netip.AddrPort) []byte {
	if !g.limiter.AllowN(g.now(), 1) {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	index, ok := g.keys.Find(username)
	if !ok {
		return nil
	}
	door := g.doors[index]
	integrity := stun.MessageIntegrity(door.Key.Integrity[:])
	if integrity.Check(m) != nil || !g.seen.admits(username, from, maxSeen) {
		return nil
	}
	a := g.admitLocked(from)
	a.offering = nil
	a.doors = slices.DeleteFunc(a.doors, func(other Door) bool { return other == door })
	a.doors = slices.Insert(a.doors, 0, door)
	a.doors = a.doors[:min(len(a.doors), maxEntries)]
	return binding(m, from, integrity)
}

// setDoors replaces all doors. Whoever was admitted by one that is gone is
// admitted no longer.
func (g *guard) setDoors(doors []Door) {
	keys := make([]seal.DoorKey, len(doors))
	for i, d := range doors {
		keys[i] = d.Key
	}
	index := seal.NewDoors(keys)

	g.mu.Lock()
	defer g.mu.Unlock()
	g.doors, g.keys = slices.Clone(doors), index
	for addr, a := range g.admitted {
		if len(a.doors) == 0 {
			continue
		}
		a.doors = slices.DeleteFunc(a.doors, func(d Door) bool { return !slices.Contains(g.doors, d) })
		if len(a.doors) == 0 && a.offering == nil {
			delete(g.admitted, addr)
		}
	}
}

// doorFor chooses, among the doors that a peer knocked at, the one that it may
// use: its own, or else one that is for anybody. Doors that are gone by now
// don't count.
func (g *guard) doorFor(entries []Door, account kith.AccountID) (Door, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, want := range []kith.AccountID{account, {}} {
		for _, d := range entries {
			if d.Account == want && slices.Contains(g.doors, d) {
				return d, true
			}
		}
	}
	return Door{}, false
}
