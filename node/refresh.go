package node

import (
	"math"
	"sync"
	"time"

	"kith"
	"kith/meet"
	"kith/seal"
	"kith/session"
	"kith/store"
)

// invitationGrace is how long after its end an invitation still opens the
// door, so that whoever comes late hears that it is over, and whoever became a
// contact by it can repeat an interrupted request.
const invitationGrace = 30 * 24 * time.Hour

// A refresher keeps the network in step with the directory: whose doors are
// open, whom to look for. It also passes on what the store reports, outside of
// the writer's goroutine.
type refresher struct {
	r    *run
	wake chan struct{} // capacity 1

	doing sync.Mutex // held during now, so that the newest state is set last
	pairs doorCache  // guarded by doing

	mu      sync.Mutex // guards the rest
	stale   bool
	changes []store.Change
	lost    bool // more changes than fit
	seen    bool // visibility that was set last
	changed chan struct{}
}

// maxChanges bounds the store changes that wait to be passed on.
const maxChanges = 1024

func newRefresher(r *run) *refresher {
	return &refresher{r: r, wake: make(chan struct{}, 1), changed: make(chan struct{})}
}

// soon asks for a refresh.
func (f *refresher) soon() {
	f.mu.Lock()
	f.stale = true
	f.mu.Unlock()
	f.signal()
}

// stored takes a change from the store.
func (f *refresher) stored(change store.Change) {
	f.mu.Lock()
	if len(f.changes) < maxChanges {
		f.changes = append(f.changes, change)
	} else {
		f.lost = true
	}
	f.mu.Unlock()
	f.signal()
}

func (f *refresher) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run works until the run ends.
func (f *refresher) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var last time.Time // when doors and targets were set, by the clock that runs evenly
	waits := false     // they are to be set again, when the pause is over
	for {
		end := sooner(f.r.people.nextBlockEnd(), f.r.spheres.nextMuteEnd())
		rest := never
		if !end.IsZero() {
			// The clock may be set meanwhile: look again at least every minute.
			rest = min(time.Minute, end.Sub(f.r.opt.now())+time.Millisecond)
		}
		if f.r.spheres.partial() {
			rest = min(rest, time.Until(last.Add(meshTime))) // who can't be reached is replaced by others
		}
		if waits {
			rest = min(rest, time.Until(last.Add(refreshPause)))
		}
		if timer.Stop(); rest != never {
			timer.Reset(rest)
		}
		select {
		case <-f.wake:
		case <-timer.C:
		case <-f.r.ctx.Done():
			return
		}
		if !end.IsZero() && !f.r.opt.now().Before(end) {
			waits = true
			f.r.blocksEnded()
			if err := f.r.spheres.muteEnded(f.r.ctx); err != nil && f.r.ctx.Err() == nil {
				f.r.log.Error("could not show what was written by somebody who is no longer muted", "error", err)
			}
		}
		f.mu.Lock()
		stale, changes, lost := f.stale, f.changes, f.lost
		f.stale, f.changes, f.lost = false, nil, false
		f.mu.Unlock()
		waits = waits || stale || f.r.spheres.partial() && time.Since(last) >= meshTime
		if waits && time.Since(last) >= refreshPause {
			waits, last = false, time.Now()
			f.now()
		}
		for _, change := range changes {
			f.r.pass(change)
		}
		if lost {
			f.r.notices.publish(Notice{Type: "reset"})
			f.r.links.changed(kith.ConversationID{})
		}
	}
}

