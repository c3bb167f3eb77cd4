package node

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kith"
	"kith/link"
	"kith/meet/call"
	talk "kith/sync"
	"kith/wire"
)

// tieWindow is how close together two links to the same device must have come
// about to count as one wish: both sides dialled at the same time.
const tieWindow = time.Second

// A live link and what is said over it.
type live struct {
	link.Link
	since time.Time
	talk  *talk.Talk

	hope chan struct{} // that there is a better path by now; holds one
	over *call.Over    // carries the notes that look for it

	briefing briefing
	mail     mailBriefing
	// swarmPort is where the device takes TCP connections for pieces of files;
	// zero until it tells.
	swarmPort atomic.Uint32
}

// links is the table of live links: at most one to each device.
type links struct {
	r *run

	mu       sync.Mutex // guards the rest
	byDevice map[kith.DeviceID]*live
	closed   bool
}

func newLinks(r *run) *links {
	return &links{r: r, byDevice: map[kith.DeviceID]*live{}}
}

// add enters a link, unless another one to the same device is to stay. A newer
// link replaces an older one, for its maker had a reason; but of two that come
// about at the same time both sides keep the one which the device with the
// lower key asked for.
func (ls *links) add(l *live) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		l.Close(link.Goodbye)
		return false
	}
	device := l.Peer().Device
	old := ls.byDevice[device]
	if old != nil {
		simultaneous := l.since.Sub(old.since) < tieWindow && old.Initiator() != l.Initiator()
		if simultaneous && ls.prefersInitiator(old) == old.Initiator() {
			l.Close(link.Replaced)
			return false
		}
		old.Close(link.Replaced)
	}
	ls.byDevice[device] = l
	return true
}

// prefersInitiator reports whether, of two simultaneous links with this peer,
// the one that this device asked for is to stay.
func (ls *links) prefersInitiator(l *live) bool {
	own, theirs := ls.r.id.peer.Device, l.Peer().Device
	return slices.Compare(own[:], theirs[:]) < 0
}

// remove takes a link out that ended.
func (ls *links) remove(l *live) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.byDevice[l.Peer().Device] == l {
		delete(ls.byDevice, l.Peer().Device)
	}
}

// device gives the link to a device, or nil.
func (ls *links) device(device kith.DeviceID) *live {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.byDevice[device]
}

// has reports whether there is a link to an account.
func (ls *links) has(account kith.AccountID) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.byDevice {
		if l.Peer().Account == account {
			return true
		}
	}
	return false
}

// of lists the links to an account, or all if it is zero.
func (ls *links) of(account kith.AccountID) []*live {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	var list []*live
	for _, l := range ls.byDevice {
		if account.IsZero() || l.Peer().Account == account {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b *live) int { return cmp.Or(a.since.Compare(b.since)) })
	return list
}

// close ends the links to an account.
func (ls *links) close(account kith.AccountID, reason link.Reason) {
	for _, l := range ls.of(account) {
		l.Close(reason)
	}
}

// closeAll ends all links.
func (ls *links) closeAll(reason link.Reason) { ls.close(kith.AccountID{}, reason) }

// shut ends all links and lets none in any more.
func (ls *links) shut(reason link.Reason) {
	ls.mu.Lock()
	ls.closed = true
	ls.mu.Unlock()
	ls.closeAll(reason)
}

// greet says hello again to an account, or to all if it is zero.
func (ls *links) greet(account kith.AccountID) {
	for _, l := range ls.of(account) {
		l.talk.Greet()
	}
}

// changed wakes the talks about a conversation, or all if it is zero.
func (ls *links) changed(conv kith.ConversationID) {
	for _, l := range ls.of(kith.AccountID{}) {
		if conv.IsZero() {
			l.talk.ChangedAll()
		} else {
			l.talk.Changed(conv)
		}
	}
}

// spheresChanged tells all talks that rosters, or the spheres in common, changed.
func (ls *links) spheresChanged() {
	for _, l := range ls.of(kith.AccountID{}) {
		l.talk.SpheresChanged()
	}
}

// say says something to an account over each of its links.
func (ls *links) say(account kith.AccountID, frame wire.Frame) {
	for _, l := range ls.of(account) {
		l.talk.Say(frame)
	}
}

// setTyping tells the talks about a conversation that this person writes.
func (ls *links) setTyping(conv kith.ConversationID, active bool) {
	for _, l := range ls.of(kith.AccountID{}) {
		l.talk.SetTyping(conv, active)
	}
}
