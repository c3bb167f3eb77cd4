//go:build linux

package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	random "math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kith"
	"kith/convo"
	"kith/node"
	"kith/store"
	"kith/wire"
)

const (
	million  = 1_000_000
	together = 1000 // events of one author in a row, and in a transaction
	friends  = 100
)

// millionHome is the home of a node with a million messages: half of them with
// Bob, the others with 99 more contacts, all of about 200 bytes.
type millionHome struct {
	home    string
	bob     kith.ConversationID
	samples []kith.EventID // from all over the conversation with Bob
	words   []string       // the commonest first
}

// withMillion makes the home, once for all benchmarks that want it.
func withMillion(b *testing.B) *millionHome {
	b.Helper()
	if shared.million != nil {
		return shared.million
	}
	m := &millionHome{home: filepath.Join(shared.dir, "million"), words: vocabulary()}
	n := mustOpen(b, m.home)
	me, err := n.Me(b.Context())
	mustClose(b, n)
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	if err := m.fill(b.Context(), me.Account); err != nil {
		b.Fatal(err)
	}
	b.Logf("a million messages were written in %v", time.Since(begin).Round(time.Second))
	shared.million = m
	return m
}

func (m *millionHome) fill(ctx context.Context, own kith.AccountID) (err error) {
	st, err := store.Open(ctx, filepath.Join(m.home, "kith.db"), store.Options{
		Account: own, Rules: store.Rules{Parse: wire.ParseEvent, Fold: convo.Fold},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	people := make([]kith.Contact, friends)
	for i := range people {
		people[i] = somebody(i)
	}
	m.bob = kith.DirectConversation(own, people[0].Account)
	err = st.Update(ctx, func(tx *store.Tx) error {
		var errs []error
		for _, c := range people {
			errs = append(errs, tx.PutContact(c), tx.EnsureDirect(kith.DirectConversation(own, c.Account), c.Account))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return err
	}
	begin := time.Now().Add(-million * time.Second)
	speak := m.speaker()
	written := map[kith.Peer]uint64{}
	for i := 0; i < million; i += together {
		c := people[0]
		if turn := i / together; turn%2 == 1 {
			c = people[1+turn/2%(friends-1)]
		}
		who := kith.Peer{Account: c.Account, Device: c.Card.Devices[0]}
		conv := kith.DirectConversation(own, c.Account)
		events := make([]kith.Event, together)
		for j := range events {
			sent := begin.Add(time.Duration(i+j) * time.Second)
			ev := kith.Event{
				ID: kith.NewEventID(conv, c.Account), Seq: written[who] + uint64(j) + 1,
				Order: uint64(sent.UnixMilli()), Sent: sent.Truncate(time.Millisecond),
				Body: kith.Text{Text: speak()}, Proof: make([]byte, 16),
			}
			if ev.Raw, err = wire.AppendEvent(nil, &ev); err != nil {
				return err
			}
			events[j] = ev
		}
		if _, err := st.Apply(ctx, conv, who, written[who]+1, events, store.ApplyOptions{}); err != nil {
			return err
		}
		written[who] += together
		if conv == m.bob {
			m.samples = append(m.samples, events[random.IntN(together)].ID)
		}
	}
	_, err = st.Search(ctx, m.words[0], nil, 1) // waits for the index
	return err
}

// somebody is a contact who is never there.
func somebody(i int) kith.Contact {
	c := kith.Contact{Relation: kith.Accepted, Added: time.Now()}
	rand.Read(c.Account[:])
	rand.Read(c.Pair[:])
	var device kith.DeviceID
	rand.Read(device[:])
	c.Card = kith.Card{Account: c.Account, Version: 1, Name: fmt.Sprintf("Friend %d", i), Devices: []kith.DeviceID{device}}
	return c
}

// vocabulary is 100,000 made-up words, always the same.
func vocabulary() []string {
	rng := random.New(random.NewPCG(1, 2))
	syllables := strings.Fields("ka me lo ri sun ter ven al bo qui dra pel mor nis tan ge fo wi cha stre un re ing ed er ly tion")
	seen := map[string]bool{}
	var words []string
	for len(words) < 100_000 {
		var b strings.Builder
		for range 1 + rng.IntN(4) {
			b.WriteString(syllables[rng.IntN(len(syllables))])
		}
		if word := b.String(); !seen[word] {
			seen[word] = true
			words = append(words, word)
		}
	}
	return words
}

// speaker makes texts of about 200 bytes, in which words are as common as
// Zipf's law has it.
func (m *millionHome) speaker() func() string {
	rng := random.New(random.NewPCG(3, 4))
	zipf := random.NewZipf(rng, 1.07, 3, uint64(len(m.words)-1))
	return func() string {
		var b strings.Builder
		for b.Len() < 195 {
			b.WriteString(m.words[zipf.Uint64()])
			b.WriteByte(' ')
		}
		return b.String()[:min(b.Len(), 200)]
	}
}

const questionsPerRun = 1000

// BenchmarkMillion: how soon a node with a million messages answers.
func BenchmarkMillion(b *testing.B) {
	m := withMillion(b)
	n := mustOpen(b, m.home)
	defer mustClose(b, n)
	search := func(words string) error {
		_, err := n.Search(b.Context(), words, "", 50)
		return err
	}
	for _, ask := range []struct {
		name, what string
		do         func() error
	}{
		{"common", "1,000,000 messages: newest 50 for one of the 20 commonest words", func() error { return search(m.words[random.IntN(20)]) }},
		{"rare", "… for a word that few messages hold", func() error { return search(m.words[20_000+random.IntN(80_000)]) }},
		{"page", "… a page of 50 messages, anywhere in a conversation of 500,000", func() error {
			_, err := n.Log(b.Context(), m.bob.String(), node.Page{Before: m.samples[random.IntN(len(m.samples))]})
			return err
		}},
	} {
		b.Run(ask.name, func(b *testing.B) {
			f := newFigure(figure{what: ask.what, aim: "p99 ≤ 5 ms", unit: "ms", met: func(_, p99 float64) bool { return p99 <= 5 }})
			for b.Loop() {
				samples := make([]float64, 0, questionsPerRun)
				for range questionsPerRun {
					begin := time.Now()
					if err := ask.do(); err != nil {
						b.Fatal(err)
					}
					samples = append(samples, milliseconds(time.Since(begin)))
				}
				f.addSamples(samples)
			}
			f.report(b, "answer")
		})
	}
}

// BenchmarkStart: from the start of the program to its ready line.
func BenchmarkStart(b *testing.B) {
	m := withMillion(b)
	for _, start := range []struct{ name, what, home string }{
		{"million", "start to ready, 1,000,000 messages", m.home},
		{"empty", "… with no messages", newDir(b)},
	} {
		b.Run(start.name, func(b *testing.B) {
			f := newFigure(figure{what: start.what, aim: "≤ 300 ms", unit: "ms", met: func(v, _ float64) bool { return v <= 300 }})
			startKith(b, start.home).stop(b) // the keys of a new home are made
			for b.Loop() {
				for range 5 {
					p := startKith(b, start.home)
					f.add(milliseconds(p.up))
					p.stop(b)
				}
			}
			f.report(b, "ready")
		})
	}
}
