package dht

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func addr(a, b, c, d byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{a, b, c, d}), port)
}

// near is an ID that has its first bits in common with the zero target.
func near(bits int) (n id) {
	rand.Read(n[:])
	for i := range bits {
		n[i/8] &^= 0x80 >> (i % 8)
	}
	if bits < 160 {
		n[bits/8] |= 0x80 >> (bits % 8)
	}
	return n
}

// drive runs a lookup in which say gives each answer, or nil for silence, and
// gives how many were asked.
func drive(l *lookup, say func(netip.AddrPort) *answer) (asked int) {
	for !l.finished() {
		var round []*candidate
		for c := l.next(); c != nil; c = l.next() {
			round = append(round, c)
		}
		asked += len(round)
		for _, c := range round {
			if a := say(c.addr); a != nil {
				l.answered(c, a)
			} else {
				l.failed(c)
			}
		}
	}
	return asked
}

// Among 500 honest nodes most of the 8 nearest are found, a third being dead.
func TestFindsTheNearest(t *testing.T) {
	var all []node
	for i := range 500 {
		all = append(all, node{near(0), addr(20, byte(i>>8), byte(i), 1, 6881)})
		rand.Read(all[i].id[:])
	}
	alive := make(map[netip.AddrPort]*answer)
	var living []node
	for i, n := range all {
		if i%3 == 0 {
			continue
		}
		living = append(living, n)
		// It knows, as Kademlia has it, many who are near to it and few far away.
		others := slices.Clone(all)
		slices.SortFunc(others, func(a, b node) int { return nearer(n.id, a.id, b.id) })
		known := others[1:40]
		for step := 32; step < len(others); step *= 2 {
			for quarter := range 4 {
				known = append(known, others[min(step+quarter*step/4, len(others)-1)])
			}
		}
		alive[n.addr] = &answer{id: n.id, token: "t", named: known}
	}
	var target id
	slices.SortFunc(living, func(a, b node) int { return nearer(target, a.id, b.id) })
	l := newLookup(target, false)
	for _, n := range living[200:216] {
		l.begin(n, false)
	}
	asked := drive(l, func(to netip.AddrPort) *answer {
		a := alive[to]
		if a == nil {
			return nil
		}
		known := slices.Clone(a.named)
		slices.SortFunc(known, func(a, b node) int { return nearer(target, a.id, b.id) })
		return &answer{id: a.id, token: "t", named: known[:8]}
	})
	// The dead are among the eight that each names, so some are missed.
	right := 0
	for _, c := range l.nearest() {
		if slices.Contains(living[:8], c.node) {
			right++
		}
	}
	if right < 5 || len(l.nearest()) < replicas {
		t.Errorf("%d of the 8 nearest were found, and %d in all", right, len(l.nearest()))
	}
	if asked > 90 {
		t.Errorf("%d nodes were asked", asked)
	}
}

// Liars that each name ever nearer ones are left after a bounded number of
// questions, and those of one network have no more than two of the places.
func TestEndlessReferrals(t *testing.T) {
	for _, c := range []struct {
		name   string
		addr   func(i int) netip.AddrPort
		most   int // questions
		places int
	}{
		{"one host", func(i int) netip.AddrPort { return addr(66, 1, 1, 1, uint16(2000+i)) }, maxOfHost, maxOfNetwork},
		{"one network", func(i int) netip.AddrPort { return addr(66, 1, 1, byte(i), 6881) }, parallel, maxOfNetwork},
		{"everywhere", func(i int) netip.AddrPort { return addr(66, byte(i>>8), byte(i), 1, 6881) }, maxAsked, replicas},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, made := newLookup(id{}, false), 0
			name := func() (named []node) {
				for range 200 {
					made++
					named = append(named, node{near(min(10+made/10, 159)), c.addr(made)})
				}
				return named
			}
			l.begin(node{near(3), addr(20, 0, 0, 1, 6881)}, false)
			said := map[netip.AddrPort]id{}
			asked := drive(l, func(to netip.AddrPort) *answer {
				for _, c := range l.list {
					if c.addr == to {
						said[to] = c.id
					}
				}
				return &answer{id: said[to], token: "t", named: name()}
			})
			if asked > c.most+1 {
				t.Errorf("%d questions", asked)
			}
			if len(l.list) > maxCandidates {
				t.Errorf("%d candidates", len(l.list))
			}
			liars := 0
			for _, found := range l.nearest() {
				if found.addr.Addr().As4()[0] == 66 {
					liars++
				}
			}
			if liars > c.places {
				t.Errorf("liars have %d places", liars)
			}
		})
	}
}

