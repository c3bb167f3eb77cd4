package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kith"
)

// A hub that drops, delays, replays, reorders, forges and swaps can't make anybody
// read what was not written, nor twice, nor in another order; and once it behaves,
// or people reach each other by another path, all is there.
func TestMalloryIsAHub(t *testing.T) {
	for seed := range uint64(3) {
		end := []string{"it behaves in the end", "in the end there is another path"}[seed%2]
		t.Run(fmt.Sprintf("seed %d, %s", seed, end), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { meetMallory(t, seed, seed%2 == 0) })
		})
	}
}

func meetMallory(t *testing.T, seed uint64, behavesInTheEnd bool) {
	const family = "Family"
	random := rand.New(rand.NewPCG(seed, 5))
	m, w := newMallory(seed), calm()
	d := &depot{mallory: m}
	a, b, c := w.mailer(t, "A", 0, d), w.mailer(t, "B", 0, d), w.mailer(t, "C", 0, d)
	all := []*person{a, b, c}
	befriend(t, a.node, b.node)
	befriend(t, a.node, c.node)
	befriend(t, b.node, c.node)
	name := family
	must[Sphere](t)(a.node.NewSphere(t.Context(), SphereProfile{Name: &name}))
	bringIn(t, a, b)
	bringIn(t, a, c)
	sleep(time.Minute)
	w.sever(a.at, b.at)
	w.sever(a.at, c.at)
	w.sever(b.at, c.at)

	written := map[string][]string{} // by who reads it
	room := func(p *person, with string) string {
		names := []string{p.name, with}
		slices.Sort(names)
		if with == family {
			return family
		}
		return strings.Join(names, " and ")
	}
	write := func(p *person, with string) {
		p.wrote++
		text := fmt.Sprintf("%s-%06d", p.name, p.wrote)
		send(t, p.node, with, text)
		written[room(p, with)] = append(written[room(p, with)], text)
	}
	each := func(do func(p *person, with string)) {
		for _, p := range all {
			for _, other := range all {
				if other != p {
					do(p, other.name)
				}
			}
			do(p, family)
		}
	}
	said := func(p *person, with string) (texts []string) {
		log := p.log(with)
		inOrder(t, log)
		for _, line := range log {
			if line.Note == nil {
				texts = append(texts, line.Text)
			}
		}
		return texts
	}
	began := time.Now()
	dropped := map[string]int{}
	count := func(p *person) {
		for what, n := range p.node.run.dropped.snapshot() {
			dropped[what] += n
		}
	}
	for step := range 36 {
		sleep(time.Duration(random.IntN(4*60)) * time.Second)
		p := all[random.IntN(3)]
		with := append([]string{family}, "A", "B", "C")[random.IntN(4)]
		if with != p.name {
			write(p, with)
		}
		if step%12 == 8 {
			m.set(func() { m.rests = true })
			sleep(time.Second) // what is under way comes
			count(p)
			p.stop()
			m.set(func() { m.rests = false })
			sleep(time.Duration(random.IntN(30)) * time.Minute)
			p.start()
		}
		if step%10 == 9 {
			each(func(p *person, with string) {
				for _, text := range said(p, with) {
					if !slices.Contains(written[room(p, with)], text) {
						t.Fatalf("%s reads %q of %s, which nobody wrote there", p.name, text, with)
					}
				}
			})
		}
	}
	minutes := int(time.Since(began).Minutes())
	if behavesInTheEnd {
		m.set(func() { m.behaves = true })
		each(write)
		sleep(3 * 24 * time.Hour)
	} else {
		w.heal()
		sleep(time.Hour)
	}
	m.set(func() { m.rests = true })
	sleep(time.Second)

	each(func(p *person, with string) {
		got, want := said(p, with), slices.Clone(written[room(p, with)])
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s reads of %s\n%q, where was written\n%q", p.name, with, got, want)
		}
		for _, line := range p.log(with) {
			if line.Mine && line.Note == nil && line.State != kith.Delivered && !(behavesInTheEnd && line.State == kith.Held) {
				t.Errorf("%q of %s to %s is %s", line.Text, p.name, with, line.State)
			}
		}
	})
	for _, p := range all {
		count(p)
		list := must[[]kith.Peer](t)(correspondents(p))
		sessions := 0
		for _, peer := range list {
			known, err := p.node.run.store.Correspondent(t.Context(), peer)
			if err != nil {
				t.Fatal(err)
			}
			sessions = max(sessions, len(known.Sessions))
		}
		if len(list) != 2 || sessions > 64<<10 {
			t.Errorf("%s keeps sessions with %d devices, of at most %d bytes", p.name, len(list), sessions)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	counted := dropped["an envelope that does not open"] + dropped["an envelope beyond what a hub may send at a time"]
	if counted < m.bad || counted > m.gave {
		t.Errorf("of %d envelopes that Mallory gave out %d were bad, and %d were counted as dropped: %v", m.gave, m.bad, counted, dropped)
	}
	lines := a.wrote + b.wrote + c.wrote
	if most := 6*minutes + 6*lines; len(m.ever) > most { // each tells each other of what came every minute at most
		t.Errorf("%d envelopes were left for %d lines in %d minutes, more than %d", len(m.ever), lines, minutes, most)
	}
	t.Logf("%d lines, for which %d envelopes were left; %d were given out, %d of them bad; dropped: %v", lines, len(m.ever), m.gave, m.bad, dropped)
}

// correspondents are the devices with which somebody exchanged letters.
func correspondents(p *person) (peers []kith.Peer, err error) {
	list, err := p.node.run.store.Correspondents(p.t.Context())
	for _, c := range list {
		peers = append(peers, c.Peer)
	}
	return peers, err
}
