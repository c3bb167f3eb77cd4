package swarm

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"github.com/anacrolix/torrent"

	"kith"
)

// Bounds of reading while it arrives, in bytes.
const (
	leastAhead    = 2 << 20
	mostAhead     = 16 << 20
	playUnproven  = 2 << 20  // what is on its way while somebody plays: a seek waits for it
	usualUnproven = 12 << 20 // otherwise; pieces are in memory until they are verified
)

// Reader reads a file of a share, by its place in Files, from the disk or as
// it arrives: what is read is fetched first. It waits for the list of files as
// long as ctx lasts, and for bytes until it is closed. It is used by one
// goroutine, and Close by any.
func (s *Swarm) Reader(ctx context.Context, ih kith.Infohash, file int) (r io.ReadSeekCloser, size int64, modified time.Time, err error) {
	t, err := s.find(ih)
	if err != nil {
		return nil, 0, time.Time{}, err
	}
	if f, size, modified, err := t.openDone(file); f != nil || err != nil {
		return f, size, modified, err
	}
	t.mu.Lock()
	t.readers++
	t.mu.Unlock()
	keep := false
	defer func() {
		if !keep {
			t.unread()
		}
	}()
	if err := t.awaken(ctx); err != nil {
		return nil, 0, time.Time{}, err
	}
	t.op.Lock()
	defer t.op.Unlock()
	t.mu.Lock()
	c, tt := t.c, t.t
	t.mu.Unlock()
	if c == nil || tt == nil || file < 0 || file >= len(c.plan.files) {
		return nil, 0, time.Time{}, kith.Errorf(kith.NotFound, "there is no such file in the share")
	}
	if err := c.adopt(file); err != nil {
		return nil, 0, time.Time{}, err
	}
	f := c.plan.files[file]
	ctx, stop := context.WithCancel(s.ctx)
	p := &playing{t: t, c: c, in: tt.NewReader(), at: c.plan.starts[file], stop: stop}
	p.in.SetContext(ctx)
	p.in.SetResponsive()
	p.in.SetReadaheadFunc(s.ahead)
	if _, err := p.in.Seek(p.at.offset, io.SeekStart); err != nil {
		p.Close()
		return nil, 0, time.Time{}, err
	}
	keep = true
	return p, int64(f.Size), time.Unix(0, f.Modified), nil
}

// Peek gets the list of pieces, and for a folder the list of files, and connects
// to who has them, as long as ctx lasts. What is read soon after comes at once.
func (s *Swarm) Peek(ctx context.Context, ih kith.Infohash) error {
	t, err := s.find(ih)
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.readers++
	t.mu.Unlock()
	defer t.unread()
	return t.awaken(ctx)
}

// openDone opens a file that is complete; nil if it is not.
func (t *transfer) openDone(file int) (io.ReadSeekCloser, int64, time.Time, error) {
	t.op.Lock()
	defer t.op.Unlock()
	t.mu.Lock()
	plan, entries := t.planLocked()
	dir := t.rootDir()
	t.mu.Unlock()
	if plan == nil {
		return nil, 0, time.Time{}, nil
	}
	if file < 0 || file >= len(entries) {
		return nil, 0, time.Time{}, kith.Errorf(kith.NotFound, "there is no such file in the share")
	}
	e := entries[file]
	if e.State != final {
		return nil, 0, time.Time{}, nil
	}
	var f *os.File
	var err error
	if dir == "" {
		f, err = os.Open(e.File.Path)
	} else {
		f, err = os.OpenInRoot(dir, e.File.Path)
	}
	if err != nil {
		return nil, 0, time.Time{}, kith.Errorf(kith.NotFound, "open “%s”: it is not there any more", localPath(dir, e.File.Path))
	}
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		f.Close()
		return nil, 0, time.Time{}, kith.Errorf(kith.NotFound, "open “%s”: it is no file any more", localPath(dir, e.File.Path))
	}
	return f, fi.Size(), fi.ModTime(), nil
}

// awaken wakes a transfer and waits until its files are known.
func (t *transfer) awaken(ctx context.Context) error {
	for {
		t.op.Lock()
		err := t.activate()
		t.op.Unlock()
		if err != nil {
			return err
		}
		t.s.nudge()
		t.mu.Lock()
		failed, removed, known := t.rec.Failed, t.removed, t.known
		if known == nil {
			known = make(chan struct{})
			t.known = known
		}
		ready := t.c != nil && t.c.hasPlan()
		t.mu.Unlock()
		switch {
		case removed:
			return kith.Errorf(kith.NotFound, "there is no such transfer")
		case failed != "":
			return kith.Errorf(kith.BadPeer, "%s", failed)
		case ready:
			return nil
		}
		select {
		case <-known:
		case <-ctx.Done():
			return kith.Errorf(kith.Unreachable, "nobody who has it is here: %w", ctx.Err())
		case <-t.s.ctx.Done():
			return kith.Errorf(kith.Conflict, "the program is ending")
		}
	}
}

// told lets go whoever waits for the list of files.
func (t *transfer) told() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known != nil {
		close(t.known)
		t.known = nil
	}
}

func (c *content) hasPlan() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plan != nil
}

func (t *transfer) unread() {
	t.mu.Lock()
	t.readers--
	t.busy = t.s.cfg.Now()
	t.mu.Unlock()
	t.s.nudge()
}

// ahead says how much is fetched before it is read. The library calls it with
// its lock held, which is why the bound of unproven bytes is set here.
func (s *Swarm) ahead(r torrent.ReadaheadContext) int64 {
	s.unproven.MaxUnverifiedBytes = playUnproven
	return min(max(r.CurrentPos-r.ContiguousReadStartPos, leastAhead), mostAhead)
}

func (s *Swarm) aheadNoMore(torrent.ReadaheadContext) int64 {
	s.unproven.MaxUnverifiedBytes = usualUnproven
	return 0
}

// A playing is a file that is read while it arrives.
type playing struct {
	t    *transfer
	c    *content
	in   torrent.Reader
	at   segment
	stop context.CancelFunc
	once sync.Once
	pos  int64
}

func (p *playing) Read(b []byte) (int, error) {
	if p.pos >= p.at.size {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.at.size-p.pos)]
	n, err := p.in.Read(b)
	if n > 0 {
		p.c.cipher.XORKeyStreamAt(b[:n], b[:n], p.at.offset+p.pos)
		p.pos += int64(n)
		err = nil
	}
	return n, err
}

// Seek moves within the file.
func (p *playing) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.pos
	case io.SeekEnd:
		offset += p.at.size
	}
	if offset < 0 {
		return 0, kith.Errorf(kith.Invalid, "seek before the beginning of a file")
	}
	p.pos = offset
	_, err := p.in.Seek(p.at.offset+min(offset, p.at.size), io.SeekStart)
	return offset, err
}

func (p *playing) Close() error {
	p.once.Do(func() {
		p.stop()
		p.in.SetReadaheadFunc(p.t.s.aheadNoMore)
		p.in.Close()
		p.t.unread()
	})
	return nil
}