// What a node is called by others does not count: it answers with its own ID.
// The dead that a liar calls near cost a question each and take no place.
func TestLiesAboutOthers(t *testing.T) {
	l := newLookup(id{}, false)
	honest := node{near(12), addr(20, 0, 0, 9, 6881)}
	liar := node{near(4), addr(66, 0, 0, 1, 6881)}
	l.begin(liar, false)
	l.begin(node{near(5), addr(20, 0, 0, 1, 6881)}, false)
	drive(l, func(to netip.AddrPort) *answer {
		switch to {
		case liar.addr: // the honest one is far away, and the dead are near
			named := []node{{near(0), honest.addr}}
			for i := range 16 {
				named = append(named, node{near(60 + i), addr(77, byte(i), 0, 1, 6881)})
			}
			return &answer{id: liar.id, token: "t", named: named}
		case honest.addr:
			return &answer{id: honest.id, token: "t"}
		case addr(20, 0, 0, 1, 6881):
			return &answer{id: near(5), token: "t", named: []node{honest}}
		}
		return nil
	})
	found := l.nearest()
	if len(found) != 3 || found[0].node != honest {
		t.Errorf("found %d, first %v", len(found), found[0].node)
	}
}

// Nobody outside has us ask inside, or at ports of other services.
func TestReferralsThatAreRefused(t *testing.T) {
	l := newLookup(id{}, false)
	l.begin(node{near(3), addr(20, 0, 0, 1, 6881)}, false)
	bad := []netip.AddrPort{
		addr(192, 168, 1, 1, 6881), addr(10, 0, 0, 1, 6881), addr(127, 0, 0, 1, 6881), addr(169, 254, 1, 1, 6881),
		addr(224, 0, 0, 1, 6881), addr(255, 255, 255, 255, 6881), addr(0, 0, 0, 0, 6881), addr(20, 1, 1, 1, 0),
		addr(20, 1, 1, 1, 53), {}, netip.MustParseAddrPort("[2001:db8::1]:6881"), netip.MustParseAddrPort("[::ffff:20.1.1.1]:6881"),
	}
	asked := drive(l, func(netip.AddrPort) *answer {
		a := &answer{id: near(3), token: "t"}
		for _, to := range bad {
			a.named = append(a.named, node{near(50), to})
		}
		return a
	})
	if asked != 1 {
		t.Errorf("%d questions, want 1", asked)
	}
}

// A node that gives no token keeps nothing, and takes no place.
func TestNoToken(t *testing.T) {
	l := newLookup(id{}, false)
	for i := range 60 {
		l.begin(node{near(i), addr(20, 0, byte(i), 1, 6881)}, false)
	}
	drive(l, func(to netip.AddrPort) *answer {
		i := int(to.Addr().As4()[2])
		a := &answer{id: near(i)}
		if i%2 == 0 {
			a.token = "t"
		}
		return a
	})
	found := l.nearest()
	if len(found) != replicas {
		t.Fatalf("found %d", len(found))
	}
	for i, c := range found {
		if want := byte(58 - 2*i); c.addr.Addr().As4()[2] != want {
			t.Errorf("place %d has %v, want node %d", i, c.addr, want)
		}
	}
}

// A late answer still counts.
func TestLateAnswer(t *testing.T) {
	l := newLookup(id{}, false)
	for i := range 40 {
		l.begin(node{near(i), addr(20, 0, byte(i), 1, 6881)}, false)
	}
	var first []*candidate
	for c := l.next(); c != nil; c = l.next() {
		first = append(first, c)
	}
	if len(first) != parallel || l.finished() {
		t.Fatalf("%d asked", len(first))
	}
	l.late(first[0])
	l.late(first[0])
	second := l.next()
	if second == nil || l.next() != nil {
		t.Fatal("a late answer does not make room for exactly one question")
	}
	l.answered(first[0], &answer{id: first[0].id, token: "t"})
	for _, c := range append(first[1:], second) {
		l.answered(c, &answer{id: c.id, token: "t"})
	}
	if !l.finished() || len(l.nearest()) != replicas || l.nearest()[0] != first[0] || l.waits != 0 {
		t.Errorf("nearest %v, waits %d", l.nearest(), l.waits)
	}
}

