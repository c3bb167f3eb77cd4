// Package wire holds every byte that two devices exchange. It parses and
// appends; it knows no clock, no socket and no key.
//
// Everything between devices is CBOR (RFC 8949) in its core deterministic
// encoding (section 4.2.1), and uses little of it: unsigned and signed
// integers, byte strings, text strings, booleans and arrays. A structure is an
// array whose elements have fixed places.
//
//	stream = { uvarint(length of kind and body) kind:byte body }
//	body   = array, by kind; see [Frame] and docs/protocol.md
//	raw    = [id, seq, order, sent, kind, body]                 an event
//	card   = [account, version, name, [device, …]]
//	signed = [bytes of the card, signature]
//	offer  = [answer, device, id, created, ufrag, pwd, [candidate, …]]
//
// A later version may add elements at the end of a structure, which a reader
// ignores, frames of new kinds, which a reader skips, and events of new kinds,
// which a reader keeps and passes on. It never changes what an element means.
//
// Two things leave the program as a line that people paste, an [Invitation]
// and a sealed offer:
//
//	kith:        base64url( payload checksum:4 )
//	kith-offer:  base64url( version tag:8 sealed checksum:4 )
//	kith-answer: the same
//
// Every size is bounded before memory is taken for it. Bytes that break a rule
// give an error of kind kith.BadPeer, a line that was pasted wrongly one of
// kind kith.Invalid.
package wire
