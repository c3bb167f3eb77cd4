package tracker

import (
	"encoding/json"
	"math"

	"kith"
)

// The messages of WebTorrent's trackers are JSON. There is no BEP; this is what
// npm's bittorrent-tracker does. Bytes are strings, a character for each.
//
//	announce          who wants to be connected, and offers for up to maxOffers
//	announce, answer  for whoever made an offer, by the names of both
//	scrape            how swarms are

const (
	// maxMessage bounds a message, in bytes, maxOffers the offers in it, and
	// maxOffer an offer or an answer, in bytes.
	maxMessage, maxOffers, maxOffer = 128 << 10, 20, 16 << 10
)

// A text is bytes as WebTorrent writes them.
type text []byte

func (b text) MarshalJSON() ([]byte, error) { return json.Marshal(b.key()) }

func (b *text) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	*b = (*b)[:0]
	for _, r := range s {
		if r > math.MaxUint8 {
			return errMessage
		}
		*b = append(*b, byte(r))
	}
	return nil
}

// texts is one or several.
type texts []text

func (l *texts) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '[' {
		return json.Unmarshal(raw, (*[]text)(l))
	}
	var one text
	err := json.Unmarshal(raw, &one)
	*l = texts{one}
	return err
}

// A number is one that may be anything else: clients say null.
type number float64

func (n *number) UnmarshalJSON(raw []byte) error {
	var f float64
	if json.Unmarshal(raw, &f) != nil {
		f = 1
	}
	*n = number(f)
	return nil
}

// A webMessage is what a web peer sends.
type webMessage struct {
	Action   string          `json:"action"`
	Hash     texts           `json:"info_hash"`
	Peer     text            `json:"peer_id"`
	Event    string          `json:"event"`
	Left     *number         `json:"left"`
	Want     *number         `json:"numwant"`
	Offers   []offer         `json:"offers"`
	To       text            `json:"to_peer_id"`
	Answer   json.RawMessage `json:"answer"`
	OfferID  text            `json:"offer_id"`
	hash     Hash
	peer, to ID
	answers  bool
}

// An offer is a web peer's to whom it may concern. What is in it is for the
// other.
type offer struct {
	ID    text            `json:"offer_id"`
	Offer json.RawMessage `json:"offer"`
}

var errMessage = kith.Errorf(kith.BadPeer, "a message is none of WebTorrent's")

// parseWeb reads a message of a web peer.
func parseWeb(raw []byte) (m webMessage, err error) {
	if len(raw) > maxMessage {
		return m, errMessage
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, kith.Errorf(kith.BadPeer, "read a message of WebTorrent: %w", err)
	}
	if m.Action == "scrape" && len(m.Hash) > 0 && len(m.Hash) <= maxScrape {
		for _, h := range m.Hash {
			if len(h) != len(Hash{}) {
				return m, errHash
			}
		}
		return m, nil
	}
	if m.Action != "announce" || len(m.Hash) != 1 {
		return m, errMessage
	}
	if len(m.Hash[0]) != len(m.hash) {
		return m, errHash
	}
	if len(m.Peer) != len(m.peer) {
		return m, errID
	}
	copy(m.hash[:], m.Hash[0])
	copy(m.peer[:], m.Peer)
	copy(m.to[:], m.To)
	m.answers = len(m.Answer) > 0 && string(m.Answer) != "null"
	if m.answers && (len(m.To) != len(m.to) || len(m.Answer) > maxOffer || len(m.OfferID) > 64) || len(m.Offers) > maxOffers {
		return m, errMessage
	}
	for _, o := range m.Offers {
		if len(o.Offer) == 0 || len(o.Offer) > maxOffer || len(o.ID) > 64 {
			return m, errMessage
		}
	}
	return m, nil
}

// wants is how many of the offers are for somebody.
func (m *webMessage) wants() int {
	if m.Want == nil || !(*m.Want < number(len(m.Offers))) {
		return len(m.Offers)
	}
	return max(0, int(*m.Want))
}

// A webAnswer is what a web peer hears.
type webAnswer struct {
	Action     string             `json:"action"`
	Hash       text               `json:"info_hash,omitempty"`
	Interval   int                `json:"interval,omitempty"`
	Complete   *int               `json:"complete,omitempty"`
	Incomplete *int               `json:"incomplete,omitempty"`
	Peer       text               `json:"peer_id,omitempty"`
	Offer      json.RawMessage    `json:"offer,omitempty"`
	Answer     json.RawMessage    `json:"answer,omitempty"`
	OfferID    text               `json:"offer_id,omitempty"`
	Files      map[string]webFile `json:"files,omitempty"`
	Failure    string             `json:"failure reason,omitempty"`
}

// A webFile is a swarm in the answer to a scrape.
type webFile struct {
	Complete   int `json:"complete"`
	Incomplete int `json:"incomplete"`
	Downloaded int `json:"downloaded"`
}

// key writes bytes as the key of a JSON object.
func (b text) key() string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}
