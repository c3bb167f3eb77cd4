package kith

// Limits of a shared file.
const (
	MaxSharePath = 1024     // bytes of a path inside the folder
	MaxShareName = 255      // bytes of one segment of it
	MaxShareFile = 100_000  // files of one shared folder
	MaxMagnet    = 16 << 10 // bytes of a magnet link
	MaxMediaType = 255      // bytes of a MIME type
	MaxCaption   = 32 << 10 // bytes of the text beside a file; preview and all fit into one event
)

// Kinds of event that carry files.
const (
	KindShare   EventKind = 5
	KindTorrent EventKind = 6
)

// An Infohash names a torrent: the SHA-1 of its info dictionary (BEP 3).
type Infohash [20]byte

// A FileRef is all that one needs to fetch a shared file or folder, and what a
// list of files shows of it.
type FileRef struct {
	Infohash Infohash // of the sealed torrent
	Key      Secret   // of its cipher, random for every version (see package seal)
	Sum      [32]byte // digest that binds every byte; see package swarm
	Size     uint64   // bytes of plaintext, all files together
	Files    uint32   // 1 for a file; how many a folder holds
	Folder   bool
	// Path is where it lies in the conversation's folder, with "/" between the
	// segments: "Films/2024/beach.mp4". Names from others are never used as
	// they are (see package folder).
	Path  string
	Media Media
}

// Media is what a list shows of a file before any of it was fetched. All of it
// is the sharer's word.
type Media struct {
	Type     string // MIME type, "" if unknown; of a folder always ""
	Width    uint32 // pixels of a picture or film
	Height   uint32
	Duration uint32 // milliseconds of a film or sound
	Preview  []byte // a small JPEG, at most MaxPicture bytes
}

// Share is a file or folder that its author hands on. It is a message like a
// text: it can be answered, reacted to and deleted, which takes the offer back
// and leaves what others have.
type Share struct {
	File    FileRef
	Caption string
	ReplyTo EventID
	// Replaces names the share of which this is a newer version.
	Replaces EventID
}

// Torrent passes an ordinary torrent on, as it is. It is a message like a text.
type Torrent struct {
	Magnet string // magnet URI (BEP 9) with name and trackers
	Name   string
	Size   uint64 // zero if not known yet
}

func (Share) Kind() EventKind   { return KindShare }
func (Torrent) Kind() EventKind { return KindTorrent }

func (Share) Target() EventID   { return EventID{} }
func (Torrent) Target() EventID { return EventID{} }
