package swarm

import (
	"github.com/anacrolix/torrent"

	"kith"
)

// A Priority says how much a file is wanted.
type Priority int

// The priorities.
const (
	Skip   Priority = -1 // not at all
	Normal Priority = 0
	High   Priority = 1 // before the others
)

// A Selection says which files of a share are wanted. The zero value wants all.
type Selection struct {
	Default Priority
	// Most is the size in bytes above which Default does not count and a file
	// is skipped; 0 means no bound.
	Most uint64
	// Files overrides it for single files, by their path in the share.
	Files map[string]Priority
}

// None wants nothing until it is asked for.
var None = Selection{Default: Skip}

func (s *Selection) of(f *manifestFile) Priority {
	if p, ok := s.Files[f.Path]; ok {
		return p
	}
	if s.Most > 0 && f.Size > s.Most {
		return Skip
	}
	return s.Default
}

func (s *Selection) wants(f *manifestFile) bool { return s.of(f) > Skip }

// wantsFileLocked reports whether file i is wanted, or being read.
func (t *transfer) wantsFileLocked(i int) bool {
	if t.c == nil || t.c.plan == nil {
		return t.entryLocked(i).State != absent || t.rec.Select.Default > Skip || len(t.rec.Select.Files) > 0
	}
	return t.rec.Select.wants(&t.c.plan.files[i])
}

// Select changes what of a transfer is wanted.
func (s *Swarm) Select(ih kith.Infohash, want Selection) error {
	t, err := s.find(ih)
	if err != nil {
		return err
	}
	t.op.Lock()
	defer t.op.Unlock()
	t.mu.Lock()
	t.rec.Select, t.rec.Idle = want, false
	t.mu.Unlock()
	if err := t.save(); err != nil {
		return err
	}
	t.prioritise()
	t.changed()
	s.nudge()
	return nil
}

// prioritise tells the library which pieces are wanted, and makes room for the
// files that are.
func (t *transfer) prioritise() {
	t.mu.Lock()
	tt, c := t.t, t.c
	if tt == nil || c == nil || t.rec.Own {
		t.mu.Unlock()
		return
	}
	idle := t.rec.Paused || t.rec.Failed != "" || t.blocked != nil
	want := t.rec.Select
	t.mu.Unlock()
	priorities := make([]torrent.PiecePriority, c.pieces())
	c.mu.Lock()
	plan := c.plan
	c.mu.Unlock()
	if !idle {
		if plan == nil {
			for i := range headPieces(c) {
				priorities[i] = torrent.PiecePriorityHigh
			}
		} else {
			for i := range plan.files {
				p := want.of(&plan.files[i])
				if p == Skip {
					continue
				}
				if c.disk.state(i) == absent {
					t.mu.Lock()
					t.whole = true // perhaps all of it is here, as ciphertext
					t.mu.Unlock()
					if err := c.adopt(i); err != nil {
						t.block(err)
						return
					}
				}
				raise(priorities, plan.starts[i], c.piece, p)
			}
			if plan.head == nil && plan.files[0].Size == 0 && want.wants(&plan.files[0]) {
				priorities[0] = torrent.PiecePriorityNormal
			}
		}
	}
	t.spread.want(tt, c, t.s.client.PeerID(), priorities)
	t.wake()
}

// headPieces is how many pieces hold a folder's manifest, as far as is known.
func headPieces(c *content) int {
	if !c.hasPiece(0) {
		return 1
	}
	head := make([]byte, manifestHead)
	if c.readAt(head, 0, 0) != nil {
		return 1
	}
	c.cipher.XORKeyStreamAt(head, head, 0)
	size, err := manifestSize(head, c.length)
	if err != nil {
		return 1
	}
	return int((size + c.piece - 1) / c.piece)
}

func raise(priorities []torrent.PiecePriority, s segment, piece int64, p Priority) {
	level := torrent.PiecePriorityNormal
	if p > Normal {
		level = torrent.PiecePriorityHigh
	}
	for i := s.offset / piece; s.size > 0 && i*piece < s.offset+s.size; i++ {
		priorities[i] = max(priorities[i], level)
	}
}

func (c *content) hasPiece(i int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.have.has(i)
}
