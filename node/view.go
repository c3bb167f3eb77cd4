package node

import (
	"time"

	"kith"
)

// The types of this file are what the API, the page and the command line show
// of a node. Their JSON is stable: fields are added, never renamed.

// Me is this node's own account and device.
type Me struct {
	Account   kith.AccountID `json:"account" doc:"Ed25519 key of the account, base32"`
	Device    kith.DeviceID  `json:"device" doc:"Ed25519 key of this device, base32"`
	Name      string         `json:"name" doc:"Display name; empty until chosen"`
	Visible   bool           `json:"visible" doc:"False while hidden: found by nobody"`
	Encrypted bool           `json:"encrypted" doc:"The store is encrypted with a passphrase"`
	Home      string         `json:"home" doc:"Folder that holds everything of this node"`
	Version   string         `json:"version"`
}

// A Connection is the one status of a contact, for one icon.
type Connection string

// The connections.
const (
	Connected    Connection = "connected"    // green
	Connecting   Connection = "connecting"   // yellow
	Blocked      Connection = "blocked"      // orange
	Disconnected Connection = "disconnected" // red
)

// A Contact is another account, as lists show it.
type Contact struct {
	Account      kith.AccountID      `json:"account"`
	Conversation kith.ConversationID `json:"conversation"`
	Name         string              `json:"name" doc:"The petname, else their own name, else the start of the account"`
	OwnName      string              `json:"own_name" doc:"What they call themselves"`
	Petname      string              `json:"petname" doc:"What you call them; empty if you gave none"`
	Relation     kith.Relation       `json:"relation" enum:"asked,asking,accepted,removed,fellow"`
	Connection   Connection          `json:"connection" enum:"connected,connecting,blocked,disconnected"`
	Verified     *time.Time          `json:"verified,omitempty" doc:"When you compared safety numbers"`
	Warning      string              `json:"warning,omitempty" doc:"Show it loudly: a key is not the one that was expected"`
	Blocked      bool                `json:"blocked"`
	BlockedUntil *time.Time          `json:"blocked_until,omitempty" doc:"Absent for a block for good"`
	LastSeen     *time.Time          `json:"last_seen,omitempty"`
	Devices      []kith.DeviceID     `json:"devices"`
	Key          ContactKey          `json:"key"`
	// SphereLine is only in the answer to who used a line.
	SphereLine SphereLine `json:"sphere_line,omitempty" enum:"asked,let_in" doc:"Only in the answer of join, if the line led into a sphere: this contact was asked to let you in, or did"`
}

// A SphereLine says what came of a line that leads into a sphere.
type SphereLine string

// What may come of it.
const (
	SphereAsked SphereLine = "asked"
	SphereLetIn SphereLine = "let_in"
)

// A KeyState says whether a key can be relied on.
type KeyState string

// The states of a key.
const (
	KeyIntact  KeyState = "intact"  // green
	KeyWaiting KeyState = "waiting" // yellow: somebody has to answer first
	KeyRefused KeyState = "refused" // red: not, or no longer, to be relied on
)

// A ContactKey is how things stand with the account key of a contact.
type ContactKey struct {
	Fingerprint string   `json:"fingerprint" doc:"First 20 bytes of the SHA-256 of the key, in hex" example:"03ab 9f10 77c2 e41d 5b60 8a3e 90c4 1f72 d6b8 25ea"`
	State       KeyState `json:"state" enum:"intact,waiting,refused"`
	Reason      string   `json:"reason" doc:"Why it is in this state, as a sentence"`
}

// A Key is one of this account's own keys.
type Key struct {
	Kind        string     `json:"kind" enum:"account,device"`
	ID          string     `json:"id" doc:"The Ed25519 key, base32"`
	Name        string     `json:"name" doc:"Of the person, or which device it is"`
	This        bool       `json:"this" doc:"In use by this very node"`
	Fingerprint string     `json:"fingerprint" doc:"First 20 bytes of the SHA-256 of the key, in hex"`
	State       KeyState   `json:"state" enum:"intact,waiting,refused"`
	Reason      string     `json:"reason" doc:"Why it is in this state, as a sentence"`
	Since       *time.Time `json:"since,omitempty" doc:"When it came into this state, if that is known"`
}

// Storage is what this node keeps on disk, and where.
type Storage struct {
	Home          string     `json:"home" doc:"Folder that holds everything of this node"`
	Database      StoredFile `json:"database" doc:"Messages, contacts and keys"`
	Log           StoredFile `json:"log" doc:"What the program noted for whoever looks after it"`
	Other         int64      `json:"other_bytes" doc:"Everything else in the folder"`
	Total         int64      `json:"total_bytes"`
	Free          int64      `json:"free_bytes" doc:"Left on the disk for this person; -1 if the system does not tell"`
	Conversations int        `json:"conversations"`
	Messages      int        `json:"messages"`
	Encrypted     bool       `json:"encrypted" doc:"The database is encrypted with a passphrase"`
}

