package dht

import (
	"crypto/rand"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anacrolix/dht/v2/krpc"
	"github.com/anacrolix/torrent/bencode"

	"kith/meet"
)

// A lie makes the liar's answer of what an honest empty node would say.
type lie func(m krpc.Msg, r *krpc.Return) []byte

// beside gives an ID that has all but the last bits in common with the target.
func beside(target id, i int) (n id) {
	n = target
	n[18], n[19] = n[18]^byte(i+1), n[19]^byte(i)
	return n
}

// plant puts liars right beside targets, has all honest nodes know them as far
// as they have room, and gives an accomplice who names them to everybody.
func plant(t *testing.T, e *ether, p *population, n int, targets []id, tell lie) (accomplice netip.AddrPort) {
	t.Helper()
	var liars []krpc.NodeInfo
	known := func(at netip.AddrPort) {
		var pings sync.WaitGroup
		for _, s := range p.servers {
			pings.Go(func() { s.Ping(net.UDPAddrFromAddrPort(at)) })
		}
		pings.Wait()
	}
	for i, target := range targets {
		for j := range n {
			self := krpc.ID(beside(target, j))
			at := addr(66, byte(i), byte(j), 1, 6881)
			liars = append(liars, krpc.NodeInfo{ID: self, Addr: krpc.NodeAddr{IP: at.Addr().AsSlice(), Port: int(at.Port())}})
			e.liar(t, at, func(m krpc.Msg, from netip.AddrPort) []byte {
				token := "x"
				r := &krpc.Return{ID: self, Token: &token}
				if m.Q == "ping" {
					return encode(m, r)
				}
				return tell(m, r)
			})
			known(at)
		}
	}
	self, accomplice := krpc.RandomNodeID(), addr(66, 99, 0, 1, 6881)
	e.liar(t, accomplice, func(m krpc.Msg, from netip.AddrPort) []byte {
		return encode(m, &krpc.Return{ID: self, Nodes: liars})
	})
	known(accomplice)
	t.Cleanup(func() {
		if e.sentTo(liars) == 0 {
			t.Error("no liar was asked: this test shows nothing")
		}
	})
	return accomplice
}

func encode(m krpc.Msg, r *krpc.Return) []byte {
	return bencode.MustMarshal(krpc.Msg{T: m.T, Y: "r", R: r})
}

func raw(m krpc.Msg, format string, args ...any) []byte {
	return fmt.Appendf(nil, "d1:rd2:id20:%s%se1:t%d:%s1:y1:re", m.A.Target[:], fmt.Sprintf(format, args...), len(m.T), m.T)
}

