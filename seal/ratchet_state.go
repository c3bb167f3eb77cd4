package seal

import (
	"encoding/binary"
	"slices"

	"kith"
)

// The state of a Ratchet as it is stored, integers big-endian:
//
//	01 ‖ flags:1 ‖ id:16 ‖ generation:4 ‖ root:32 ‖ send:72 ‖ before:4+4
//	‖ receive ‖ past ‖ skipped ‖ seen          each count:2 and so many, of 72, 36, 40, 12 bytes
//	‖ opening:1213 ‖ own:32 ‖ theirs:1216 ‖ turn:4+1120+32+72     each if its flag is set
//
// A chain is epoch:4 ‖ n:4 ‖ key:32 ‖ header:32, a skipped key epoch:4 ‖ n:4 ‖
// key:32, a header key of the past epoch:4 ‖ key:32.
const stateVersion = 1

const (
	flagBegun = 1 << iota
	flagOpening
	flagOwn
	flagTheirs
	flagTurn
	flagsAll = 1<<iota - 1
)

// MarshalBinary gives the state for the store. It holds keys: nobody else may
// see it.
func (r *Ratchet) MarshalBinary() ([]byte, error) {
	var flags byte
	for flag, set := range map[byte]bool{
		flagBegun: r.begun, flagOpening: r.opening != nil, flagOwn: r.own != kith.Secret{},
		flagTheirs: r.theirs != nil, flagTurn: r.pending != nil,
	} {
		if set {
			flags |= flag
		}
	}
	b := append([]byte{stateVersion, flags}, r.id[:]...)
	b = append(binary.BigEndian.AppendUint32(b, r.generation), r.root[:]...)
	b = binary.BigEndian.AppendUint32(appendChain(b, r.send), r.before[0])
	b = binary.BigEndian.AppendUint32(b, r.before[1])
	b = appendList(b, r.receive, appendChain)
	b = appendList(b, r.past, func(b []byte, p pastHeader) []byte {
		return append(binary.BigEndian.AppendUint32(b, p.epoch), p.header[:]...)
	})
	b = appendList(b, r.skipped, func(b []byte, k skippedKey) []byte {
		b = binary.BigEndian.AppendUint32(b, k.epoch)
		return append(binary.BigEndian.AppendUint32(b, k.n), k.key[:]...)
	})
	b = appendList(b, r.seen, func(b []byte, nonce [gcmNonce]byte) []byte { return append(b, nonce[:]...) })
	b = append(b, r.opening...)
	if flags&flagOwn != 0 {
		b = append(b, r.own[:]...)
	}
	b = append(b, r.theirs...)
	if t := r.pending; t != nil {
		b = append(binary.BigEndian.AppendUint32(b, t.at), t.enc...)
		b = appendChain(append(b, t.root[:]...), t.send)
	}
	return b, nil
}

func appendChain(b []byte, c chain) []byte {
	b = binary.BigEndian.AppendUint32(b, c.epoch)
	b = binary.BigEndian.AppendUint32(b, c.n)
	return append(append(b, c.key[:]...), c.header[:]...)
}

func appendList[T any](b []byte, list []T, one func([]byte, T) []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(list)))
	for _, v := range list {
		b = one(b, v)
	}
	return b
}

// UnmarshalBinary undoes MarshalBinary. An error is of kind kith.Damaged, and r
// is as it was.
func (r *Ratchet) UnmarshalBinary(data []byte) error {
	in := &reader{rest: data}
	version := in.take(1)[0]
	flags := in.take(1)[0]
	got := Ratchet{begun: flags&flagBegun != 0}
	copy(got.id[:], in.take(sessionIDSize))
	got.generation, got.root = in.number(), in.secret()
	got.send, got.before = in.chain(), [2]uint32{in.number(), in.number()}
	got.receive = readList(in, 3, (*reader).chain)
	got.past = readList(in, maxSkipped, func(in *reader) pastHeader { return pastHeader{in.number(), in.secret()} })
	got.skipped = readList(in, maxSkipped, func(in *reader) skippedKey { return skippedKey{in.number(), in.number(), in.secret()} })
	got.seen = readList(in, maxSeen, func(in *reader) [gcmNonce]byte { return [gcmNonce]byte(in.take(gcmNonce)) })
	if flags&flagOpening != 0 {
		got.opening = slices.Clone(in.take(openingHead))
	}
	if flags&flagOwn != 0 {
		got.own = in.secret()
	}
	if flags&flagTheirs != 0 {
		got.theirs = slices.Clone(in.take(kemPublic))
	}
	if flags&flagTurn != 0 {
		got.pending = &turn{at: in.number(), enc: slices.Clone(in.take(kemEncapsulation)), root: in.secret(), send: in.chain()}
	}
	if version != stateVersion || flags > flagsAll || in.short || len(in.rest) > 0 || !got.sound() {
		return kith.Errorf(kith.Damaged, "the state of a session for messages left behind is damaged or of a newer version: it must be begun anew")
	}
	*r = got
	return nil
}

// sound reports whether a state can have come about.
func (r *Ratchet) sound() bool {
	for i, c := range r.receive {
		if c.epoch-r.receive[0].epoch != uint32(i) {
			return false
		}
	}
	newest := r.send.epoch
	if r.pending != nil {
		newest++
		if r.pending.send.epoch != newest || r.pending.at > r.send.n {
			return false
		}
	}
	return len(r.receive) > 0 && r.receive[len(r.receive)-1].epoch == newest &&
		(r.opening == nil || r.begun && r.send.epoch == 0 && r.own != kith.Secret{}) &&
		(r.pending == nil || r.own != kith.Secret{}) &&
		(r.theirs == nil) == (r.own != kith.Secret{})
}

// A reader takes fixed pieces from the front, and notes when they ran short.
type reader struct {
	rest  []byte
	short bool
}

// take gives n bytes, zeros if there are not so many.
func (in *reader) take(n int) []byte {
	if len(in.rest) < n {
		in.short, in.rest = true, nil
		return make([]byte, n)
	}
	b := in.rest[:n]
	in.rest = in.rest[n:]
	return b
}

func (in *reader) number() uint32      { return binary.BigEndian.Uint32(in.take(4)) }
func (in *reader) secret() kith.Secret { return kith.Secret(in.take(32)) }

func (in *reader) chain() chain {
	return chain{epoch: in.number(), n: in.number(), key: in.secret(), header: in.secret()}
}

// readList reads at most most elements.
func readList[T any](in *reader, most int, one func(*reader) T) (list []T) {
	n := int(binary.BigEndian.Uint16(in.take(2)))
	if n > most {
		in.short = true
		return nil
	}
	for range n {
		if in.short {
			return nil
		}
		list = append(list, one(in))
	}
	return list
}