// A flood of nodes that answer does not drive the old ones out of the pool, and
// one network has few places in it.
func TestFloodOfNodes(t *testing.T) {
	p, now := newPool(), time.Now()
	old := addr(20, 0, 0, 1, 6881)
	p.answered(node{id{}, old}, now)
	for i := range 100000 {
		n := near(0)
		rand.Read(n[:])
		p.answered(node{n, addr(66, byte(i>>16), byte(i>>8), byte(i), 6881)}, now)
	}
	if p.known[old] == nil {
		t.Error("the old node is gone")
	}
	if n := len(p.known); n > poolSlots*poolSlotSize {
		t.Errorf("%d nodes", n)
	}
	networks := map[netip.Prefix]int{}
	for a := range p.known {
		if networks[networkOf(a.Addr())]++; networks[networkOf(a.Addr())] > maxOfNetwork {
			t.Fatal("too many of ", networkOf(a.Addr()))
		}
	}
	for i := range 5000 {
		p.silent(addr(67, byte(i>>8), byte(i), 1, 6881), now.Add(-time.Second), now)
	}
	if len(p.resting) > maxResting {
		t.Errorf("%d rest", len(p.resting))
	}
}

// Silent nodes are left alone ever longer, and forgotten; if nobody answers, it
// is not their fault.
func TestSilentNodes(t *testing.T) {
	p, now := newPool(), time.Now()
	dead, other := addr(20, 0, 0, 1, 6881), addr(20, 0, 1, 1, 6881)
	p.answered(node{id{1}, dead}, now)
	for range 5 {
		p.silent(dead, now, now.Add(time.Second))
	}
	if p.known[dead] == nil || p.rests(dead, now.Add(time.Second)) {
		t.Error("a node is blamed for a network that does not work")
	}
	asked := now
	for i, want := range []time.Duration{restFirst, 2 * restFirst, 4 * restFirst} {
		now = now.Add(time.Minute)
		p.answered(node{id{2}, other}, now)
		p.silent(dead, asked, now)
		if !p.rests(dead, now.Add(want-1)) || p.rests(dead, now.Add(want)) {
			t.Errorf("silence %d: not left alone for %v", i+1, want)
		}
	}
	if p.known[dead] != nil || len(p.slots[0]) != 1 {
		t.Error("it is not forgotten")
	}
}

func TestPace(t *testing.T) {
	var p pace
	if p.patience() != patienceFirst {
		t.Error("at first ", p.patience())
	}
	for range 50 {
		p.heard(40 * time.Millisecond)
	}
	if got := p.patience(); got < patienceLeast || got > 100*time.Millisecond {
		t.Error("after steady answers ", got)
	}
	for range 50 {
		p.heard(5 * time.Second)
	}
	if p.patience() != patienceMost {
		t.Error("after slow answers ", p.patience())
	}
}

// No node is sent more than 50 packets in any ten seconds.
func TestManners(t *testing.T) {
	m := manners{turns: make(map[netip.AddrPort]time.Time)}
	now, to := time.Now(), addr(20, 0, 0, 1, 6881)
	var sent []time.Time
	for range 400 {
		sent = append(sent, now.Add(m.reserve(to, now)))
		now = now.Add(30 * time.Millisecond)
	}
	for i := range sent[50:] {
		if sent[i+50].Sub(sent[i]) < 10*time.Second {
			t.Fatal("51 within ", sent[i+50].Sub(sent[i]))
		}
	}
	if sent[nodeBurst-1] != sent[0].Add((nodeBurst-1)*30*time.Millisecond) {
		t.Error("the first few have to wait")
	}
	for i := range 3000 {
		m.reserve(addr(21, byte(i>>8), byte(i), 1, 6881), now)
	}
	if len(m.turns) > maxTurns {
		t.Error(fmt.Sprint(len(m.turns), " are remembered"))
	}
}
