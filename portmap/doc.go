// Package portmap asks the router at home to let others in: it has ports of
// this device mapped to ports of the router's outside address, by UPnP-IGD,
// NAT-PMP (RFC 6886) or PCP (RFC 6887).
//
// Most connections work without. With a mapping, whoever has one side of a
// symmetric NAT, or nobody to relay for them, still gets through.
//
//	            the three are asked side by side
//	           ┌─ UPnP-IGD ─ find ─ description ─ address ─┐
//	network ───┼─ NAT-PMP ── address ──────────────────────┼── the first that answers
//	changed    └─ PCP ────── announce ─────────────────────┘   and maps a port is kept
//	   ▲                                                            │
//	   │                       ┌────────────────────────────────────┘
//	   │                       ▼
//	   └── the router ◀── every minute: has it another address, or forgotten us?
//	       answers no     at half of its lifetime: each mapping is renewed
//	       more           at the end: all are removed
//
// A [Mapper] does this in [Mapper.Run]; all of its other methods return at once.
//
// The router is not trusted. Only the default gateway is asked, and only if its
// address is private; nothing that it says leads to another host. What it sends
// is bounded, and so is how long it may take.
package portmap
