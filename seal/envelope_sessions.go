package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"kith"
)

// Sessions are all sessions of this device with one other device. There may be
// several, because both began one at once, or because one was begun in place of
// another that broke. All of them open. One seals: that of the highest
// generation, which is one more than the highest that its beginner knew; of two
// that were begun at once, that of the lower device (bytes compared).
//
// Like a Ratchet, Sessions are never changed: methods give the next ones.
type Sessions struct {
	me, them kith.Peer
	list     []*Ratchet // oldest first
	answered [][16]byte // wishes for a new session, so that none is granted twice
}

const (
	// MaxSessions is how many sessions of a pair of devices are kept. Of more,
	// those that would seal last are dropped.
	MaxSessions = 5
	maxAnswered = 32

	sessionsVersion = 1
	maxState        = 128 << 10 // bytes, more than any state of a Ratchet has
	resetSize       = 1 + gcmNonce + 4 + PrekeySize + gcmTag
)

// NewSessions gives the sessions of two devices that have none yet.
func NewSessions(me, them kith.Peer) *Sessions { return &Sessions{me: me, them: them} }

// Empty reports whether there is no session to seal with: Begin one.
func (s *Sessions) Empty() bool { return len(s.list) == 0 }

// Begin begins a session with a prekey of the other device. secret is what the
// two accounts share: PairSecret of contacts, FellowSecret of fellow members.
func (s *Sessions) Begin(prekey Prekey, secret kith.Secret) (next *Sessions, err error) {
	return s.begin(prekey, secret, 0, fresh)
}

func (s *Sessions) begin(prekey Prekey, secret kith.Secret, known uint32, d draws) (*Sessions, error) {
	if prekey.Owner != s.them {
		return nil, kith.Errorf(kith.BadPeer, "the device %s left a key in place of %s", prekey.Owner.Device.Short(), s.them.Device.Short())
	}
	generation := max(known, s.generation())
	if generation+1 == 0 {
		return nil, kith.Errorf(kith.BadPeer, "the device %s counts more sessions than there can be", s.them.Device.Short())
	}
	r, err := beginRatchet(s.me, secret, prekey, generation+1, d)
	if err != nil {
		return nil, err
	}
	return s.with(r), nil
}

// Seal makes an envelope of a text of at most MaxEnvelopeText bytes. Store next
// before the envelope leaves. An error is of kind kith.Conflict if there is no
// session, of kind kith.Invalid if the text is too long.
func (s *Sessions) Seal(text []byte) (next *Sessions, envelope []byte, err error) {
	if s.Empty() {
		return nil, nil, kith.Errorf(kith.Conflict, "there is no session with the device %s: begin one with a key that it left", s.them.Device.Short())
	}
	i := s.best()
	r, envelope, err := s.list[i].Seal(text)
	if err != nil {
		return nil, nil, err
	}
	return s.replace(i, r), envelope, nil
}

// Open opens an envelope of one of the sessions. Store next with the text. An
// envelope that begins a session, of which EnvelopePrekey tells, fails by
// ErrOutOfStep if the session is not known: then ReadOpening and Accept.
func (s *Sessions) Open(envelope []byte) (next *Sessions, text []byte, err error) {
	err = ErrOutOfStep
	for i := len(s.list) - 1; i >= 0; i-- {
		r, text, openErr := s.list[i].Open(envelope)
		if openErr == nil {
			return s.replace(i, r), text, nil
		}
		if !errors.Is(openErr, ErrOutOfStep) {
			return nil, nil, openErr
		}
	}
	return nil, nil, err
}

// Accept takes up a session that the other device began, and opens its first
// envelope. Delete the prekey's secret in the transaction that stores next. An
// error is of kind kith.BadPeer: who sent it does not know the secret.
func (s *Sessions) Accept(o *Opening, secret kith.Secret) (next *Sessions, text []byte, err error) {
	if o.From != s.them || o.me != s.me {
		return nil, nil, kith.Errorf(kith.BadPeer, "the device %s began a session in place of %s", o.From.Device.Short(), s.them.Device.Short())
	}
	r, text, err := o.ratchet(secret)
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(s.list, func(have *Ratchet) bool { return have.id == r.id }) {
		return nil, nil, ErrReplayed
	}
	return s.with(r), text, nil
}

// Reset makes the envelope by which a device that can't open what comes asks for
// a new session, with a fresh prekey of its own:
//
//	04 ‖ nonce:12 ‖ AES-256-GCM(generation:4 ‖ prekey bundle)
//
// under derive(secret, 32, "kith v1 envelope reset", its account, device, the
// receiver's account, device). So only the two accounts can ask. Texts that the
// other device sealed in vain are not in it: they are still owed.
func (s *Sessions) Reset(bundle []byte, secret kith.Secret) ([]byte, error) {
	return s.reset(bundle, secret, fresh)
}

func (s *Sessions) reset(bundle []byte, secret kith.Secret, d draws) ([]byte, error) {
	if len(bundle) != PrekeySize {
		return nil, kith.Errorf(kith.Invalid, "a key of %d bytes can't go with a wish for a new session, it must have %d", len(bundle), PrekeySize)
	}
	var nonce [gcmNonce]byte
	d.read(nonce[:])
	head := []byte{kindReset}
	plain := append(binary.BigEndian.AppendUint32(nil, s.generation()), bundle...)
	return newGCM(resetKey(secret, s.me, s.them)).Seal(slices.Concat(head, nonce[:]), nonce[:], plain, head), nil
}

