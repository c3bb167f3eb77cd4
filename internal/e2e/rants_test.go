//go:build linux

package e2e

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"kith"
	"kith/internal/lab"
	"kith/link"
	"kith/node"
	"kith/seal"
	"kith/wire"
)

// What a modified program may say, each in a talk of its own. The victim ends
// the link, or goes on without being impressed.
var rants = []struct {
	name string
	say  func(r *rant, seq uint64, victims node.Message) (took uint64) // how many numbers of the rogue's were used
	// ends: the victim ends the link because of it.
	ends bool
	// counted: it shows in the status.
	counted bool
}{
	{"noise", func(r *rant, _ uint64, _ node.Message) uint64 {
		noise := make([]byte, 64<<10)
		r.endlessly(10_000, func(int) error {
			rand.Read(noise)
			_, err := r.stream.Write(noise)
			return err
		})
		return 0
	}, true, true},
	{"a frame that claims 100 MB", func(r *rant, _ uint64, _ node.Message) uint64 {
		r.stream.Write(binary.AppendUvarint(nil, 100_000_000))
		r.endlessly(1000, func(int) error { _, err := r.stream.Write(make([]byte, 100_000)); return err })
		return 0
	}, true, true},
	{"frames of unknown kinds without end", func(r *rant, _ uint64, _ node.Message) uint64 {
		frame := append(binary.AppendUvarint(nil, 60_001), append([]byte{200}, make([]byte, 60_000)...)...)
		r.endlessly(10_000, func(int) error { _, err := r.stream.Write(frame); return err })
		return 0
	}, true, true},
	{"an empty body", func(r *rant, _ uint64, _ node.Message) uint64 {
		r.stream.Write([]byte{1, 5})
		return 0
	}, true, true},
	{"a request in a talk", func(r *rant, _ uint64, _ node.Message) uint64 {
		r.Write(wire.JoinRequest{Version: 1, Card: r.card, Half: seal.NewHalf()})
		return 0
	}, false, true},
	{"greetings from everywhere", func(r *rant, _ uint64, _ node.Message) uint64 {
		r.endlessly(2000, func(i int) error {
			hello := r.hello()
			hello.Addresses = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), uint16(1+i))}
			return r.Write(hello)
		})
		return 0
	}, false, false},
	{"nervous typing", func(r *rant, _ uint64, _ node.Message) uint64 {
		r.endlessly(20_000, func(i int) error { return r.Write(wire.Typing{Conversation: r.conv, Active: i%2 == 0}) })
		return 0
	}, false, false},
	{"vectors of unknown devices", func(r *rant, _ uint64, _ node.Message) uint64 {
		r.endlessly(100, func(i int) error {
			marks := kith.Vector{}
			for j := range wire.MaxMarks {
				marks[device(r.own.Account, i*wire.MaxMarks+j).Device] = kith.Mark{Seq: 1 << 50, ID: kith.NewEventID(kith.ConversationID{}, kith.AccountID{})}
			}
			return r.Write(wire.Have{Conversation: r.conv, Marks: marks})
		})
		return 0
	}, false, false},
	{"a vector that knows more of the victim than there is", func(r *rant, _ uint64, m node.Message) uint64 {
		r.Write(wire.Have{Conversation: r.conv, Marks: kith.Vector{r.link.Peer().Device: {Seq: 1000, ID: kith.NewEventID(kith.ConversationID{}, kith.AccountID{})}}})
		return 0
	}, false, false},
	{"another conversation", func(r *rant, seq uint64, _ node.Message) uint64 {
		frame := r.says(1, text(1))
		frame.Conversation = kith.DirectConversation(r.victim.Account, kith.AccountID{1})
		r.Write(frame)
		return 0
	}, false, true},
	{"events with wrong numbers", func(r *rant, seq uint64, _ node.Message) uint64 {
		r.Write(r.says(seq, text(seq+1)))
		return 0
	}, true, true},
	{"events after a gap", func(r *rant, seq uint64, _ node.Message) uint64 {
		r.Write(r.says(seq+10, text(seq+10)))
		return 0
	}, false, false},
	{"an edit of the victim's message", func(r *rant, seq uint64, m node.Message) uint64 {
		r.Write(r.says(seq, event(seq, kith.Edit{Message: m.ID, Text: "never said"})))
		return 1
	}, false, true},
	{"a deletion of the victim's message", func(r *rant, seq uint64, m node.Message) uint64 {
		r.Write(r.says(seq, event(seq, kith.Deletion{Message: m.ID})))
		return 1
	}, false, true},
	{"a text in the place of the victim's", func(r *rant, seq uint64, m node.Message) uint64 {
		ev := text(seq)
		ev.ID = m.ID
		r.Write(r.says(seq, ev))
		return 0
	}, true, true},
	{"the victim's words, from another device", func(r *rant, _ uint64, _ node.Message) uint64 {
		r.Write(r.saysAs(device(r.victim.Account, 1), 1, text(1)))
		return 0
	}, true, true},
	{"the victim's words, from its own device", func(r *rant, _ uint64, _ node.Message) uint64 {
		r.Write(r.saysAs(r.link.Peer(), 1, text(1)))
		return 0
	}, true, true},
	{"the victim's device as the rogue's", func(r *rant, _ uint64, _ node.Message) uint64 {
		r.Write(r.saysAs(kith.Peer{Account: r.own.Account, Device: r.link.Peer().Device}, 1, text(1)))
		return 0
	}, true, true},
	{"words of a third one", func(r *rant, _ uint64, _ node.Message) uint64 {
		r.Write(r.saysAs(device(kith.AccountID{3}, 1), 1, text(1)))
		return 0
	}, true, true},
	{"a text that is too long", func(r *rant, seq uint64, _ node.Message) uint64 {
		frame := r.says(seq, text(seq))
		ev := text(seq)
		ev.ID = kith.NewEventID(r.conv, r.own.Account)
		raw, err := cbor.Marshal([]any{ev.ID[:], ev.Seq, ev.Order, ev.Sent.UnixMilli(), kith.KindText, []any{strings.Repeat("x", kith.MaxText+1), []byte{}}})
		if err != nil {
			r.t.Fatal(err)
		}
		frame.Events[0].Raw = raw
		r.Write(frame)
		return 0
	}, true, true},
	{"a text from the end of time", func(r *rant, seq uint64, _ node.Message) uint64 {
		ev := text(seq)
		ev.Order = kith.MaxOrder - 1
		r.Write(r.says(seq, ev))
		return 1
	}, false, false},
	{"10,000 devices", func(r *rant, _ uint64, _ node.Message) uint64 {
		r.endlessly(10_000, func(i int) error { return r.Write(r.saysAs(device(r.own.Account, i), 1, text(1))) })
		return 0
	}, true, true},
}

