package dht

import (
	"bytes"
	"net/netip"
	"slices"
)

// Limits of a lookup.
const (
	// replicas is how many nodes keep an item and are asked for it: twice the 8
	// of BEP 5, for a liar needs as many more, and two who search among nodes
	// that name few do not find quite the same.
	replicas      = 16
	parallel      = 16  // questions at a time, without those that wait too long already
	maxAsked      = 100 // questions
	maxCandidates = 256 // nodes heard of and kept
	maxNamed      = 32  // nodes taken from one answer, of both families
	// maxOfHost bounds the questions to one public address (one /64 of IPv6),
	// whatever ports are named: else a liar has us flood somebody.
	maxOfHost = 4
	// maxOfNetwork bounds the nodes of one network (/24, /48) that count.
	maxOfNetwork = 2
)

// An id is a node's place among the targets; the nearer two are, the smaller is
// the number that their XOR makes.
type id [20]byte

// nearer compares a's and b's distance to target.
func nearer(target, a, b id) int {
	var da, db id
	for i := range target {
		da[i], db[i] = a[i]^target[i], b[i]^target[i]
	}
	return bytes.Compare(da[:], db[:])
}

// A node of the DHT.
type node struct {
	id   id
	addr netip.AddrPort
}

// A stage is how far a candidate is.
type stage int

const (
	fresh   stage = iota
	waiting       // asked
	overdue       // asked, and the answer takes too long
	stores        // answered, with the token that a put needs
	useless       // answered without, or not at all
)

// A candidate is a node that somebody named.
type candidate struct {
	node
	nameless bool // its ID is unknown: it stands as if it were the target
	stage    stage
	token    string
}

// A lookup is the state of one search. It has no clock, goroutine or socket.
type lookup struct {
	target id
	six    bool         // of IPv6 addresses
	list   []*candidate // nearest first
	// What was asked, by address and by host, and who answered, by network.
	asked    map[netip.AddrPort]bool
	hosts    map[netip.Prefix]int
	networks map[netip.Prefix]int
	waits    int
}

func newLookup(target id, six bool) *lookup {
	return &lookup{
		target: target, six: six, asked: make(map[netip.AddrPort]bool),
		hosts: make(map[netip.Prefix]int), networks: make(map[netip.Prefix]int),
	}
}

// begin adds a node that we know ourselves.
func (l *lookup) begin(n node, nameless bool) {
	if nameless {
		n.id = l.target
	}
	if l.sound(n) {
		l.insert(&candidate{node: n, nameless: nameless})
	}
}

// sound reports whether a node may be asked at all.
func (l *lookup) sound(n node) bool {
	addr := n.addr.Addr()
	return addr.IsValid() && addr.Is6() == l.six && !addr.Is4In6() && addr.Zone() == "" && n.addr.Port() >= 1024 &&
		!addr.IsUnspecified() && !addr.IsMulticast() && addr != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func (l *lookup) insert(c *candidate) {
	at, _ := slices.BinarySearchFunc(l.list, c.id, func(c *candidate, id id) int { return nearer(l.target, c.id, id) })
	for i := at; i < len(l.list) && l.list[i].id == c.id; i++ {
		if l.list[i].addr == c.addr {
			if l.list[i].stage == fresh {
				l.list[i] = c // it may be one that turned out to be this
			}
			return
		}
	}
	l.list = slices.Insert(l.list, at, c)
	if last := len(l.list) - 1; last == maxCandidates {
		l.list = l.list[:last] // whoever it is, 256 others are nearer
	}
}

// next gives a candidate to ask now, or nil.
func (l *lookup) next() *candidate {
	if l.waits >= parallel || len(l.asked) >= maxAsked {
		return nil
	}
	hoped := 0
	for _, c := range l.list {
		if c.stage == fresh && l.mayAsk(c) {
			c.stage = waiting
			l.waits++
			l.asked[c.addr] = true
			if public(c.addr.Addr()) {
				l.hosts[hostOf(c.addr.Addr())]++
			}
			return c
		}
		if c.stage == waiting || c.stage == stores {
			hoped++
		}
		if hoped == replicas {
			break
		}
	}
	return nil
}

func (l *lookup) mayAsk(c *candidate) bool {
	addr := c.addr.Addr()
	return !l.asked[c.addr] && (!public(addr) ||
		l.hosts[hostOf(addr)] < maxOfHost && l.networks[networkOf(addr)] < maxOfNetwork)
}

// finished reports whether those who may be nearest have all answered.
func (l *lookup) finished() bool {
	found := 0
	for _, c := range l.list {
		switch {
		case c.stage == stores:
			found++
		case c.stage == waiting:
			return false
		case c.stage == fresh && len(l.asked) < maxAsked && l.mayAsk(c):
			return false
		}
		if found == replicas {
			return true
		}
	}
	return true
}

// late tells that an answer takes long; it may still come.
func (l *lookup) late(c *candidate) {
	if c.stage == waiting {
		c.stage = overdue
		l.waits--
	}
}

// failed tells that none came, or a refusal.
func (l *lookup) failed(c *candidate) {
	l.late(c)
	c.stage = useless
}

// answered takes in who a candidate says it is, and whom it names. What others
// called it does not count.
func (l *lookup) answered(c *candidate, a *answer) {
	l.late(c)
	if c.id != a.id || c.nameless {
		l.list = slices.DeleteFunc(l.list, func(other *candidate) bool { return other == c })
		c.id, c.nameless = a.id, false
		l.insert(c)
	}
	c.stage, c.token = useless, a.token
	if a.token != "" {
		c.stage = stores
		if public(c.addr.Addr()) {
			l.networks[networkOf(c.addr.Addr())]++
		}
	}
	for _, n := range a.named {
		// Who is out there has no say about this machine's own network.
		if l.sound(n) && (public(n.addr.Addr()) || !public(c.addr.Addr())) && !l.asked[n.addr] {
			l.insert(&candidate{node: n})
		}
	}
}

// nearest are the nodes where the item belongs.
func (l *lookup) nearest() []*candidate {
	var found []*candidate
	networks := make(map[netip.Prefix]int)
	for _, c := range l.list {
		if len(found) == replicas {
			break
		}
		if c.stage != stores {
			continue
		}
		if addr := c.addr.Addr(); public(addr) {
			if networks[networkOf(addr)]++; networks[networkOf(addr)] > maxOfNetwork {
				continue
			}
		}
		found = append(found, c)
	}
	return found
}

// public reports whether an address is of the internet, where one who has many
// addresses has them in few networks.
func public(addr netip.Addr) bool {
	return addr.IsGlobalUnicast() && !addr.IsPrivate()
}

// hostOf is the network of one customer at the least, networkOf that of a site.
func hostOf(addr netip.Addr) netip.Prefix { return prefix(addr, 32, 64) }

func networkOf(addr netip.Addr) netip.Prefix { return prefix(addr, 24, 48) }

func prefix(addr netip.Addr, four, six int) netip.Prefix {
	bits := four
	if addr.Is6() {
		bits = six
	}
	p, _ := addr.Prefix(bits)
	return p
}
