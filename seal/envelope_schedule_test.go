package seal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"kith"
)

// A post carries envelopes between two devices in any order.
type post struct {
	random *rand.Rand
	ways   [2][]letter
}

type letter struct {
	envelope []byte
	text     string
	opened   bool
}

// take takes a letter off a way, unless there is none or it gets lost. Sometimes
// a copy stays behind.
func (p *post) take(side int) (letter, bool) {
	way := p.ways[side]
	if len(way) == 0 {
		return letter{}, false
	}
	i, fate := p.random.IntN(len(way)), p.random.IntN(8)
	l := way[i]
	if fate == 1 {
		way[i].opened = true
	} else {
		p.ways[side] = slices.Delete(way, i, i+1)
	}
	return l, fate != 0
}

// Both devices begin sessions whenever they like. Every envelope that arrives
// opens once, and in the end both seal in the same session.
func TestSessionsUnderAnySchedule(t *testing.T) {
	for seed := range uint64(10) {
		p := &post{random: rand.New(rand.NewPCG(seed, 2))}
		a, b := devices(t)
		ends := []*device{a, b}
		begun, opened := 0, 0
		for step := range 300 {
			side := p.random.IntN(2)
			from, to := ends[side], ends[1-side]
			if from.s.Empty() || begun < MaxSessions && p.random.IntN(40) == 0 {
				from.begin(to)
				begun++
			}
			if p.random.IntN(2) == 0 {
				text := fmt.Sprint(side, " says ", step)
				p.ways[side] = append(p.ways[side], letter{from.seal(text), text, false})
				continue
			}
			l, ok := p.take(side)
			switch {
			case !ok:
			case l.opened:
				if _, err := to.open(l.envelope); err == nil {
					t.Fatal("a copy was opened")
				}
			default:
				to.reads(l.envelope, l.text)
				opened++
			}
			if step%20 == 0 {
				*to = *to.copy()
			}
		}
		if opened < 50 {
			t.Errorf("seed %d: only %d opened", seed, opened)
		}
		for range 2 { // both have heard of all sessions after this
			_, _ = b.open(a.seal("hello"))
			_, _ = a.open(b.seal("hello"))
		}
		converse(t, a, b)
	}
}

// Devices are rolled back, lose everything and lose envelopes, and ask for a
// new session when they can't open something. When that ends, they talk.
func TestSessionsHealWhateverHappens(t *testing.T) {
	for seed := range uint64(10) {
		p := &post{random: rand.New(rand.NewPCG(seed, 3))}
		a, b := devices(t)
		ends := []*device{a, b}
		old := []*device{a.copy(), b.copy()}
		deliver := func(side int, l letter) {
			to := ends[1-side]
			text, err := to.open(l.envelope)
			switch {
			case err == nil && l.text != "" && text != l.text:
				t.Fatalf("read %q, want %q", text, l.text)
			case errors.Is(err, ErrOutOfStep):
				wish := must(to.s.Reset(to.prekey(), pairSecret))
				p.ways[1-side] = append(p.ways[1-side], letter{envelope: wish})
			}
		}
		say := func(side int, text string) {
			if ends[side].s.Empty() {
				ends[side].begin(ends[1-side])
			}
			p.ways[side] = append(p.ways[side], letter{ends[side].seal(text), text, false})
		}
		for step := range 300 {
			side := p.random.IntN(2)
			switch d := ends[side]; p.random.IntN(30) {
			case 0:
				d.s = old[side].copy().s
			case 1:
				old[side] = d.copy()
			case 2:
				d.s = NewSessions(d.me, ends[1-side].me)
				d.prekeys = map[uint64]kith.Secret{}
			default:
				if p.random.IntN(2) == 0 {
					say(side, fmt.Sprint("step ", step))
				} else if l, ok := p.take(side); ok {
					deliver(side, l)
				}
			}
		}
		// Nothing old is on its way any more. A few exchanges mend everything.
		p.ways = [2][]letter{}
		for range 6 {
			for side := range ends {
				say(side, "are you there")
				for way := range ends {
					letters := p.ways[way]
					p.ways[way] = nil
					for _, l := range letters {
						deliver(way, l)
					}
				}
			}
		}
		converse(t, a, b)
	}
}

// A wish tells how far its sender counted, so that the new session is above
// those of both, though the one who begins it was rolled back.
func TestSessionsCountOn(t *testing.T) {
	a, b := devices(t)
	a.begin(b)
	converse(t, a, b)
	old := a.copy()
	for range 3 {
		a.begin(b)
		b.reads(a.seal("x"), "x")
	}
	*a = *old
	if _, err := a.open(must(b.s.Reset(b.prekey(), pairSecret))); err != nil {
		t.Fatal(err)
	}
	if a.s.generation() <= b.s.generation() {
		t.Errorf("after generation %d a session of generation %d was begun", b.s.generation(), a.s.generation())
	}
	b.reads(a.seal("anew"), "anew")
	converse(t, a, b)
}
