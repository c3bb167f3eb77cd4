package sync

import (
	"sync"

	"kith"
)

// A lane is one conversation on one link.
type lane struct {
	id kith.ConversationID

	// sent is, by author, the highest number that the peer has or that is on
	// its way to it. The pump owns it.
	sent map[kith.DeviceID]uint64
	// last is the vector in the last Have; the pump owns it.
	last kith.Vector

	mu sync.Mutex // guards the rest, which the reader hands to the pump
	// told is the peer's latest vector; nil until it told one.
	told kith.Vector
	// rewind is, by author, a number lower than one told before on this link:
	// the peer asks for what comes after it once more.
	rewind map[kith.DeviceID]uint64
	// doubt is set while the peer's mark for this very device does not fit our
	// history. Only numbers up to it are beyond doubt.
	doubt *uint64
}

func newLane(id kith.ConversationID) *lane {
	return &lane{id: id, sent: map[kith.DeviceID]uint64{}, rewind: map[kith.DeviceID]uint64{}}
}

// tell takes the peer's vector.
func (l *lane) tell(v kith.Vector) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for device, before := range l.told {
		if now := v[device].Seq; now < before.Seq {
			l.rewind[device] = now
		}
	}
	l.told = v
}

func (l *lane) setDoubt(through *uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubt = through
}

func (l *lane) doubted() *uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.doubt
}

// take brings sent up to date with what the peer told, and reports whether the
// peer told anything at all yet. A vector never takes back what is on its way,
// unless it is lower than an earlier one.
func (l *lane) take() (ready bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told == nil {
		return false
	}
	for device, seq := range l.rewind {
		l.sent[device] = seq
	}
	clear(l.rewind)
	for device, mark := range l.told {
		l.sent[device] = max(l.sent[device], mark.Seq)
	}
	return true
}
