package seal

import (
	"errors"
	"testing"

	"kith"
)

// A device of a test: its sessions with the other one, and the secrets of the
// prekeys that it left.
type device struct {
	t       *testing.T
	me      kith.Peer
	s       *Sessions
	prekeys map[uint64]kith.Secret
	next    uint64
}

func devices(t *testing.T) (a, b *device) {
	return &device{t, annaPeer, NewSessions(annaPeer, benPeer), map[uint64]kith.Secret{}, 1},
		&device{t, benPeer, NewSessions(benPeer, annaPeer), map[uint64]kith.Secret{}, 1}
}

func (d *device) prekey() []byte {
	key := annaDeviceKey
	if d.me == benPeer {
		key = benDeviceKey
	}
	bundle, seed := NewPrekey(key, d.me.Account, d.next)
	d.prekeys[d.next] = seed
	d.next++
	return bundle
}

func (d *device) begin(with *device) {
	d.t.Helper()
	next, err := d.s.Begin(must(OpenPrekey(with.prekey(), with.me)), pairSecret)
	if err != nil {
		d.t.Fatal(err)
	}
	d.s = next
}

func (d *device) seal(text string) []byte {
	d.t.Helper()
	next, envelope, err := d.s.Seal([]byte(text))
	if err != nil {
		d.t.Fatal(err)
	}
	d.s = next
	return envelope
}

// open does what a node does with an envelope.
func (d *device) open(envelope []byte) (string, error) {
	if EnvelopeResets(envelope) {
		next, err := d.s.Answer(envelope, pairSecret)
		if err == nil {
			d.s = next
		}
		return "", err
	}
	next, text, err := d.s.Open(envelope)
	if id, ok := EnvelopePrekey(envelope); errors.Is(err, ErrOutOfStep) && ok {
		seed, have := d.prekeys[id]
		if !have {
			return "", err
		}
		o, readErr := ReadOpening(d.me, seed, envelope)
		if readErr != nil {
			return "", readErr
		}
		if next, text, err = d.s.Accept(o, pairSecret); err == nil {
			delete(d.prekeys, id)
		}
	}
	if err == nil {
		d.s = next
	}
	return string(text), err
}

func (d *device) reads(envelope []byte, want string) {
	d.t.Helper()
	if got, err := d.open(envelope); err != nil || got != want {
		d.t.Fatalf("read %q, %v, want %q", got, err, want)
	}
}

func (d *device) copy() *device {
	s := new(Sessions)
	if err := s.UnmarshalBinary(must(d.s.MarshalBinary())); err != nil {
		d.t.Fatal(err)
	}
	other := *d
	other.s = s
	return &other
}

func (d *device) sealsIn() [sessionIDSize]byte { return d.s.list[d.s.best()].id }

// converse checks that both read each other, and end up in one session.
func converse(t *testing.T, a, b *device) {
	t.Helper()
	for range 4 {
		b.reads(a.seal("from a"), "from a")
		a.reads(b.seal("from b"), "from b")
	}
	if a.sealsIn() != b.sealsIn() {
		t.Error("the two seal in different sessions")
	}
}

func TestSessions(t *testing.T) {
	a, b := devices(t)
	if _, _, err := a.s.Seal(nil); kith.KindOf(err) != kith.Conflict || !a.s.Empty() {
		t.Errorf("sealing without a session gave %v", err)
	}
	a.begin(b)
	first, second := a.seal("1"), a.seal("2")
	b.reads(second, "2") // the first is overtaken, and its prekey is used up
	b.reads(first, "1")
	for _, again := range [][]byte{first, second} {
		if _, err := b.open(again); !errors.Is(err, ErrReplayed) {
			t.Errorf("a copy of the beginning gave %v", err)
		}
	}
	converse(t, a, b)
	*a, *b = *a.copy(), *b.copy()
	converse(t, a, b)
}

// Both begin a session before either has heard of the other's.
func TestSessionsBegunAtOnce(t *testing.T) {
	for _, aFirst := range []bool{true, false} {
		a, b := devices(t)
		a.begin(b)
		b.begin(a)
		fromA, fromB, lateA := a.seal("a"), b.seal("b"), a.seal("late a")
		if aFirst {
			b.reads(fromA, "a")
			a.reads(fromB, "b")
		} else {
			a.reads(fromB, "b")
			b.reads(fromA, "a")
		}
		converse(t, a, b)
		b.reads(lateA, "late a")
		if lowerBegan := a.s.list[a.s.best()].begun; lowerBegan != (string(annaDevice[:]) < string(benDevice[:])) {
			t.Error("the session of the higher device is used")
		}
	}
}

