package swarm

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"kith"
)

// checkpointEvery is how often what arrived is made durable.
const checkpointEvery = 2 * time.Second

// settle notes that a piece was judged; the library's lock may be held.
func (t *transfer) settle(piece int, first, checked bool) {
	t.mu.Lock()
	if piece >= 0 && (first || checked) && !t.rec.Own {
		t.settled = append(t.settled, piece)
	}
	if checked && t.checking > 0 {
		t.checking--
	}
	t.mu.Unlock()
	t.wake()
}

func (t *transfer) wake() {
	t.mu.Lock()
	kick := t.kick
	t.mu.Unlock()
	if kick == nil {
		return
	}
	select {
	case kick <- struct{}{}:
	default:
	}
}

// keeper follows what arrives: it finds the manifest, finishes files and makes
// durable what is here.
func (t *transfer) keeper(ctx context.Context, kick chan struct{}) {
	t.mu.Lock()
	t.settled, t.whole = nil, true
	t.mu.Unlock()
	timer := time.NewTimer(checkpointEvery)
	defer timer.Stop()
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-kick:
			if err := t.advance(); err != nil {
				t.stumble(err)
			}
			t.redraw()
		case <-tick.C:
			t.redraw()
		case <-timer.C:
			t.mu.Lock()
			c := t.c
			t.mu.Unlock()
			if c != nil {
				if err := t.checkpoint(c); err != nil {
					t.stumble(err)
				}
			}
			timer.Reset(checkpointEvery)
		}
	}
}

// redraw chooses anew what is asked for.
func (t *transfer) redraw() {
	t.mu.Lock()
	tt, c, plays, whole := t.t, t.c, t.readers > 0, t.rec.Own || t.rec.Complete
	t.mu.Unlock()
	if tt != nil && c != nil && !whole {
		t.spread.draw(tt, c, t.s.client.PeerID(), plays)
	}
}

// stumble sorts an error of the disk, or of what a peer says, from one another.
func (t *transfer) stumble(err error) {
	if k := kith.KindOf(err); k == kith.BadPeer || k == kith.Conflict {
		t.fail(err)
		return
	}
	t.block(err)
}

// advance takes account of the pieces that came.
func (t *transfer) advance() error {
	t.mu.Lock()
	c, came := t.c, t.settled
	t.settled = nil
	whole := t.whole
	t.whole = false
	own := t.rec.Own
	t.mu.Unlock()
	if c == nil || own {
		return nil
	}
	t.changed()
	c.mu.Lock()
	plan := c.plan
	c.mu.Unlock()
	if plan == nil {
		found, err := t.findManifest(c)
		if !found || err != nil {
			return err
		}
		whole = true
		c.mu.Lock()
		plan = c.plan
		c.mu.Unlock()
	}
	var candidates []int
	if whole {
		for i := range plan.files {
			candidates = append(candidates, i)
		}
	} else {
		seen := map[int]bool{}
		for _, p := range came {
			offset, n := c.span(p)
			plan.each(offset, n, func(file int, _, _, _ int64) error {
				if !seen[file] {
					seen[file] = true
					candidates = append(candidates, file)
				}
				return nil
			})
		}
	}
	return t.finish(c, candidates)
}

// findManifest reads a folder's list of files once its pieces are here.
func (t *transfer) findManifest(c *content) (bool, error) {
	n := headPieces(c)
	for i := range n {
		if !c.hasPiece(i) {
			t.prioritise0(c, n)
			return false, nil
		}
	}
	head := make([]byte, manifestHead)
	if err := c.readAt(head, 0, 0); err != nil {
		return false, err
	}
	c.cipher.XORKeyStreamAt(head, head, 0)
	size, err := manifestSize(head, c.length)
	if err != nil {
		return false, err
	}
	head = make([]byte, size)
	if _, err := (streamReader{c}).ReadAt(head, 0); err != nil {
		return false, err
	}
	c.cipher.XORKeyStreamAt(head, head, 0)
	m, err := parseManifest(head, c.length)
	if err != nil {
		return false, err
	}
	if err := writeWhole(filepath.Join(t.s.folder(t.ih), "manifest"), head); err != nil {
		return false, err
	}
	entries := make([]entry, len(m.Files))
	used := map[string]bool{}
	for i, f := range m.Files {
		path := f.Path
		if t.s.cfg.Place != nil {
			path = t.s.cfg.Place(path, func(p string) bool { return used[p] })
		}
		if checkPath(path) != nil || used[path] {
			return false, kith.Errorf(kith.Internal, "the file %.80q of the folder found no place", f.Path)
		}
		used[path] = true
		entries[i] = entry{File: original{Path: filepath.FromSlash(path), Size: int64(f.Size)}}
	}
	c.disk.mu.Lock()
	c.disk.entries = entries
	c.disk.mu.Unlock()
	c.mu.Lock()
	c.plan = folderPlan(head, m)
	c.mu.Unlock()
	if err := t.save(); err != nil {
		return false, err
	}
	t.told()
	t.prioritise()
	return true, nil
}

// prioritise0 asks for the rest of the manifest.
func (t *transfer) prioritise0(c *content, n int) {
	t.mu.Lock()
	tt, idle := t.t, t.rec.Paused
	t.mu.Unlock()
	for i := 1; i < n && tt != nil && !idle; i++ {
		tt.Piece(i).SetPriority(highest)
	}
}

