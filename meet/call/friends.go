package call

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"kith"
	"kith/meet"
	"kith/wire"
)

// friendPlace is the place in the tags of this way.
const friendPlace = "friend"

// Limits of what is done for others.
const (
	passBurst = 30               // notes of one link
	passEvery = time.Second / 4  // and one more in this time
	seekAgain = 10 * time.Minute // at the latest tags are told anew: the day may be another
)

// Friends is the courier of those to whom there is a link: each serves as a
// meeting point for the others. It says by Tell what goes over links, and is
// told what comes by the methods On…. What it does for others is bounded for
// each link.
type Friends struct {
	tell func(to kith.DeviceID, frame wire.Frame)
	wake chan struct{} // holds one
	now  func() time.Time

	mu     sync.Mutex // guards the rest
	mail   meet.Mail  // nil unless it runs
	wanted []meet.Correspondent
	byTag  map[[16]byte]meet.Correspondent
	told   [][16]byte
	links  map[kith.DeviceID]*friendLink
}

// A friendLink is what somebody with a link seeks, and may still send.
type friendLink struct {
	account kith.AccountID
	seeks   [][16]byte
	sought  map[[16]byte]bool // what it told that others seek, too
	tokens  int
	filled  time.Time
}

// NewFriends makes the courier. tell says a frame to a device over its link.
func NewFriends(tell func(kith.DeviceID, wire.Frame)) *Friends {
	return &Friends{
		tell: tell, wake: make(chan struct{}, 1), now: time.Now,
		byTag: map[[16]byte]meet.Correspondent{}, links: map[kith.DeviceID]*friendLink{},
	}
}

// Name is meet.WayFriend.
func (f *Friends) Name() string { return meet.WayFriend }

// Live is true: notes are passed on at once.
func (f *Friends) Live() bool { return true }

// Run tells those with a link whom this device seeks, until ctx ends.
func (f *Friends) Run(ctx context.Context, mail meet.Mail) error {
	f.setMail(mail)
	defer f.setMail(nil)
	timer := time.NewTicker(seekAgain)
	defer timer.Stop()
	for {
		f.seek()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.wake:
		case <-timer.C:
		}
	}
}

func (f *Friends) setMail(mail meet.Mail) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mail = mail
}

// SetCorrespondents seeks these instead; only the first wire.MaxSought tags of
// them are told.
func (f *Friends) SetCorrespondents(list []meet.Correspondent) {
	f.mu.Lock()
	f.wanted = list
	f.mu.Unlock()
	f.signal()
}

func (f *Friends) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// seek tells all links the tags, if they changed.
func (f *Friends) seek() {
	f.mu.Lock()
	byTag := map[[16]byte]meet.Correspondent{}
	var tags [][16]byte
	for _, who := range f.wanted {
		for _, day := range days(f.now()) {
			if tag := who.Key.Tag(friendPlace, day); len(tags) < wire.MaxSought {
				byTag[tag] = who
				tags = append(tags, tag)
			}
		}
	}
	f.byTag = byTag
	for _, l := range f.links {
		maps.DeleteFunc(l.sought, func(tag [16]byte, _ bool) bool { _, ok := byTag[tag]; return !ok })
	}
	changed := !slices.Equal(tags, f.told)
	f.told = tags
	var devices []kith.DeviceID
	if changed {
		for device := range f.links {
			devices = append(devices, device)
		}
	}
	f.mu.Unlock()
	for _, device := range devices {
		f.tell(device, wire.Seek{Tags: tags})
	}
}

// Up tells that a link to a device of a contact or fellow is there.
func (f *Friends) Up(device kith.DeviceID, account kith.AccountID) {
	f.mu.Lock()
	f.links[device] = &friendLink{account: account, sought: map[[16]byte]bool{}, tokens: passBurst, filled: f.now()}
	tags := f.told
	f.mu.Unlock()
	if len(tags) > 0 {
		f.tell(device, wire.Seek{Tags: tags})
	}
}

// Down tells that it is gone.
func (f *Friends) Down(device kith.DeviceID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.links, device)
}