// A StoredFile is a file and what it takes, together with what belongs to it.
type StoredFile struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes" doc:"0 if there is no such file"`
}

// A Message is one message with all that was done to it.
type Message struct {
	ID           kith.EventID        `json:"id"`
	Conversation kith.ConversationID `json:"conversation"`
	From         kith.AccountID      `json:"from"`
	FromName     string              `json:"from_name"`
	Mine         bool                `json:"mine"`
	Text         string              `json:"text" doc:"Empty once deleted"`
	Sent         time.Time           `json:"sent" doc:"The author's clock"`
	Order        uint64              `json:"order" doc:"Sorts the messages of a conversation; by ID where it is the same"`
	State        kith.DeliveryState  `json:"state" enum:"pending,held,delivered,read"`
	HeldBy       string              `json:"held_by,omitempty" doc:"Host of the hub where it lies, sealed, for somebody who is away; if with several, the one that keeps it longest"`
	HeldUntil    *time.Time          `json:"held_until,omitempty" doc:"Until when that hub keeps it; if nobody came for it by then, it is left anew"`
	Edited       bool                `json:"edited"`
	Deleted      bool                `json:"deleted"`
	ReplyTo      *kith.EventID       `json:"reply_to,omitempty"`
	Reactions    []Reaction          `json:"reactions"`
	Note         *Note               `json:"note,omitempty" doc:"In a sphere: a change of who is in it, instead of a text"`
	Has          int                 `json:"has,omitempty" doc:"In a sphere, of an own message: how many members have it"`
	HasRead      int                 `json:"has_read,omitempty" doc:"And how many have read it"`
	Mentions     []NamedMention      `json:"mentions" doc:"In the order in which they stand in the text"`
	MentionsMe   bool                `json:"mentions_me"`
	File         *File               `json:"file,omitempty" doc:"What the message shares; its text is the caption"`
	Torrent      *Torrent            `json:"torrent,omitempty" doc:"The ordinary torrent that the message passes on"`
}

// A NamedMention is a mention, and how this node calls whom it means.
type NamedMention struct {
	kith.Mention
	Name string `json:"name" doc:"The petname, else their own name, else the start of the account"`
}

// A Reaction is one person's reaction to a message.
type Reaction struct {
	Emoji    string         `json:"emoji"`
	From     kith.AccountID `json:"from"`
	FromName string         `json:"from_name"`
}

// A Receipt is one device's word about a message.
type Receipt struct {
	Account   kith.AccountID `json:"account"`
	Name      string         `json:"name"`
	Device    kith.DeviceID  `json:"device"`
	Delivered *time.Time     `json:"delivered,omitempty"`
	Read      *time.Time     `json:"read,omitempty"`
	HeldBy    string         `json:"held_by,omitempty" doc:"Host of the hub where it lies, sealed, for this device"`
	HeldUntil *time.Time     `json:"held_until,omitempty" doc:"Until when that hub keeps it"`
	Reason    string         `json:"reason,omitempty" doc:"Why it could not be left anywhere for this device, a sentence"`
}

// A Conversation is one row of the list of conversations.
type Conversation struct {
	ID     kith.ConversationID `json:"id"`
	Name   string              `json:"name" doc:"Of the contact, or the sphere"`
	With   *Contact            `json:"with,omitempty" doc:"The other one of a direct conversation"`
	Sphere *Sphere             `json:"sphere,omitempty" doc:"The sphere whose room it is"`
	Last   *Message            `json:"last,omitempty"`
	Unread int                 `json:"unread"`
	Typing bool                `json:"typing"`

	Pinned    bool   `json:"pinned" doc:"Stands before all others in the list"`
	Archived  bool   `json:"archived" doc:"Out of the way, until the next message"`
	Mentioned int    `json:"mentioned" doc:"How many of the unread messages mention you"`
	Draft     *Draft `json:"draft,omitempty" doc:"What was written and not sent"`
}

// A Draft is what a person wrote in a conversation and did not send.
type Draft struct {
	Text     string         `json:"text" doc:"At most 64 KiB"`
	ReplyTo  *kith.EventID  `json:"reply_to,omitempty" doc:"ID of the message that it answers"`
	Mentions []kith.Mention `json:"mentions,omitempty" doc:"At most 100"`
}

