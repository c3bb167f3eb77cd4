package dht

import (
	"sync"
	"time"
)

const (
	// answerLimit is how long an answer is waited for at all.
	answerLimit = 1500 * time.Millisecond
	// The least and most that an answer is waited for before the next node is
	// asked, and what is meant before the first answer came.
	patienceLeast = 80 * time.Millisecond
	patienceMost  = time.Second
	patienceFirst = 400 * time.Millisecond
)

// A pace is how long answers usually take, as TCP estimates it (RFC 6298), over
// all nodes: most are asked only once.
type pace struct {
	mu           sync.Mutex
	smooth, vary time.Duration // guarded by mu
}

func (p *pace) heard(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.smooth == 0 {
		p.smooth, p.vary = after, after/2
		return
	}
	p.vary += ((p.smooth - after).Abs() - p.vary) / 4
	p.smooth += (after - p.smooth) / 8
}

// patience is how long to wait before an answer counts as late.
func (p *pace) patience() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.smooth == 0 {
		return patienceFirst
	}
	return min(max(p.smooth+4*p.vary, patienceLeast), patienceMost)
}
