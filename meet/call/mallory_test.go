package call

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kith"
	"kith/hubapi"
	"kith/link"
	"kith/meet"
	"kith/seal"
)

// Mallory is a hub that does with notes whatever it likes, until it behaves.
type mallory struct {
	mu      sync.Mutex // guards the rest
	random  *rand.Rand
	behaves bool
	all     []*customer
	ever    []saying
}

// A saying is a note as a hub sees it.
type saying struct {
	tag  hubapi.Tag
	from *customer
	note []byte
}

// A customer is a device with a hub's courier that has Mallory instead of a client.
type customer struct {
	*Hub
	*device
	m   *mallory
	bad int // forged notes that it was given; guarded by m.mu
}

// Send tells Mallory what the courier would tell the hub.
func (c *customer) Send(_ context.Context, to meet.Correspondent, note []byte) (heard int, known bool, err error) {
	m := c.m
	m.mu.Lock()
	defer m.mu.Unlock()
	s := saying{hubapi.Tag(to.Key.Tag(c.host, days(c.now())[0])), c, bytes.Clone(note)}
	m.ever = append(m.ever, s)
	if m.behaves {
		m.say(s, 0)
		return 1, true, nil
	}
	for range m.random.IntN(4) {
		m.cheat(s)
	}
	return m.random.IntN(3), true, nil
}

// say tells all others who listen under the tag, after a while. m.mu is held.
func (m *mallory) say(s saying, after time.Duration) {
	for _, other := range m.all {
		if other != s.from {
			time.AfterFunc(after, func() { other.Note(s.tag, s.note) })
		}
	}
}

// cheat does one thing with a note, mostly a wrong one. m.mu is held.
func (m *mallory) cheat(s saying) {
	late := time.Duration(m.random.IntN(20_000)) * time.Millisecond
	victim := m.all[m.random.IntN(len(m.all))]
	old := m.ever[m.random.IntN(len(m.ever))]
	switch m.random.IntN(8) {
	case 0:
		m.say(s, 0)
	case 1:
		m.say(s, late)
	case 2: // again
		m.say(old, late)
	case 3: // back to who said it
		time.AfterFunc(late, func() { s.from.Note(s.tag, s.note) })
	case 4: // with a wrong bit
		note := bytes.Clone(old.note)
		note[m.random.IntN(len(note))] ^= 1 << m.random.IntN(8)
		m.forge(victim, note)
	case 5: // of its own making
		note := make([]byte, m.random.IntN(2*meet.MaxNote))
		for i := range note {
			note[i] = byte(m.random.Uint32())
		}
		m.forge(victim, note)
	case 6: // what was said under another tag, and under none that the victim knows
		for tag, who := range victim.byTag {
			if _, err := who.Key.OpenNote(old.note); err != nil {
				m.bad(victim, tag, old.note)
				break
			}
		}
		victim.Note(hubapi.Tag{1}, old.note)
	case 7:
		victim.Present(s.tag)
	}
}

// forge gives a device a note that nobody made, under a tag of its. m.mu is held.
func (m *mallory) forge(to *customer, note []byte) {
	for tag := range to.byTag {
		m.bad(to, tag, note)
		return
	}
}

func (m *mallory) bad(to *customer, tag hubapi.Tag, note []byte) {
	to.bad++
	to.Note(tag, note)
}

// A mailOf hands on what a courier brings as if it came by Mallory's.
type mailOf struct{ *customer }

func (m mailOf) Note(from meet.Correspondent, _ meet.Courier, note []byte) {
	m.calls.Note(from, m.customer, note)
}

func (m mailOf) Present(who meet.Correspondent, _ meet.Courier) { m.calls.Present(who, m.customer) }

