package seal

import (
	"encoding/binary"
	"slices"

	"kith"
)

// A session begins as in PQXDH (Kret, Schmidt 2023), with what is at hand here:
// the secret of the pair takes the place of the identity keys. Only the two
// accounts know it, so whoever mixes it in is one of them; and as each of them
// could have written everything that the other did, nobody proves anything to a
// third.
//
//	keys = derive(shared ‖ secret, 160, "kith v1 envelope session",
//	              beginner's account, device, the other's account, device,
//	              generation:4 ‖ prekey id:8, prekey, enc)
//
// where enc, to the prekey, gives shared. The secret is that of PairSecret
// between contacts and of FellowSecret between fellow members.

// beginRatchet begins a session with the owner of a prekey.
func beginRatchet(me kith.Peer, secret kith.Secret, prekey Prekey, generation uint32, d draws) (*Ratchet, error) {
	enc, shared, err := d.encapsulate(prekey.public)
	if err != nil {
		return nil, kith.Errorf(kith.BadPeer, "the key that %s left is no key: %w", prekey.Owner.Device.Short(), err)
	}
	head := binary.BigEndian.AppendUint64([]byte{kindOpening}, prekey.ID)
	head = append(head, enc...)
	sender := slices.Concat(me.Account[:], me.Device[:], binary.BigEndian.AppendUint32(nil, generation))
	r := &Ratchet{
		id: sessionID(enc), generation: generation, begun: true,
		opening: newGCM(derive(shared, 32, labelSender)).Seal(head, make([]byte, gcmNonce), sender, head),
		own:     d.secret(),
	}
	r.start(sessionKeys(me, prekey.Owner, generation, prekey.ID, prekey.public, enc, shared, secret))
	return r, nil
}

func (r *Ratchet) start(keys []byte) {
	var receive chain
	r.root, r.send, receive = epochKeys(keys, 0, r.begun)
	r.receive = []chain{receive}
}

func sessionKeys(beginner, other kith.Peer, generation uint32, id uint64, public, enc, shared []byte, secret kith.Secret) []byte {
	numbers := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, generation), id)
	return derive(slices.Concat(shared, secret[:]), 160, labelSession,
		beginner.Account[:], beginner.Device[:], other.Account[:], other.Device[:], numbers, public, enc)
}

// An Opening is the first envelope of a session, read by the device whose prekey
// it was begun with. Who sent it is only said until Sessions.Accept.
type Opening struct {
	From       kith.Peer // whose sessions and secret to look for
	generation uint32
	me         kith.Peer
	prekeyID   uint64
	public     []byte
	shared     []byte
	parts      parts
}

// ReadOpening reads who begins a session by an envelope, with the secret half of
// the prekey that EnvelopePrekey names. An error is ErrOutOfStep or of kind
// kith.BadPeer.
func ReadOpening(me kith.Peer, prekey kith.Secret, envelope []byte) (*Opening, error) {
	p, err := cut(envelope)
	if err != nil {
		return nil, err
	}
	if p.kind != kindOpening {
		return nil, kith.Errorf(kith.BadPeer, "an envelope of the kind %d came in place of the beginning of a session", p.kind)
	}
	head, sealed := p.head[:9+kemEncapsulation], p.head[9+kemEncapsulation:]
	shared, err := decapsulate(prekey, head[9:])
	if err != nil {
		return nil, kith.Errorf(kith.BadPeer, "a session was begun with no key: %w", err)
	}
	sender, err := newGCM(derive(shared, 32, labelSender)).Open(nil, make([]byte, gcmNonce), sealed, head)
	if err != nil {
		return nil, ErrOutOfStep
	}
	return &Opening{
		From:       kith.Peer{Account: kith.AccountID(sender[:32]), Device: kith.DeviceID(sender[32:64])},
		generation: binary.BigEndian.Uint32(sender[64:]),
		me:         me, prekeyID: binary.BigEndian.Uint64(head[1:]), public: kemPublicOf(prekey),
		shared: shared, parts: p,
	}, nil
}

// ratchet makes the other end of a session and opens its first envelope.
func (o *Opening) ratchet(secret kith.Secret) (*Ratchet, []byte, error) {
	enc := o.parts.head[9 : 9+kemEncapsulation]
	r := &Ratchet{id: sessionID(enc), generation: o.generation}
	r.start(sessionKeys(o.From, o.me, o.generation, o.prekeyID, o.public, enc, o.shared, secret))
	header, ok := openHeader(r.receive[0].header, o.parts)
	if !ok {
		return nil, nil, kith.Errorf(kith.BadPeer, "somebody who does not share a secret with %s began a session in the name of %s", o.me.Account.Short(), o.From.Account.Short())
	}
	public := header[headerPlain:]
	if err := checkPublic(public); err != nil {
		return nil, nil, err
	}
	r.theirs = slices.Clone(public)
	return r.openAt(0, header, o.parts)
}
