package swarm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/metainfo"

	"kith"
	"kith/seal"
)

// A transfer is one share at this node, asleep or awake. It is awake while its
// torrent is in the library's client.
//
// Locks, in the order in which they are taken: op, spread.mu, mu, content.mu,
// disk.mu. The library is called with op or spread.mu held, or with none of them.
type transfer struct {
	s      *Swarm
	ih     kith.Infohash
	number uint32
	spread spread

	op sync.Mutex // held over every change of what follows as a whole

	mu       sync.Mutex // guards all below
	rec      *record
	info     *metainfo.Info
	c        *content         // while awake and the info is known
	t        *torrent.Torrent // while awake
	end      context.CancelFunc
	ended    *sync.WaitGroup
	kick     chan struct{}
	settled  []int // pieces that came since keeper looked
	whole    bool  // keeper is to look at every file
	removed  bool
	blocked  error // the disk takes nothing
	retry    time.Time
	checking int // pieces that are being hashed again
	readers  int
	busy     time.Time // when it was last of use to anybody
	members  map[kith.DeviceID]*member
	senders  map[int][]uint32 // device numbers by chunk, of pieces that are arriving
	suspects map[int][]suspect
	bad      int
	known    chan struct{} // closed when the list of files is here, or never will be; nil if nobody waits
	speed    speed
}

// A member is a device that may have pieces.
type member struct {
	addrs   []string
	dialing time.Time
	begun   bool // the library has begun to dial
	wait    time.Duration
	next    time.Time
	live    int
	helper  *Helper // who it is if it is no device
}

// wanting reports whether there is something to fetch.
func (t *transfer) wantingLocked() bool {
	r := t.rec
	if r.Own || r.Complete || r.Failed != "" || t.removed || t.blocked != nil {
		return false
	}
	if t.readers > 0 {
		return true
	}
	return !r.Paused && t.lackingLocked()
}

// lackingLocked reports whether not all that was asked for is here.
func (t *transfer) lackingLocked() bool {
	r := t.rec
	if r.Own || r.Complete {
		return false
	}
	if t.c == nil && len(r.Entries) > 0 {
		return !r.Idle
	}
	if len(r.Entries) == 0 {
		return r.Folder || r.Select.wants(&manifestFile{Size: r.Size})
	}
	for i := range r.Entries {
		if t.wantsFileLocked(i) && t.entryLocked(i).State != final {
			return true
		}
	}
	return false
}

func (t *transfer) entryLocked(i int) entry {
	if t.c == nil {
		return t.rec.Entries[i]
	}
	t.c.disk.mu.Lock()
	defer t.c.disk.mu.Unlock()
	return t.c.disk.entries[i]
}

// activate wakes the transfer. op is held.
func (t *transfer) activate() error {
	t.mu.Lock()
	if t.t != nil || t.removed {
		t.mu.Unlock()
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(t.s.folder(t.ih), "info"))
	if err == nil {
		ref := t.rec.ref()
		if t.info, err = checkInfo(&ref, raw); err == nil {
			err = t.openLocked(raw)
		}
		if err != nil {
			t.mu.Unlock()
			return err
		}
	}
	ctx, end := context.WithCancel(t.s.ctx)
	t.end, t.ended, t.kick = end, new(sync.WaitGroup), make(chan struct{}, 1)
	t.busy = t.s.cfg.Now()
	own, known, ended, kick := t.rec.Own, t.c != nil, t.ended, t.kick
	t.mu.Unlock()

	opts := torrent.AddTorrentOpts{InfoHash: metainfo.Hash(t.ih), Storage: storageOf{t}, ChunkSize: chunkSize, DeferStorageOpen: !known}
	if known {
		opts.InfoBytes = raw
	}
	t.spread.reset()
	tt, _ := t.s.client.AddTorrentOpt(opts)
	if own {
		tt.DisallowDataDownload()
	}
	t.mu.Lock()
	t.t = tt
	t.mu.Unlock()
	if !known {
		ended.Go(func() { t.awaitInfo(ctx, tt) })
	} else {
		t.prioritise()
	}
	ended.Go(func() { t.keeper(ctx, kick) })
	return nil
}

// openLocked makes the content from what is on the disk.
func (t *transfer) openLocked(raw []byte) error {
	r := t.rec
	c := &content{
		cipher: seal.NewFileCipher(kith.Secret(r.Key)), length: t.info.Length, piece: t.info.PieceLength,
		hashes: t.info.Pieces, pool: t.s.pool, onFull: t.block, onPiece: t.judge, writeHook: t.s.cfg.writeHook,
	}
	c.reaped.L = &c.mu
	dir := t.s.folder(t.ih)
	if r.Own {
		c.have = fullSet(c.pieces())
		c.disk = newDisk("", r.Entries)
	} else {
		c.edges = filepath.Join(dir, "edge")
		c.edge = loadEdges(c.edges)
		c.have = newSet(c.pieces())
		if have, err := os.ReadFile(filepath.Join(dir, "have")); err == nil && len(have) == len(c.have) {
			c.have = have
		}
		if r.Complete {
			c.have = fullSet(c.pieces())
		}
		c.disk = newDisk(t.rootDir(), r.Entries)
		c.disk.pool = t.s.pool
	}
	if !r.Folder {
		if len(r.Entries) == 0 {
			r.Entries = []entry{{File: original{Path: filepath.Base(r.Path), Size: int64(r.Size)}}}
			c.disk.entries = r.Entries
		}
		c.plan = filePlan(filepath.Base(r.Path), r.Size, 0, false)
	} else if head, err := os.ReadFile(filepath.Join(dir, "manifest")); err == nil && len(r.Entries) > 0 {
		// Without entries it was killed between the two, and the list is made
		// again of the pieces that hold it.
		m, err := parseManifest(head, c.length)
		if err != nil || len(m.Files) != len(r.Entries) {
			return kith.Errorf(kith.Damaged, "the list of the folder's files is damaged: remove the transfer and fetch it again")
		}
		c.plan = folderPlan(head, m)
	}
	if r.Own {
		c.doubt = newSet(c.pieces())
		if r.Doubt {
			c.doubt, c.have = c.have, c.doubt
		}
	} else {
		c.examine(r.Doubt)
	}
	r.Doubt = false
	t.c = c
	t.checking = c.doubt.count()
	return nil
}

