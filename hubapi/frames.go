package hubapi

import "time"

// A Key is an Ed25519 public key: of a device on a hub, of a box, or that with
// which a hub signs its notices.
type Key [32]byte

// A Hash is 32 bytes that say nothing by themselves.
type Hash [32]byte

// A Tag is an opaque name under which devices meet on one day.
type Tag [16]byte

// A Frame is one message of the socket: one of the types below.
type Frame interface{ kind() kind }

// Challenge is the hub's first word.
type Challenge struct {
	_     struct{} `cbor:",toarray"`
	Nonce Hash
	Now   int64 // the hub's clock, Unix milliseconds
}

// Hello says who is there. Signature is over HelloMessage.
type Hello struct {
	_         struct{} `cbor:",toarray"`
	Key       Key
	Signature []byte
	// Since is the ID of the last notice that the device knows; 0: none.
	Since uint64
}

// Welcome ends the greeting.
type Welcome struct {
	_     struct{} `cbor:",toarray"`
	Parts []string // those of Info
	// DeviceTags is under how many tags the device may listen at a time.
	DeviceTags uint64
}

// Blocked says that a moderator of the hub keeps this device out. The hub then
// ends the connection.
type Blocked struct {
	_     struct{} `cbor:",toarray"`
	Until int64    // Unix milliseconds
	Text  string
}

// Listen changes under which tags the device listens.
type Listen struct {
	_      struct{} `cbor:",toarray"`
	Add    []Tag    // at most MaxTags
	Remove []Tag    // at most MaxTags
}

// Present says that somebody else listens under this tag, too: when the device
// begins to, and when the other does.
type Present struct {
	_   struct{} `cbor:",toarray"`
	Tag Tag
}

// Note is said under a tag to all others who listen under it. Number is the
// sender's; the hub answers with Sent. To those who listen it comes as zero.
type Note struct {
	_      struct{} `cbor:",toarray"`
	Number uint64
	Tag    Tag
	Body   []byte // at most MaxNote
}

// Sent tells how many heard a note.
type Sent struct {
	_      struct{} `cbor:",toarray"`
	Number uint64
	Heard  uint64
}

// OpenBox opens boxes of this device, or makes them. The hub answers with
// Opened for each, then with their Mail.
type OpenBox struct {
	_     struct{} `cbor:",toarray"`
	Boxes []Box    // at most MaxBoxes
}

// A Box is how its owner opens it. Signature is over BoxMessage.
type Box struct {
	_         struct{} `cbor:",toarray"`
	Key       Key
	Token     Hash // SHA-256 of the token by which others may leave envelopes
	Signature []byte
}

// Opened says that a box is open, and how many envelopes wait in it.
type Opened struct {
	_       struct{} `cbor:",toarray"`
	Box     Key
	Waiting uint64
}

// Mail is an envelope out of an open box. ID is the hub's, rising in a box.
type Mail struct {
	_    struct{} `cbor:",toarray"`
	Box  Key
	ID   uint64
	Body []byte // at most MaxMail
}

// Taken takes envelopes out of a box: the device has them on disk.
type Taken struct {
	_   struct{} `cbor:",toarray"`
	Box Key
	IDs []uint64 // at most MaxTaken
}

// Publish keeps a bundle under an opaque name until a time, or withdraws it if
// Body is empty. A name belongs to the device that used it first. The hub
// answers with Published.
type Publish struct {
	_     struct{} `cbor:",toarray"`
	Name  Hash
	Body  []byte // at most MaxBundle
	Until int64  // Unix milliseconds; a hub may keep it for less
}

// Published says that a bundle is on disk, and until when it is kept.
type Published struct {
	_     struct{} `cbor:",toarray"`
	Name  Hash
	Until int64 // Unix milliseconds
}

// AskRelay asks for credentials at the hub's STUN and TURN servers. The hub
// answers with Relay.
type AskRelay struct {
	_ struct{} `cbor:",toarray"`
}

// Relay tells STUN and TURN servers (RFC 7064, RFC 7065) and short-lived
// credentials. Without a relay the hub sends no URLs.
type Relay struct {
	_        struct{} `cbor:",toarray"`
	URLs     []string // at most 8
	Username string
	Password string
	Until    int64 // Unix milliseconds
}

// Space tells how much a device may have kept by the hub's seedbox, and gives it
// a token for that: after the greeting, again before the token runs out, and
// when the use changed noticeably.
type Space struct {
	_     struct{} `cbor:",toarray"`
	Token string   // at most MaxToken
	Until int64    // of the token, Unix milliseconds
	// Quota and Used are of this device, in bytes.
	Quota, Used uint64
}

// Notice is a word of the hub's moderator, at once and after every Hello whose
// Since is lower. Signature is by Info.Notices over NoticeMessage.
type Notice struct {
	_         struct{} `cbor:",toarray"`
	ID        uint64   // rising
	At        int64    // Unix milliseconds
	To        []byte   // empty: everybody; else the Key of the device
	Text      string   // at most MaxText
	Signature []byte
}

// Refused says that the hub does not do what was asked, with a sentence for
// people. Of is the kind byte of the frame that it refuses.
type Refused struct {
	_    struct{} `cbor:",toarray"`
	Of   uint8
	Name []byte // the tag, box or name that it is about; may be empty
	Text string
	// Again is after how many milliseconds it may be tried again; 0: never.
	Again uint64
}

// A kind is the first byte of a frame.
type kind byte

const (
	kindChallenge kind = 1
	kindHello     kind = 2
	kindWelcome   kind = 3
	kindBlocked   kind = 4
	kindListen    kind = 5
	kindPresent   kind = 6
	kindNote      kind = 7
	kindSent      kind = 8
	kindOpenBox   kind = 9
	kindOpened    kind = 10
	kindMail      kind = 11
	kindTaken     kind = 12
	kindPublish   kind = 13
	kindPublished kind = 14
	kindAskRelay  kind = 15
	kindRelay     kind = 16
	kindNotice    kind = 17
	kindRefused   kind = 18
	kindSpace     kind = 19
)

func (*Challenge) kind() kind { return kindChallenge }
func (*Hello) kind() kind     { return kindHello }
func (*Welcome) kind() kind   { return kindWelcome }
func (*Blocked) kind() kind   { return kindBlocked }
func (*Listen) kind() kind    { return kindListen }
func (*Present) kind() kind   { return kindPresent }
func (*Note) kind() kind      { return kindNote }
func (*Sent) kind() kind      { return kindSent }
func (*OpenBox) kind() kind   { return kindOpenBox }
func (*Opened) kind() kind    { return kindOpened }
func (*Mail) kind() kind      { return kindMail }
func (*Taken) kind() kind     { return kindTaken }
func (*Publish) kind() kind   { return kindPublish }
func (*Published) kind() kind { return kindPublished }
func (*AskRelay) kind() kind  { return kindAskRelay }
func (*Relay) kind() kind     { return kindRelay }
func (*Notice) kind() kind    { return kindNotice }
func (*Refused) kind() kind   { return kindRefused }
func (*Space) kind() kind     { return kindSpace }

// Time gives a time of a frame.
func Time(ms int64) time.Time { return time.UnixMilli(ms) }
