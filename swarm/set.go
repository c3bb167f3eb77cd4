package swarm

import (
	"math/bits"
	"slices"
)

// A set holds piece numbers, laid out as BitTorrent's bitfield (BEP 3).
type set []byte

func newSet(n int) set { return make(set, (n+7)/8) }

// fullSet holds 0 to n-1.
func fullSet(n int) set {
	s := newSet(n)
	for i := range n {
		s.add(i)
	}
	return s
}

func (s set) has(i int) bool { return i/8 < len(s) && s[i/8]&(0x80>>(i%8)) != 0 }
func (s set) add(i int)      { s[i/8] |= 0x80 >> (i % 8) }
func (s set) remove(i int)   { s[i/8] &^= 0x80 >> (i % 8) }
func (s set) clone() set     { return slices.Clone(s) }

func (s set) count() (n int) {
	for _, b := range s {
		n += bits.OnesCount8(b)
	}
	return n
}
