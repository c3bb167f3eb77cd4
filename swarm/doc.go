// Package swarm carries shared files: it seals what somebody drops, seeds it
// to the members and fetches what they share, from every member who has a
// piece of it.
//
// # A sealed torrent
//
// What is shared once is one stream of bytes, and that stream, encrypted, is
// one torrent with one nameless file (BEP 3, private by BEP 27):
//
//	a file     its bytes
//	a folder   length:8 ‖ manifest ‖ the bytes of its files, one after the other
//
// The manifest (CBOR, see manifest.go) names the files, so even how many there
// are is sealed. Byte n of the stream is encrypted as package seal says,
// whatever was read before, so nothing encrypted is ever stored: the originals
// are encrypted while they are read, what is fetched is decrypted while it is
// written and encrypted again for the next member.
//
// A piece's hash is not SHA-1, of which collisions are known, but the first 20
// bytes of the SHA-256 of its ciphertext; and a FileRef's Sum is the SHA-256 of
// the info dictionary, which holds them. So one hash over the data serves both
// purposes, and it is checked piece by piece as they arrive. Only Kith speaks
// in such a swarm: a piece is of no use to somebody without the key.
// (Measured on two cores, 1.55 GB/s for SHA-256 beside 1.65 for SHA-1. BLAKE3
// v1.1.6 leaves the upper halves of the vector registers in use, after which
// SHA-256 and SHA-1 take 80 times as long.)
//
// # Who speaks to whom
//
// The BitTorrent library gets no socket. Every connection is one of ours, to a
// device whose certificate proved who it is and whom Config.Allowed lets have
// that torrent:
//
//	a transfer wants something
//	  → for every device that Connect named: Swarm.dial
//	      TCP to its addresses, TLS 1.3 as on a link      (first)
//	      a stream of a link, from Config.Dial            (after 300 ms)
//	  → BitTorrent's handshake and messages
//
// Besides members there are helpers (helper.go): hubs that keep what they can't
// read, behind connections that ConnectHelper was given. They are only fetched
// from; give.go is where what they keep comes from.
//
// It knows no tracker, DHT, peer exchange or local discovery. Over TCP what is
// said after TLS's handshake goes in frames of our own (frame.go), in which all
// is encrypted except what is so already, the payloads of pieces: on the way one
// sees the sealed bytes of files, and not which. Of a gigabyte from one process
// to another, TLS with its small records took a quarter of the processor's time.
//
// Members who fetch the same share at the same time draw different pieces from
// who has all of it, without a word (spread.go).
//
// # What a fetched byte costs
//
// It is hashed once, decrypted once, and written past the page cache where the
// system can (direct.go), by the library's hashers side by side; on the other
// side it is read from the page cache, encrypted, and sent from there. Requests
// are for 128 KiB, and the next ones go out while the last are being answered
// (prompt.go). What is in memory before it is verified is bounded.
//
// # What lies in Config.Dir
//
//	<infohash>/record     what to do and where the files lie (CBOR)
//	<infohash>/info       the info dictionary
//	<infohash>/manifest   of a folder
//	<infohash>/have       a bit for every piece that is on the disk
//	<infohash>/edge/N     ciphertext of piece N, which also belongs to files that
//	                      nobody asked for
//
// A file that is not complete has ".kith-part" behind its name. A bit is set in
// have only after the data was synced; each file is replaced as a whole. What
// is found at a start is believed if size and time of the files are as noted,
// and hashed again otherwise. Nothing that a kill can interrupt loses more than
// the last two seconds, and those are usually found by hashing.
//
// A transfer with nothing to do is a record in memory, of less than 1 KiB; its
// torrent is made when somebody wants something and dropped soon after.
package swarm
