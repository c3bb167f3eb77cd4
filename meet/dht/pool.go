package dht

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	poolSlots    = 32 // by the first five bits of the ID
	poolSlotSize = 12
	// alive is how long ago a node answered that counts as one that answers,
	// and after which a newcomer may have its place.
	alive = 30 * time.Minute
	// forgetAfter so many silences a node is forgotten.
	forgetAfter = 2
	// A silent address is left alone for the first time, then ever longer.
	restFirst  = 30 * time.Second
	restLast   = 30 * time.Minute
	maxResting = 1024
	// savedNode is the length of a node in a blob: ID, address of 16 bytes, port.
	savedNode    = 20 + 16 + 2
	savedVersion = 1
)

// A pool has the nodes that answered, of one family of addresses, and those that
// did not. Old ones that answer stay, so a flood of new ones changes little.
type pool struct {
	mu      sync.Mutex
	slots   [poolSlots][]*known // guarded by mu, as is all below
	known   map[netip.AddrPort]*known
	resting map[netip.AddrPort]rest
	last    time.Time // when anybody answered
}

type known struct {
	node
	heard  time.Time // zero for one that was only saved
	silent int       // times since
}

type rest struct {
	until time.Time
	long  time.Duration
}

func newPool() *pool {
	return &pool{known: make(map[netip.AddrPort]*known), resting: make(map[netip.AddrPort]rest)}
}

func slotOf(id id) int { return int(id[0] >> 3) }

// answered tells of a node that did.
func (p *pool) answered(n node, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = now
	delete(p.resting, n.addr)
	p.put(n, now)
}

func (p *pool) put(n node, now time.Time) {
	if k := p.known[n.addr]; k != nil {
		if k.id == n.id {
			k.heard, k.silent = now, 0
			return
		}
		p.drop(k)
	}
	slot := slotOf(n.id)
	if len(p.slots[slot]) >= poolSlotSize {
		i := slices.IndexFunc(p.slots[slot], func(k *known) bool { return k.silent > 0 || now.Sub(k.heard) > alive })
		if i < 0 {
			return
		}
		p.drop(p.slots[slot][i])
	}
	if addr := n.addr.Addr(); public(addr) {
		same := 0
		for other := range p.known {
			if networkOf(other.Addr()) == networkOf(addr) {
				same++
			}
		}
		if same >= maxOfNetwork {
			return
		}
	}
	k := &known{node: n, heard: now}
	p.known[n.addr] = k
	p.slots[slot] = append(p.slots[slot], k)
}

func (p *pool) drop(k *known) {
	delete(p.known, k.addr)
	slot := slotOf(k.id)
	p.slots[slot] = slices.DeleteFunc(p.slots[slot], func(other *known) bool { return other == k })
}

// silent tells of a node that was asked at a time and did not answer. If nobody
// else did since, it is we who can't be heard.
func (p *pool) silent(addr netip.AddrPort, asked, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.After(asked) {
		return
	}
	if k := p.known[addr]; k != nil {
		if k.silent++; k.silent >= forgetAfter {
			p.drop(k)
		}
	}
	if _, rests := p.resting[addr]; !rests && len(p.resting) >= maxResting {
		for other := range p.resting { // any
			delete(p.resting, other)
			break
		}
	}
	long := min(max(2*p.resting[addr].long, restFirst), restLast)
	p.resting[addr] = rest{now.Add(long), long}
}

// rests reports whether an address is left alone.
func (p *pool) rests(addr netip.AddrPort, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.resting[addr].until)
}

// wake leaves nobody alone any more: the network is another one.
func (p *pool) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.resting)
	for _, k := range p.known {
		k.silent = 0
	}
}

// nearest are at most n nodes, nearest to the target first.
func (p *pool) nearest(target id, n int, now time.Time) []node {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]node, 0, len(p.known))
	for addr, k := range p.known {
		if !now.Before(p.resting[addr].until) {
			all = append(all, k.node)
		}
	}
	slices.SortFunc(all, func(a, b node) int { return nearer(target, a.id, b.id) })
	return all[:min(n, len(all))]
}

// alive is how many nodes answered lately.
func (p *pool) alive(now time.Time) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.known {
		if k.silent == 0 && now.Sub(k.heard) <= alive {
			n++
		}
	}
	return n
}

// save appends the nodes to a blob, which begins with its version.
func (p *pool) save(b []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(b) == 0 {
		b = []byte{savedVersion}
	}
	for _, k := range p.known {
		if k.silent == 0 {
			addr := k.addr.Addr().As16()
			b = append(append(b, k.id[:]...), addr[:]...)
			b = binary.BigEndian.AppendUint16(b, k.addr.Port())
		}
	}
	return b
}

// load takes the nodes of a blob that are of the family. Its bytes may be
// anything.
func (p *pool) load(b []byte, six bool) {
	if len(b) == 0 || b[0] != savedVersion {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := lookup{six: six}
	for n := range slices.Chunk(b[1:min(len(b), 1+2*savedNode*poolSlots*poolSlotSize)], savedNode) {
		if len(n) < savedNode {
			return
		}
		addr := netip.AddrFrom16([16]byte(n[20:36])).Unmap()
		saved := node{id(n[:20]), netip.AddrPortFrom(addr, binary.BigEndian.Uint16(n[36:]))}
		if l.sound(saved) {
			p.put(saved, time.Time{})
		}
	}
}
