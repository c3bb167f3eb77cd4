package seal

import (
	"encoding/binary"
	"math"
	"slices"

	"kith"
)

// A Ratchet is one device's end of a session with one other device, for
// envelopes: a double ratchet with header encryption (Perrin, Marlinspike 2016)
// whose asymmetric step is a key encapsulation (Alwen, Coretti, Dodis 2019).
//
// A session goes through epochs, each with two chains, one for each direction.
// Epoch 0 comes from a prekey and the secret of the pair. Every next one comes
// from a turn: a device sends a fresh public key and what it encapsulated to
// the other's last one. The two take turns. A new epoch is used for sending only
// once the other side is known to have it: by the one who got the turn at once,
// by the one who made it on the first answer. So whatever is lost, every
// envelope that arrives can be opened, and only the turn is large.
//
// Within a chain each envelope has a key of its own, and the chain forgets it.
// The keys of up to 1000 envelopes that were overtaken are kept for them.
//
// A Ratchet is never changed. Seal and Open give the next one. Store that of
// Seal before the envelope leaves, and that of Open with what it brought; then
// drop this one. Two envelopes sealed by one and the same Ratchet, as after a
// backup was restored, do not share key and nonce both, for the nonce is random.
type Ratchet struct {
	id         [sessionIDSize]byte
	generation uint32 // of two sessions of a pair the higher is used to send
	begun      bool   // we began it

	opening []byte // what begins each envelope until the first answer, if we began it

	root    kith.Secret
	send    chain
	before  [2]uint32 // how many we sent in the epoch before that of send, and in the one before that
	receive []chain   // one to three epochs; the first is the newest in which something came
	past    []pastHeader
	skipped []skippedKey // oldest first
	seen    [][gcmNonce]byte

	own     kith.Secret // the seed of the key that the other side has of us; zero if it was used
	theirs  []byte      // the key of the other side that we may encapsulate to; nil if it was used
	pending *turn       // ours, until the other side is seen to have it
}

// A turn is the next epoch, which we made and the other side may not have.
type turn struct {
	enc  []byte
	at   uint32 // the number of the envelope that brought it first
	root kith.Secret
	send chain
}

const (
	sessionIDSize = 16
	// maxSkipped bounds how many keys of overtaken envelopes are kept, and how
	// many envelopes may be missing before one that is opened.
	maxSkipped = 1000
	// maxSeen bounds how many opened envelopes are remembered to tell a copy of
	// one from a sender whose state was rolled back.
	maxSeen = 128
	// turnAgain is after how many envelopes a turn without answer is repeated.
	turnAgain = 16
)

// String hides the keys.
func (*Ratchet) String() string { return "secret" }

// GoString hides the keys.
func (*Ratchet) GoString() string { return "secret" }

// Seal makes the envelope of a text of at most MaxEnvelopeText bytes, and the
// state after it. An error is of kind kith.Invalid: the text is too long.
func (r *Ratchet) Seal(text []byte) (next *Ratchet, envelope []byte, err error) {
	return r.seal(text, fresh)
}

func (r *Ratchet) seal(text []byte, d draws) (*Ratchet, []byte, error) {
	if len(text) > MaxEnvelopeText {
		return nil, nil, kith.Errorf(kith.Invalid, "%d bytes are too much for one envelope, which takes %d: send it in parts", len(text), MaxEnvelopeText)
	}
	if r.send.n == math.MaxUint32 {
		return nil, nil, kith.Errorf(kith.Conflict, "the session has no more numbers: begin a new one")
	}
	next := r.clone()
	if next.theirs != nil {
		if err := next.offer(d); err != nil {
			return nil, nil, err
		}
	}
	head, header := []byte{kindMessage}, next.header()
	switch {
	case next.opening != nil:
		head, header = next.opening, append(header, kemPublicOf(next.own)...)
	case next.pending != nil && (next.send.n-next.pending.at)%turnAgain == 0:
		head, header = []byte{kindTurn}, slices.Concat(header, kemPublicOf(next.own), next.pending.enc)
	}
	var nonce [gcmNonce]byte
	d.read(nonce[:])
	envelope := slices.Concat(head, nonce[:])
	envelope = newGCM(next.send.header[:]).Seal(envelope, nonce[:], header, head)
	envelope = newGCM(next.send.next()).Seal(envelope, nonce[:], pad(text), envelope)
	return next, envelope, nil
}

func (r *Ratchet) header() []byte {
	b := make([]byte, 0, headerPlain+kemPublic+kemEncapsulation+gcmTag)
	b = binary.BigEndian.AppendUint32(b, r.send.n)
	b = binary.BigEndian.AppendUint32(b, r.before[0])
	return binary.BigEndian.AppendUint32(b, r.before[1])
}

// offer makes a turn: it is ours to make one.
func (r *Ratchet) offer(d draws) error {
	enc, secret, err := d.encapsulate(r.theirs)
	if err != nil {
		return kith.Errorf(kith.BadPeer, "the other device's key is no key: %w", err)
	}
	r.own, r.theirs = d.secret(), nil
	t := turn{enc: enc, at: r.send.n}
	var receive chain
	t.root, t.send, receive = r.nextEpoch(secret, kemPublicOf(r.own), enc)
	r.pending, r.receive = &t, append(r.receive, receive)
	return nil
}

