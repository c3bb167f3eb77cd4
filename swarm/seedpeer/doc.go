// Package seedpeer fetches from the seedboxes of hubs: it makes a seedbox look
// like a BitTorrent peer, and finds out which of them has what is wanted.
//
// A seedbox keeps the ciphertext of shares, has no key, and speaks HTTP. The
// BitTorrent library speaks the peer protocol (BEP 3, 9 and 10) and nothing else.
// Between them stands a connection in memory:
//
//	library                     conn                         seedbox
//	                              │◀─ GET /v1/seed/…, /info ────│  before it begins
//	  │── handshake ─────────────▶│
//	  │◀── handshake, bitfield, ──│
//	  │    unchoke                │
//	  │── ut_metadata ───────────▶│  the info dictionary, if it is lacking
//	  │── request, request… ─────▶│  joined to runs
//	  │                           │── GET …/data, a range ─────▶│  4 side by side
//	  │◀── piece, piece… ─────────│
//
// What the seedbox sends is handed on unseen. The swarm hashes it and judges who
// sent it, as with every member.
//
// Whom to ask is for the [Seeker]: only about what is wanted, not complete and not
// coming from anybody, and each hub about each file once in some minutes, whatever
// it answers, for a question tells the hub what somebody here lacks.
package seedpeer
