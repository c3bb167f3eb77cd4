package seal

import (
	"bytes"
	"testing"

	"kith"
)

// vectorEnds gives both ends of a session with fixed randomness: that of anna
// has made a turn, that of ben keeps a key that was skipped, and what it sealed
// is on its way.
func vectorEnds(t testing.TB) (a, b *Ratchet, onWay [][]byte) {
	t.Helper()
	p := new(tape)
	seed := p.draws().secret()
	a = must(beginRatchet(annaPeer, pairSecret, must(OpenPrekey(newPrekey(benDeviceKey, ben, 7, seed), benPeer)), 1, p.draws()))
	seal := func(from *Ratchet) (*Ratchet, []byte) {
		next, envelope, err := from.seal([]byte("text"), p.draws())
		if err != nil {
			t.Fatal(err)
		}
		return next, envelope
	}
	open := func(to *Ratchet, envelope []byte) *Ratchet {
		next, _, err := to.Open(envelope)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	a, opening := seal(a)
	b, _, err := must(ReadOpening(benPeer, seed, opening)).ratchet(pairSecret)
	if err != nil {
		t.Fatal(err)
	}
	b, turn := seal(b)
	a = open(a, turn)
	a, _ = seal(a)
	a, second := seal(a)
	b = open(b, second) // keeps a key
	b, small := seal(b)
	b, small2 := seal(b)
	return a, b, [][]byte{small, small2, opening, turn, second}
}

// Whatever comes, Open gives an error and no state, or a state that can be
// stored and loaded and that does not open the same again.
func FuzzOpenEnvelope(f *testing.F) {
	a, b, onWay := vectorEnds(f)
	for _, envelope := range onWay {
		f.Add(envelope)
	}
	before := stateOf(a)
	f.Fuzz(func(t *testing.T, envelope []byte) {
		for _, r := range []*Ratchet{a, b} {
			next, _, err := r.Open(envelope)
			if (err == nil) != (next != nil) {
				t.Fatalf("a state %v came with %v", next != nil, err)
			}
			if err != nil {
				if kind := kith.KindOf(err); kind != kith.BadPeer && kind != kith.Conflict {
					t.Fatalf("the error is of kind %s: %v", kind, err)
				}
				continue
			}
			if _, _, err := reload(next).Open(envelope); err == nil {
				t.Fatal("an envelope opened twice")
			}
		}
		if _, err := ReadOpening(benPeer, kith.Secret{1}, envelope); err != nil && kith.KindOf(err) == kith.Internal {
			t.Fatal(err)
		}
		if !bytes.Equal(stateOf(a), before) {
			t.Fatal("Open changed the state")
		}
	})
}

// A state that is taken is written again as it was, and works.
func FuzzUnmarshalRatchet(f *testing.F) {
	a, b, onWay := vectorEnds(f)
	f.Add(stateOf(a))
	f.Add(stateOf(b))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := new(Ratchet)
		if err := r.UnmarshalBinary(data); err != nil {
			if kith.KindOf(err) != kith.Damaged {
				t.Fatalf("the error is of kind %s: %v", kith.KindOf(err), err)
			}
			return
		}
		if back := stateOf(r); !bytes.Equal(back, data) {
			t.Fatalf("%x became %x", data, back)
		}
		if next, _, err := r.Seal([]byte("text")); err == nil {
			reload(next)
		}
		for _, envelope := range onWay {
			if next, _, err := r.Open(envelope); err == nil {
				reload(next)
			}
		}
	})
}

func FuzzUnmarshalSessions(f *testing.F) {
	a, b, _ := vectorEnds(f)
	s := &Sessions{me: annaPeer, them: benPeer, list: []*Ratchet{a, b}, answered: [][16]byte{{1}}}
	f.Add(must(s.MarshalBinary()))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := new(Sessions)
		if err := s.UnmarshalBinary(data); err != nil {
			if kith.KindOf(err) != kith.Damaged {
				t.Fatalf("the error is of kind %s: %v", kith.KindOf(err), err)
			}
			return
		}
		if back := must(s.MarshalBinary()); !bytes.Equal(back, data) {
			t.Fatalf("%x became %x", data, back)
		}
	})
}

// A wish for a session is granted to nobody by chance.
func FuzzAnswer(f *testing.F) {
	p := new(tape)
	s := NewSessions(benPeer, annaPeer)
	f.Add(must(NewSessions(annaPeer, benPeer).reset(newPrekey(annaDeviceKey, anna, 1, p.draws().secret()), pairSecret, p.draws())))
	f.Fuzz(func(t *testing.T, envelope []byte) {
		next, err := s.Answer(envelope, pairSecret)
		if (err == nil) != (next != nil) || err != nil && kith.KindOf(err) != kith.BadPeer {
			t.Fatalf("a state %v came with %v", next != nil, err)
		}
	})
}

// Every state cut off, and every one with a count that is too high, is refused.
func TestUnmarshalRefusesDamage(t *testing.T) {
	a, b, _ := vectorEnds(t)
	for _, r := range []*Ratchet{a, b} {
		state := stateOf(r)
		for n := range state {
			if err := new(Ratchet).UnmarshalBinary(state[:n]); kith.KindOf(err) != kith.Damaged {
				t.Fatalf("a state cut off at %d gave %v", n, err)
			}
		}
		for _, damaged := range [][]byte{append(bytes.Clone(state), 0), append([]byte{2}, state[1:]...)} {
			kept := reload(r)
			if err := kept.UnmarshalBinary(damaged); kith.KindOf(err) != kith.Damaged {
				t.Fatalf("a damaged state gave %v", err)
			}
			if !bytes.Equal(stateOf(kept), state) {
				t.Fatal("a damaged state was taken in part")
			}
		}
		huge := bytes.Clone(state)
		at := 2 + sessionIDSize + 4 + 32 + 72 + 8
		huge[at] = 0xff
		if err := new(Ratchet).UnmarshalBinary(huge); kith.KindOf(err) != kith.Damaged {
			t.Fatalf("65,000 chains gave %v", err)
		}
	}
	for what, spoil := range map[string]func(*Ratchet){
		"no key of either side":      func(r *Ratchet) { r.own, r.theirs = kith.Secret{}, nil },
		"a key of both sides":        func(r *Ratchet) { r.own, r.theirs = kith.Secret{1}, make([]byte, kemPublic) },
		"no chain":                   func(r *Ratchet) { r.receive = nil },
		"a chain left out":           func(r *Ratchet) { r.receive[0].epoch-- },
		"a chain of a later epoch":   func(r *Ratchet) { r.receive[len(r.receive)-1].epoch++ },
		"an epoch to send in beyond": func(r *Ratchet) { r.send.epoch++ },
		"a turn of another epoch":    func(r *Ratchet) { r.pending.send.epoch++ },
		"a turn still to come":       func(r *Ratchet) { r.pending.at = r.send.n + 1 },
		"an opening of the other":    func(r *Ratchet) { r.begun, r.opening = false, make([]byte, openingHead) },
	} {
		r := reload(a)
		spoil(r)
		if err := new(Ratchet).UnmarshalBinary(stateOf(r)); kith.KindOf(err) != kith.Damaged {
			t.Errorf("a state with %s gave %v", what, err)
		}
	}
}
