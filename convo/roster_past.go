package convo

import "slices"

// A past is a set of nodes that holds, with each, all before it. Histories are
// mostly linear, so it is kept as "all below a number, and these bits".
type past struct {
	all  int      // every node below it
	more []uint64 // bits of the nodes from all/64*64 on
}

const wordBits = 64

func (p past) has(at int) bool {
	if at < p.all {
		return true
	}
	word := at/wordBits - p.all/wordBits
	return word < len(p.more) && p.more[word]>>(at%wordBits)&1 == 1
}

// pastOf unites nodes and what came before them.
func pastOf(nodes []*node) past {
	var all, last int
	for _, n := range nodes {
		all = max(all, n.past.all)
		last = max(last, n.at+1)
	}
	first := all / wordBits
	more := make([]uint64, max(0, (last+wordBits-1)/wordBits-first))
	for _, n := range nodes {
		for i, word := range n.past.more {
			if at := n.past.all/wordBits + i - first; at >= 0 {
				more[at] |= word
			}
		}
		if n.at >= all {
			more[n.at/wordBits-first] |= 1 << (n.at % wordBits)
		}
	}
	p := past{all, more}
	for p.all < last && more[p.all/wordBits-first]>>(p.all%wordBits)&1 == 1 {
		p.all++
	}
	// One form for one set, so that two can be compared.
	more = more[min(p.all/wordBits-first, len(more)):]
	if len(more) > 0 {
		more[0] &^= 1<<(p.all%wordBits) - 1
	}
	for len(more) > 0 && more[len(more)-1] == 0 {
		more = more[:len(more)-1]
	}
	p.more = slices.Clone(more) // without the room before it
	return p
}

// concurrent reports that neither of two nodes knew of the other.
func concurrent(a, b *node) bool {
	return a != b && !a.past.has(b.at) && !b.past.has(a.at)
}

func (p past) equal(q past) bool {
	return p.all == q.all && slices.Equal(p.more, q.more)
}
