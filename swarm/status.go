package swarm

import (
	"time"

	"kith"
)

// A State says what a transfer does.
type State string

// The states.
const (
	Waiting  State = "waiting"  // for a member who has what is missing
	Queued   State = "queued"   // for its turn
	Fetching State = "fetching" // from at least one member
	Checking State = "checking" // hashing what it found on the disk
	Paused   State = "paused"
	Partial  State = "partial" // all that is wanted is here, but not all there is
	Seeding  State = "seeding" // all there is is here
	Full     State = "full"    // the disk is; it goes on by itself when there is room
	Missing  State = "missing" // a file that was here is gone
	Changed  State = "changed" // a file that was here is another one
	Failed   State = "failed"
)

// A Status is what there is to know of a transfer.
type Status struct {
	Infohash    kith.Infohash
	State       State
	Reason      string // of Full, Missing, Changed and Failed: a sentence
	Own         bool   // shared from here
	Path        string // where it lies
	Done, Total int64  // bytes of what is wanted
	Down, Up    float64
	// Left is how long it takes at this speed; -1 if nobody knows.
	Left  time.Duration
	Peers []Peer
	Bad   int // pieces that members sent and that were wrong
	Order int64
}

// A Peer is a member, or a helper, with whom there is a connection.
type Peer struct {
	Device   kith.DeviceID
	Name     string // of a helper; Device is its ID then
	Way      string // "direct", "link" or, to a helper, "hub"
	Down, Up int64  // bytes since it began
}

// A File is one file of a share.
type File struct {
	Path     string // in the share, as its author named it
	Local    string // where it lies or will; "" if it is not wanted
	Size     int64
	Done     int64 // bytes that are here
	Complete bool
	Priority Priority
}

// Status tells about one transfer.
func (s *Swarm) Status(ih kith.Infohash) (Status, error) {
	t, err := s.find(ih)
	if err != nil {
		return Status{}, err
	}
	return t.status(), nil
}

// Statuses tells about all, in no order.
func (s *Swarm) Statuses() []Status {
	s.mu.Lock()
	all := s.allLocked()
	s.mu.Unlock()
	list := make([]Status, len(all))
	for i, t := range all {
		list[i] = t.status()
	}
	return list
}

func (t *transfer) status() Status {
	peers := t.peers()
	t.mu.Lock()
	defer t.mu.Unlock()
	st := Status{
		Infohash: t.ih, Own: t.rec.Own, Path: t.rec.Path, Total: int64(t.rec.Size), Left: -1,
		Peers: peers, Bad: t.bad, Order: t.rec.Order,
	}
	if t.t != nil {
		st.Down, st.Up = t.speed.down, t.speed.up
	}
	wanted, done := t.progressLocked()
	if wanted >= 0 {
		st.Done, st.Total = done, wanted
	}
	st.State, st.Reason = t.stateLocked(len(peers) > 0)
	if missing := st.Total - st.Done; st.Down > 1 && missing > 0 && st.State == Fetching {
		st.Left = time.Duration(float64(missing) / st.Down * float64(time.Second))
	}
	return st
}

func (t *transfer) stateLocked(connected bool) (State, string) {
	r := t.rec
	if t.c != nil {
		if path, missing, yes := t.c.disk.spoiled(); yes {
			if missing {
				return Missing, "“" + path + "” is not there any more; put it back, or share it again"
			}
			return Changed, "“" + path + "” was changed; share it again to hand the new version on"
		}
	}
	switch {
	case r.Failed != "":
		return Failed, r.Failed
	case t.blocked != nil && isFull(t.blocked):
		return Full, "the disk is full; make room, and it goes on"
	case t.blocked != nil:
		return Failed, "it can't be written, and is tried again soon: " + t.blocked.Error()
	case t.checking > 0:
		return Checking, ""
	case r.Own || r.Complete:
		return Seeding, ""
	case r.Paused:
		return Paused, ""
	case !t.wantingLocked() && !t.wantsAllLocked():
		return Partial, ""
	case t.speed.queued:
		return Queued, ""
	case connected:
		return Fetching, ""
	}
	return Waiting, ""
}

// wantsAllLocked reports whether every file is wanted: if nothing is missing then,
// it is about to be complete.
func (t *transfer) wantsAllLocked() bool {
	if t.c == nil {
		return false
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.c.plan == nil {
		return false
	}
	for i := range t.c.plan.files {
		if !t.rec.Select.wants(&t.c.plan.files[i]) {
			return false
		}
	}
	return true
}

// progressLocked counts what is wanted and here, by pieces; -1 if that is not
// known.
func (t *transfer) progressLocked() (wanted, done int64) {
	if t.rec.Own || t.rec.Complete {
		return int64(t.rec.Size), int64(t.rec.Size)
	}
	if t.c == nil {
		for i := range t.rec.Entries {
			if e := &t.rec.Entries[i]; e.State != absent {
				wanted += e.File.Size
				if e.State == final {
					done += e.File.Size
				}
			}
		}
		if len(t.rec.Entries) == 0 {
			return -1, 0
		}
		return wanted, done
	}
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plan == nil {
		return -1, 0
	}
	for i := range c.plan.files {
		if t.rec.Select.wants(&c.plan.files[i]) {
			wanted += c.plan.starts[i].size
			done += c.bytesLocked(i)
		}
	}
	return wanted, done
}

// bytesLocked is how much of a file is here.
func (c *content) bytesLocked(file int) (n int64) {
	s := c.plan.starts[file]
	for p := s.offset / c.piece; s.size > 0 && p*c.piece < s.offset+s.size; p++ {
		if c.have.has(int(p)) {
			n += min((p+1)*c.piece, s.offset+s.size) - max(p*c.piece, s.offset)
		}
	}
	return n
}

func (t *transfer) peers() []Peer {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	var list []Peer
	for c := range t.s.conns {
		if c.transfer == t {
			list = append(list, Peer{Device: c.peer, Name: c.name, Way: c.way, Down: c.down.Load(), Up: c.up.Load()})
		}
	}
	return list
}

// Files lists the files of a share, none while the list has not arrived.
func (s *Swarm) Files(ih kith.Infohash) ([]File, error) {
	t, err := s.find(ih)
	if err != nil {
		return nil, err
	}
	t.op.Lock()
	defer t.op.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	plan, entries := t.planLocked()
	if plan == nil {
		return nil, nil
	}
	files := make([]File, len(plan.files))
	for i, f := range plan.files {
		e := entries[i]
		files[i] = File{Path: f.Path, Size: int64(f.Size), Priority: t.rec.Select.of(&f), Complete: e.State == final}
		if e.State != absent {
			files[i].Local = localPath(t.rootDir(), e.File.Path)
		}
		if files[i].Complete {
			files[i].Done = files[i].Size
		} else if t.c != nil {
			t.c.mu.Lock()
			files[i].Done = t.c.bytesLocked(i)
			t.c.mu.Unlock()
		}
	}
	return files, nil
}
