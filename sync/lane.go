package sync

import (
	"maps"
	"sync"

	"kith"
)

// A lane is one conversation on one link.
type lane struct {
	id     kith.ConversationID
	sphere Sphere // nil in a direct conversation

	// Of a sphere's roster, all owned by the pump: what we told that we have,
	// nil before the first time; what we sent; whether there may be more to send.
	toldHeads []kith.RecordID
	given     map[kith.RecordID]bool
	stale     bool
	// certified, owned by the reader, are the author devices whose certificate
	// was seen.
	certified map[kith.Peer]bool

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
	// heads are those of the peer's roster; nil until it told them. news is set
	// while the pump has not looked at them.
	heads []kith.RecordID
	news  bool
	// again asks the pump to tell our roster once more: the peer, who begins to
	// talk of the sphere only now, may have had no ear for it before.
	again bool
}

func newLane(id kith.ConversationID) *lane {
	return &lane{id: id, sent: map[kith.DeviceID]uint64{}, rewind: map[kith.DeviceID]uint64{}, certified: map[kith.Peer]bool{}}
}

// tellRoster takes the heads of the peer's roster.
func (l *lane) tellRoster(heads []kith.RecordID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.again = l.again || l.heads == nil
	l.heads, l.news = append([]kith.RecordID{}, heads...), true
}

// roster gives the heads of the peer's roster, and whether they are new.
func (l *lane) roster() (heads []kith.RecordID, told, news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	news, l.news = l.news, false
	return l.heads, l.heads != nil, news
}

// tellAgain reports whether our roster is to be told once more.
func (l *lane) tellAgain() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	again := l.again
	l.again = false
	return again
}

// merge completes a partial vector by what the peer told before.
func (l *lane) merge(part kith.Vector) kith.Vector {
	l.mu.Lock()
	defer l.mu.Unlock()
	whole := maps.Clone(l.told)
	if whole == nil {
		whole = kith.Vector{}
	}
	maps.Copy(whole, part)
	return whole
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

// skip takes it that the peer needs nothing up to a cut.
func (l *lane) skip(cut kith.Cut) {
	for device, seq := range cut {
		l.sent[device] = max(l.sent[device], seq)
	}
}