// Whatever a contact's program says, the node of the other one lives, keeps
// its memory and its messages, counts it, and serves honest contacts.
func TestRogueContact(t *testing.T) {
	t.Parallel()
	people := inhabit(t, lab.Kith{Binary: lab.Plain(t)}, "Ann", "Bob")
	ann, bob := people[0], people[1]
	befriend(t, ann, bob)
	r := newRogue(t, ann.invite(t))
	mine := ann.says(t, &person{name: "Mallory"}, "what ann said")
	ctx, stop := context.WithCancel(t.Context())
	honest := bob.writers(ann, 1)
	var writing sync.WaitGroup
	writing.Go(func() { write(ctx, 50*time.Millisecond, 0, "", honest...) })
	defer writing.Wait()
	defer stop()
	seq := uint64(1)
	for _, rant := range rants {
		began := time.Now()
		before := ann.drops(t)
		talk := r.rant()
		used := rant.say(talk, seq, mine)
		if rant.ends {
			if why := talk.ended(); why != link.Violation {
				t.Errorf("%s: the link ended with: %v", rant.name, why)
			}
		}
		if rant.counted {
			lab.Eventually(t, soon, func() error {
				if now := ann.drops(t); maps.Equal(now, before) {
					return fmt.Errorf("%s: it is not counted in %v", rant.name, now)
				}
				return nil
			})
		}
		seq += used
		// It can still speak honestly, and be heard; in the same talk if that
		// goes on, so that all the rest was taken in before.
		if rant.ends {
			talk = r.rant()
		}
		plain := event(seq, kith.Text{Text: "honest after " + rant.name})
		seq++
		if err := talk.Write(r.says(plain.Seq, plain)); err != nil {
			t.Errorf("%s: %v", rant.name, err)
		}
		ann.has(t, "Mallory", "honest after "+rant.name)
		if now, err := ann.api.Message(t.Context(), mine.ID.String()); err != nil || now.Text != mine.Text || now.Deleted || now.Edited || now.From != mine.From {
			t.Errorf("%s: ann's message is now %+v, %v", rant.name, now, err)
		}
		start := time.Now()
		bob.is(t, bob.says(t, ann, "bob, after "+rant.name), kith.Delivered)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: an honest message took %v", rant.name, took)
		}
		t.Logf("%s: over after %v", rant.name, time.Since(began).Round(time.Millisecond))
	}
	later := ann.says(t, &person{name: "Mallory"}, "ann can still write")
	ann.has(t, "Mallory", later.Text)
	for _, m := range ann.all(t, "Mallory") {
		if m.From == mine.From && !slices.Contains([]string{mine.Text, later.Text}, m.Text) {
			t.Errorf("ann never said %q", m.Text)
		}
	}
	stop()
	writing.Wait()
	audit(t, ann, bob, honest...)
	const most = 192 << 20
	peak := peakRSS(t, ann)
	t.Logf("after all that ann's node has used %d MiB at most, and dropped %v", peak>>20, ann.drops(t))
	if peak > most {
		t.Errorf("ann's node used %d MiB", peak>>20)
	}
}

// drops counts what a node dropped.
func (p *person) drops(t *testing.T) map[string]int {
	t.Helper()
	s, err := p.api.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Dropped
}

// has waits until a text is among the newest of a conversation.
func (p *person) has(t *testing.T, with, text string) {
	t.Helper()
	lab.Eventually(t, soon, func() error {
		if !slices.ContainsFunc(p.all(t, with), func(m node.Message) bool { return m.Text == text }) {
			return fmt.Errorf("%s has no %q of %s", p.name, text, with)
		}
		return nil
	})
}

func (p *person) all(t *testing.T, with string) []node.Message {
	t.Helper()
	list, err := p.api.Log(t.Context(), with, node.Page{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