// Whatever the three nodes nearest to both items say, an exchange through the
// others works, in bounded time and with a bounded number of packets.
func TestLies(t *testing.T) {
	far := func(m krpc.Msg, r *krpc.Return, nodes int) {
		for i := range nodes {
			var n krpc.NodeInfo
			n.ID = krpc.ID(beside(id(m.A.Target), i+50))
			n.Addr = krpc.NodeAddr{IP: net.IPv4(77, byte(i), byte(len(m.T)), 1).To4(), Port: 6881}
			r.Nodes = append(r.Nodes, n)
		}
	}
	seq := int64(math.MaxInt64)
	for name, tell := range map[string]lie{
		"silence":      func(krpc.Msg, *krpc.Return) []byte { return nil },
		"garbage":      func(krpc.Msg, *krpc.Return) []byte { return []byte(strings.Repeat("\xff", 300)) },
		"no such item": encode,
		"a refusal": func(m krpc.Msg, _ *krpc.Return) []byte {
			return bencode.MustMarshal(krpc.Msg{T: m.T, Y: "e", E: &krpc.Error{Code: 201, Msg: "no"}})
		},
		"what ends a careless program": func(m krpc.Msg, _ *krpc.Return) []byte {
			return fmt.Appendf(nil, "d2:ip0:1:rd2:id20:%se1:t%d:%s1:y1:re", m.A.Target[:], len(m.T), m.T)
		},
		"an item without seq": func(m krpc.Msg, _ *krpc.Return) []byte {
			return raw(m, "1:k32:%s3:sig64:%s5:token1:x1:v5:hello", strings.Repeat("k", 32), strings.Repeat("s", 64))
		},
		"a forged item": func(m krpc.Msg, r *krpc.Return) []byte {
			rand.Read(r.Sig[:])
			r.Seq, r.V = &seq, []byte("6:forged")
			r.K = planted.key(id(m.A.Target))
			return encode(m, r)
		},
		"a huge value": func(m krpc.Msg, r *krpc.Return) []byte {
			r.Seq, r.V = &seq, bencode.MustMarshal(strings.Repeat("h", 3000))
			r.K = planted.key(id(m.A.Target))
			return encode(m, r)
		},
		"a giant": func(m krpc.Msg, r *krpc.Return) []byte {
			r.V = bencode.MustMarshal(strings.Repeat("h", 60000))
			return encode(m, r)
		},
		"a list": func(m krpc.Msg, r *krpc.Return) []byte {
			return raw(m, "1:k32:%s3:seqi1e3:sig64:%s5:token1:x1:v%s", strings.Repeat("k", 32), strings.Repeat("s", 64), strings.Repeat("l", 30)+strings.Repeat("e", 30))
		},
		"dead nodes that are nearer": func(m krpc.Msg, r *krpc.Return) []byte {
			far(m, r, 16)
			return encode(m, r)
		},
		"a token that is too long": func(m krpc.Msg, r *krpc.Return) []byte {
			long := strings.Repeat("t", 1200)
			r.Token = &long
			return encode(m, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEther(20 * time.Millisecond)
				nodes := populate(t, 20, inEther(e))
				p := newPair()
				day := dayOf(time.Now())
				items := []item{newItem(p.sharedMeet, day, string(p.ann[:])), newItem(p.sharedMeet, day, string(p.bob[:]))}
				planted.set(items)
				accomplice := plant(t, e, nodes, 3, []id{items[0].target, items[1].target}, tell)
				routers := routersOf(nodes.addrs[0], nodes.addrs[1], accomplice)
				ann, annBox := start(t, Options{Account: p.ann, Routers: routers}, e.host, p.toBob)
				bob, bobBox := start(t, Options{Account: p.bob, Routers: routers}, e.host, p.toAnn)
				ann.Hasten(p.toBob)
				bob.Hasten(p.toAnn)
				before := e.packets()
				if took := exchange(t, p, ann, bob, annBox, bobBox, "1"); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
				ann.Hasten(p.toBob)
				bob.Hasten(p.toAnn)
				if took := exchange(t, p, ann, bob, annBox, bobBox, "2"); took > 2500*time.Millisecond {
					t.Errorf("the second took %v", took)
				}
				if n := e.packets() - before; n > 2000 {
					t.Errorf("%d packets", n)
				}
			})
		})
	}
}

// planted are the public keys by which lies are made to look right.
var planted keys

type keys struct {
	mu   sync.Mutex
	keys map[id][32]byte
}

func (k *keys) set(items []item) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = make(map[id][32]byte)
	for _, it := range items {
		k.keys[it.target] = it.public
	}
}

func (k *keys) key(target id) [32]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys[target]
}