// rootDir is the folder below which everything of the transfer lies.
func (t *transfer) rootDir() string {
	switch {
	case t.rec.Own:
		return ""
	case t.rec.Folder:
		return t.rec.Path
	}
	return filepath.Dir(t.rec.Path)
}

// deactivate puts the transfer to sleep and notes where it stands. op is held.
func (t *transfer) deactivate() (err error) {
	t.mu.Lock()
	tt, c, end, ended := t.t, t.c, t.end, t.ended
	t.mu.Unlock()
	if tt == nil {
		return nil
	}
	end()
	if c != nil {
		c.letGo()
	}
	tt.Drop()
	t.s.closeConns(func(c *conn) bool { return c.transfer == t })
	ended.Wait()
	t.spread.reset()
	if c != nil {
		err = t.checkpoint(c)
		c.disk.close()
	}
	t.mu.Lock()
	idle := t.rec.Idle
	if c != nil {
		idle = !t.lackingLocked()
		t.rec.Entries = c.disk.entries
	}
	news := idle != t.rec.Idle
	t.rec.Idle = idle
	t.t, t.c, t.info, t.end, t.checking = nil, nil, nil, nil, 0
	t.settled, t.senders, t.suspects = nil, nil, nil
	t.mu.Unlock()
	if news {
		err = errors.Join(err, t.save())
	}
	return err
}

// save notes the record. op is held, or nobody else knows the transfer.
func (t *transfer) save() error {
	t.mu.Lock()
	r := *t.rec
	if t.c != nil {
		t.c.disk.mu.Lock()
		r.Entries = append([]entry(nil), t.c.disk.entries...)
		t.rec.Entries = r.Entries
		t.c.disk.mu.Unlock()
	}
	removed := t.removed
	t.mu.Unlock()
	if removed {
		return nil
	}
	return t.s.saveRecord(&r)
}

// awaitInfo takes the info dictionary from the members.
func (t *transfer) awaitInfo(ctx context.Context, tt *torrent.Torrent) {
	select {
	case <-ctx.Done():
		return
	case <-tt.GotInfo():
	}
	raw := tt.Metainfo().InfoBytes
	ref := t.rec.ref()
	info, err := checkInfo(&ref, raw)
	if err == nil {
		err = writeWhole(filepath.Join(t.s.folder(t.ih), "info"), raw)
		if err != nil {
			t.block(err)
		}
	} else {
		t.fail(err)
	}
	if err != nil {
		return
	}
	t.mu.Lock()
	t.info = info
	err = t.openLocked(raw)
	t.mu.Unlock()
	if err != nil {
		t.fail(err)
		return
	}
	if err := tt.OpenStorage(ctx, nil); err != nil {
		t.s.log.Debug("a torrent's storage was not opened", "error", err)
		return
	}
	t.told()
	t.prioritise()
	t.changed()
}

// fail ends a transfer that can't succeed.
func (t *transfer) fail(err error) {
	t.mu.Lock()
	t.rec.Failed = err.Error()
	t.mu.Unlock()
	t.told()
	if err := t.save(); err != nil {
		t.s.log.Warn("the state of a transfer was not noted", "error", err)
	}
	t.changed()
	t.s.news.now()
	t.s.nudge()
}

// block stops fetching because the disk does not take it. run tries again.
func (t *transfer) block(err error) {
	t.mu.Lock()
	again := t.blocked != nil
	t.blocked, t.retry = err, t.s.cfg.Now().Add(retryBlocked)
	tt := t.t
	t.mu.Unlock()
	if tt != nil && !again {
		go t.halt(tt)
	}
	t.changed()
}

// halt has the library ask for nothing more. Whoever resumed the transfer
// meanwhile must not be undone.
func (t *transfer) halt(tt *torrent.Torrent) {
	tt.DisallowDataDownload()
	t.mu.Lock()
	resumed := t.blocked == nil && !t.speed.queued && t.t == tt
	t.mu.Unlock()
	if resumed {
		allow(tt)
		t.prioritise()
	}
}

// retryBlocked is how long a full disk is left alone.
const retryBlocked = 15 * time.Second

func (t *transfer) changed() { t.s.news.add(t.ih) }

func (t *transfer) awake() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.t != nil
}
