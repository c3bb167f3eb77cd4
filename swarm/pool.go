package swarm

import (
	"crypto/sha256"
	"hash"
	"math/bits"
	"sync"
)

// A pool lends buffers of the sizes of pieces, so that a transfer does not make
// garbage of everything that it receives.
type pool struct {
	mu     sync.Mutex
	free   map[int][][]byte // by the logarithm of their size
	blocks sync.Pool
}

// maxFree is how much lies idle while something is awake, in bytes for each size:
// all that may be in memory at once and a little more.
const maxFree = 16 << 20

func newPool() *pool { return &pool{free: map[int][][]byte{}} }

func (p *pool) get(n int) []byte {
	class := bits.Len(uint(n - 1))
	p.mu.Lock()
	defer p.mu.Unlock()
	if idle := p.free[class]; len(idle) > 0 {
		p.free[class] = idle[:len(idle)-1]
		return idle[len(idle)-1][:n]
	}
	return make([]byte, n, 1<<class)
}

func (p *pool) put(b []byte) {
	class := bits.Len(uint(cap(b) - 1))
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free[class])<<class < maxFree {
		p.free[class] = append(p.free[class], b)
	}
}

// empty lets go what lies idle.
func (p *pool) empty() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.free)
}

func (p *pool) block() []byte {
	if b, ok := p.blocks.Get().(*[hashBlock]byte); ok {
		return b[:]
	}
	return new([hashBlock]byte)[:]
}

func (p *pool) giveBlock(b []byte) { p.blocks.Put((*[hashBlock]byte)(b)) }

func newSum() hash.Hash { return sha256.New() }

// shortSum is the hash of a piece.
func shortSum(b []byte) (short [20]byte) {
	sum := sha256.Sum256(b)
	copy(short[:], sum[:])
	return short
}
