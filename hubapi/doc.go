// Package hubapi is what a node may ask of a hub, and how: paths, messages,
// limits, and a client. The hub itself is package hub.
//
// A hub is a server that anybody can run. It helps devices to find each other
// and holds what is left for those that are away, and it learns as little as it
// can: it sees opaque tags and ciphertext. What a device is called on a hub is a
// key that it has for this hub alone (seal.HubKey), so two hubs can't tell that
// they serve the same device, and no hub knows a Kith account or device.
//
// # HTTP
//
//	GET  /v1/info            who this hub is and which parts it runs (Info, JSON)
//	GET  /v1/socket          the WebSocket below, subprotocol "kith.hub.1"
//	POST /v1/box/TAG         leave an envelope; Authorization: Bearer TOKEN
//	GET  /v1/bundle/TAG      what somebody published under an opaque name
//
//	PUT    /v1/seed/FILE        keep a file; the body is its info dictionary
//	PUT    /v1/seed/FILE/PIECE  a piece of it
//	GET    /v1/seed/FILE        what is there of it (Kept, JSON)
//	GET    /v1/seed/FILE/info   its info dictionary
//	GET    /v1/seed/FILE/data   the bytes of a Range
//	DELETE /v1/seed/FILE        keep it no longer
//
// TAG and TOKEN are 32 bytes in unpadded URL-safe base64. FILE is an infohash in
// hexadecimal, PIECE a number from 0 on; PUT and DELETE of files are authorized
// with the token of a Space as Bearer. Bodies are bytes.
// Errors are problem documents (RFC 9457) whose detail is a sentence for people.
//
// # The socket
//
// Every binary message of the WebSocket is one frame: a byte that tells its
// kind, then a CBOR array (RFC 8949, core deterministic). The hub speaks first:
//
//	hub                               device
//	 │── Challenge ─────────────────────▶│
//	 │◀───────────────────── Hello ──────│ its key for this hub, and a signature
//	 │── Welcome ───────────────────────▶│ or Blocked, and the end
//	 │◀── Listen, Note, OpenBox, Taken, ─│
//	 │    Publish, AskRelay              │
//	 │── Present, Note, Sent, Mail, ────▶│
//	 │    Opened, Published, Relay,      │
//	 │    Notice, Refused, Space         │
//
// # Meeting
//
// Two devices that share a secret listen under the same tag, another one every
// day. As soon as two listen, both hear Present. What one says under a tag, the
// others who listen hear; nothing is kept.
//
// # Mailbox
//
// A box is named by an Ed25519 key. Its owner opens it over the socket by a
// signature, and then hears of what lies in it, oldest first, at most
// MailWindow ahead; what it has on disk it takes out. Whoever has the box's
// token may leave envelopes, without saying who they are. An envelope is kept
// for 30 days, or until it is taken out. The hub answers when it is on disk.
//
// # Seedbox
//
// A seedbox keeps the ciphertext of shared files for members who come when
// nobody else is awake. It is given infohash, info dictionary and pieces, never
// a key or a name, and it checks each piece. Whoever knows the infohash may
// fetch. Several devices may have the same file kept: it is stored once, and
// goes when the last of them does not want it any more, or when nobody has
// fetched or renewed it for 90 days.
package hubapi

// Limits that a hub and its clients keep.
const (
	// MaxNote bounds what is said under a tag, in bytes.
	MaxNote = 4 << 10
	// MaxMail bounds an envelope, in bytes.
	MaxMail = 128 << 10
	// MaxBundle bounds what is published under an opaque name, in bytes.
	MaxBundle = 16 << 10
	// MaxFrame bounds a frame, in bytes, from a hub. From a device it is
	// MaxDeviceFrame, since envelopes go by HTTP.
	MaxFrame       = MaxMail + 256
	MaxDeviceFrame = 32 << 10
	// MaxTags bounds the tags of one Listen. A hub may bound how many one
	// device listens under: DeviceTags if it says nothing else.
	MaxTags    = 256
	DeviceTags = 8192
	// MaxBoxes bounds the boxes of one OpenBox.
	MaxBoxes = 64
	// MailWindow is how many envelopes of a socket may be under way before the
	// device takes some out.
	MailWindow = 256
	// MaxTaken bounds the envelopes of one Taken.
	MaxTaken = 256
	// MaxToken bounds the token of a Space, in bytes.
	MaxToken = 200
	// MaxText bounds a notice and every other text of a hub, in bytes.
	MaxText = 2000
)

// SocketProtocol is the subprotocol of the WebSocket.
const SocketProtocol = "kith.hub.1"

// The paths.
const (
	PathInfo    = "/v1/info"
	PathSocket  = "/v1/socket"
	PathBox     = "/v1/box/"
	PathBundle  = "/v1/bundle/"
	PathSeed    = "/v1/seed/"
	PathTracker = "/announce"
	PathHealth  = "/healthz"
	PathMetrics = "/metrics"
)
