// Package session makes links across the internet.
//
// An [Endpoint] has one UDP port, for IPv4 and IPv6, and two ways to a link.
// Either way the link itself is QUIC (RFC 9000): TLS 1.3 with the certificates
// of both devices, and streams, each of which begins with its purpose byte.
// Who carried an address or an offer is never asked: only the handshake says
// who is there.
//
// # The door
//
// The port answers nobody who does not hold the key of one of its doors; to a
// stranger, a port scanner or a blocked contact it looks dead. So whoever
// wants a link knocks first, with a STUN Binding request (RFC 8489) whose
// USERNAME and MESSAGE-INTEGRITY only that key can make (see seal.DoorKey). A
// good knock is answered, and opens the port to QUIC from its source address
// for 30 seconds:
//
//	dialler                                 endpoint
//	   │── knock (88 bytes) ──────────────────▶│ which door? ─ none: silence
//	   │◀── answer: your address as I see it ──│ its address may handshake now
//	   │── QUIC Initial ──────────────────────▶│
//	   │◀── Initial, Handshake ────────────────│
//	   │── Finished, first stream ────────────▶│ link, 2 round trips after the start
//
// A dial goes through these states; addresses are knocked at side by side and
// handshaken with one after another, in the order of their answers:
//
//	knocking ──answer──▶ handshaking ──Finished──▶ checking ──account fits──▶ link
//	   ▲ │                    │                        │
//	   │ └─ctx ends: error    └─5 s, refused───┐       └─other account: Violation, error
//	   └──────────────────next answer──────────┘
//
// Datagrams are sorted before QUIC sees them: STUN goes to the door, packets
// with a long header (they alone can begin a connection) pass if their source
// knocked, those with a short header always pass, for they are worthless
// without the keys of a connection and let a peer move to another address in
// the middle of a link (RFC 9000 section 9), and everything else is dropped.
//
// # The offer
//
// Where no address can be dialled, two people paste a line to each other: an
// [Offering] gathers candidates for ICE (RFC 8445), the answer's side waits,
// the offer's side checks, nominates and starts QUIC over the chosen path,
// direct or through a TURN server. ICE takes 2 round trips, QUIC 1. Once a
// path is chosen ICE falls silent and QUIC keeps it open.
//
// # Threats
//
// An answer is smaller than its knock, so the door amplifies nothing. Work for
// strangers is one AES block a door, at most 500 times a second. Knocks that
// were overheard and come from another address are recognised for as long as
// the last 4096 are remembered; beyond that, one who listens on the path and
// replays a knock learns from the handshake whose port it is, but gets no link.
// A contact who is removed or blocked keeps a key for a door that is gone, and
// learns what a stranger learns. Floods of well-formed knocks can make honest
// ones wait; they are repeated until the dial is given up.
package session
