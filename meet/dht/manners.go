package dht

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

const (
	// A node of libtorrent bans for five minutes whoever sends it more than 50
	// packets in ten seconds.
	nodeEvery = 350 * time.Millisecond
	nodeBurst = 18
	maxTurns  = 1024        // nodes remembered
	turnLimit = time.Second // waited for at most
)

var errBusy = errors.New("a node of the DHT was asked too much already")

// manners space out what one node is sent.
type manners struct {
	mu    sync.Mutex
	turns map[netip.AddrPort]time.Time // when it will have recovered; guarded by mu
}

// reserve gives how long to wait before a node is sent something more.
func (m *manners) reserve(addr netip.AddrPort, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.turns) >= maxTurns {
		for other, at := range m.turns {
			if !at.After(now) {
				delete(m.turns, other)
			}
		}
		if len(m.turns) >= maxTurns {
			return nodeEvery // a thousand packets in a second: slow down
		}
	}
	at := m.turns[addr]
	if at.Before(now) {
		at = now
	}
	at = at.Add(nodeEvery)
	m.turns[addr] = at
	return max(0, at.Sub(now)-nodeBurst*nodeEvery)
}

// turn waits until a node may be sent something. It fails if that takes long.
func (m *manners) turn(ctx context.Context, addr netip.AddrPort) error {
	wait := m.reserve(addr, time.Now())
	switch {
	case wait == 0:
		return nil
	case wait > turnLimit:
		return errBusy
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