// Open gives what an envelope of this session holds, and the state after it. If
// it fails there is no next state, and this one still stands. It fails by
// ErrReplayed, ErrOutOfStep, or an error of kind kith.BadPeer.
func (r *Ratchet) Open(envelope []byte) (next *Ratchet, text []byte, err error) {
	p, err := cut(envelope)
	if err != nil {
		return nil, nil, err
	}
	if slices.Contains(r.seen, [gcmNonce]byte(p.nonce)) {
		return nil, nil, ErrReplayed
	}
	if p.kind == kindOpening && sessionID(p.head[9:9+kemEncapsulation]) != r.id {
		return nil, nil, ErrOutOfStep
	}
	for i := range r.receive {
		if header, ok := openHeader(r.receive[i].header, p); ok {
			return r.openAt(i, header, p)
		}
	}
	for _, past := range r.past {
		if header, ok := openHeader(past.header, p); ok {
			return r.openSkipped(past.epoch, header, p)
		}
	}
	return nil, nil, ErrOutOfStep
}

// openAt opens an envelope of the i-th chain of receive.
func (r *Ratchet) openAt(i int, header []byte, p parts) (*Ratchet, []byte, error) {
	n := binary.BigEndian.Uint32(header)
	if n < r.receive[i].n {
		return r.openSkipped(r.receive[i].epoch, header, p)
	}
	next := r.clone()
	if !next.skip(i, n, [2]uint32{binary.BigEndian.Uint32(header[4:]), binary.BigEndian.Uint32(header[8:])}) {
		return nil, nil, ErrOutOfStep
	}
	text, err := openBody(next.receive[0].next(), p)
	if err != nil {
		return nil, nil, err
	}
	next.opening = nil
	next.adopt()
	if p.kind == kindTurn {
		if err := next.accept(header[headerPlain:headerPlain+kemPublic], header[headerPlain+kemPublic:]); err != nil {
			return nil, nil, err
		}
	}
	next.remember(p.nonce)
	return next, text, nil
}

// openSkipped opens an envelope that others overtook. A turn in it is stale.
func (r *Ratchet) openSkipped(epoch uint32, header []byte, p parts) (*Ratchet, []byte, error) {
	n := binary.BigEndian.Uint32(header)
	i := slices.IndexFunc(r.skipped, func(k skippedKey) bool { return k.epoch == epoch && k.n == n })
	if i < 0 {
		return nil, nil, ErrOutOfStep
	}
	text, err := openBody(r.skipped[i].key[:], p)
	if err != nil {
		return nil, nil, err
	}
	next := r.clone()
	next.skipped = slices.Delete(next.skipped, i, i+1)
	// A turn that was overtaken within the newest epoch is not stale.
	if p.kind == kindTurn && epoch == next.send.epoch {
		if err := next.accept(header[headerPlain:headerPlain+kemPublic], header[headerPlain+kemPublic:]); err != nil {
			return nil, nil, err
		}
	}
	next.forget()
	next.remember(p.nonce)
	return next, text, nil
}

// adopt makes our turn the epoch to send in, once something came in it.
func (r *Ratchet) adopt() {
	if r.pending == nil || r.receive[0].epoch != r.pending.send.epoch {
		return
	}
	r.enter(r.pending.root, r.pending.send)
	r.pending = nil
}

// accept takes the other side's turn, unless it is one that we have.
func (r *Ratchet) accept(public, enc []byte) error {
	if r.receive[0].epoch < r.send.epoch {
		return nil
	}
	if r.pending != nil || r.own == (kith.Secret{}) {
		return kith.Errorf(kith.BadPeer, "the other device turned the key when it was not its turn")
	}
	if err := checkPublic(public); err != nil {
		return err
	}
	secret, err := decapsulate(r.own, enc)
	if err != nil {
		return kith.Errorf(kith.BadPeer, "the other device turned the key to none: %w", err)
	}
	root, send, receive := r.nextEpoch(secret, public, enc)
	r.enter(root, send)
	r.receive = append(r.receive, receive)
	r.own, r.theirs = kith.Secret{}, slices.Clone(public)
	return nil
}

func (r *Ratchet) enter(root kith.Secret, send chain) {
	r.before = [2]uint32{r.send.n, r.before[0]}
	r.root, r.send = root, send
}

// remember keeps the nonces of the envelopes opened last.
func (r *Ratchet) remember(nonce []byte) {
	r.seen = append(r.seen, [gcmNonce]byte(nonce))
	r.seen = r.seen[max(0, len(r.seen)-maxSeen):]
}

// clone copies what Seal and Open change.
func (r *Ratchet) clone() *Ratchet {
	next := *r
	next.receive = slices.Clone(r.receive)
	next.past = slices.Clone(r.past)
	next.skipped = slices.Clone(r.skipped)
	next.seen = slices.Clone(r.seen)
	return &next
}