// meetAtMallory gives devices each of which knows each other.
func meetAtMallory(t *testing.T, seed uint64, size int) *mallory {
	m, p := &mallory{random: rand.New(rand.NewPCG(seed, 6))}, &place{}
	client := hubapi.New(hubapi.Options{URL: "https://mallory.example"})
	for i := range size {
		c := &customer{Hub: NewHub(client), device: newDevice(t, byte(i+1), p, (&air{}).radio(true)), m: m}
		c.present, c.dropped = make(chan kith.AccountID, 999), make(chan string, 9999)
		c.calls.opt.Linked = func(l link.Link, account kith.AccountID) {
			if l.Peer().Account != account || account == c.peer.Account {
				t.Errorf("a link to %v passes for one to %v", l.Peer(), account)
			}
			l.Close(link.Goodbye)
		}
		c.calls.opt.Present = func(a kith.AccountID) { c.present <- a }
		c.calls.opt.Dropped = func(what string) { c.dropped <- what }
		m.all = append(m.all, c)
	}
	for _, c := range m.all {
		var all []meet.Correspondent
		for _, other := range m.all {
			if other != c {
				all = append(all, c.knows(other))
			}
		}
		c.setMail(mailOf{c})
		c.SetCorrespondents(all)
		c.listen()
	}
	return m
}

// knows gives another device as this one knows it.
func (c *customer) knows(other *customer) meet.Correspondent {
	one, two := c.peer.Device[0], other.peer.Device[0]
	return meet.Correspondent{Account: other.peer.Account, Key: seal.PairMeet(kith.Secret{min(one, two), max(one, two)})}
}

// A hub that drops, delays, replays, forges and swaps notes can keep two apart as
// long as it does, and no longer: it links nobody to anybody else, what it makes up
// is counted, and nothing that it started goes on for good.
func TestMalloryIsAHub(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { meetMallory(t, seed) })
		})
	}
}

func meetMallory(t *testing.T, seed uint64) {
	m := meetAtMallory(t, seed, 3)
	random := rand.New(rand.NewPCG(seed, 7))
	links := 0
	var calling sync.WaitGroup
	call := func(from, to *customer) (link.Link, error) {
		began := time.Now()
		l, err := from.calls.Call(t.Context(), from.knows(to), from)
		if took := time.Since(began); took > callLimit {
			t.Errorf("a call took %v", took)
		}
		if l != nil && l.Peer() != to.peer {
			t.Errorf("who called %v got a link to %v", to.peer, l.Peer())
		}
		return l, err
	}
	for range 60 {
		from := random.IntN(3)
		to := (from + 1 + random.IntN(2)) % 3
		calling.Go(func() {
			if l, _ := call(m.all[from], m.all[to]); l != nil {
				m.mu.Lock()
				links++
				m.mu.Unlock()
			}
		})
		<-time.After(time.Duration(random.IntN(20)) * time.Second)
	}
	calling.Wait()
	<-time.After(max(answerLimit, time.Minute))
	m.mu.Lock()
	m.behaves = true
	m.mu.Unlock()
	for _, from := range m.all {
		for _, to := range m.all {
			if from != to {
				if _, err := call(from, to); err != nil {
					t.Errorf("Mallory behaves, and still: %v", err)
				}
			}
		}
	}
	<-time.After(answerLimit)
	synctest.Wait()
	bad := 0
	for _, c := range m.all {
		bad += c.bad
		if n := len(c.dropped); n != c.bad {
			t.Errorf("of %d bad notes %d were counted as dropped", c.bad, n)
		}
		c.calls.mu.Lock()
		if len(c.calls.calls)+len(c.calls.answering) > 0 || len(c.calls.seen) > len(m.ever) || len(c.calls.early) > maxEarly {
			t.Errorf("%d calls and %d answers go on, %d offers are remembered and %d came early", len(c.calls.calls), len(c.calls.answering), len(c.calls.seen), len(c.calls.early))
		}
		c.calls.mu.Unlock()
		for _, half := range c.halves.made {
			half.mu.Lock()
			if !half.closed {
				t.Error("a half of a connection was left open")
			}
			half.mu.Unlock()
		}
	}
	if links == 0 || bad < 10 {
		t.Errorf("%d links, %d bad notes: Mallory does too little", links, bad)
	}
	t.Logf("%d notes were said and %d bad ones given; %d calls of 60 came to a link", len(m.ever), bad, links)
}
