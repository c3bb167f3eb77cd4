package swarm

import (
	"time"

	"github.com/anacrolix/torrent"
)

// The library dials whom a tracker names once. Who did not answer then, or was
// lost, stays lost until the tracker is told again, half an hour later. So while
// pieces are missing, peers that are known are dialled again here, and trackers
// asked again when nothing comes from anybody.
const (
	leastRedial = time.Second // before a peer is dialled again; doubles each time
	mostRedial  = 5 * time.Minute
	mostTries   = 12               // after that many in vain a peer is forgotten
	mostKnown   = 200              // peers of one torrent
	mostAtOnce  = 16               // of one torrent, dialled again in one beat
	leastAsk    = 15 * time.Second // of nothing, before trackers are asked again; doubles up to mostAsk
)

// A knownPeer is an address that took a connection, or that a tracker or the
// person named.
type knownPeer struct {
	tries int
	wait  time.Duration
	next  time.Time
}

// plainPeers are those of one torrent. Plain.mu guards it.
type plainPeers struct {
	known map[string]*knownPeer
	moved time.Time     // when data came last, or trackers were asked
	wait  time.Duration // of nothing, before trackers are asked
}

// learn notes an address that may have pieces.
func (l *plainPeers) learn(addr string, now time.Time) {
	if l.known == nil {
		l.known = map[string]*knownPeer{}
	}
	if l.known[addr] == nil && len(l.known) < mostKnown {
		l.known[addr] = &knownPeer{wait: leastRedial, next: now.Add(leastRedial)}
	}
}

// connected notes that there is a connection to an address.
func (l *plainPeers) connected(addr string, now time.Time) {
	l.learn(addr, now)
	if k := l.known[addr]; k != nil {
		*k = knownPeer{wait: leastRedial, next: now.Add(leastRedial)}
	}
}

// due gives who is to be dialled again. Those with a connection are never due,
// since connected was called for them.
func (l *plainPeers) due(now time.Time) (addrs []string) {
	for addr, k := range l.known {
		if now.Before(k.next) || len(addrs) == mostAtOnce {
			continue
		}
		if k.tries == mostTries {
			delete(l.known, addr)
			continue
		}
		k.tries++
		k.next, k.wait = now.Add(k.wait), min(2*k.wait, mostRedial)
		addrs = append(addrs, addr)
	}
	return addrs
}

// ask reports whether trackers are to be asked because nothing comes. moved says
// that something came.
func (l *plainPeers) ask(now time.Time, moved bool, least time.Duration) bool {
	if moved || l.moved.IsZero() {
		l.moved, l.wait = now, least
	}
	if now.Sub(l.moved) < l.wait {
		return false
	}
	l.moved, l.wait = now, min(2*l.wait, mostAsk)
	return true
}

// seekLocked looks after the peers of a torrent of which pieces are missing.
func (p *Plain) seekLocked(item *plainItem, now time.Time, moved bool) {
	for _, c := range item.t.PeerConns() {
		if c.Discovery != torrent.PeerSourceIncoming { // that port takes no connections
			item.peers.connected(c.RemoteAddr.String(), now)
		}
	}
	var again []torrent.PeerInfo
	for _, addr := range item.peers.due(now) {
		again = append(again, torrent.PeerInfo{Addr: torrent.StringAddr(addr), Source: torrent.PeerSourceDirect})
	}
	item.t.AddPeers(again)
	if item.peers.ask(now, moved, p.cfg.askAfter) {
		item.hurry()
	}
}

// lacks reports whether something that is wanted of a torrent is missing.
func (i *plainItem) lacks() bool {
	switch {
	case i.Paused || i.t.Complete().Bool():
		return false
	case i.t.Info() == nil:
		return true
	}
	return i.ready && !verified(i.t)
}
