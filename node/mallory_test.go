package node

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/hubapi"
	"kith/outbox"
	"kith/seal"
)

const mallorysHost = "mallory.example"

// Mallory is a hub that does with envelopes whatever it likes, until it behaves.
type mallory struct {
	mu      sync.Mutex // guards the rest
	random  *rand.Rand
	behaves bool
	rests   bool // gives nobody anything for a while
	boxes   map[hubapi.Key]*mallorysBox
	ever    []hubapi.Mail // all that was left
	lying   []hubapi.Mail // what it still means to give out
	flooded bool
	gave    int             // into boxes of who was given them
	bad     int             // of these: forged, or somebody else's
	opened  map[string]bool // envelopes that were in the right box; a damaged copy counts as one more
}

type mallorysBox struct {
	owner *hub
	token hubapi.Hash
}

func newMallory(seed uint64) *mallory {
	return &mallory{random: rand.New(rand.NewPCG(seed, 4)), boxes: map[hubapi.Key]*mallorysBox{}, opened: map[string]bool{}}
}

// A mallorysPost is a run's way to Mallory: what comes goes through the very code
// that takes what hubs send.
type mallorysPost struct {
	m *mallory
	h *hub
}

func (m *mallory) post(r *run) post {
	h := &hub{r: r, host: mallorysHost, ctx: r.ctx, mail: make(chan hubapi.Mail, hubapi.MailWindow), boxes: map[hubapi.Key]kith.AccountID{}}
	h.client = hubapi.New(hubapi.Options{URL: "https://" + mallorysHost, Key: seal.HubKey(r.id.device, h.host), Events: h})
	p := &mallorysPost{m, h}
	for _, c := range r.people.unsorted() {
		p.Drops(c.Account)
	}
	r.working.Go(h.takeMail)
	r.working.Go(func() { m.serve(h) })
	return p
}

func (p *mallorysPost) Drops(from kith.AccountID) []outbox.Drop {
	key, token := seal.BoxKey(p.h.r.id.device, mallorysHost, from)
	box := hubapi.KeyOf(key)
	p.h.mu.Lock()
	p.h.boxes[box] = from
	p.h.mu.Unlock()
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	p.m.boxes[box] = &mallorysBox{p.h, token}
	return []outbox.Drop{{Hub: "https://" + mallorysHost, Box: box, Token: token}}
}

// Leave takes an envelope, and perhaps throws it away, says that it did not, or
// says that it keeps it for no time, or for ever.
func (p *mallorysPost) Leave(_ context.Context, drop outbox.Drop, envelope []byte) (until time.Time, err error) {
	m := p.m
	m.mu.Lock()
	defer m.mu.Unlock()
	mail := hubapi.Mail{Box: drop.Box, Body: bytes.Clone(envelope)}
	m.ever = append(m.ever, mail)
	now := p.h.r.opt.now()
	if m.behaves {
		m.lying = append(m.lying, mail)
		return now.Add(kept), nil
	}
	if m.random.IntN(3) > 0 {
		m.lying = append(m.lying, mail)
	}
	if m.random.IntN(8) == 0 {
		return until, kith.Errorf(kith.Unreachable, "Mallory does not answer")
	}
	return now.AddDate(m.random.IntN(3)*1000-1000, 0, 30), nil
}

// serve gives a device what Mallory wants it to have, as long as its run lasts.
func (m *mallory) serve(h *hub) {
	for {
		m.mu.Lock()
		pause := time.Duration(m.random.IntN(60_000)) * time.Millisecond
		if m.behaves {
			pause *= 10
		}
		m.mu.Unlock()
		select {
		case <-time.After(pause):
		case <-h.ctx.Done():
			return
		}
		m.mu.Lock()
		switch {
		case m.rests:
		case m.behaves:
			m.giveAll(h)
		default:
			m.cheat(h)
		}
		m.mu.Unlock()
	}
}