// Answer does what a Reset of the other device asks: the next Seal is in a new
// session. An error is ErrReplayed if this very wish was granted, else of kind
// kith.BadPeer.
func (s *Sessions) Answer(envelope []byte, secret kith.Secret) (next *Sessions, err error) {
	return s.answer(envelope, secret, fresh)
}

func (s *Sessions) answer(envelope []byte, secret kith.Secret, d draws) (*Sessions, error) {
	if !EnvelopeResets(envelope) {
		return nil, kith.Errorf(kith.BadPeer, "the wish of %s for a new session has a form that this version does not know", s.them.Device.Short())
	}
	nonce, sealed := envelope[1:1+gcmNonce], envelope[1+gcmNonce:]
	plain, err := newGCM(resetKey(secret, s.them, s.me)).Open(nil, nonce, sealed, envelope[:1])
	if err != nil {
		return nil, kith.Errorf(kith.BadPeer, "a wish for a new session does not come from %s", s.them.Device.Short())
	}
	mark := [16]byte(envelope[len(envelope)-gcmTag:])
	if slices.Contains(s.answered, mark) {
		return nil, ErrReplayed
	}
	prekey, err := OpenPrekey(plain[4:], s.them)
	if err != nil {
		return nil, err
	}
	next, err := s.begin(prekey, secret, binary.BigEndian.Uint32(plain), d)
	if err != nil {
		return nil, err
	}
	next.answered = append(slices.Clone(s.answered), mark)
	next.answered = next.answered[max(0, len(next.answered)-maxAnswered):]
	return next, nil
}

func resetKey(secret kith.Secret, from, to kith.Peer) []byte {
	return derive(secret[:], 32, labelReset, from.Account[:], from.Device[:], to.Account[:], to.Device[:])
}

// generation is the highest of the sessions, 0 if there is none.
func (s *Sessions) generation() (highest uint32) {
	for _, r := range s.list {
		highest = max(highest, r.generation)
	}
	return highest
}

// best is the place of the session that seals.
func (s *Sessions) best() int {
	best := 0
	for i := range s.list {
		if !s.before(s.list[best], s.list[i]) {
			best = i
		}
	}
	return best
}

// before reports whether a seals rather than b, which is newer.
func (s *Sessions) before(a, b *Ratchet) bool {
	if a.generation != b.generation {
		return a.generation > b.generation
	}
	lower := bytes.Compare(s.me.Device[:], s.them.Device[:]) < 0
	return a.begun != b.begun && a.begun == lower
}

// with adds a session, in place of the least if there are too many.
func (s *Sessions) with(r *Ratchet) *Sessions {
	next := *s
	next.list = append(slices.Clone(s.list), r)
	if len(next.list) > MaxSessions {
		least := 0 // but not the new one, which the other side goes on with
		for i := range s.list {
			if s.before(next.list[least], next.list[i]) {
				least = i
			}
		}
		next.list = slices.Delete(next.list, least, least+1)
	}
	return &next
}

func (s *Sessions) replace(i int, r *Ratchet) *Sessions {
	next := *s
	next.list = slices.Clone(s.list)
	next.list[i] = r
	return &next
}

// MarshalBinary gives the sessions for the store. It holds keys.
func (s *Sessions) MarshalBinary() ([]byte, error) {
	b := slices.Concat([]byte{sessionsVersion}, s.me.Account[:], s.me.Device[:], s.them.Account[:], s.them.Device[:])
	b = appendList(b, s.answered, func(b []byte, mark [16]byte) []byte { return append(b, mark[:]...) })
	return appendList(b, s.list, func(b []byte, r *Ratchet) []byte {
		state, _ := r.MarshalBinary() // has no error
		return append(binary.BigEndian.AppendUint32(b, uint32(len(state))), state...)
	}), nil
}

// UnmarshalBinary undoes MarshalBinary. An error is of kind kith.Damaged, and s
// is as it was.
func (s *Sessions) UnmarshalBinary(data []byte) error {
	in := &reader{rest: data}
	version := in.take(1)[0]
	peer := func() kith.Peer {
		return kith.Peer{Account: kith.AccountID(in.take(32)), Device: kith.DeviceID(in.take(32))}
	}
	got := Sessions{me: peer(), them: peer()}
	got.answered = readList(in, maxAnswered, func(in *reader) [16]byte { return [16]byte(in.take(16)) })
	damaged := false
	got.list = readList(in, MaxSessions, func(in *reader) *Ratchet {
		r := new(Ratchet)
		size := in.number()
		if size > maxState || r.UnmarshalBinary(in.take(int(size))) != nil {
			damaged = true
		}
		return r
	})
	if version != sessionsVersion || in.short || len(in.rest) > 0 || damaged {
		return kith.Errorf(kith.Damaged, "the sessions for messages left behind are damaged or of a newer version: they must be begun anew")
	}
	*s = got
	return nil
}