// finish gives files their names when all of them is here, and notes when that
// is the whole share. A file gets its time before its name, and the record
// holds that time, so that a crash between the two is told from a stranger's
// file.
func (t *transfer) finish(c *content, candidates []int) error {
	var done []int
	for _, i := range candidates {
		if c.disk.state(i) == partial && c.fileDone(i) {
			done = append(done, i)
		}
	}
	if len(done) > 0 {
		if err := t.checkpoint(c); err != nil {
			return err
		}
		for _, i := range done {
			if err := c.disk.prepare(i, &c.plan.files[i]); err != nil {
				return err
			}
		}
		if err := t.save(); err != nil {
			return err
		}
		for _, i := range done {
			if err := c.disk.finish(i); err != nil {
				return err
			}
		}
	}
	complete := true
	for i := range c.plan.files {
		complete = complete && c.disk.state(i) == final
	}
	t.mu.Lock()
	news := complete && !t.rec.Complete && t.checking == 0
	if news {
		t.rec.Complete = true
	}
	t.mu.Unlock()
	if len(done) > 0 || news {
		if err := t.save(); err != nil {
			return err
		}
		t.changed()
		t.s.nudge()
	}
	if news {
		t.s.news.now()
	}
	return nil
}

// checkpoint makes durable what came, and then notes that it is here.
func (t *transfer) checkpoint(c *content) error {
	c.mu.Lock()
	if c.fresh == 0 {
		c.mu.Unlock()
		return nil
	}
	fresh, have := c.fresh, c.have.clone()
	for i := range c.pieces() { // what is not hashed yet stays noted as it was
		if c.doubt.has(i) {
			have.remove(i)
		}
	}
	dirty := c.dirty
	c.dirty = nil
	c.mu.Unlock()
	if t.rec.Own {
		return nil
	}
	for i := range dirty {
		if c.disk.state(i) != partial {
			continue
		}
		if err := c.disk.sync(i); err != nil {
			return err
		}
	}
	if err := writeWhole(filepath.Join(t.s.folder(t.ih), "have"), have); err != nil {
		return err
	}
	if len(dirty) > 0 {
		if err := t.save(); err != nil { // the times
			return err
		}
	}
	c.mu.Lock()
	c.fresh -= fresh
	c.mu.Unlock()
	return nil
}

// examine decides, when a transfer wakes, which pieces are believed. A file
// whose size or time is not as noted is hashed again as far as there is
// anything in it; so is all of it if the person asked.
func (c *content) examine(all bool) {
	c.doubt = newSet(c.pieces())
	if c.plan == nil {
		for i := range c.pieces() {
			if c.have.has(i) && (!c.edge[i] || all) {
				c.doubtful(i)
			}
		}
		return
	}
	for i := range c.plan.files {
		e := &c.disk.entries[i]
		name := filepath.Join(c.disk.dir, e.File.Path)
		s := c.plan.starts[i]
		trusted := false
		switch e.State {
		case absent:
			continue
		case final:
			fi, err := os.Lstat(name)
			trusted = err == nil && e.File.fits(fi)
			switch {
			case trusted:
			case !all:
				continue // reading it says that it is gone
			case err == nil && fi.Mode().IsRegular() && fi.Size() == e.File.Size:
				e.File.Modified = fi.ModTime().UnixNano()
			default:
				e.State = partial // what has its name now is not touched
				c.forget(s, i)
				continue
			}
		case partial:
			if fi, err := os.Lstat(name); err == nil && e.Planned != 0 && fi.Size() == e.File.Size && fi.ModTime().UnixNano() == e.Planned {
				part, err := os.Lstat(name + partSuffix)
				if err == nil && os.SameFile(fi, part) { // killed while it had both names
					part = nil
					os.Remove(name + partSuffix)
				}
				if part == nil {
					e.State, e.File.Modified, e.Planned = final, e.Planned, 0
					trusted = true
					break
				}
			}
			fi, err := os.Lstat(name + partSuffix)
			if err != nil || !fi.Mode().IsRegular() || fi.Size() != e.File.Size {
				c.forget(s, i)
				if err == nil && fi.Mode().IsRegular() {
					os.Truncate(name+partSuffix, e.File.Size)
				}
				continue
			}
			trusted = e.File.fits(fi)
		}
		if trusted && !all {
			continue
		}
		c.probe(s, i)
	}
}

// forget notes that nothing of a file is here.
func (c *content) forget(s segment, file int) {
	for p := s.offset / c.piece; s.size > 0 && p*c.piece < s.offset+s.size; p++ {
		c.have.remove(int(p))
	}
}

func (c *content) doubtful(piece int) {
	c.have.remove(piece)
	c.doubt.add(piece)
}

// probe puts in doubt the pieces of a file that hold anything.
func (c *content) probe(s segment, file int) {
	if s.size == 0 {
		return
	}
	block := make([]byte, 4<<10)
	for p := s.offset / c.piece; p*c.piece < s.offset+s.size; p++ {
		if c.have.has(int(p)) {
			c.doubtful(int(p))
			continue
		}
		from := max(p*c.piece, s.offset) - s.offset
		b := block[:min(int64(len(block)), s.size-from)]
		if err := c.disk.readAt(file, b, from); err == nil || err == fs.ErrClosed {
			for _, x := range b {
				if x != 0 {
					c.doubtful(int(p))
					break
				}
			}
		}
	}
}