// lost is what happens when what comes can't be opened: one wish for a session.
func heal(t *testing.T, asks, grants *device, undeliverable []byte) {
	t.Helper()
	if _, err := asks.open(undeliverable); !errors.Is(err, ErrOutOfStep) {
		t.Fatalf("what can't be opened gave %v", err)
	}
	wish, err := asks.s.Reset(asks.prekey(), pairSecret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := grants.open(wish); err != nil {
		t.Fatal(err)
	}
	if _, err := grants.open(wish); !errors.Is(err, ErrReplayed) {
		t.Errorf("a wish that was granted gave %v", err)
	}
	asks.reads(grants.seal("new session"), "new session")
	converse(t, asks, grants)
}

func TestSessionsHealAfterRollback(t *testing.T) {
	for _, rolled := range []int{1, 2, 9, 200} {
		for _, speaks := range []string{"the one rolled back", "the other"} {
			a, b := devices(t)
			a.begin(b)
			converse(t, a, b)
			old := a.copy()
			for i := range rolled {
				if i%3 == 0 || rolled < 3 {
					b.reads(a.seal("x"), "x")
				} else {
					a.reads(b.seal("x"), "x")
				}
			}
			*a = *old
			if speaks == "the other" {
				// What it seals may still fit the old state, or not.
				if envelope := b.seal("x"); rolled > 2 {
					heal(t, a, b, envelope)
					continue
				}
				continue
			}
			heal(t, b, a, a.seal("again"))
		}
	}
}

func TestSessionsHealAfterLoss(t *testing.T) {
	a, b := devices(t)
	a.begin(b)
	converse(t, a, b)
	a.s = NewSessions(annaPeer, benPeer)
	a.prekeys = map[uint64]kith.Secret{}
	heal(t, a, b, b.seal("for nobody"))

	// Or the one that lost all writes first: it is read, and what comes back
	// heals it.
	a.s = NewSessions(annaPeer, benPeer)
	a.begin(b)
	b.reads(a.seal("anew"), "anew")
	heal(t, a, b, b.seal("in a session that is lost"))

	// Both lost all, and the session of one names a prekey that is gone.
	a.begin(b)
	gone := a.seal("gone")
	b.s, b.prekeys = NewSessions(benPeer, annaPeer), map[uint64]kith.Secret{}
	heal(t, b, a, gone)
}

// More than five sessions are not kept, and the newest always works.
func TestSessionsAreBounded(t *testing.T) {
	a, b := devices(t)
	var first []byte
	for i := range 2 * MaxSessions {
		a.begin(b)
		envelope := a.seal("x")
		if i == 0 {
			first = envelope
		}
		b.reads(envelope, "x")
	}
	if len(a.s.list) != MaxSessions || len(b.s.list) != MaxSessions {
		t.Errorf("%d and %d sessions are kept", len(a.s.list), len(b.s.list))
	}
	if _, err := b.open(first); !errors.Is(err, ErrOutOfStep) {
		t.Errorf("the beginning of a session that was dropped gave %v", err)
	}
	converse(t, a, b)
	// A device that lost all begins with a low generation, and is still kept.
	a.s = NewSessions(annaPeer, benPeer)
	a.begin(b)
	b.reads(a.seal("low"), "low")
	b.reads(a.seal("low again"), "low again")
	for range 2 * maxAnswered {
		wish := must(b.s.Reset(b.prekey(), pairSecret))
		if _, err := a.open(wish); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.s.answered) != maxAnswered || len(a.s.list) != MaxSessions {
		t.Errorf("%d wishes and %d sessions are kept", len(a.s.answered), len(a.s.list))
	}
}

// Who does not know the secret of the pair can neither begin nor reset, and
// nothing goes to another device than it was meant for.
func TestSessionsRefuseStrangers(t *testing.T) {
	a, b := devices(t)
	wrong := kith.Secret{1}
	bundle := b.prekey()
	forged := must(a.s.Begin(must(OpenPrekey(bundle, benPeer)), wrong))
	_, envelope, err := forged.Seal([]byte("I am anna"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.open(envelope); kith.KindOf(err) != kith.BadPeer || !b.s.Empty() {
		t.Errorf("a stranger's session gave %v", err)
	}
	if _, err := b.open(must(a.s.Reset(a.prekey(), wrong))); kith.KindOf(err) != kith.BadPeer || !b.s.Empty() {
		t.Errorf("a stranger's wish gave %v", err)
	}
	// A wish sent back to whom it came from, and one with another's prekey.
	if _, err := a.open(must(a.s.Reset(a.prekey(), pairSecret))); kith.KindOf(err) != kith.BadPeer {
		t.Errorf("a wish that came back gave %v", err)
	}
	if _, err := b.open(must(a.s.Reset(bundle, pairSecret))); kith.KindOf(err) != kith.BadPeer {
		t.Errorf("a wish with the key of another device gave %v", err)
	}
	if _, err := a.s.Reset(bundle[1:], pairSecret); kith.KindOf(err) != kith.Invalid {
		t.Errorf("a wish without a key gave %v", err)
	}
	if _, err := b.s.Begin(must(OpenPrekey(bundle, benPeer)), pairSecret); kith.KindOf(err) != kith.BadPeer {
		t.Errorf("a session with oneself gave %v", err)
	}
	// Said to be for another device of ben's account.
	other := kith.Peer{Account: ben, Device: annaDevice}
	o := must(ReadOpening(other, b.prekeys[1], envelope))
	if _, _, err := NewSessions(other, annaPeer).Accept(o, wrong); kith.KindOf(err) != kith.BadPeer {
		t.Errorf("the session of another device gave %v", err)
	}
}