// An Invitation is one that was given out.
type Invitation struct {
	Line     string    `json:"line" doc:"One line of text; whoever has it can ask to become a contact"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	Reusable bool      `json:"reusable" doc:"May be used by many; each has to be accepted"`
	State    string    `json:"state" enum:"open,used,expired,revoked"`
	Sphere   string    `json:"sphere,omitempty" doc:"Name of the sphere that it is for; absent if it is for becoming a contact"`
}

// A SafetyNumber is what two people compare to know that nobody stands
// between them.
type SafetyNumber struct {
	Account  kith.AccountID `json:"account"`
	Name     string         `json:"name"`
	Digits   string         `json:"digits" doc:"60 digits in 12 groups of five"`
	Verified *time.Time     `json:"verified,omitempty"`
}

// Status is everything about being connected.
type Status struct {
	Me        Me              `json:"me"`
	Addresses []string        `json:"addresses" doc:"Where this device listens"`
	Ways      []Way           `json:"ways" doc:"How this device looks for others"`
	Contacts  []ContactStatus `json:"contacts"`
	Dropped   map[string]int  `json:"dropped" doc:"Bad input from peers, counted by what was wrong"`
}

// A Way is the state of one way of finding others.
type Way struct {
	Way     string    `json:"way" doc:"lan, direct, offer"`
	Working bool      `json:"working"`
	Reason  string    `json:"reason" doc:"What it does, or why it does not work, as a sentence"`
	Since   time.Time `json:"since"`
}

// ContactStatus is how things stand with one contact.
type ContactStatus struct {
	Account    kith.AccountID `json:"account"`
	Name       string         `json:"name"`
	Connection Connection     `json:"connection" enum:"connected,connecting,blocked,disconnected"`
	Links      []Link         `json:"links"`
	Waiting    int            `json:"waiting" doc:"Own messages that none of their devices has yet"`
	Tries      int            `json:"tries" doc:"Attempts since the last link"`
	NextTry    *time.Time     `json:"next_try,omitempty"`
	Ways       []Way          `json:"ways"`
	Until      *time.Time     `json:"until,omitempty" doc:"End of a block"`
}

// A Link is one live link to a device.
type Link struct {
	Device kith.DeviceID `json:"device"`
	Way    string        `json:"way"`
	Path   string        `json:"path" enum:"direct,relayed"`
	Local  string        `json:"local"`
	Remote string        `json:"remote"`
	RTT    float64       `json:"rtt_ms" doc:"Round trip in milliseconds"`
	Since  time.Time     `json:"since"`
}

// An ICEServer is a STUN or TURN server for pasted offers.
type ICEServer struct {
	URL      string `json:"url" doc:"stun:HOST:PORT, turn:HOST:PORT?transport=udp, turns:…"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

// Preferences are what a person can switch.
type Preferences struct {
	ReadMarks   bool `json:"read_marks" doc:"Tell others what you have read"`
	TypingMarks bool `json:"typing_marks" doc:"Tell others that you are writing"`
	DHT         bool `json:"dht" doc:"Meet contacts by the public DHT of BitTorrent; nobody learns whom"`
	MapPorts    bool `json:"map_ports" doc:"Ask the home router to let others in (UPnP, NAT-PMP, PCP)"`
	// KeepFiles is what the seedboxes of one's own hubs keep for others.
	KeepFiles KeepFiles `json:"keep_files" enum:"own,all,off" doc:"Which files hubs with a seedbox keep, sealed, for when this device is away: what is shared from here, also what was fetched, or nothing"`
}

// A Notice is something that happened. Type names which of the other fields
// is set.
type Notice struct {
	Type    string         `json:"type" enum:"message,contact,conversation,sphere,row,status,typing,transfer,sealing,me,hubs,hub-notice,reset"`
	Message *Message       `json:"message,omitempty" doc:"New or changed; of a transfer, only that of its file changed"`
	Contact *Contact       `json:"contact,omitempty" doc:"New or changed"`
	Sphere  *Sphere        `json:"sphere,omitempty" doc:"New or changed"`
	Status  *ContactStatus `json:"status,omitempty"`
	Typing  *Typing        `json:"typing,omitempty"`
	// HubNotice is a word of the moderator of a hub.
	HubNotice *HubNotice `json:"hub_notice,omitempty"`
	// Conversation has so many changes, or changes of receipts, that it is
	// best loaded again.
	Conversation *kith.ConversationID `json:"conversation,omitempty"`
	Row          *Conversation        `json:"row,omitempty" doc:"Pinned, archived or its draft changed"`
	Sealing      *Sealing             `json:"sealing,omitempty" doc:"Something to be shared is being read"`
}

// Typing tells that a contact writes, or stopped.
type Typing struct {
	Conversation kith.ConversationID `json:"conversation"`
	From         kith.AccountID      `json:"from"`
	Active       bool                `json:"active"`
}

// A Note is a line in a sphere's room that tells of a change of its roster.
type Note struct {
	Change      string          `json:"change" enum:"creation,addition,removal,departure,promotion,demotion,handover,muting,description"`
	Subject     *kith.AccountID `json:"subject,omitempty" doc:"Whom it is about"`
	SubjectName string          `json:"subject_name,omitempty"`
	Name        string          `json:"name,omitempty" doc:"The sphere's name since"`
	Until       *time.Time      `json:"until,omitempty" doc:"End of a muting; absent if it was taken back"`
}
