package hubapi

// The parts of a hub, as Info and Welcome name them.
const (
	PartMeet    = "meet"
	PartRelay   = "relay"
	PartMailbox = "mailbox"
	PartTracker = "tracker"
	PartSeedbox = "seedbox"
)

// Info is what a hub says of itself to everybody.
type Info struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Parts   []string `json:"parts"`
	// Notices is the key with which the hub signs its notices, in hex.
	Notices string `json:"notices"`
	// KeepDays is for how many days an envelope is kept.
	KeepDays int `json:"keep_days,omitempty"`
}

// Left is the answer to an envelope that was left: it is on disk.
type Left struct {
	Until int64 `json:"until"` // Unix milliseconds
}

// A Problem is an error as HTTP tells it (RFC 9457).
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}
