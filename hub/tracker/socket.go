package tracker

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"kith"
)

const (
	// socketIdle is how long a web peer may be silent, and not answer a ping.
	socketIdle, socketPing = 3 * time.Minute, time.Minute
	socketStall            = 10 * time.Second
	// socketQueue bounds the messages that wait for a web peer. One that does
	// not take them misses some: those who made offers make others.
	socketQueue = 64
	// socketSwarms bounds the swarms of one socket.
	socketSwarms = 256
	// socketRate and socketBurst bound the messages that a web peer sends, the
	// first in a second.
	socketRate, socketBurst = 20, 200
)

// A socket is a web peer's WebSocket.
type socket struct {
	conn  *websocket.Conn
	from  netip.Addr
	queue chan []byte
	done  chan struct{}
	end   sync.Once
	joins map[Hash]ID // by the reader alone: under what names it is in which swarms
}

func (k *socket) close() {
	k.end.Do(func() {
		close(k.done)
		k.conn.Close()
	})
}

// send has a message sent, if there is room for it.
func (k *socket) send(a webAnswer) {
	raw, err := json.Marshal(a)
	if err != nil {
		return // an offer that is no JSON does not get here
	}
	select {
	case k.queue <- raw:
	default:
	}
}

var upgrader = websocket.Upgrader{
	HandshakeTimeout: 15 * time.Second, ReadBufferSize: 2 << 10, WriteBufferSize: 2 << 10, WriteBufferPool: &sync.Pool{},
	CheckOrigin: func(*http.Request) bool { return true }, // a tracker is for every page, and knows nobody
}

// serveSocket speaks with a web peer until it leaves.
func (t *Tracker) serveSocket(w http.ResponseWriter, r *http.Request) {
	from := t.cfg.Address(r).Unmap().WithZone("")
	if !t.admit(from) {
		t.refused.Add(1)
		http.Error(w, "this tracker has as many connections as it takes, of everybody or of this address: try again later", http.StatusServiceUnavailable)
		return
	}
	defer t.dismiss(from)
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	k := &socket{conn: conn, from: from, queue: make(chan []byte, socketQueue), done: make(chan struct{}), joins: map[Hash]ID{}}
	defer k.close()
	if !t.hold(k) {
		return
	}
	defer t.letGo(k)
	go k.write()
	conn.SetReadLimit(maxMessage)
	alive := func(string) error { return conn.SetReadDeadline(time.Now().Add(socketIdle)) }
	conn.SetPongHandler(alive)
	limit := rate.NewLimiter(socketRate, socketBurst)
	for {
		if alive("") != nil {
			return
		}
		_, raw, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if !limit.Allow() {
			t.refused.Add(1)
			return
		}
		m, err := parseWeb(raw)
		if err != nil {
			t.malformed.Add(1)
			k.send(webAnswer{Action: "announce", Failure: err.Error()})
			continue
		}
		t.onWeb(k, m, time.Now())
	}
}

// write sends what is queued, and pings.
func (k *socket) write() {
	defer k.close()
	ping := time.NewTicker(socketPing)
	defer ping.Stop()
	for {
		var kind int
		var raw []byte
		select {
		case <-k.done:
			return
		case raw = <-k.queue:
			kind = websocket.TextMessage
		case <-ping.C:
			kind, raw = websocket.PingMessage, nil
		}
		if k.conn.SetWriteDeadline(time.Now().Add(socketStall)) != nil || k.conn.WriteMessage(kind, raw) != nil {
			return
		}
	}
}

// onWeb does what a web peer asks.
func (t *Tracker) onWeb(k *socket, m webMessage, now time.Time) {
	switch {
	case m.Action == "scrape":
		t.scrapes.Add(1)
		files := map[string]webFile{}
		for _, h := range m.Hash {
			c := t.swarms.scrape(Hash(h))
			files[h.key()] = webFile{c.complete, c.incomplete, int(c.downloaded)}
		}
		k.send(webAnswer{Action: "scrape", Files: files})
	case m.answers:
		if k.joins[m.hash] != m.peer {
			return // it speaks for another
		}
		if to := t.swarms.webPeer(m.hash, m.to); to != nil {
			to.send(webAnswer{Action: "announce", Hash: m.hash[:], Peer: m.peer[:], Answer: m.Answer, OfferID: m.OfferID})
			t.passed.Add(1)
		}
	default:
		t.announces[overWeb].Add(1)
		others, c, err := t.swarms.announceWeb(k, m, now)
		if err != nil {
			k.send(webAnswer{Action: "announce", Hash: m.hash[:], Failure: err.Error()})
			return
		}
		k.send(webAnswer{Action: "announce", Hash: m.hash[:], Interval: int(webInterval.Seconds()), Complete: &c.complete, Incomplete: &c.incomplete})
		for i, to := range others {
			o := m.Offers[i]
			to.sock.send(webAnswer{Action: "announce", Hash: m.hash[:], Peer: m.peer[:], Offer: o.Offer, OfferID: o.ID})
			t.passed.Add(1)
		}
	}
}

var (
	errTaken  = kith.Errorf(kith.Conflict, "another connection has this peer_id in this swarm")
	errJoined = kith.Errorf(kith.Full, "one connection may be in %d swarms", socketSwarms)
)

// announceWeb notes a web peer, and gives others for its offers.
func (t *swarms) announceWeb(k *socket, m webMessage, now time.Time) ([]member[ID], swarmCounts, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.all[m.hash]
	if s == nil {
		s = &swarm{}
	}
	old := s.web.get(m.peer)
	if old != nil && old.sock != k {
		return nil, s.counts(), errTaken
	}
	was, joined := k.joins[m.hash]
	if joined && was != m.peer {
		t.leaveWeb(k, m.hash, was)
		joined, old = false, nil
	}
	e := eventOf(m.Event)
	if e == stopped {
		if joined {
			t.leaveWeb(k, m.hash, m.peer)
		}
		t.settle(m.hash, s)
		return nil, s.counts(), nil
	}
	if !joined && len(k.joins) >= socketSwarms {
		return nil, s.counts(), errJoined
	}
	p := member[ID]{key: m.peer, id: m.peer, seed: m.Left != nil && *m.Left == 0, seen: now, sock: k}
	if e == completed && old != nil && !old.seed {
		s.downloaded++
	}
	if keep(t, m.hash, s, &s.web, p, k.from) {
		k.joins[m.hash] = m.peer
	}
	return s.web.some(m.wants(), m.peer, p.seed), s.counts(), nil
}

// leaveWeb takes a web peer out of a swarm. The caller holds the lock.
func (t *swarms) leaveWeb(k *socket, h Hash, id ID) {
	delete(k.joins, h)
	s := t.all[h]
	if s == nil {
		return
	}
	if p := s.web.get(id); p != nil && p.sock == k {
		drop(t, s, &s.web, p, k.from)
	}
	t.settle(h, s)
}

// webPeer gives the socket of a web peer.
func (t *swarms) webPeer(h Hash, id ID) *socket {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.all[h]; s != nil {
		if p := s.web.get(id); p != nil {
			return p.sock
		}
	}
	return nil
}