// now sets doors and targets.
func (f *refresher) now() {
	f.doing.Lock()
	defer f.doing.Unlock()
	r := f.r
	visible := r.isVisible()
	f.mu.Lock()
	if visible != f.seen {
		f.seen = visible
		close(f.changed)
		f.changed = make(chan struct{})
	}
	f.mu.Unlock()
	if !visible {
		r.net.SetDoors(nil)
		r.pursuit.SetTargets(nil)
		r.correspond(false, nil)
		r.seekKept(false)
		return
	}
	f.pairs.next()
	near := r.spheres.neighbours()
	for account := range r.seeks() {
		near[account] = true // they have what is being fetched
	}
	var doors []session.Door
	var targets []meet.Target
	var known []acquaintance
	for _, c := range r.people.unsorted() {
		if _, blocked := r.people.block(c.Account); blocked || c.Relation == kith.Removed {
			continue
		}
		if !c.Invitation.IsZero() {
			near[c.Account] = true // they are asked over a link
		}
		if c.Relation == kith.Fellow && !c.Pair.IsZero() && !near[c.Account] {
			doors = append(doors, session.Door{Key: f.pairs.of(c.Pair), Account: c.Account})
			continue // others of the sphere keep links to them
		}
		key, ok := doorOf(&c)
		if !ok {
			continue
		}
		if !c.Pair.IsZero() {
			doors = append(doors, session.Door{Key: f.pairs.of(c.Pair), Account: c.Account})
		}
		notes, joining := meetOf(&c)
		known = append(known, acquaintance{meet.Correspondent{Account: c.Account, Key: notes, Joining: joining}, hubsOf(&c)})
		targets = append(targets, meet.Target{Account: c.Account, Door: key, Addresses: c.Addresses, Meet: notes, Joining: joining})
	}
	invited, meets := r.invitationDoors()
	doors, known = append(doors, invited...), append(known, meets...)
	r.net.SetDoors(doors)
	r.pursuit.SetTargets(targets)
	r.correspond(true, known)
	r.spheres.prune(near)
	r.seekKept(true)
}

// A doorCache computes the door of each pair only once: of hundreds of members
// that takes some work.
type doorCache struct{ before, now map[kith.Secret]seal.DoorKey }

func (d *doorCache) of(pair kith.Secret) seal.DoorKey {
	key, ok := d.before[pair]
	if !ok {
		key = seal.PairDoor(pair)
	}
	d.now[pair] = key
	return key
}

// next forgets those that were not asked for since the last time.
func (d *doorCache) next() { d.before, d.now = d.now, map[kith.Secret]seal.DoorKey{} }

// visible tells whether this person is visible and gives a channel that is
// closed when that changes.
func (f *refresher) visible() (bool, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen, f.changed
}

// pass tells readers of a durable change.
func (r *run) pass(change store.Change) {
	for _, id := range change.Messages {
		if entry, err := r.store.Message(r.ctx, id); err == nil && !entry.Hidden {
			view := r.view(&entry)
			r.notices.publish(Notice{Type: "message", Message: &view})
			if entry.File != nil || entry.Torrent != nil || entry.Deleted {
				r.lookAtFiles()
			}
		}
	}
	if change.All {
		r.lookAtFiles()
	}
	if change.All || change.Marks || change.Read {
		r.notices.publish(Notice{Type: "conversation", Conversation: &change.Conversation})
	}
	if change.Arranged {
		r.publishRow(change.Conversation)
	}
	if change.Events {
		r.pursue(change.Conversation)
	}
}

// pursue tries at once to reach a contact for whom something waits.
func (r *run) pursue(conv kith.ConversationID) {
	if c, ok := r.people.with(conv); ok && !r.links.has(c.Account) {
		r.pursuit.Now(c.Account)
	}
	if s, ok := r.spheres.get(conv); ok {
		s.seek()
	}
}

// meshTime is how often the neighbours in big spheres are chosen anew.
const meshTime = 15 * time.Second

// never is longer than a run lasts.
const never time.Duration = math.MaxInt64

// refreshPause is how long doors and targets stay as they were set at least:
// while a mesh forms, much changes at once.
const refreshPause = 200 * time.Millisecond

// sooner is the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// blocksEnded shows contacts as they are after a block ran out.
func (r *run) blocksEnded() {
	for _, c := range r.people.all() {
		if len(r.people.blocksOf(c.Account)) > 0 {
			view := r.viewContact(&c)
			r.notices.publish(Notice{Type: "contact", Contact: &view})
		}
	}
}
