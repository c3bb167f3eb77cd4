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
// Where no address can be dialled, an offer and its answer travel by something
// else: a line that people paste, a hub, the DHT, a common contact. Each side's
// half is an [Offering]. It holds candidates as those of ICE (RFC 8445): where
// the machine is, how its router and STUN servers see it, and relays at TURN
// servers. What is known leaves at once, the rest trickles after.
//
// Both sides check every pair of a leg, which is a way out of this machine, and
// a candidate of the other side:
//
//	leg                         reaches                      QUIC over it
//	the endpoint's port, IPv4   candidates of its family     the endpoint's own: moves to
//	the endpoint's port, IPv6                                other addresses, sends in batches
//	a relay, by UDP, TCP, TLS   candidates of its family     its own, goes with the leg
//	a TCP connection (RFC 6544) who is at the other end      its own
//
// A check is a knock, with the password of the other half as the key. It is
// answered as soon as the half exists, and opens the leg to QUIC from its
// source: this is why there is no nomination. The side of the offer starts QUIC
// over the first direct pair by which it was answered, or checked; the other
// side takes what comes.
//
//	offer's side                          answer's side
//	   │── offer ────────────────────────────▶│ begins to check
//	   │◀─ check ─────────────────────────────│
//	   │── answer to it ─────────────────────▶│ port open to this address
//	   │◀─ answer, candidates as they come ───│
//	   │── QUIC Initial to where the check    │
//	   │   came from ────────────────────────▶│
//	   │◀─ Initial, Handshake ────────────────│
//	   │── Finished, first stream ───────────▶│ link, 1 round trip after the answer
//
// A relay or TCP waits for a direct pair about as long as one takes. TURN by
// TCP and TLS is begun when UDP was silent for 100 ms, or the last time. When a
// pair was taken all else is given back, and only QUIC keeps the path open. A
// relay may go without a word: relayed links ask for a sign of life every few
// seconds. A direct path may be found later: devices with a relayed link try
// again by halves without relays (OfferDirect), and replace it.
//
// # Lanes
//
// One QUIC connection takes a third off its window at every loss, and a line
// that loses one packet of 200 at 50 ms leaves it 5 Mbit/s whatever the line
// could carry. So while packets of a link get lost and bulk streams (link.Swarm)
// write, its initiator opens further connections beside the link's own, one after
// another, and the chunks of the bulk streams go over all of them; see package
// stripe. All else stays where it is, and where nothing is lost nothing is opened.
//
//	initiator                                other side
//	   │◀─ stream 04, if it is that side which writes ──│
//	   │── stream 04 ─────────────────────────▶│ its address may begin connections
//	   │◀─ how many ───────────────────────────│
//	   │── QUIC Initial, ALPN kith-lane/1 ────▶│
//	   │── the link's binding ────────────────▶│ of which link is it a lane?
//	   │◀─ streams of chunks, both ways ──────▶│
//
// Lanes go where the link goes: over the same socket, or the same relay or TCP
// connection. There are at most laneCount of them, which with the link's own
// makes six, as many as a browser opens to a server, so that who shares the line
// with us gets no less than beside a browser. A bulk stream that rests leaves them,
// and then they are closed: idle links cost what they did. A lane that is lost
// ends the streams that used it.
//
// # Threats
//
// A peer with a link can have us hold what 5 lanes with 2 streams of 2 MiB may
// send ahead, and 8 MiB of the link's own. An address with which there is a link
// may begin connections once lanes were granted to it; without a device's key
// and the binding nothing comes of them.
//
// An answer is smaller than its knock, so the door amplifies nothing. Work for
// strangers is one AES block a door, at most 500 times a second. Knocks that
// were overheard and come from another address are recognised for as long as
// the last 4096 are remembered; beyond that, one who listens on the path and
// replays a knock learns from the handshake whose port it is, but gets no link.
// A contact who is removed or blocked keeps a key for a door that is gone, and
// learns what a stranger learns. Floods of well-formed knocks can make honest
// ones wait; they are repeated until the dial is given up.
//
// Who wrote a half can have us send checks to 32 addresses of their choice, of
// about 100 bytes, at most 11 in the first second to each and 2 in each that
// follows. While offers are open a TCP port is: it is seen by who scans, but
// says nothing to those who don't hold a password. TURN servers learn both
// addresses and when there is a link; with relays only, the other side learns
// the relay's.
package session