// spend takes one of a link's tokens. f.mu is held.
func (l *friendLink) spend(now time.Time) bool {
	if more := int(now.Sub(l.filled) / passEvery); more > 0 {
		l.tokens = min(passBurst, l.tokens+more)
		l.filled = now
	}
	if l.tokens == 0 {
		return false
	}
	l.tokens--
	return true
}

// OnSeek notes whom a device seeks, and tells both sides of those who seek each
// other.
func (f *Friends) OnSeek(device kith.DeviceID, seek wire.Seek) {
	type word struct {
		to  kith.DeviceID
		tag [16]byte
	}
	var words []word
	f.mu.Lock()
	l := f.links[device]
	if l == nil || !l.spend(f.now()) {
		f.mu.Unlock()
		return
	}
	for _, tag := range seek.Tags {
		if slices.Contains(l.seeks, tag) {
			continue
		}
		for other, o := range f.links {
			if other != device && o.account != l.account && slices.Contains(o.seeks, tag) {
				words = append(words, word{other, tag}, word{device, tag})
			}
		}
	}
	l.seeks = seek.Tags
	f.mu.Unlock()
	for _, w := range words {
		f.tell(w.to, wire.Sought{Tag: w.tag})
	}
}

// OnSought takes word that somebody seeks us by way of a friend.
func (f *Friends) OnSought(device kith.DeviceID, sought wire.Sought) {
	if who, mail := f.find(sought.Tag); mail != nil {
		f.mu.Lock()
		if l := f.links[device]; l != nil {
			l.sought[sought.Tag] = true
		}
		f.mu.Unlock()
		mail.Present(who, f)
	}
}

// OnPass takes a note: for us, or to be handed on to who else seeks under its
// tag.
func (f *Friends) OnPass(device kith.DeviceID, pass wire.Pass) {
	if who, mail := f.find(pass.Tag); mail != nil {
		mail.Note(who, f, pass.Note)
		return
	}
	var to []kith.DeviceID
	f.mu.Lock()
	if l := f.links[device]; l != nil && slices.Contains(l.seeks, pass.Tag) && l.spend(f.now()) {
		for other, o := range f.links {
			if other != device && slices.Contains(o.seeks, pass.Tag) {
				to = append(to, other)
			}
		}
	}
	f.mu.Unlock()
	for _, other := range to {
		f.tell(other, pass)
	}
}

func (f *Friends) find(tag [16]byte) (meet.Correspondent, meet.Mail) {
	f.mu.Lock()
	defer f.mu.Unlock()
	who, ok := f.byTag[tag]
	if !ok {
		return who, nil
	}
	return who, f.mail
}

// Send gives a note to those who told that somebody seeks us under its tag.
// Whether they are still there is not known.
func (f *Friends) Send(_ context.Context, to meet.Correspondent, note []byte) (heard int, known bool, err error) {
	by := map[kith.DeviceID][16]byte{}
	f.mu.Lock()
	for _, day := range days(f.now()) {
		tag := to.Key.Tag(friendPlace, day)
		for device, l := range f.links {
			if l.sought[tag] {
				by[device] = tag
			}
		}
	}
	f.mu.Unlock()
	for device, tag := range by {
		f.tell(device, wire.Pass{Tag: tag, Note: note})
	}
	return 0, len(by) == 0, nil
}

// Hasten does nothing: friends tell at once.
func (f *Friends) Hasten(meet.Correspondent) {}

// NetworkChanged does nothing: links tell of it themselves.
func (f *Friends) NetworkChanged() {}

// State tells how many could help.
func (f *Friends) State() meet.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := meet.State{Way: meet.WayFriend, Working: len(f.links) > 0}
	switch n := len(f.links); n {
	case 0:
		s.Reason = "Nobody is connected who could bring others together."
	case 1:
		s.Reason = "Somebody who is connected can bring others together."
	default:
		s.Reason = fmt.Sprintf("%d devices that are connected can bring others together.", n)
	}
	return s
}

var _ meet.Courier = (*Friends)(nil)