// An older note, replayed by who kept it, is given once at most; the newest one
// comes all the same.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEther(20 * time.Millisecond)
		nodes := populate(t, 20, inEther(e))
		p := newPair()
		it := newItem(p.sharedMeet, dayOf(time.Now()), string(p.ann[:]))
		old := it.sign(12345, []byte("old"))
		accomplice := plant(t, e, nodes, 4, []id{it.target}, func(m krpc.Msg, r *krpc.Return) []byte {
			if m.A.Target == krpc.ID(it.target) {
				r.Seq, r.V, r.K, r.Sig = &old.Seq, []byte("3:old"), it.public, old.Sig
			}
			return encode(m, r)
		})
		routers := routersOf(nodes.addrs[0], accomplice)
		ann, _ := start(t, Options{Account: p.ann, Routers: routers}, e.host, p.toBob)
		if _, _, err := ann.Send(t.Context(), p.toBob, []byte("new")); err != nil {
			t.Fatal(err)
		}
		bob, box := start(t, Options{Account: p.bob, Routers: routers}, e.host, p.toAnn)
		bob.Hasten(p.toAnn)
		time.Sleep(2 * time.Minute)
		got := map[string]int{}
		for len(box.notes) > 0 {
			got[(<-box.notes).note]++
		}
		if got["new"] != 1 || got["old"] > 1 || len(got) > 2 {
			t.Errorf("got %v", got)
		}
	})
}

// Liars in as many networks as an item has places may withhold it. That costs
// bounded time and packets, and nobody is told that it arrived.
func TestEclipse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEther(20 * time.Millisecond)
		nodes := populate(t, 20, inEther(e))
		p := newPair()
		it := newItem(p.sharedMeet, dayOf(time.Now()), string(p.ann[:]))
		accomplice := plant(t, e, nodes, 2*replicas, []id{it.target}, encode)
		routers := routersOf(nodes.addrs[0], accomplice)
		ann, _ := start(t, Options{Account: p.ann, Routers: routers}, e.host, p.toBob)
		bob, box := start(t, Options{Account: p.bob, Routers: routers}, e.host, p.toAnn)
		began, before := time.Now(), e.packets()
		heard, known, err := ann.Send(t.Context(), p.toBob, []byte("lost"))
		if heard != 0 || known || err != nil || time.Since(began) > 10*time.Second {
			t.Errorf("Send gives %d, %v, %v after %v", heard, known, err, time.Since(began))
		}
		bob.Hasten(p.toAnn)
		time.Sleep(2 * time.Minute)
		if n := e.packets() - before; n > 3000 || len(box.notes) > 1 {
			t.Errorf("%d packets, %d notes", n, len(box.notes))
		}
	})
}

// Who holds the key and signs many notes, or the last seq, harms nobody else.
func TestHostileHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEther(20 * time.Millisecond)
		nodes := populate(t, 20, inEther(e))
		p := newPair()
		invitation := meet.Correspondent{Key: p.sharedMeet}
		it := newItem(p.sharedMeet, dayOf(time.Now()), joiner)
		var mu sync.Mutex
		n := int64(0)
		accomplice := plant(t, e, nodes, 8, []id{it.target}, func(m krpc.Msg, r *krpc.Return) []byte {
			if m.A.Target == krpc.ID(it.target) {
				mu.Lock()
				defer mu.Unlock()
				n++
				note := fmt.Append(nil, "note ", n)
				put := it.sign(n, note)
				r.Seq, r.V, r.K, r.Sig = &put.Seq, bencode.MustMarshal(note), it.public, put.Sig
			}
			return encode(m, r)
		})
		giver, box := start(t, Options{Account: p.ann, Routers: routersOf(nodes.addrs[0], accomplice)}, e.host, invitation)
		time.Sleep(time.Hour)
		if len(box.notes) > 600 || len(box.notes) == 0 {
			t.Errorf("%d notes in an hour", len(box.notes))
		}
		// Somebody used the last number of the giver's item.
		own := newItem(p.sharedMeet, dayOf(time.Now()), string(p.ann[:]))
		full := newSlot(own)
		last := int64(math.MaxInt64)
		put := own.sign(last, []byte("last"))
		full.learn(&answer{key: own.public, sig: put.Sig, seq: &last, value: []byte("4:last")})
		if _, err := full.take([]byte("more"), time.Now()); err == nil {
			t.Error("a note was signed beyond the last number")
		}
		if s := giver.State(); !s.Working {
			t.Errorf("state %+v", s)
		}
	})
}
