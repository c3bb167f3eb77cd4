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
	Relation     kith.Relation       `json:"relation" enum:"asked,asking,accepted,removed"`
	Connection   Connection          `json:"connection" enum:"connected,connecting,blocked,disconnected"`
	Verified     *time.Time          `json:"verified,omitempty" doc:"When you compared safety numbers"`
	Warning      string              `json:"warning,omitempty" doc:"Show it loudly: a key is not the one that was expected"`
	Blocked      bool                `json:"blocked"`
	BlockedUntil *time.Time          `json:"blocked_until,omitempty" doc:"Absent for a block for good"`
	LastSeen     *time.Time          `json:"last_seen,omitempty"`
	Devices      []kith.DeviceID     `json:"devices"`
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
	State        kith.DeliveryState  `json:"state" enum:"pending,held,delivered,read"`
	Edited       bool                `json:"edited"`
	Deleted      bool                `json:"deleted"`
	ReplyTo      *kith.EventID       `json:"reply_to,omitempty"`
	Reactions    []Reaction          `json:"reactions"`
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
}

// A Conversation is one row of the list of conversations.
type Conversation struct {
	ID     kith.ConversationID `json:"id"`
	With   Contact             `json:"with"`
	Last   *Message            `json:"last,omitempty"`
	Unread int                 `json:"unread"`
	Typing bool                `json:"typing"`
}

// An Invitation is one that was given out.
type Invitation struct {
	Line     string    `json:"line" doc:"One line of text; whoever has it can ask to become a contact"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	Reusable bool      `json:"reusable" doc:"May be used by many; each has to be accepted"`
	State    string    `json:"state" enum:"open,used,expired,revoked"`
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
}

// A Notice is something that happened. Type names which of the other fields
// is set.
type Notice struct {
	Type    string         `json:"type" enum:"message,contact,conversation,status,typing,me,reset"`
	Message *Message       `json:"message,omitempty" doc:"New or changed"`
	Contact *Contact       `json:"contact,omitempty" doc:"New or changed"`
	Status  *ContactStatus `json:"status,omitempty"`
	Typing  *Typing        `json:"typing,omitempty"`
	// Conversation has so many changes, or changes of receipts, that it is
	// best loaded again.
	Conversation *kith.ConversationID `json:"conversation,omitempty"`
}

// Typing tells that a contact writes, or stopped.
type Typing struct {
	Conversation kith.ConversationID `json:"conversation"`
	From         kith.AccountID      `json:"from"`
	Active       bool                `json:"active"`
}
