package seal

import (
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"kith"
)

// The labels of envelopes, each for one derivation.
const (
	labelSession   = "kith v1 envelope session"
	labelSessionID = "kith v1 envelope session id"
	labelSender    = "kith v1 envelope sender"
	labelEpoch     = "kith v1 envelope epoch"
	labelStep      = "kith v1 envelope step"
	labelReset     = "kith v1 envelope reset"
)

// A chain makes the keys of one direction in one epoch.
type chain struct {
	epoch  uint32
	n      uint32      // the number of the next envelope
	key    kith.Secret // from which its key comes
	header kith.Secret // the key of the headers, the same for the epoch
}

// next gives the key of the next envelope and forgets it.
func (c *chain) next() []byte {
	step := derive(c.key[:], 64, labelStep)
	c.n++
	c.key = kith.Secret(step[:32])
	return step[32:]
}

// A skippedKey opens an envelope that others overtook.
type skippedKey struct {
	epoch, n uint32
	key      kith.Secret
}

// A pastHeader is kept while a skipped key of its epoch is.
type pastHeader struct {
	epoch  uint32
	header kith.Secret
}

// epochKeys cuts what an epoch derives: root, and chain and header key of the
// direction of who began the session, then of the other.
func epochKeys(keys []byte, epoch uint32, begun bool) (root kith.Secret, send, receive chain) {
	root = kith.Secret(keys[:32])
	send = chain{epoch: epoch, key: kith.Secret(keys[32:64]), header: kith.Secret(keys[64:96])}
	receive = chain{epoch: epoch, key: kith.Secret(keys[96:128]), header: kith.Secret(keys[128:160])}
	if !begun {
		send, receive = receive, send
	}
	return root, send, receive
}

// nextEpoch derives the epoch after that of send from what a turn brought.
func (r *Ratchet) nextEpoch(secret, public, enc []byte) (root kith.Secret, send, receive chain) {
	epoch := r.send.epoch + 1
	number := binary.BigEndian.AppendUint32(nil, epoch)
	return epochKeys(derive(slices.Concat(r.root[:], secret), 160, labelEpoch, number, public, enc), epoch, r.begun)
}

// skip makes chain i the first of receive and steps it to number n. Keys that it
// passes over are kept, and those of the chains before, of which the last two
// had so many envelopes. It reports whether the gap is within bounds.
func (r *Ratchet) skip(i int, n uint32, before [2]uint32) bool {
	ends := make([]uint32, i+1)
	ends[i] = n
	gap := 0
	for j := range ends {
		if j < i {
			ends[j] = before[i-j-1]
		}
		gap += int(max(ends[j], r.receive[j].n) - r.receive[j].n)
		if gap > maxSkipped {
			return false
		}
	}
	for j, end := range ends {
		c := &r.receive[j]
		for c.n < end {
			epoch, number := c.epoch, c.n
			r.skipped = append(r.skipped, skippedKey{epoch, number, kith.Secret(c.next())})
		}
		if j < i {
			r.past = append(r.past, pastHeader{c.epoch, c.header})
		}
	}
	r.receive = r.receive[i:]
	r.skipped = r.skipped[max(0, len(r.skipped)-maxSkipped):]
	r.forget()
	return true
}

// forget drops header keys of epochs of which no key is kept.
func (r *Ratchet) forget() {
	r.past = slices.DeleteFunc(r.past, func(p pastHeader) bool {
		return !slices.ContainsFunc(r.skipped, func(k skippedKey) bool { return k.epoch == p.epoch })
	})
}

func openHeader(key kith.Secret, p parts) ([]byte, bool) {
	header, err := newGCM(key[:]).Open(nil, p.nonce, p.header, p.head)
	return header, err == nil
}

func openBody(key []byte, p parts) ([]byte, error) {
	padded, err := newGCM(key).Open(nil, p.nonce, p.body, p.before)
	if err != nil {
		return nil, ErrOutOfStep
	}
	return unpad(padded)
}

func checkPublic(public []byte) error {
	if _, err := hpke.MLKEM768X25519().NewPublicKey(public); err != nil {
		return kith.Errorf(kith.BadPeer, "the other device's key is no key: %w", err)
	}
	return nil
}

func sessionID(enc []byte) [sessionIDSize]byte {
	sum := sha256.Sum256(message(labelSessionID, enc))
	return [sessionIDSize]byte(sum[:])
}