// giveAll gives what lies for a device, in order. m.mu is held.
func (m *mallory) giveAll(h *hub) {
	m.lying = slices.DeleteFunc(m.lying, func(mail hubapi.Mail) bool {
		mine := m.boxes[mail.Box].owner == h
		if mine {
			m.give(h, mail)
		}
		return mine
	})
}

// give sends a device an envelope. m.mu is held.
func (m *mallory) give(h *hub, mail hubapi.Mail) {
	mail.ID = m.random.Uint64()
	m.gave++
	m.opened[string(mail.Body)] = true
	h.Mail(mail)
}

// cheat does a few things to a device, each of them wrong. m.mu is held.
func (m *mallory) cheat(h *hub) {
	if len(m.ever) == 0 {
		return
	}
	var own, others []hubapi.Mail
	for _, mail := range m.ever {
		if m.boxes[mail.Box].owner == h {
			own = append(own, mail)
		} else {
			others = append(others, mail)
		}
	}
	var box hubapi.Key // one of its own
	for _, key := range m.sortedBoxes() {
		if m.boxes[key].owner == h && (box == hubapi.Key{} || m.random.IntN(2) == 0) {
			box = key
		}
	}
	forge := func(body []byte) {
		m.bad++
		m.give(h, hubapi.Mail{Box: box, Body: body})
	}
	damage := func(mail hubapi.Mail, body []byte) {
		if !m.opened[string(mail.Body)] {
			m.bad++
		}
		m.give(h, hubapi.Mail{Box: mail.Box, Body: body})
	}
	if !m.flooded { // with more than a hub may send at a time
		m.flooded = true
		for range 2 * hubapi.MailWindow {
			forge([]byte("rubbish"))
		}
	}
	for range 1 + m.random.IntN(4) {
		switch roll := m.random.IntN(100); {
		case roll < 45: // late, and not in its turn
			mine := slices.DeleteFunc(slices.Clone(m.lying), func(mail hubapi.Mail) bool { return m.boxes[mail.Box].owner != h })
			if len(mine) > 0 {
				mail := mine[m.random.IntN(len(mine))]
				m.lying = slices.DeleteFunc(m.lying, func(o hubapi.Mail) bool { return &o.Body[0] == &mail.Body[0] })
				m.give(h, mail)
			}
		case roll < 60 && len(own) > 0: // again
			m.give(h, own[m.random.IntN(len(own))])
		case roll < 70 && len(own) > 0: // with a wrong bit, in the right box
			mail := own[m.random.IntN(len(own))]
			body := bytes.Clone(mail.Body)
			body[m.random.IntN(len(body))] ^= 1 << m.random.IntN(8)
			damage(mail, body)
		case roll < 75 && len(own) > 0: // cut short
			mail := own[m.random.IntN(len(own))]
			damage(mail, mail.Body[:m.random.IntN(len(mail.Body))])
		case roll < 83: // of its own making
			body := make([]byte, m.random.IntN(3000))
			for i := range body {
				body[i] = byte(m.random.Uint32())
			}
			if len(body) > 0 {
				body[0] = byte(m.random.IntN(6)) // it knows what envelopes begin with
			}
			forge(body)
		case roll < 92 && len(others) > 0: // what is somebody else's
			forge(others[m.random.IntN(len(others))].Body)
		case len(own) > 0: // what is its own, in another box, or in none
			mail := own[m.random.IntN(len(own))]
			if mail.Box != box {
				forge(mail.Body)
			}
			m.give(h, hubapi.Mail{Box: hubapi.Key{1}, Body: mail.Body})
		}
	}
}

// sortedBoxes lists the boxes the same way each time. m.mu is held.
func (m *mallory) sortedBoxes() []hubapi.Key {
	var keys []hubapi.Key
	for key := range m.boxes {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b hubapi.Key) int { return bytes.Compare(a[:], b[:]) })
	return keys
}

func (m *mallory) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}
